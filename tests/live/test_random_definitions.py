"""Random DDL between random changes of rows: the copy is equal after every few statements, or says why it is out."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.alterations import SCHEMAS, Alterations
from tests.live.copying import Copy, settings_for

pytestmark = pytest.mark.live

SECONDS, MOST_SECONDS = 10.0, 90.0
ENOUGH = 20  # comparisons, however slow the machine is
_REFUSED = ("storage engine", "names differ in case", "not carried")  # tables that are not copied


@pytest.fixture
def copy(backend: Any, tmp_path: Path) -> Iterator[Copy]:
    made = Copy(settings_for(backend.upstream, tmp_path, autoload=True))
    yield made
    made.stop()
    for schema in SCHEMAS:
        backend.run(f"DROP DATABASE IF EXISTS {schema}")


def follow(copy: Copy, connection: Any, seed: int, mariadb: bool, seconds: float) -> int:
    """Alter tables for a while, and until enough was compared; gives how often a table was found equal."""
    with connection.cursor() as cursor:
        alterations = Alterations(cursor, seed, mariadb)
        began, equal, history = time.monotonic(), 0, []
        while (passed := time.monotonic() - began) < seconds or (equal <= ENOUGH and passed < MOST_SECONDS):
            history.append(alterations.step())
            for table in alterations.tables():
                deadline = time.monotonic() + 30
                while found := copy.difference(connection, *table):
                    if any(text in found for text in _REFUSED):
                        break
                    told = f"seed {seed}: {table}: {found}\n" + "\n".join(s for step in history[-3:] for s in step)
                    assert "rows missing" not in found, told
                    assert time.monotonic() < deadline, told
                    time.sleep(0.02)
                equal += not found
    return equal


@pytest.mark.parametrize("seed", [1])
def test_random_definitions(copy: Copy, backend: Any, seed: int) -> None:
    with backend.connect(charset="utf8mb4") as connection:
        assert follow(copy, connection, seed, backend.is_mariadb, SECONDS) > ENOUGH
