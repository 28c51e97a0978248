"""Loads from real servers: every type, while others write, without a key, and what cannot be loaded."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from base.errors import SecondaryEngineError
from engine.backend.connection import Connection
from engine.backend.describe import describe_table
from engine.layout import carried_columns
from engine.load import copy as load_copy
from engine.load.reader import BinaryResult
from engine.load.visible import await_applied
from tests.live.copying import Copy, settings_for

pytestmark = pytest.mark.live

TYPES = """
CREATE TABLE {schema}.types (id INT AUTO_INCREMENT PRIMARY KEY,
 t1 TINYINT, u1 TINYINT UNSIGNED, t2 SMALLINT, u2 SMALLINT UNSIGNED, t3 MEDIUMINT, u3 MEDIUMINT UNSIGNED,
 t4 INT, u4 INT UNSIGNED, t8 BIGINT, u8 BIGINT UNSIGNED,
 d1 DECIMAL(5,2), d2 DECIMAL(18,0), d3 DECIMAL(38,10), d4 DECIMAL(19,19), f FLOAT, g DOUBLE,
 c CHAR(10), v VARCHAR(300), x TEXT, l VARCHAR(20) CHARACTER SET latin1, s LONGTEXT,
 b BINARY(4), vb VARBINARY(300), bl BLOB,
 da DATE, dt DATETIME, dt6 DATETIME(6), ts TIMESTAMP NULL, ts3 TIMESTAMP(3) NULL, ti TIME, ti6 TIME(6), y YEAR,
 j JSON, e ENUM('a','b'), bt BIT(3)) DEFAULT CHARACTER SET utf8mb4
