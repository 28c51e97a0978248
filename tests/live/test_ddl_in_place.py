"""DDL that a copy follows in place: at once equal to its source, and never loaded again."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.live.copying import Copy, settings_for

pytestmark = pytest.mark.live

START = (
    "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET utf8mb3, n SMALLINT UNSIGNED NOT NULL, "
    "d DECIMAL(6,2), at DATETIME)"
)
# Each is done to the table that the ones before have made.
IN_PLACE = (
    "ADD COLUMN f INT DEFAULT 3",
    "ADD COLUMN first_one BIGINT NOT NULL DEFAULT -7 FIRST",
    "ADD COLUMN (s VARCHAR(20) NOT NULL DEFAULT 'it''s', e CHAR(5) DEFAULT 'x  '), ADD x DECIMAL(8,3) DEFAULT 1.25",
    "ADD COLUMN nothing TEXT, ADD COLUMN zero INT NOT NULL, ADD w DOUBLE DEFAULT 0.1 AFTER id",
    "DROP COLUMN f, ADD COLUMN f VARCHAR(9) DEFAULT 'again'",
    "RENAME COLUMN s TO e, RENAME COLUMN e TO s",
    "CHANGE first_one last_one BIGINT NOT NULL DEFAULT -7 AFTER w",
    "MODIFY n INT UNSIGNED NOT NULL, MODIFY v VARCHAR(90) CHARACTER SET utf8mb4",
    "MODIFY n BIGINT, MODIFY d DECIMAL(12,4)",
    "MODIFY v LONGTEXT, MODIFY at DATETIME(3)",
    "MODIFY v LONGTEXT FIRST",
    "ALTER COLUMN zero SET DEFAULT 5",
    "COMMENT = 'ADD COLUMN none INT', AUTO_INCREMENT = 90, ROW_FORMAT = DYNAMIC",
    "ADD INDEX (zero), ADD UNIQUE KEY u (id, zero)",
    "DROP INDEX u, ENGINE = InnoDB",
    "ADD CONSTRAINT c CHECK (zero < 1000)",
    "DROP PRIMARY KEY, ADD PRIMARY KEY (id, zero)",
    "PARTITION BY HASH (id) PARTITIONS 3",
    "COALESCE PARTITION 1",
    "REMOVE PARTITIONING",
    "MODIFY zero INT NOT NULL COMMENT 'no NULL came'",
    "DROP COLUMN w, DROP COLUMN last_one",
)


@pytest.fixture
def copy(backend: Any, tmp_path: Path) -> Iterator[Copy]:
    made = Copy(settings_for(backend.upstream, tmp_path))
    yield made
    made.stop()


@pytest.fixture
def schema(backend: Any) -> Iterator[str]:
    backend.run("CREATE DATABASE in_place DEFAULT CHARACTER SET utf8mb4")
    yield "in_place"
    for name in ("in_place", "in_place_2"):
        backend.run(f"DROP DATABASE IF EXISTS {name}")


@pytest.fixture
def cursor(backend: Any, schema: str) -> Iterator[Any]:
    with backend.connect(database=schema, charset="utf8mb4") as connection, connection.cursor() as made:
        yield made


def _number(copy: Copy, schema: str, name: str) -> int:
    """The number of a table's copy: another one when it was loaded again."""
    return copy.replica.store.entries[schema, name].id


def _equal(copy: Copy, cursor: Any, schema: str, name: str, number: int) -> None:
    assert copy.difference(cursor.connection, schema, name) == ""
    assert _number(copy, schema, name) == number


