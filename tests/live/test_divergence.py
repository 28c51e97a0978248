"""Whatever happens to a table, its copy equals it or does not answer: the ways in which copies go wrong unseen."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.copying import Copy, settings_for

pytestmark = pytest.mark.live

PARTED = "PARTITION BY RANGE (id) (PARTITION a VALUES LESS THAN (10), PARTITION b VALUES LESS THAN (20))"


@pytest.fixture
def copy(backend: Any, tmp_path: Path) -> Iterator[Copy]:
    made = Copy(settings_for(backend.upstream, tmp_path))
    yield made
    made.stop()


@pytest.fixture
def schema(backend: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"div_{abs(hash(request.node.name)) % 10**8}"
    backend.run(f"CREATE DATABASE {name} DEFAULT CHARACTER SET utf8mb4")
    yield name
    backend.run(f"DROP DATABASE {name}")


@pytest.fixture
def cursor(backend: Any, schema: str) -> Iterator[Any]:
    with backend.connect(database=schema, charset="utf8mb4") as connection, connection.cursor() as made:
        yield made


def _equal(copy: Copy, cursor: Any, schema: str, *names: str) -> None:
    """Wait until copies that load in the background equal their sources."""
    for name in names:
        copy.wait_until_equal(cursor.connection, schema, name)


def _followed(copy: Copy, cursor: Any, schema: str, *names: str) -> None:
    """The copies are equal at once, without having been loaded again."""
    for name in names:
        assert copy.difference(cursor.connection, schema, name) == "", name


def test_partitions_that_go_without_row_events(copy: Copy, schema: str, cursor: Any) -> None:
    for name in ("dropped", "emptied", "whole"):
        cursor.execute(f"CREATE TABLE {name} (id INT PRIMARY KEY, v INT) {PARTED}")
        cursor.execute(f"INSERT INTO {name} VALUES (1, 1), (11, 11)")
    cursor.execute("CREATE TABLE part (id INT PRIMARY KEY, v INT)")
    cursor.execute("INSERT INTO part VALUES (2, 2), (3, 3)")
    for name in ("dropped", "emptied", "whole", "part"):
        copy.load(schema, name)
    cursor.execute("ALTER TABLE dropped DROP PARTITION a")
    cursor.execute("ALTER TABLE emptied TRUNCATE PARTITION a")
    cursor.execute("ALTER TABLE whole EXCHANGE PARTITION a WITH TABLE part")
    cursor.execute("INSERT INTO whole VALUES (4, 4)")
    cursor.execute("UPDATE part SET v = 7")
    _equal(copy, cursor, schema, "dropped", "emptied", "whole", "part")
    cursor.execute("UPDATE whole SET id = id + 8 WHERE id = 4")  # from one partition to another
    cursor.execute("ALTER TABLE whole REMOVE PARTITIONING")
    _equal(copy, cursor, schema, "whole")


def test_columns_that_come_first_at_once_or_unseen(copy: Copy, schema: str, cursor: Any, backend: Any) -> None:
    cursor.execute("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9))")
    cursor.execute("INSERT INTO t VALUES (1, 'a')")
    copy.load(schema, "t")
    for number, change in enumerate(
        (
            "ADD COLUMN f INT DEFAULT 3 FIRST, ALGORITHM=INSTANT",
            "ADD COLUMN h INT DEFAULT 4 INVISIBLE AFTER id",
            "DROP COLUMN f",
            "MODIFY v VARCHAR(20) FIRST",
            "ADD COLUMN w INT AS (id + 1) VIRTUAL AFTER id, ADD COLUMN s INT AS (id * 2) STORED",
            "RENAME COLUMN v TO id2, RENAME COLUMN h TO v",
            "ADD INDEX ((id + 1))" if not backend.is_mariadb else "ADD INDEX (w)",
        )
    ):
        cursor.execute(f"ALTER TABLE t {change}")
        cursor.execute(f"INSERT INTO t (id) VALUES ({number + 10})")
        cursor.execute(f"UPDATE t SET id = id + 100 WHERE id = {number + 9}")
        _equal(copy, cursor, schema, "t")
    cursor.execute("CREATE INDEX later ON t (id2)")
    cursor.execute("UPDATE t SET id = id + 1000 WHERE id < 110")
    _followed(copy, cursor, schema, "t")


def test_a_key_that_goes(copy: Copy, schema: str, cursor: Any) -> None:
    cursor.execute("CREATE TABLE t (id INT NOT NULL, v INT, UNIQUE KEY u (id))")
    cursor.execute("INSERT INTO t VALUES (1, 1), (2, 2)")
    copy.load(schema, "t")
    cursor.execute("DROP INDEX u ON t")
    cursor.execute("INSERT INTO t VALUES (1, 1), (1, 3)")
    cursor.execute("DELETE FROM t WHERE id = 1 LIMIT 1")
    _equal(copy, cursor, schema, "t")


def test_tables_that_change_names(copy: Copy, schema: str, cursor: Any) -> None:
    cursor.execute("CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(9))")
    cursor.execute("CREATE TABLE b (id INT PRIMARY KEY)")
    cursor.execute("INSERT INTO a VALUES (1, 'a')")
    cursor.execute("INSERT INTO b VALUES (2)")
    copy.load(schema, "a")
    copy.load(schema, "b")
    cursor.execute("RENAME TABLE a TO c, b TO a, c TO b")
    cursor.execute("INSERT INTO a VALUES (3)")
    _equal(copy, cursor, schema, "a", "b")
    # as online schema changes end: a new table takes the name of the one that was loaded
    cursor.execute("CREATE TABLE new (id INT PRIMARY KEY, n INT) SELECT id, 5 AS n FROM a")
    cursor.execute("RENAME TABLE a TO old, new TO a")
    cursor.execute("INSERT INTO a VALUES (4, 4)")
    _equal(copy, cursor, schema, "a")
    cursor.execute("ALTER TABLE a RENAME TO d")
    _equal(copy, cursor, schema, "d")


def test_tables_that_go_and_come_again(copy: Copy, schema: str, cursor: Any, backend: Any) -> None:
    for _ in range(3):
        cursor.execute("CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        cursor.execute("INSERT INTO t VALUES (1, 1), (2, 2)")
        copy.load(schema, "t")
        cursor.execute("DROP TABLE t")
        cursor.execute("CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        cursor.execute("INSERT INTO t VALUES (2, 3)")
        copy.wait()
        assert "not loaded" in copy.answer(schema, "t")
        copy.load(schema, "t")
        _followed(copy, cursor, schema, "t")
        cursor.execute("DROP TABLE t")
    cursor.execute("CREATE TABLE t AS SELECT 1 AS n UNION ALL SELECT 1")
    copy.load(schema, "t")
    if backend.is_mariadb:
        cursor.execute("CREATE OR REPLACE TABLE t AS SELECT 2 AS n, 'x' AS v")
        cursor.execute("INSERT INTO t VALUES (3, 'y')")
        _equal(copy, cursor, schema, "t")


def test_statements_that_change_rows_in_other_ways(copy: Copy, schema: str, cursor: Any) -> None:
    cursor.execute(
        "CREATE TABLE a (id INT AUTO_INCREMENT PRIMARY KEY, k INT UNIQUE, v VARCHAR(20), s INT AS (k) STORED)"
    )
    cursor.execute("CREATE TABLE b (n INT, v VARCHAR(20), h INT DEFAULT 9 INVISIBLE)")
    cursor.execute("INSERT INTO a (k, v) VALUES (1, 'x'), (2, 'y'), (3, 'z'), (NULL, NULL)")
    cursor.execute("INSERT INTO b VALUES (1, 'x'), (1, 'x'), (2, NULL)")
    copy.load(schema, "a")
    copy.load(schema, "b")
    for statement in (
        "REPLACE INTO a (id, k, v) VALUES (1, 3, 'takes two rows')",
        "INSERT INTO a (k, v) VALUES (2, 'n') ON DUPLICATE KEY UPDATE v = CONCAT(v, '+'), k = k + 10",
        "INSERT INTO a (id, k) VALUES (1, 5) ON DUPLICATE KEY UPDATE id = 50",
        "INSERT IGNORE INTO a (id, k, v) VALUES (50, 1, 'no'), (51, 51, 'yes')",
        "UPDATE a JOIN b ON a.k = 51 AND b.n = 1 SET a.v = 'joined', b.v = 'joined', b.n = 3",
        "INSERT INTO b SELECT k, v FROM a",
        "DELETE a, b FROM a JOIN b ON a.k = b.n WHERE a.k = 51",
        "UPDATE a SET id = id + 1 ORDER BY id DESC",
        "DELETE FROM b ORDER BY n LIMIT 1",
        "INSERT INTO b (n, h) VALUES (7, 7), (7, 7)",
        "UPDATE b SET h = 8 WHERE n = 7 LIMIT 1",
    ):
        cursor.execute(statement)
        _followed(copy, cursor, schema, "a", "b")
    cursor.execute("CREATE TRIGGER tr AFTER INSERT ON a FOR EACH ROW INSERT INTO b (n) VALUES (NEW.k)")
    cursor.execute("INSERT INTO a (k) VALUES (70), (71)")
    _followed(copy, cursor, schema, "a", "b")


def test_emptied_inside_traffic(copy: Copy, schema: str, cursor: Any) -> None:
    cursor.execute("CREATE TABLE t (id INT PRIMARY KEY, v INT)")
    cursor.execute("CREATE TABLE u (v INT)")
    copy.load(schema, "t")
    copy.load(schema, "u")
    for number in range(5):
        cursor.execute(f"INSERT INTO t VALUES (1, {number}), (2, {number})")
        cursor.execute("INSERT INTO u VALUES (1), (1)")
        cursor.execute("TRUNCATE t")
        cursor.execute("TRUNCATE TABLE u")
        cursor.execute("START TRANSACTION")
        cursor.execute(f"INSERT INTO t VALUES (1, {number})")
        cursor.execute("INSERT INTO u VALUES (2)")
        cursor.execute("UPDATE t SET v = v + 1")
        cursor.execute("COMMIT" if number % 2 else "ROLLBACK")
        if number == 2:
            _followed(copy, cursor, schema, "t", "u")
        cursor.execute("DELETE FROM t")
    _followed(copy, cursor, schema, "t", "u")


def test_what_cannot_be_rolled_back_beside_what_can(copy: Copy, schema: str, cursor: Any, backend: Any) -> None:
    cursor.execute("CREATE TABLE t (id INT PRIMARY KEY, v INT)")
    cursor.execute("CREATE TABLE m (id INT PRIMARY KEY) ENGINE=MyISAM")
    copy.load(schema, "t")
    for number, end in enumerate(("ROLLBACK", "COMMIT", "ROLLBACK")):
        cursor.execute("START TRANSACTION")
        cursor.execute(f"INSERT INTO t VALUES ({number}, 1)")
        cursor.execute("SAVEPOINT one")
        if backend.is_mariadb:  # MySQL with GTIDs refuses this
            cursor.execute(f"INSERT INTO m VALUES ({number})")
        cursor.execute(f"INSERT INTO t VALUES ({number + 10}, 2)")
        cursor.execute("ROLLBACK TO SAVEPOINT one")
        cursor.execute(f"INSERT INTO t VALUES ({number + 20}, 3)")
        cursor.execute(end)
        _equal(copy, cursor, schema, "t")


def test_sessions_that_log_less(copy: Copy, schema: str, cursor: Any, backend: Any) -> None:
    for name in ("t", "keyless"):
        key = "PRIMARY KEY" if name == "t" else ""
        cursor.execute(f"CREATE TABLE {name} (id INT {key}, v INT, b BLOB)")
        cursor.execute(f"INSERT INTO {name} VALUES (1, 1, 'a'), (2, 2, 'b')")
        copy.load(schema, name)
        for image in ("MINIMAL", "NOBLOB"):
            cursor.execute(f"SET SESSION binlog_row_image = {image}")
            for statement in (
                f"UPDATE {name} SET v = v + 1",
                f"INSERT INTO {name} (id) VALUES (5)",
                f"DELETE FROM {name} WHERE id = 5",
            ):
                cursor.execute(statement)
            _equal(copy, cursor, schema, name)
        cursor.execute("SET SESSION binlog_row_image = FULL")
    cursor.execute("SET SESSION binlog_format = STATEMENT")
    cursor.execute("UPDATE t SET v = v * 2")
    cursor.execute("SET SESSION binlog_format = ROW")
    _equal(copy, cursor, schema, "t", "keyless")


def test_a_key_that_the_server_makes_and_hides(copy: Copy, schema: str, cursor: Any, backend: Any) -> None:
    if not backend.is_mariadb:
        cursor.execute("SET SESSION sql_generate_invisible_primary_key = ON")
        cursor.execute("SET GLOBAL show_gipk_in_create_table_and_information_schema = OFF")
    try:
        cursor.execute("CREATE TABLE t (n INT, v VARCHAR(9))")
        cursor.execute("INSERT INTO t VALUES (1, 'a'), (1, 'a'), (2, 'b')")
        copy.load(schema, "t")
        cursor.execute("UPDATE t SET v = 'c' WHERE n = 1 LIMIT 1")
        cursor.execute("DELETE FROM t WHERE n = 2")
        cursor.execute("INSERT INTO t VALUES (1, 'a')")
        _followed(copy, cursor, schema, "t")
    finally:
        if not backend.is_mariadb:
            cursor.execute("SET GLOBAL show_gipk_in_create_table_and_information_schema = ON")


def test_keys_that_differ_in_bytes_only(copy: Copy, schema: str, cursor: Any) -> None:
    cursor.execute("CREATE TABLE t (k VARCHAR(9) COLLATE utf8mb4_general_ci PRIMARY KEY, v INT)")
    cursor.execute("INSERT INTO t VALUES ('a', 1), ('b', 2)")
    copy.load(schema, "t")
    cursor.execute("UPDATE t SET k = 'A' WHERE k = 'a'")
    cursor.execute("REPLACE INTO t VALUES ('B', 3)")
    cursor.execute("INSERT INTO t VALUES ('b', 4) ON DUPLICATE KEY UPDATE k = 'b ', v = 5")
    _followed(copy, cursor, schema, "t")