"""
LOW = (
    *(-128, 0, -32768, 0, -8388608, 0, -2147483648, 0, -(2**63), 0),
    *(
        "-999.99",
        "-" + "9" * 18,
        "-" + "9" * 28 + "." + "9" * 10,
        "-0." + "9" * 19,
        -3.4028234e38,
        -1.7976931348623157e308,
    ),
    *("", "", "", "", ""),
    *(b"", b"", b""),
    *("0001-01-01", "1000-01-01 00:00:00", "0001-01-01 00:00:00.000001", "1970-01-01 00:00:01"),
    *("1970-01-01 00:00:01.001", "-838:59:59", "-838:59:58.999999", 1901, "{}", "a", 0),
)
HIGH = (
    *(127, 255, 32767, 65535, 8388607, 16777215, 2147483647, 4294967295, 2**63 - 1, 2**64 - 1),
    *("999.99", "9" * 18, "9" * 28 + "." + "9" * 10, "0." + "9" * 19, 1.1754943e-38, 2.2250738585072014e-308),
    *("z  ", "é" * 300, "日本語\0end", "café", "x" * 70000),
    *(b"\xff\0", b"\0" * 300, bytes(range(256))),
    *("9999-12-31", "9999-12-31 23:59:59", "9999-12-31 23:59:59.999999", "2038-01-19 03:14:07"),
    *("2038-01-19 03:14:07.999", "838:59:59", "838:59:59.000000", 2155, "[1]", "b", 7),
)


@pytest.fixture
def copy(backend: Any, tmp_path: Path) -> Iterator[Copy]:
    made = Copy(settings_for(backend.upstream, tmp_path))
    yield made
    made.stop()


@pytest.fixture
def schema(backend: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"load_{abs(hash(request.node.name)) % 10**8}"
    backend.run(f"CREATE DATABASE {name} DEFAULT CHARACTER SET utf8mb4")
    yield name
    backend.run(f"DROP DATABASE {name}")


def test_every_type_is_the_same_loaded_and_replicated(backend: Any, copy: Copy, schema: str) -> None:
    backend.run(TYPES.format(schema=schema))
    marks = ", ".join(["%s"] * len(LOW))
    insert = f"INSERT INTO {schema}.types VALUES (DEFAULT, {marks})"
    with backend.connect(charset="utf8mb4") as connection, connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        for row in (LOW, HIGH, (None,) * len(LOW)):
            cursor.execute(insert, row)
        copy.load(schema, "types")
        assert copy.difference(connection, schema, "types") == ""
        for row in (HIGH, (None,) * len(LOW), LOW):
            cursor.execute(insert, row)
        cursor.execute(f"UPDATE {schema}.types SET v = 'changed', id = id + 10 WHERE id = 1")
        assert copy.difference(connection, schema, "types") == ""
    entry = copy.replica.store.entries[schema, "types"]
    assert set(entry.left_out) <= {"j"}  # JSON: MySQL only
    assert entry.has_byte("x", 0)
    assert not entry.has_byte("c", 0xFF)


def _write(backend: Any, schema: str, seed: int, stop: threading.Event) -> None:
    rng = random.Random(seed)
    with backend.connect(charset="utf8mb4") as connection, connection.cursor() as cursor:
        while not stop.is_set():
            n, what = rng.randrange(4000), rng.random()
            statements = [
                (0.3, f"REPLACE INTO {schema}.keyed VALUES ({n}, '{rng.choice('abé')}', {rng.random()})"),
                (0.5, f"UPDATE {schema}.keyed SET x = x + 1 WHERE id BETWEEN {n} AND {n + 9}"),
                (0.6, f"UPDATE {schema}.keyed SET id = id + 10000 WHERE id = {n}"),
                (0.7, f"DELETE FROM {schema}.keyed WHERE id = {n}"),
                (0.8, f"INSERT INTO {schema}.keyless VALUES ({n % 20}, NULL)"),
                (0.9, f"DELETE FROM {schema}.keyless WHERE n = {n % 20} LIMIT 2"),
                (1.0, f"UPDATE {schema}.keyless SET t = 'w' WHERE n = {n % 20} LIMIT 3"),
            ]
            try:
                cursor.execute(next(text for limit, text in statements if what < limit))
            except pymysql.err.MySQLError as error:
                if error.args[0] not in (1062, 1213):
                    raise


def test_load_while_others_write(backend: Any, copy: Copy, schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_copy, "_CHUNK_ROWS", 500)
    backend.run(f"CREATE TABLE {schema}.keyed (id INT PRIMARY KEY, t VARCHAR(9), x DOUBLE)")
    backend.run(f"CREATE TABLE {schema}.keyless (n INT, t VARCHAR(9))")
    with backend.connect(charset="utf8mb4") as connection, connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {schema}.keyed VALUES (%s, 'x', 0)", [(n,) for n in range(4000)])
        cursor.executemany(f"INSERT INTO {schema}.keyless VALUES (%s, 'x')", [(n % 20,) for n in range(2000)])
        cursor.execute(f"ANALYZE TABLE {schema}.keyed")
        stop = threading.Event()
        writers = [threading.Thread(target=_write, args=(backend, schema, seed, stop)) for seed in range(2)]
        for writer in writers:
            writer.start()
        try:
            for _ in range(3):
                for name in ("keyed", "keyless"):
                    copy.load(schema, name)
                copy.wait()
                copy.replica.loader.unload(schema, "keyed")
                copy.load(schema, "keyed")
        finally:
            stop.set()
            for writer in writers:
                writer.join()
        assert copy.difference(connection, schema, "keyed") == ""
        assert copy.difference(connection, schema, "keyless") == ""


@pytest.mark.parametrize("value", ["0000-00-00", "2020-00-10", "2020-02-31"])
def test_dates_that_are_none_are_kept_packed(backend: Any, copy: Copy, schema: str, value: str) -> None:
    for name in ("first", "later"):
        backend.run(f"CREATE TABLE {schema}.{name} (id INT PRIMARY KEY, d DATE, e DATE)")
    with backend.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = 'ALLOW_INVALID_DATES'")
        cursor.execute(f"INSERT INTO {schema}.first VALUES (1, '{value}', '2024-01-01')")
        copy.load(schema, "first")
        copy.load(schema, "later")
        cursor.execute(f"INSERT INTO {schema}.first VALUES (2, '{value}', NULL), (3, '2024-01-01', NULL)")
        cursor.execute(f"INSERT INTO {schema}.later VALUES (2, '{value}', NULL), (3, '2024-01-01', NULL)")
        for name in ("first", "later"):
            copy.wait_until_equal(connection, schema, name)
            assert [c.packed for c in copy.replica.store.entries[schema, name].table.columns] == [False, True, False]
        cursor.execute(f"UPDATE {schema}.later SET d = '{value}' WHERE id = 3")
        cursor.execute(f"DELETE FROM {schema}.first WHERE d = '2024-01-01'")
        for name in ("first", "later"):
            copy.wait_until_equal(connection, schema, name)


def test_tables_that_are_not_there_or_not_innodb(backend: Any, copy: Copy, schema: str) -> None:
    with pytest.raises(SecondaryEngineError, match="does not exist"):
        copy.load(schema, "nothing")
    backend.run(f"CREATE TABLE {schema}.m (id INT PRIMARY KEY) ENGINE=MEMORY")
    with pytest.raises(SecondaryEngineError, match="storage engine MEMORY"):
        copy.load(schema, "m")
    backend.run(f"CREATE VIEW {schema}.v AS SELECT 1 AS a")
    with pytest.raises(SecondaryEngineError, match="does not exist"):
        copy.load(schema, "v")


def test_rows_larger_than_a_packet_and_than_the_buffer(backend: Any, schema: str) -> None:
    backend.run("SET GLOBAL max_allowed_packet = 1073741824")
    backend.run(f"CREATE TABLE {schema}.big (id INT PRIMARY KEY, b LONGBLOB)")
    sizes = [0, 10, 16777215 - 10, 16777215, 33554430 - 10, 5]
    for number, size in enumerate(sizes):
        backend.run(f"INSERT INTO {schema}.big VALUES ({number}, REPEAT(CHAR({65 + number}), {size}))")
    with Connection(settings_for(backend.upstream, Path("unused"))) as connection:
        table = describe_table(connection, schema, "big")
        assert table is not None
        result = BinaryResult(connection, carried_columns(table))
        seen = {}
        for batch in result.read(f"SELECT id, b FROM {schema}.big ORDER BY id"):
            for number, value in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                seen[number] = (len(value), set(value))
        assert seen == {n: (size, {65 + n} if size else set()) for n, size in enumerate(sizes)}
        assert connection.query("SELECT 1") == [(1,)]


def test_autoload_takes_what_is_there_and_what_comes(backend: Any, tmp_path: Path, schema: str) -> None:
    backend.run(f"CREATE TABLE {schema}.a (id INT PRIMARY KEY)")
    backend.run(f"INSERT INTO {schema}.a VALUES (1), (2)")
    copy = Copy(settings_for(backend.upstream, tmp_path, autoload=True))
    try:
        with backend.connect() as connection:
            copy.wait_until_equal(connection, schema, "a")
            backend.run(f"CREATE TABLE {schema}.b AS SELECT id, 'x' AS t FROM {schema}.a")
            copy.wait_until_equal(connection, schema, "b")
            assert copy.replica.store.entries[schema, "b"].load_type == "SELF"
    finally:
        copy.stop()


def test_an_engine_that_is_stopped_gives_its_lock_up(
    backend: Any, copy: Copy, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others can write again, and what was read is thrown away: the lock was what made it one point of the log."""
    backend.run(f"CREATE TABLE {schema}.t (v INT)")
    copy.wait()
    monkeypatch.setattr(load_copy, "_ABANDONED", 1)
    waits = iter(range(9))

    def stopped(*arguments: Any) -> None:
        if next(waits) == 1:  # under the lock
            with backend.connect() as writer, writer.cursor() as cursor:
                cursor.execute("SET SESSION lock_wait_timeout = 20")
                cursor.execute(f"INSERT INTO {schema}.t VALUES (1)")
        await_applied(*arguments)

    monkeypatch.setattr(load_copy, "await_applied", stopped)
    copy.load(schema, "t")
    assert next(waits) >= 4  # it was loaded twice
    with backend.connect() as connection:
        assert copy.difference(connection, schema, "t") == ""


def test_a_default_that_is_no_text(backend: Any, copy: Copy, schema: str) -> None:
    backend.run(f"CREATE TABLE {schema}.bytes (id INT PRIMARY KEY, v VARBINARY(9) DEFAULT x'e4ff00', b BINARY(4))")
    backend.run(f"ALTER TABLE {schema}.bytes ADD COLUMN late VARBINARY(9) NOT NULL DEFAULT x'fee4'")
    backend.run(f"INSERT INTO {schema}.bytes (id) VALUES (1)")
    copy.load(schema, "bytes")
    assert copy.difference(backend.connect(), schema, "bytes") == ""