def test_definitions_that_change(copy: Copy, schema: str, cursor: Any) -> None:
    cursor.execute("SET SESSION sql_mode = ''")  # columns without a default take one
    cursor.execute(START)
    cursor.execute("INSERT INTO t VALUES (1, 'a', 1, 1.5, '2020-01-01'), (2, 'ü', 65535, NULL, NULL)")
    copy.load(schema, "t")
    number = _number(copy, schema, "t")
    for place, change in enumerate(IN_PLACE, 3):
        cursor.execute(f"ALTER TABLE t {change}")
        cursor.execute(f"INSERT INTO t (id, v, n) VALUES ({place}, 'é{place}', {place})")
        cursor.execute(f"UPDATE t SET d = {place} WHERE id = {place - 2}")
        assert copy.difference(cursor.connection, schema, "t") == "", change
        assert _number(copy, schema, "t") == number, change


def test_a_table_that_is_there_is_not_created(copy: Copy, schema: str, cursor: Any) -> None:
    """Applications create what they need at every start, if it is not there; servers log it all the same."""
    cursor.execute("CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY, v VARCHAR(9))")
    cursor.execute("INSERT INTO t VALUES (1, 'a')")
    copy.load(schema, "t")
    number = _number(copy, schema, "t")
    cursor.execute("CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY, v VARCHAR(9))")
    cursor.execute("CREATE TABLE IF NOT EXISTS t (other INT)")
    cursor.execute("CREATE TABLE model (id INT PRIMARY KEY)")
    cursor.execute("CREATE TABLE IF NOT EXISTS t LIKE model")
    cursor.execute("CREATE TABLE IF NOT EXISTS t AS SELECT 7 AS id, 'x' AS v")
    cursor.execute("INSERT INTO t VALUES (2, 'b')")
    _equal(copy, cursor, schema, "t", number)
    cursor.execute("DROP TABLE t")
    cursor.execute("CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY, n INT)")
    cursor.execute("INSERT INTO t VALUES (1, 5)")
    copy.load(schema, "t")
    assert copy.difference(cursor.connection, schema, "t") == ""
    assert _number(copy, schema, "t") != number


def test_what_changes_values_is_loaded_again(copy: Copy, schema: str, cursor: Any) -> None:
    cursor.execute("SET SESSION sql_mode = ''")
    cursor.execute("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9), n INT, at TIMESTAMP NULL)")
    cursor.execute("INSERT INTO t VALUES (1, 'a', NULL, NULL), (2, '7', 700, '2020-01-01')")
    copy.load(schema, "t")
    for change in (
        "MODIFY n INT NOT NULL",
        "MODIFY n TINYINT",
        "MODIFY v INT",
        "MODIFY v VARCHAR(9) CHARACTER SET latin1",
        "ADD COLUMN moment DATETIME DEFAULT CURRENT_TIMESTAMP",
        "ADD COLUMN made VARCHAR(40) DEFAULT (CONCAT('a', 'b'))",
        "ADD COLUMN kept INT AS (id * 2) STORED",
        "MODIFY at DATETIME",
        "DROP PRIMARY KEY, ADD COLUMN own INT AUTO_INCREMENT PRIMARY KEY",
    ):
        number = _number(copy, schema, "t")
        cursor.execute(f"ALTER TABLE t {change}")
        cursor.execute("UPDATE t SET id = id + 10")
        copy.wait_until_equal(cursor.connection, schema, "t")
        assert _number(copy, schema, "t") != number, change


def test_alters_one_upon_the_other(copy: Copy, schema: str, cursor: Any) -> None:
    cursor.execute("CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT)")
    cursor.execute("INSERT INTO t VALUES (1, 10, 20)")
    copy.load(schema, "t")
    for number in range(2, 9):
        cursor.execute("ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO a")
        cursor.execute(f"INSERT INTO t VALUES ({number}, 1, 2)")
        cursor.execute("ALTER TABLE t ADD COLUMN c INT DEFAULT 5 AFTER id")
        cursor.execute(f"UPDATE t SET c = {number} WHERE id = {number}")
        cursor.execute("ALTER TABLE t DROP COLUMN c")
    copy.wait_until_equal(cursor.connection, schema, "t")


