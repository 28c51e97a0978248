"""What the tests of lake tables share: an instance with a folder that may be read, and the words of the DDL."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.live.conftest import Instance, start_instance
from tests.live.servers import Backend

REFUSED = 3889


@pytest.fixture(scope="module")
def data(backend: Backend) -> Iterator[Path]:
    """A folder that lake tables may be read from."""
    with tempfile.TemporaryDirectory(prefix="wf-lake-") as folder:
        yield Path(folder).resolve()


@pytest.fixture(scope="module")
def instance(backend: Backend, live_folder: Path, data: Path) -> Iterator[Instance]:
    """The whole product with a folder for lake tables; its cost threshold is the default, which they do not heed."""
    made = start_instance(
        backend,
        Path(tempfile.mkdtemp(prefix="lake-", dir=live_folder)),
        "--lakehouse-paths",
        str(data),
        "--lakehouse-refresh-interval",
        "0.5",
        "--workers",
        "2",
    )
    made.run("DROP SCHEMA IF EXISTS lake")
    made.run("CREATE SCHEMA lake")
    try:
        yield made
    finally:
        made.stop()


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
