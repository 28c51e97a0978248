"""Foreign keys with actions: children whose changes are logged are followed, others are loaded again after each."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from base.errors import SecondaryEngineError
from engine.backend.connection import Connection
from engine.backend.describe import describe_schema, describe_table
from tests.live.compare import difference
from tests.live.copying import Copy, settings_for

pytestmark = pytest.mark.live

CHILDREN = {
    "deleted": "ON DELETE CASCADE",
    "updated": "ON UPDATE CASCADE",
    "nulled": "ON DELETE SET NULL ON UPDATE SET NULL",
}


@pytest.fixture
def copy(backend: Any, tmp_path: Path) -> Iterator[Copy]:
    made = Copy(settings_for(backend.upstream, tmp_path))
    yield made
    made.stop()


@pytest.fixture
def schema(backend: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"fk_{abs(hash(request.node.name)) % 10**8}"
    backend.run(f"CREATE DATABASE {name} DEFAULT CHARACTER SET utf8mb4")
    backend.run(f"CREATE TABLE {name}.parent (id INT PRIMARY KEY, up INT, v VARCHAR(9))")
    for child, rules in CHILDREN.items():
        backend.run(
            f"CREATE TABLE {name}.{child} (id INT PRIMARY KEY, p INT, KEY (p), CONSTRAINT {child}_p "
            f"FOREIGN KEY (p) REFERENCES {name}.parent (id) {rules})"
        )
    backend.run(
        f"CREATE TABLE {name}.second (id INT PRIMARY KEY, p INT, CONSTRAINT second_p FOREIGN KEY (p) "
        f"REFERENCES {name}.deleted (id) ON DELETE CASCADE ON UPDATE CASCADE)"
    )
    backend.run(
        f"CREATE TABLE {name}.itself (id INT PRIMARY KEY, p INT, CONSTRAINT itself_p FOREIGN KEY (p) "
        f"REFERENCES {name}.itself (id) ON DELETE CASCADE)"
    )
    backend.run(f"CREATE TABLE {name}.strict (p INT PRIMARY KEY, FOREIGN KEY (p) REFERENCES {name}.parent (id))")
    yield name
    backend.run(f"DROP DATABASE {name}")


def _fill(cursor: Any, schema: str) -> None:
    cursor.execute(f"INSERT INTO {schema}.parent VALUES (1,0,'a'),(2,0,'b'),(3,0,'c'),(4,0,'d'),(5,0,'e')")
    cursor.execute(f"INSERT INTO {schema}.deleted VALUES (1,1),(2,1),(3,2),(4,3),(5,5)")
    cursor.execute(f"INSERT INTO {schema}.updated VALUES (1,4),(2,4)")
    cursor.execute(f"INSERT INTO {schema}.nulled VALUES (1,1),(2,2),(3,5)")
    cursor.execute(f"INSERT INTO {schema}.second VALUES (1,1),(2,2),(3,3),(4,5)")
    cursor.execute(f"INSERT INTO {schema}.itself VALUES (1,NULL),(2,1),(3,2),(4,NULL)")
    cursor.execute(f"INSERT INTO {schema}.strict VALUES (5)")


CASCADES = (
    "DELETE FROM {schema}.parent WHERE id = 1",
    "UPDATE {schema}.parent SET id = 40 WHERE id = 4",
    "UPDATE {schema}.deleted SET id = 30 WHERE id = 3",
    "DELETE FROM {schema}.deleted WHERE id = 5",
    "DELETE FROM {schema}.itself WHERE id = 1",
    "REPLACE INTO {schema}.parent VALUES (2, 1, 'z')",
)


@pytest.mark.parametrize("with_parent", [True, False])
def test_children_are_followed_or_loaded_again(backend: Any, copy: Copy, schema: str, with_parent: bool) -> None:
    children = (*CHILDREN, "second", "itself")
    with backend.connect() as connection, connection.cursor() as cursor:
        _fill(cursor, schema)
        for name in (*(["parent"] if with_parent else []), "strict", *children):
            copy.load(schema, name)
        numbers = {name: copy.replica.store.entries[schema, name].id for name in children}
        cursor.execute(f"INSERT INTO {schema}.parent VALUES (6, 0, 'f')")
        cursor.execute(f"INSERT INTO {schema}.deleted VALUES (6, 6)")
        cursor.execute(f"INSERT INTO {schema}.second VALUES (6, 6)")
        for name in children:
            assert copy.difference(connection, schema, name) == ""
            assert copy.replica.store.entries[schema, name].id == numbers[name]
        for statement in CASCADES:
            cursor.execute(statement.format(schema=schema))
            copy.wait()
            with copy.replica.store.snapshot() as snapshot:
                for name in children:  # equal, or out of service
                    if not isinstance(snapshot.view.table(schema, name), str):
                        assert difference(connection, snapshot, schema, name) == "", statement
            for name in children:
                copy.wait_until_equal(connection, schema, name)
        assert copy.difference(connection, schema, "strict") == ""
        # many small transactions at once take a way of their own
        many = range(100, 130)
        cursor.execute(f"INSERT INTO {schema}.parent VALUES {','.join(f'({n}, 0, NULL)' for n in many)}")
        cursor.execute(f"INSERT INTO {schema}.deleted VALUES {','.join(f'({n}, {n})' for n in many)}")
        copy.wait_until_equal(connection, schema, "deleted")
        for number in many:
            cursor.execute(f"DELETE FROM {schema}.parent WHERE id = {number}")
        copy.wait_until_equal(connection, schema, "deleted", 60)
        same = {name for name in children if copy.replica.store.entries[schema, name].id == numbers[name]}
        assert same == (set() if backend.is_mariadb else set(children))


def test_a_child_without_a_key_stays_out(backend: Any, copy: Copy, schema: str) -> None:
    backend.run(
        f"CREATE TABLE {schema}.keyless (p INT, CONSTRAINT keyless_p FOREIGN KEY (p) "
        f"REFERENCES {schema}.parent (id) ON DELETE CASCADE)"
    )
    if not backend.is_mariadb:
        copy.load(schema, "keyless")
        return
    with pytest.raises(SecondaryEngineError, match="foreign key keyless_p has ON DELETE CASCADE, which"):
        copy.load(schema, "keyless")


def _wait_for(copy: Copy, schema: str, name: str, text: str) -> None:
    deadline = time.monotonic() + 20
    while text not in (answer := copy.answer(schema, name)):
        assert time.monotonic() < deadline, answer
        time.sleep(0.02)


def test_a_key_that_comes_later(backend: Any, copy: Copy, schema: str) -> None:
    with backend.connect() as connection, connection.cursor() as cursor:
        _fill(cursor, schema)
        cursor.execute(
            f"CREATE TABLE {schema}.late (id INT PRIMARY KEY, p INT) SELECT id, id AS p FROM {schema}.parent"
        )
        copy.load(schema, "late")
        cursor.execute(
            f"ALTER TABLE {schema}.late ADD CONSTRAINT late_p FOREIGN KEY (p) REFERENCES {schema}.parent (id) "
            "ON DELETE CASCADE"
        )
        cursor.execute(f"DELETE FROM {schema}.parent WHERE id = 3")
        copy.wait_until_equal(connection, schema, "late")
        cursor.execute(f"DELETE FROM {schema}.parent WHERE id = 2")
        copy.wait_until_equal(connection, schema, "late")
        # a chain that grows longer at its other end
        cursor.execute(f"CREATE TABLE {schema}.top (id INT PRIMARY KEY) SELECT id FROM {schema}.parent")
        cursor.execute(f"UPDATE {schema}.parent SET up = id")
        cursor.execute(
            f"ALTER TABLE {schema}.parent ADD CONSTRAINT parent_up FOREIGN KEY (up) REFERENCES {schema}.top (id) "
            "ON DELETE CASCADE"
        )
        cursor.execute(f"DELETE FROM {schema}.strict")
        copy.wait_until_equal(connection, schema, "late")
        cursor.execute(f"DELETE FROM {schema}.top WHERE id = 5")
        copy.wait_until_equal(connection, schema, "late")
        rows = copy.replica.store.entries[schema, "late"].rows
        assert rows == 2
        cursor.execute(f"ALTER TABLE {schema}.late DROP FOREIGN KEY late_p")
        copy.wait_until_equal(connection, schema, "late")


def test_children_are_found_by_an_account_that_can_only_read(backend: Any, schema: str, tmp_path: Path) -> None:
    backend.run(f"CREATE USER '{schema}'@'%%' IDENTIFIED BY 'secret'")
    backend.run(f"GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO '{schema}'@'%%'")
    limited = replace(backend.upstream, user=schema, password="secret")
    try:
        with Connection(settings_for(limited, tmp_path)) as connection:
            if not backend.is_mariadb:
                connection.version = (8, 0, 45)  # the same dictionary, actions below the log
            found = {table.name: table for table in describe_schema(connection, schema)}
            causes = {
                name: {(n, kinds) for _, n, kinds in table.causes} for name, table in found.items() if table.causes
            }
            assert causes == {
                "deleted": {("parent", "delete")},
                "updated": {("parent", "update")},
                "nulled": {("parent", "delete update")},
                "second": {("deleted", "delete update"), ("parent", "delete")},
                "itself": {("itself", "delete")},
            }
            assert not any(table.unlogged for table in found.values())
            assert describe_table(connection, schema, "strict") == found["strict"]
            assert describe_table(connection, schema, "second") == found["second"]
            assert found["second"].primary_key == ("id",)
    finally:
        backend.run(f"DROP USER '{schema}'@'%%'")


def test_loading_by_itself_takes_children(backend: Any, tmp_path: Path, schema: str) -> None:
    copy = Copy(settings_for(backend.upstream, tmp_path, autoload=True))
    try:
        _wait_for(copy, schema, "second", "AVAILABLE")
    finally:
        copy.stop()