def test_tables_that_change_names_keep_their_copies(copy: Copy, schema: str, cursor: Any) -> None:
    cursor.execute("CREATE DATABASE in_place_2")
    cursor.execute("CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(9))")
    cursor.execute("CREATE TABLE b (id INT, n INT)")
    cursor.execute("INSERT INTO a VALUES (1, 'a'), (2, 'b')")
    cursor.execute("INSERT INTO b VALUES (1, 1), (1, 1)")
    copy.load(schema, "a")
    copy.load(schema, "b")
    a, b = (_number(copy, schema, name) for name in "ab")
    cursor.execute("RENAME TABLE a TO c, b TO a, c TO b")
    cursor.execute("INSERT INTO a VALUES (1, 1)")
    cursor.execute("UPDATE b SET v = 'c' WHERE id = 1")
    _equal(copy, cursor, schema, "a", b)
    _equal(copy, cursor, schema, "b", a)
    cursor.execute("RENAME TABLE a TO in_place_2.a")
    cursor.execute("DELETE FROM in_place_2.a LIMIT 1")
    _equal(copy, cursor, "in_place_2", "a", b)
    cursor.execute("ALTER TABLE b RENAME TO B, ADD COLUMN w INT DEFAULT 8")
    cursor.execute("INSERT INTO B VALUES (3, 'd', 9)")
    cursor.execute("CREATE TABLE b (id INT PRIMARY KEY)")
    copy.load(schema, "b")
    cursor.execute("INSERT INTO b VALUES (4)")
    cursor.execute("ALTER TABLE B RENAME TO B")
    cursor.execute("ALTER TABLE B RENAME TO b, RENAME TO B, COMMENT = 'the last name holds'")
    _equal(copy, cursor, schema, "B", a)
    assert copy.difference(cursor.connection, schema, "b") == ""


def test_a_new_table_is_found_under_the_name_it_takes_at_once(
    backend: Any, schema: str, cursor: Any, tmp_path: Path
) -> None:
    copy = Copy(settings_for(backend.upstream, tmp_path, autoload=True))
    try:
        copy.wait()
        for number in range(5):
            cursor.execute(f"CREATE TABLE made (id INT PRIMARY KEY, v INT DEFAULT {number})")
            cursor.execute(f"RENAME TABLE made TO kept{number}")
        for number in range(5):
            copy.wait_until_equal(cursor.connection, schema, f"kept{number}")
    finally:
        copy.stop()


@pytest.mark.parametrize("shadow", ["_t_gho", "_t_new"])
def test_a_shadow_table_takes_the_name(copy: Copy, schema: str, cursor: Any, shadow: str) -> None:
    """What gh-ost (by the log) and pt-online-schema-change (by triggers) do to a table, with both copied."""
    cursor.execute("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(9))")
    cursor.execute("INSERT INTO t (v) VALUES ('a'), ('b'), ('c'), ('d'), ('e')")
    copy.load(schema, "t")
    cursor.execute(f"CREATE TABLE {shadow} LIKE t")
    cursor.execute(f"ALTER TABLE {shadow} ADD COLUMN n INT NOT NULL DEFAULT 0, ADD INDEX (v)")
    copy.load(schema, shadow)
    number = _number(copy, schema, shadow)
    if shadow == "_t_new":
        cursor.execute(
            "CREATE TRIGGER pt_ins AFTER INSERT ON t FOR EACH ROW REPLACE INTO _t_new (id, v) VALUES (NEW.id, NEW.v)"
        )
        cursor.execute(
            "CREATE TRIGGER pt_upd AFTER UPDATE ON t FOR EACH ROW BEGIN "
            "DELETE IGNORE FROM _t_new WHERE NOT OLD.id <=> NEW.id AND _t_new.id <=> OLD.id; "
            "REPLACE INTO _t_new (id, v) VALUES (NEW.id, NEW.v); END"
        )
        cursor.execute(
            "CREATE TRIGGER pt_del AFTER DELETE ON t FOR EACH ROW DELETE IGNORE FROM _t_new WHERE _t_new.id <=> OLD.id"
        )
    for low in (1, 3, 5):
        cursor.execute(
            f"INSERT LOW_PRIORITY IGNORE INTO {shadow} (id, v) SELECT id, v FROM t FORCE INDEX (PRIMARY) "
            f"WHERE id >= {low} AND id < {low + 2} LOCK IN SHARE MODE"
        )
        cursor.execute(f"UPDATE t SET v = 'n{low}' WHERE id = {low}")
        if shadow == "_t_gho":
            cursor.execute(f"UPDATE {shadow} SET v = 'n{low}' WHERE id = {low}")
    cursor.execute(f"RENAME TABLE t TO _t_del, {shadow} TO t")
    _equal(copy, cursor, schema, "t", number)
    assert copy.replica.store.entries[schema, "t"].load_type == "USER"
    cursor.execute("INSERT INTO t (v, n) VALUES ('new', 5)")
    cursor.execute("DROP TABLE _t_del")
    _equal(copy, cursor, schema, "t", number)
    assert (schema, "_t_del") not in copy.replica.store.entries


