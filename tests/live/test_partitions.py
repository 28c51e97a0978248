"""Partitions: statements that take rows away without logging them never leave a wrong answer, beside writers too."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.live.copying import Copy, settings_for

pytestmark = pytest.mark.live

SCHEMA = "parts"
COLUMNS = "(id INT NOT NULL, d INT NOT NULL, v VARCHAR(9), PRIMARY KEY (id, d))"
RANGES = ", ".join(f"PARTITION p{i} VALUES LESS THAN ({(i + 1) * 10})" for i in range(3))
# Each is done to the table that the ones before have made; True where the copy stays, False where it is loaded again.
STATEMENTS = (
    ("TRUNCATE PARTITION p0", False),
    ("ADD PARTITION (PARTITION p3 VALUES LESS THAN (40))", True),
    (
        "REORGANIZE PARTITION p1 INTO (PARTITION p1a VALUES LESS THAN (15), PARTITION p1b VALUES LESS THAN (20))",
        True,
    ),
    ("DROP PARTITION p1a", False),
    ("EXCHANGE PARTITION p2 WITH TABLE other", False),
    ("REBUILD PARTITION p2", True),
    ("OPTIMIZE PARTITION p2", True),
    ("ANALYZE PARTITION ALL", True),
    ("CHECK PARTITION ALL", True),
    ("REPAIR PARTITION ALL", False),
    ("PARTITION BY KEY (id) PARTITIONS 4", True),
    ("TRUNCATE PARTITION p1, p2", False),
    ("COALESCE PARTITION 2", True),
    ("ADD PARTITION PARTITIONS 2", True),
    ("TRUNCATE PARTITION ALL", True),
    ("REMOVE PARTITIONING", True),
    ("PARTITION BY LIST (d) (PARTITION l0 VALUES IN (24, 25), PARTITION l1 VALUES IN (26, 27))", True),
    ("DROP PARTITION l0, ADD COLUMN w INT", None),  # both servers refuse it
    ("ADD COLUMN w INT DEFAULT 4 AFTER id", True),
    ("DROP PARTITION l0", False),
)
OF_MARIADB = (
    ("PARTITION BY RANGE (d) (PARTITION a VALUES LESS THAN (27), PARTITION b VALUES LESS THAN (40))", True),
    ("CONVERT PARTITION b TO TABLE converted", False),
    ("CONVERT TABLE converted TO PARTITION b VALUES LESS THAN (40)", False),
)


@pytest.fixture
def cursor(backend: Any) -> Iterator[Any]:
    backend.run(f"CREATE DATABASE {SCHEMA}")
    with backend.connect(database=SCHEMA) as connection, connection.cursor() as made:
        yield made
    backend.run(f"DROP DATABASE {SCHEMA}")


@pytest.fixture
def copy(backend: Any, cursor: Any, tmp_path: Path) -> Iterator[Copy]:
    cursor.execute(f"CREATE TABLE t {COLUMNS} PARTITION BY RANGE (d) ({RANGES})")
    cursor.execute(f"CREATE TABLE other {COLUMNS}")
    cursor.execute("INSERT INTO other VALUES (900, 25, 'x')")
    rows = ", ".join(f"({i}, {i % 30}, 'v{i}')" for i in range(300))
    cursor.execute(f"INSERT INTO t VALUES {rows}")
    made = Copy(settings_for(backend.upstream, tmp_path, autoload=True))
    yield made
    made.stop()


def _numbers(copy: Copy) -> dict[str, int]:
    return {key[1]: entry.id for key, entry in copy.replica.store.entries.items() if key[0] == SCHEMA}


def _parts(copy: Copy) -> list[tuple[str, str]]:
    found = copy.replica.store.view().table(SCHEMA, "t")
    return [] if isinstance(found, str) else [(part.name, part.bound) for part in found.table.partitions]


def _parts_of_server(cursor: Any) -> list[tuple[str, str]]:
    cursor.execute(
        "SELECT PARTITION_NAME, COALESCE(PARTITION_DESCRIPTION, '') FROM information_schema.PARTITIONS"
        f" WHERE TABLE_SCHEMA = '{SCHEMA}' AND TABLE_NAME = 't' AND PARTITION_NAME IS NOT NULL"
        " ORDER BY PARTITION_ORDINAL_POSITION"
    )
    return [(name, bound) for name, bound in cursor.fetchall()]


def test_each_statement(copy: Copy, cursor: Any, backend: Any) -> None:
    for name in ("t", "other"):
        copy.wait_until_equal(cursor.connection, SCHEMA, name)
    for place, (change, stays) in enumerate(STATEMENTS + (OF_MARIADB if backend.is_mariadb else ())):
        before = _numbers(copy)
        try:
            cursor.execute(f"ALTER TABLE t {change}")
        except pymysql.err.Error:
            assert stays is None, change
        cursor.execute(f"INSERT INTO t (id, d, v) VALUES ({1000 + place}, {24 + place % 4}, 'n')")
        cursor.execute(f"UPDATE t SET v = 'u' WHERE id % 7 = {place % 7}")
        for name in ("t", "other"):
            copy.wait_until_equal(cursor.connection, SCHEMA, name)
        assert _parts(copy) == _parts_of_server(cursor), change
        assert (_numbers(copy)["t"] == before["t"]) is (stays is not False), change
        if "TO TABLE converted" in change:
            copy.wait_until_equal(cursor.connection, SCHEMA, "converted")
    assert "converted" not in _numbers(copy)


PER_GROUP = 40  # rows that each partition has, as long as it is there
TOTAL = PER_GROUP * 100  # of their amounts


def _moves(connect: Any, stop: threading.Event, errors: list[Any]) -> None:
    """Move amounts between rows of one partition, and replace rows, always in whole transactions."""
    with connect() as connection, connection.cursor() as cursor:
        step = 0
        while not stop.is_set():
            step += 1
            group, one, two = step % 6, step % PER_GROUP, (step * 7 + 1) % PER_GROUP
            try:
                cursor.execute("BEGIN")
                cursor.execute(f"UPDATE p SET amount = amount - 3 WHERE d = {group} AND id = {one}")
                cursor.execute(f"UPDATE p SET amount = amount + 3 WHERE d = {group} AND id = {two}")
                cursor.execute("COMMIT")
            except pymysql.err.Error as error:
                if error.args[0] not in (1412, 1213, 1205, 1526):
                    errors.append(error)


def _asks(connect: Any, stop: threading.Event, answers: list[Any], refused: set[str]) -> None:
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET use_secondary_engine = FORCED")
        while not stop.is_set():
            try:
                cursor.execute("SELECT d, COUNT(*), SUM(amount) FROM p GROUP BY d")
                answers.append({int(d): (int(n), int(total)) for d, n, total in cursor.fetchall()})
            except pymysql.err.Error as error:
                refused.add(str(error))


def test_whole_partitions_or_nothing_beside_writers(warmfront_instance: Any, cursor: Any) -> None:
    """Each partition's rows add up at all times; who empties, drops or exchanges one sees that at once."""

    def connect() -> Any:
        return warmfront_instance.connect(database=SCHEMA)

    def fill(group: int) -> str:
        return ", ".join(f"({i}, {group}, 100)" for i in range(PER_GROUP))

    ranges = ", ".join(f"PARTITION p{i} VALUES LESS THAN ({i + 1})" for i in range(6))
    definition = "(id INT NOT NULL, d INT NOT NULL, amount INT NOT NULL, PRIMARY KEY (id, d))"
    cursor.execute(f"CREATE TABLE p {definition} PARTITION BY RANGE (d) ({ranges})")
    cursor.execute(f"CREATE TABLE spare {definition}")
    for group in range(6):
        cursor.execute(f"INSERT INTO p VALUES {fill(group)}")
    warmfront_instance.wait_until_loaded(SCHEMA, "p")
    stop, errors, answers, refused = threading.Event(), [], [], set()
    threads = [
        threading.Thread(target=_moves, args=(connect, stop, errors)),
        threading.Thread(target=_asks, args=(connect, stop, answers, refused)),
    ]
    for thread in threads:
        thread.start()
    try:
        with connect() as client, client.cursor() as own:
            for group, change in enumerate(
                (
                    "TRUNCATE PARTITION p0",
                    "EXCHANGE PARTITION p1 WITH TABLE spare",
                    "DROP PARTITION p2",
                    "REORGANIZE PARTITION p3 INTO (PARTITION n VALUES LESS THAN (3), PARTITION o VALUES LESS THAN (4))",
                    "REBUILD PARTITION p4",
                )
            ):
                own.execute(f"ALTER TABLE p {change}")
                own.execute(f"SELECT COUNT(*), SUM(amount) FROM p WHERE d = {group}")
                ((count, total),) = own.fetchall()
                assert (count, total) == ((0, None) if group < 3 else (PER_GROUP, TOTAL)), change
                if group < 3:
                    own.execute(f"INSERT INTO p VALUES {fill(group)}")
                own.execute(f"SELECT COUNT(*), SUM(amount) FROM p WHERE d = {group}")
                assert own.fetchall() == ((PER_GROUP, TOTAL),), change
                for part in ("n", "o") if group == 3 else ():
                    own.execute(f"SELECT COUNT(*) FROM p PARTITION ({part})")
                    assert own.fetchall() == ((PER_GROUP,),), change
                own.execute("SELECT COUNT(*), SUM(amount) FROM spare")
                assert own.fetchall()[0][0] == (PER_GROUP if group >= 1 else 0)
        warmfront_instance.wait_until_loaded(SCHEMA, "p")
        seen = len(answers)
        deadline = threading.Event()
        while len(answers) < seen + 3 and not deadline.wait(0.05):
            assert all("3889" in text for text in refused), refused
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not errors
    for answer in answers:
        assert set(answer.values()) == {(PER_GROUP, TOTAL)}, answer
