"""Sub-queries with inequalities among their conditions, beside SQLite: DuckDB's own joins of them find other rows."""

import random
import sqlite3
from typing import Any

import duckdb
import pytest

from engine.store.optimizers import DISABLED
from engine.translate.translator import Translation
from tests.engine.translate.conftest import Run
from wire.constants import FieldType

_OPERATORS = ("=", "=", "<>", "<>", "<=>", "<", ">=")
_FORMS = (
    "SELECT a.id FROM t a WHERE {}",
    "SELECT a.id FROM t a WHERE NOT ({})",
    "SELECT a.id FROM t a WHERE {} OR a.id = 3",
    "SELECT a.id FROM t a JOIN u b ON b.id = a.i WHERE {}",
)


def _conditions(chance: random.Random) -> str:
    parts = []
    for _ in range(chance.choice((2, 2, 3))):
        inner, outer = f"i.{chance.choice(('id', 'i'))}", f"a.{chance.choice(('id', 'i'))}"
        parts.append(f"{inner} {chance.choice(_OPERATORS)} {outer}")
    if chance.random() < 0.2:
        parts.append(f"NOT (i.i = a.{chance.choice(('id', 'i'))})")
    return " AND ".join(parts)


def _statement(chance: random.Random) -> str:
    conditions, table = _conditions(chance), chance.choice("tu")
    asked = chance.choice(
        (
            f"EXISTS (SELECT 1 FROM {table} i WHERE {conditions})",
            f"NOT EXISTS (SELECT 1 FROM {table} i WHERE {conditions})",
            f"a.i IN (SELECT i.id FROM {table} i WHERE {conditions})",
        )
    )
    return chance.choice(_FORMS).format(asked)


def _filled(chance: random.Random) -> tuple[duckdb.DuckDBPyConnection, sqlite3.Connection]:
    engine, other = duckdb.connect(config={"disabled_optimizers": DISABLED}), sqlite3.connect(":memory:")
    engine.execute("CREATE SCHEMA s")
    for table in "tu":
        engine.execute(f"CREATE TABLE s.{table} (id INTEGER, i INTEGER)")
        other.execute(f"CREATE TABLE {table} (id INTEGER, i INTEGER)")
        rows = [(at, chance.choice((None, 0, 1, 2, 5, 9))) for at in range(chance.choice((4, 20, 60)))]
        engine.executemany(f"INSERT INTO s.{table} VALUES (?, ?)", rows)
        other.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)
    return engine, other


@pytest.mark.parametrize("seed", range(6))
def test_rows_are_those_of_sqlite(run: Run, seed: int) -> None:
    chance = random.Random(seed)
    engine, other = _filled(chance)
    for _ in range(60):
        statement = _statement(chance)
        found = run(statement, (FieldType.LONG, 0))
        assert isinstance(found, Translation), found
        expected: list[Any] = other.execute(statement.replace("<=>", "IS")).fetchall()
        assert sorted(engine.execute(found.sql).fetchall()) == sorted(expected), statement


def test_inequalities_are_not_left_to_a_join(run: Run) -> None:
    found = run("SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.id = t.id AND u.i <> t.i AND u.i <> 5)")
    assert isinstance(found, Translation)
    assert found.sql.count("IS TRUE") == 1
    alone = run("SELECT id FROM t WHERE id IN (SELECT u.id FROM u WHERE u.id <> u.i)")
    assert isinstance(alone, Translation)
    assert "IS TRUE" not in alone.sql