def _run(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def test_no_query_sees_an_old_shape(warmfront_instance: Any, backend: Any, schema: str) -> None:
    """Forced queries beside ALTERs: what they answer is what the backend answers at that moment, or nothing."""
    backend.run(f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, a INT, b INT)")
    backend.run(f"INSERT INTO {schema}.t VALUES (1, 10, 200), (2, 20, 300), (3, 30, 400)")
    warmfront_instance.wait_until_loaded(schema, "t")
    stop = threading.Event()
    answers: list[Any] = []
    refused: set[int] = set()

    def ask() -> None:
        with warmfront_instance.connect(database=schema) as client:
            _run(client, "SET use_secondary_engine = FORCED")
            while not stop.is_set():
                for query in ("SELECT SUM(a), SUM(b) FROM t", "SELECT * FROM t ORDER BY id", "SELECT MAX(c) FROM t"):
                    try:
                        answers.append((query, sorted(_run(client, query))))
                    except pymysql.err.Error as error:
                        refused.add(error.args[0])

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        with warmfront_instance.connect(database=schema) as client:
            for number in range(3):
                for change in (
                    "RENAME COLUMN a TO b, RENAME COLUMN b TO a",
                    f"ADD COLUMN c INT DEFAULT {number + 50} FIRST",
                    "MODIFY a BIGINT" if number % 2 else "MODIFY a INT",
                    "DROP COLUMN c",
                ):
                    backend.run(f"ALTER TABLE {schema}.t {change}")
                    for query in ("SELECT * FROM t ORDER BY id", "SELECT SUM(a), MIN(b) FROM t"):
                        assert _run(client, query) == backend.run(query.replace("FROM t", f"FROM {schema}.t"))
    finally:
        stop.set()
        thread.join()
    assert answers
    assert refused <= {3889, 1054}  # being loaded, or no such column
    for query, rows in answers:
        if "SUM" in query:
            assert [tuple(map(int, row)) for row in rows] in ([(60, 900)], [(900, 60)])
        elif "MAX" in query:
            assert 50 <= rows[0][0] < 53
        else:
            added = rows[0][:-3]  # column c, or nothing
            assert len(added) <= 1
            assert [row[: len(added)] for row in rows] == [added] * 3
            assert [row[len(added) :] for row in rows] == [(1, 10, 200), (2, 20, 300), (3, 30, 400)]


def test_tables_that_come_go_and_hide(copy: Copy, schema: str, cursor: Any, backend: Any) -> None:
    cursor.execute("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9))")
    cursor.execute("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    copy.load(schema, "t")
    number = _number(copy, schema, "t")
    with backend.connect(database=schema) as hidden, hidden.cursor() as other:
        # a temporary table of the name takes every statement
        for statement in (
            "CREATE TEMPORARY TABLE t (id INT PRIMARY KEY, n INT)",
            "INSERT INTO t VALUES (9, 9)",
            "ALTER TABLE t ADD COLUMN m INT, DROP COLUMN n",
            "CREATE INDEX i ON t (m)",
            "ALTER TABLE t RENAME TO u",
            "ALTER TABLE u RENAME TO t",
            "TRUNCATE TABLE t",
            "DROP TEMPORARY TABLE t",
            "CREATE VIEW w AS SELECT * FROM t",
            "RENAME TABLE w TO w2",
            "DROP VIEW w2",
        ):
            other.execute(statement)
            _equal(copy, cursor, schema, "t", number)
    for statement in (
        "CREATE TABLE made SELECT id, v FROM t",
        "CREATE TABLE alike LIKE t",
        "INSERT INTO alike SELECT * FROM t",
    ):
        cursor.execute(statement)
    for name in ("made", "alike"):
        copy.load(schema, name)
        cursor.execute(f"INSERT INTO {name} VALUES (3, 'c')")
        assert copy.difference(cursor.connection, schema, name) == ""
    if backend.is_mariadb:
        cursor.execute("CREATE OR REPLACE TABLE alike (id INT PRIMARY KEY, w INT) SELECT id, 5 AS w FROM t")
        cursor.execute("INSERT INTO alike VALUES (7, 7)")
        copy.wait_until_equal(cursor.connection, schema, "alike")
        cursor.execute("CREATE SEQUENCE s")
        cursor.execute("SELECT NEXTVAL(s)")
        cursor.execute("RENAME TABLE s TO s2")
        cursor.execute("DROP SEQUENCE s2")
    cursor.execute(f"DROP DATABASE {schema}")
    cursor.execute(f"CREATE DATABASE {schema} DEFAULT CHARACTER SET utf8mb4")
    cursor.execute(f"USE {schema}")
    cursor.execute("CREATE TABLE t (v VARCHAR(9), id INT)")
    cursor.execute("INSERT INTO t VALUES ('z', 1), ('z', 1)")
    copy.wait()
    assert copy.answer(schema, "made") == f"table {schema}.made is not loaded"
    copy.load(schema, "t")
    cursor.execute("DELETE FROM t LIMIT 1")
    assert copy.difference(cursor.connection, schema, "t") == ""


def test_keys_of_all_sorts(copy: Copy, schema: str, cursor: Any, backend: Any) -> None:
    tables = {
        "composite": "(a INT, b VARCHAR(9) COLLATE utf8mb4_general_ci, v INT, PRIMARY KEY (b, a))",
        "prefixed": "(a VARCHAR(30) NOT NULL, b INT NOT NULL, v INT, UNIQUE KEY (a(2), b))",
        "texts": "(a TEXT NOT NULL, b INT NOT NULL, v INT, UNIQUE KEY (a(3)))",
        "keyless": "(a VARCHAR(9), b INT, v INT)",
        "nullable": "(a VARCHAR(9), b INT, v INT, UNIQUE KEY (a))",
    }
    for name, definition in tables.items():
        cursor.execute(f"CREATE TABLE {name} {definition}")
        columns = "b, a" if name == "composite" else "a, b"
        cursor.execute(f"INSERT INTO {name} ({columns}) VALUES ('ab', 1), ('cd', 2), ('ef', 3)")
        copy.load(schema, name)
    for name in tables:
        text, other = ("b", "a") if name == "composite" else ("a", "b")
        for statement in (
            f"UPDATE {name} SET {text} = UPPER({text})",
            f"UPDATE {name} SET {text} = CONCAT({text}, 'x'), {other} = {other} + 10 ORDER BY {other} DESC",
            f"UPDATE {name} SET {other} = 99 - {other}",
            f"REPLACE INTO {name} ({text}, {other}, v) VALUES ('ABX', 88, 5)",
            f"DELETE FROM {name} WHERE {other} = 86",
            f"INSERT INTO {name} ({text}, {other}) VALUES ('gh ', 7)",
        ):
            cursor.execute(statement)
        assert copy.difference(cursor.connection, schema, name) == "", name
