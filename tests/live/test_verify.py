"""Verification: damage done to the store on purpose is named exactly and mended; a writer at full speed is none."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from engine.verify.outcome import Outcome
from tests.live.copying import Copy, settings_for

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]
ROWS = 3000


@pytest.fixture
def schema(backend: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"ver_{abs(hash(request.node.name)) % 10**8}"
    backend.run(f"CREATE DATABASE {name} DEFAULT CHARACTER SET utf8mb4")
    yield name
    backend.run(f"DROP DATABASE {name}")


@pytest.fixture
def copy(backend: Any, tmp_path: Path) -> Iterator[Copy]:
    made = Copy(settings_for(backend.upstream, tmp_path))
    made.replica.verifier._piece = 1000  # several pieces of a small table
    yield made
    made.stop()


def verify(copy: Copy, schema: str, name: str, repair: bool = False) -> Outcome:
    return copy.replica.verifier.verify_now(schema, name, repair, lambda: False)


def counts(found: Outcome) -> tuple[int, int, int]:
    return found.missing, found.extra, found.changed


def stored(copy: Copy, schema: str, name: str) -> str:
    return copy.replica.store.entries[schema, name].store_name


def damage(copy: Copy, *statements: str) -> None:
    cursor = copy.replica.store.cursor()
    for statement in statements:
        cursor.execute(statement)
    cursor.close()


def fill(backend: Any, table: str, columns: str, values: str, rows: int = ROWS) -> None:
    digits = "(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL "
    digits += "SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)"
    numbers = f"SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d AS n FROM {digits} a, {digits} b, {digits} c, {digits} e"
    backend.run(f"INSERT INTO {table} ({columns}) SELECT {values} FROM ({numbers}) numbers WHERE n < {rows}")


@pytest.fixture
def keyed(backend: Any, copy: Copy, schema: str) -> str:
    backend.run(
        f"CREATE TABLE {schema}.t (id BIGINT, part SMALLINT UNSIGNED, v VARCHAR(30), d DOUBLE, f FLOAT, "
        "m DECIMAL(12, 3), w DATETIME(6), b VARBINARY(20), PRIMARY KEY (id, part))"
    )
    values = "n - 1000, n % 7, IF(n % 5, CONCAT('wört ', n), NULL), n / 3, n / 7, n / 8, '2024-01-02 03:04:05' + "
    values += "INTERVAL n MINUTE, UNHEX(HEX(n))"
    fill(backend, f"{schema}.t", "id, part, v, d, f, m, w, b", values)
    copy.load(schema, "t")
    return stored(copy, schema, "t")


def test_a_right_copy_is_right(copy: Copy, schema: str, keyed: str) -> None:
    found = verify(copy, schema, "t")
    assert (counts(found), found.rows, found.error, found.action) == ((0, 0, 0), ROWS, "", "")
    assert found.pieces >= 3


def test_every_damage_is_named_and_mended(backend: Any, copy: Copy, schema: str, keyed: str) -> None:
    damage(
        copy,
        f"DELETE FROM {keyed} WHERE id IN (-1000, 5)",
        f"INSERT INTO {keyed} (id, part, v) VALUES (5000, 1, 'extra'), (-7, 9, NULL), (5, 9, 'other part')",
        f"INSERT INTO {keyed} SELECT * FROM {keyed} WHERE id = 100",
        f"UPDATE {keyed} SET v = 'x', m = 1 WHERE id = 200",
        f"UPDATE {keyed} SET d = -d WHERE id = -1000 + 1",
        f"UPDATE {keyed} SET v = NULL WHERE id = 1301",
        f"UPDATE {keyed} SET w = w + INTERVAL 1 MICROSECOND WHERE id = 1302",
        f"UPDATE {keyed} SET b = '\\x00'::BLOB WHERE id = 1303",
    )
    found = verify(copy, schema, "t", repair=True)
    named = {(d.kind, d.row, d.columns) for d in found.differences}
    assert named == {
        ("missing", "id=-1000, part=0", ()),
        ("missing", "id=5, part=4", ()),
        ("extra", "id=5000, part=1", ()),
        ("extra", "id=-7, part=9", ()),
        ("extra", "id=5, part=9", ()),
        ("extra", "id=100, part=1", ()),
        ("changed", "id=200, part=3", ("v", "m")),
        ("changed", "id=-999, part=1", ("d",)),
        ("changed", "id=1301, part=5", ("v",)),
        ("changed", "id=1302, part=6", ("w",)),
        ("changed", "id=1303, part=0", ("b",)),
    }
    assert (counts(found), found.action, found.error) == ((2, 4, 5), "repaired", "")
    with backend.connect() as connection:
        assert copy.difference(connection, schema, "t") == ""
    assert counts(verify(copy, schema, "t")) == (0, 0, 0)


def test_a_wrong_table_is_out_of_service_until_it_is_loaded_again(
    backend: Any, copy: Copy, schema: str, keyed: str
) -> None:
    before = copy.replica.store.entries[schema, "t"].id
    damage(copy, f"UPDATE {keyed} SET v = 'wrong' WHERE id = 17")
    found = verify(copy, schema, "t")
    assert (counts(found), found.action) == ((0, 0, 1), "reloaded")
    with backend.connect() as connection:
        copy.wait_until_equal(connection, schema, "t")
    assert copy.replica.store.entries[schema, "t"].id != before
    assert copy.replica.verifier.seen.counters.differences == 1


def test_rows_without_a_key(backend: Any, copy: Copy, schema: str) -> None:
    backend.run(f"CREATE TABLE {schema}.k (a INT, b VARCHAR(20), c DOUBLE)")
    fill(backend, f"{schema}.k", "a, b, c", "n % 50, IF(n % 3, 'x', NULL), n % 2", 500)
    copy.load(schema, "k")
    assert counts(verify(copy, schema, "k")) == (0, 0, 0)
    name = stored(copy, schema, "k")
    damage(
        copy,
        f"INSERT INTO {name} VALUES (1, 'x', 1.0), (1, 'x', 1.0), (99, NULL, NULL)",
        f"DELETE FROM {name} WHERE rowid = (SELECT min(rowid) FROM {name} WHERE a = 2 AND b IS NULL)",
    )
    found = verify(copy, schema, "k", repair=True)
    assert {(d.kind, d.row) for d in found.differences} == {
        ("extra", "a=1, b=x, c=1.0 (2 times)"),
        ("extra", "a=99, b=None, c=None"),
        ("missing", "a=2, b=None, c=0.0"),
    }
    assert (counts(found), found.action) == ((1, 3, 0), "repaired")
    with backend.connect() as connection:
        assert copy.difference(connection, schema, "k") == ""


def test_keys_of_words_and_moments(backend: Any, copy: Copy, schema: str) -> None:
    backend.run(
        f"CREATE TABLE {schema}.w (k VARCHAR(40) CHARACTER SET latin1, m DECIMAL(9, 2), d DATE, t DATETIME(3), "
        "x VARBINARY(9), v INT, PRIMARY KEY (k, m, d, t, x))"
    )
    values = "CONCAT('Zö''\\\\', n), n / 4, '2020-02-28' + INTERVAL n DAY, '2020-01-01 00:00:00.125' + INTERVAL n DAY, "
    fill(backend, f"{schema}.w", "k, m, d, t, x, v", values + "UNHEX(LPAD(HEX(n), 8, '0')), n", 300)
    copy.load(schema, "w")
    damage(copy, f"UPDATE {stored(copy, schema, 'w')} SET v = -1 WHERE v IN (3, 77)")
    found = verify(copy, schema, "w", repair=True)
    assert (counts(found), found.action, found.error) == ((0, 0, 2), "repaired", "")
    with backend.connect() as connection:
        assert copy.difference(connection, schema, "w") == ""


def test_a_negative_zero_is_another_value(backend: Any, copy: Copy, schema: str) -> None:
    backend.run(f"CREATE TABLE {schema}.z (id INT PRIMARY KEY, d DOUBLE)")
    backend.run(f"INSERT INTO {schema}.z VALUES (1, 0), (2, -0e0)")
    copy.load(schema, "z")
    assert counts(verify(copy, schema, "z")) == (0, 0, 0)
    # An UPDATE of the store takes the two for one value.
    name = stored(copy, schema, "z")
    damage(copy, f"DELETE FROM {name} WHERE id = 1", f"INSERT INTO {name} VALUES (1, '-0.0'::DOUBLE)")
    assert counts(verify(copy, schema, "z", repair=True)) == (0, 0, 1)


def test_every_type_is_compared_in_the_store_s_form(backend: Any, copy: Copy, schema: str) -> None:
    backend.run(
        f"CREATE TABLE {schema}.y (e ENUM('x', 'y'), id INT, b BIT(12), s SET('p', 'q', 'r'), j JSON, z DATE, "
        "w DECIMAL(60, 20), h TIME(4), y YEAR, g POINT, n DATETIME, PRIMARY KEY (e, id, b, s))"
    )
    with backend.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = ''")
        for number in range(6):
            cursor.execute(
                f"INSERT INTO {schema}.y VALUES ({number % 3}, {number}, b'1010', 'p,r', '{{\"a\": [1, 2.5, null]}}', "
                f"'2024-0{number}-00', 12345678901234567890123.5 + {number}, '-101:00:01.5', 1999, "
                f"POINT(1, {number}), 0)"
            )
    copy.load(schema, "y")
    found = verify(copy, schema, "y")
    assert (counts(found), found.rows, found.error) == ((0, 0, 0), 6, "")
    damage(copy, f"UPDATE {stored(copy, schema, 'y')} SET y = 2000 WHERE id IN (2, 4)")
    found = verify(copy, schema, "y", repair=True)
    assert (counts(found), found.action, found.error) == ((0, 0, 2), "repaired", "")
    assert counts(verify(copy, schema, "y")) == (0, 0, 0)


class Writer(threading.Thread):
    """Changes rows of `t` as fast as the backend takes it, until stopped."""

    def __init__(self, backend: Any, schema: str) -> None:
        super().__init__(daemon=True)
        self._backend, self._schema = backend, schema
        self.stopping = threading.Event()
        self.writes = 0

    def run(self) -> None:
        table = f"{self._schema}.t"
        with self._backend.connect() as connection, connection.cursor() as cursor:
            while not self.stopping.is_set():
                n = self.writes * 37 % ROWS
                cursor.execute(f"UPDATE {table} SET v = 'w{self.writes}', m = m + 1 WHERE id BETWEEN {n} AND {n + 20}")
                cursor.execute(f"DELETE FROM {table} WHERE id = {n - 1000}")
                cursor.execute(f"REPLACE INTO {table} (id, part, v) VALUES ({n - 1000}, {n % 7}, 'back')")
                cursor.execute(f"UPDATE {table} SET d = d + 1 WHERE id = 3 AND part = 2")  # one that never rests
                self.writes += 4


def test_writers_at_full_speed_raise_no_alarm(backend: Any, copy: Copy, schema: str, keyed: str) -> None:
    backend.run(f"INSERT INTO {schema}.t (id, part, f) VALUES (5000, 0, 0.1)")  # a row that nobody changes
    copy.wait()
    running = [Writer(backend, schema) for _ in range(2)]
    for writer in running:
        writer.start()
    try:
        for _ in range(3):
            found = verify(copy, schema, "t")
            assert (counts(found), found.error, found.action) == ((0, 0, 0), "", ""), found
        # Damage is found among the writes, and mended while they go on.
        damage_again(copy, f"UPDATE {keyed} SET f = -1 WHERE id = 5000")
        found = verify(copy, schema, "t", repair=True)
        assert (found.changed, found.action) == (1, "repaired"), found
    finally:
        for writer in running:
            writer.stopping.set()
            writer.join()
    assert all(writer.writes > 20 for writer in running)
    with backend.connect() as connection:
        assert copy.difference(connection, schema, "t") == ""
    assert copy.replica.store.entries[schema, "t"].reason == ""


def damage_again(copy: Copy, statement: str) -> None:
    """Damage while the applier writes: under its lock."""
    with copy.replica.store.lock:
        damage(copy, statement)


def test_the_background_goes_round_and_finds(backend: Any, tmp_path: Path, schema: str) -> None:
    for name in ("a", "b"):
        backend.run(f"CREATE TABLE {schema}.{name} (id INT PRIMARY KEY, v INT)")
        backend.run(f"INSERT INTO {schema}.{name} VALUES (1, 1), (2, 2)")
    settings = settings_for(backend.upstream, tmp_path, verify_interval=0.5)
    copy = Copy(settings)
    try:
        for name in ("a", "b"):
            copy.load(schema, name)
        seen = copy.replica.verifier.seen

        def number(name: str) -> int:
            return copy.replica.store.entries[schema, name].id

        before = {name: number(name) for name in ("a", "b")}
        wait_for(lambda: set(before.values()) <= set(seen.last))
        assert all(not found.wrong and not found.error for found in seen.last.values())
        with copy.replica.store.lock:
            damage(copy, f"UPDATE {stored(copy, schema, 'b')} SET v = 7 WHERE id = 2")
        wait_for(lambda: seen.counters.differences == 1 and number("b") != before["b"])
        with backend.connect() as connection:
            copy.wait_until_equal(connection, schema, "b")
        assert number("a") == before["a"]
        assert seen.counters.reloaded == 1
    finally:
        copy.stop()
    # What was verified is remembered.
    copy = Copy(settings_for(backend.upstream, tmp_path, verify_interval=0))
    try:
        assert copy.replica.verifier.seen.last[before["a"]].rows == 2
    finally:
        copy.stop()


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def drifted(warmfront_instance: Any, schema: str) -> str:
    """A loaded table that was written to behind the log's back: one row changed, one gone, one new."""
    backend = warmfront_instance.backend
    backend.run(f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(20))")
    backend.run(f"INSERT INTO {schema}.t VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    warmfront_instance.wait_until_loaded(schema, "t")
    with backend.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_log_bin = 0")
        cursor.execute(f"UPDATE {schema}.t SET v = 'x' WHERE id = 2")
        cursor.execute(f"DELETE FROM {schema}.t WHERE id = 3")
        cursor.execute(f"INSERT INTO {schema}.t VALUES (9, 'z')")
    return schema


def command(instance: Any, *arguments: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "warmfront", "verify", "--data-dir", str(instance.data_dir), *arguments]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_the_command_names_and_mends_what_the_log_did_not_tell(warmfront_instance: Any, drifted: str) -> None:
    table = f"{drifted}.t"
    done = command(warmfront_instance, "--repair", table)
    assert done.returncode == 1, done.stderr
    for line in (f"{table}: missing: id=9", f"{table}: extra: id=3", f"{table}: changed: id=2 in v", "repaired"):
        assert line in done.stdout
    done = command(warmfront_instance, table)
    assert (done.returncode, "equal" in done.stdout) == (0, True), done.stdout
    with warmfront_instance.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET use_secondary_engine = FORCED")
        cursor.execute(f"SELECT id, v FROM {table} ORDER BY id")
        assert cursor.fetchall() == ((1, "a"), (2, "x"), (9, "z"))
        cursor.execute(
            "SELECT VERIFY_STATUS, VERIFY_ROWS, VERIFY_DIFFERENCES, LAST_VERIFIED IS NOT NULL FROM "
            f"performance_schema.warmfront_tables WHERE SCHEMA_NAME = '{drifted}' AND TABLE_NAME = 't'"
        )
        assert cursor.fetchall() == (("EQUAL", 3, 0, 1),)
        cursor.execute("SHOW GLOBAL STATUS LIKE 'warmfront_verify_differences'")
        assert int(cursor.fetchall()[0][1]) >= 3


def test_kill_query_stops_a_check(warmfront_instance: Any, drifted: str) -> None:
    """Also one that waits for the backend, which is made to wait for a lock here."""
    backend, table = warmfront_instance.backend, f"{drifted}.t"
    seen: list[Any] = []

    def check(connection: Any) -> None:
        with connection.cursor() as cursor:
            try:
                cursor.execute(f"CHECK TABLE {table} SECONDARY")
                seen.append(cursor.fetchall())
            except pymysql.err.Error as error:
                seen.append(error.args[0])

    with backend.connect() as locker, locker.cursor() as lock, warmfront_instance.connect() as checking:
        lock.execute(f"LOCK TABLES {table} WRITE")
        thread = threading.Thread(target=check, args=(checking,))
        thread.start()
        time.sleep(0.5)
        assert seen == []
        warmfront_instance.run(f"KILL QUERY {checking.thread_id()}")
        thread.join(10)
        assert seen == [1317]  # ER_QUERY_INTERRUPTED
        lock.execute("UNLOCK TABLES")
        with checking.cursor() as cursor:
            cursor.execute(f"CHECK TABLE {table} SECONDARY")
            assert cursor.fetchall()


def test_who_may_verify_and_who_may_repair(warmfront_instance: Any, drifted: str) -> None:
    backend, table = warmfront_instance.backend, f"{drifted}.t"
    user = drifted
    backend.run(f"CREATE USER {user}@'%' IDENTIFIED BY 'secret'")
    try:
        with warmfront_instance.connect(user=user, password="secret") as connection, connection.cursor() as cursor:
            with pytest.raises(pymysql.err.MySQLError) as refused:
                cursor.execute(f"CHECK TABLE {table} SECONDARY")
            assert refused.value.args[0] == 1142
            backend.run(f"GRANT SELECT (id) ON {table} TO {user}@'%'")
            with pytest.raises(pymysql.err.MySQLError):
                cursor.execute(f"CHECK TABLE {table} SECONDARY")
            backend.run(f"GRANT SELECT ON {table} TO {user}@'%'")
            with pytest.raises(pymysql.err.MySQLError) as refused:
                cursor.execute(f"CHECK TABLE {table} SECONDARY REPAIR")
            assert refused.value.args[0] == 1142
            cursor.execute(f"CHECK TABLE {table} SECONDARY")
            ((_, _, _, missing, extra, changed, _, action, *_),) = cursor.fetchall()
            assert (missing, extra, changed, action) == (1, 1, 1, "reloaded")
            cursor.execute(f"CHECK TABLE {table}")  # the backend's own
            assert cursor.fetchall()[-1][-1] == "OK"
    finally:
        backend.run(f"DROP USER {user}@'%'")
