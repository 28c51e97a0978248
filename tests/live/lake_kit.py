"""What the tests of lake tables share: an instance with a folder that may be read, and the words of the DDL."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.live.conftest import Instance

REFUSED = 3889


@pytest.fixture(scope="module")
def data(lake_folder: Path) -> Path:
    """A folder that lake tables may be read from."""
    return Path(tempfile.mkdtemp(dir=lake_folder)).resolve()


@pytest.fixture(scope="module")
def instance(lake_instance: Instance) -> Iterator[Instance]:
    """The instance of the lake's tests, with an empty schema `lake`."""
    lake_instance.run("DROP SCHEMA IF EXISTS lake")
    lake_instance.run("CREATE SCHEMA lake")
    yield lake_instance
    lake_instance.run("DROP SCHEMA lake")


def lake(columns: str, uri: str | Path, options: str = "", **dialect: Any) -> str:
    """What stands behind CREATE TABLE name."""
    attribute = json.dumps({"dialect": dialect, "file": [{"uri": str(uri)}]}).replace("\\", "\\\\").replace("'", "''")
    return f"({columns}) ENGINE=lakehouse SECONDARY_ENGINE=rapid ENGINE_ATTRIBUTE='{attribute}' {options}"


def refused(instance: Instance, statement: str, number: int = REFUSED) -> str:
    """Run a statement that must fail with this error, and give its text."""
    with pytest.raises(pymysql.err.Error) as error:
        instance.run(statement)
    assert error.value.args[0] == number, error.value
    return str(error.value.args[1])
