"""Changes that a session logs as statements: the tables that they may have written to are loaded again, others stay."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.copying import Copy, settings_for

pytestmark = pytest.mark.live

SCHEMAS = ("said_a", "said_b", "said_c")
BEFORE = (
    *(f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v INT)" for schema in SCHEMAS),
    "CREATE TABLE said_a.guarded (id INT PRIMARY KEY)",
    "CREATE TRIGGER said_a.watch AFTER INSERT ON said_a.guarded FOR EACH ROW "
    "INSERT INTO said_b.t VALUES (NEW.id, 0) ON DUPLICATE KEY UPDATE v = v + 1",
    "CREATE TABLE said_a.parent (id INT PRIMARY KEY)",
    "CREATE TABLE said_b.child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES said_a.parent (id) "
    "ON DELETE CASCADE)",
    "INSERT INTO said_a.parent VALUES (1), (2)",
    "INSERT INTO said_b.child VALUES (1, 1), (2, 2)",
    "CREATE VIEW said_a.seen AS SELECT * FROM said_c.t",
    "CREATE PROCEDURE said_a.both(x INT) BEGIN INSERT INTO said_a.t VALUES (x, x); "
    "INSERT INTO said_c.t VALUES (x, x); END",
)
# Each statement, and the schemas whose tables MySQL says it may have written to.
STATEMENTS = (
    ("INSERT INTO said_a.t VALUES (1, 1)", "a"),
    ("UPDATE said_a.t SET v = RAND() * 0 + 5", "a"),
    ("REPLACE INTO said_a.t SELECT id + 10, 0 FROM said_b.t", "ab"),  # what it locks counts
    ("INSERT INTO said_a.guarded VALUES (7)", "ab"),
    ("INSERT INTO said_a.seen VALUES (5, 5)", "c"),
    ("CALL said_a.both(30)", "ac"),
    ("UPDATE said_a.t x, said_c.t y SET x.v = 1, y.v = 2 WHERE x.id = y.id", "ac"),
    ("DELETE FROM said_a.parent WHERE id = 1", "abc"),
)


@pytest.fixture
def copy(backend: Any, tmp_path: Path) -> Iterator[Copy]:
    for schema in SCHEMAS:
        backend.run(f"CREATE DATABASE {schema}")
    for statement in BEFORE:
        backend.run(statement)
    made = Copy(settings_for(backend.upstream, tmp_path))
    yield made
    made.stop()
    for schema in reversed(SCHEMAS):
        backend.run(f"DROP DATABASE {schema}")


def test_what_a_statement_may_have_changed_is_loaded_again(copy: Copy, backend: Any) -> None:
    tables = [(schema, "t") for schema in SCHEMAS] + [("said_a", "guarded"), ("said_a", "parent"), ("said_b", "child")]
    for table in tables:
        copy.load(*table)
    with backend.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION binlog_format = STATEMENT")
        for statement, touched in STATEMENTS[-3:] if backend.is_mariadb else STATEMENTS:
            before = {table: copy.replica.store.entries[table].id for table in tables}
            cursor.execute(statement)
            for table in tables:
                copy.wait_until_equal(connection, *table)
            again = {table[0][-1] for table in tables if copy.replica.store.entries[table].id != before[table]}
            assert again == set("abc" if backend.is_mariadb else touched), statement
