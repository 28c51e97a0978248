"""INSERT … SELECT with its query on the engine: the same rows, the same answer, and nothing half done."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pymysql
import pytest

from tests.live.packets import execute_write
from wire.responses import Err, Ok

pytestmark = pytest.mark.live

SCHEMA = "inserts"
SUMMED = "SELECT g, COUNT(*), SUM(v), MAX(d), MAX(f), MAX(b), MIN(s) FROM src GROUP BY g"
WIDE = "g INT, n BIGINT, v DECIMAL(20,2), d DATETIME, f DOUBLE, b VARBINARY(20), s VARCHAR(30)"
ROWS = 3000


def made(backend: Any) -> None:
    """The tables that are read, and those that are written."""
    backend.run(f"DROP DATABASE IF EXISTS {SCHEMA}")
    backend.run(f"CREATE DATABASE {SCHEMA} CHARACTER SET utf8mb4")
    text = "VARCHAR(20) COLLATE utf8mb4_bin"
    columns = f"id INT PRIMARY KEY, g INT, v DECIMAL(10,2), d DATETIME, f DOUBLE, b VARBINARY(20), s {text}"
    backend.run(f"CREATE TABLE {SCHEMA}.src ({columns}, tm TIME, y YEAR, bit BIT(3), fl FLOAT)")
    values = ",".join(
        f"({i},{i % 7},{i / 3:.2f},'2024-01-{1 + i % 28:02d} 10:11:{i % 60:02d}',{i / 7!r},X'{i % 256:02x}275c00',"
        f"'n''\\\\{i % 50}é\U0001f600',NULL,2024,1,1.1)"
        for i in range(ROWS)
    )
    backend.run(f"INSERT INTO {SCHEMA}.src VALUES {values}")
    for name in ("one", "two"):
        backend.run(f"CREATE TABLE {SCHEMA}.{name} ({WIDE}, PRIMARY KEY (g))")
    backend.run(f"CREATE VIEW {SCHEMA}.few AS SELECT id, g, v FROM {SCHEMA}.src WHERE id < 100")


@pytest.fixture(scope="module")
def schema(backend: Any, warmfront_instance: Any) -> Iterator[str]:
    made(backend)
    warmfront_instance.wait_until_loaded(SCHEMA, "src")
    with warmfront_instance.connect(database=SCHEMA) as connection:
        run(connection, "SET use_secondary_engine = FORCED")
        deadline = time.monotonic() + 60
        while not executions(connection):  # a collation's weights are read at first use
            assert time.monotonic() < deadline
            with contextlib.suppress(pymysql.err.Error):
                run(connection, SUMMED)
            time.sleep(0.1)
    yield SCHEMA
    backend.run(f"DROP DATABASE {SCHEMA}")


@pytest.fixture
def client(warmfront_instance: Any, schema: str) -> Iterator[Any]:
    with warmfront_instance.connect(database=schema, charset="utf8mb4") as connection:
        run(connection, "DELETE FROM one")
        run(connection, "DELETE FROM two")
        run(connection, "SET use_secondary_engine = FORCED")
        yield connection


def run(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def answer(connection: Any, statement: str) -> tuple[Any, ...]:
    """The OK packet: rows, id, warnings, message."""
    connection.query(statement)
    result = connection._result
    return result.affected_rows, result.insert_id, result.warning_count, result.message


def executions(connection: Any) -> int:
    return int(run(connection, "SHOW SESSION STATUS LIKE 'Secondary_engine_execution_count'")[0][1])


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "READ COMMITTED", "SERIALIZABLE"])
def test_the_rows_and_the_answer_are_the_backends(client: Any, isolation: str) -> None:
    run(client, f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")
    ours = answer(client, f"INSERT INTO one {SUMMED}")
    assert executions(client) == 1
    run(client, "SET use_secondary_engine = OFF")
    assert ours == answer(client, f"INSERT INTO two {SUMMED}")
    assert ours[0] == 7
    assert run(client, "SELECT * FROM one ORDER BY g") == run(client, "SELECT * FROM two ORDER BY g")


@pytest.mark.parametrize(
    ("before", "query"),
    [
        ("INSERT INTO {} (g, v, s) ", "SELECT id, v, s FROM src WHERE id > 5"),
        ("INSERT INTO {} (g, v) ", "SELECT id, v FROM few"),
        ("INSERT INTO inserts.{} (g, f, d) ", "(SELECT id, f, d FROM src WHERE id % 3 = 0)"),
        ("INSERT INTO `{}`(`g`,`b`)", "SELECT id, b FROM src ORDER BY id DESC LIMIT 300"),
        ("INSERT INTO {} (g) ", "WITH x AS (SELECT DISTINCT g FROM src) SELECT g FROM x"),
        ("INSERT INTO {} (g, n) ", "SELECT id, id FROM src UNION ALL SELECT -1, COUNT(*) FROM src"),
        ("INSERT INTO {} (g, v) ", "SELECT id, v FROM src WHERE id < 0"),
        ("INSERT INTO {} (g, v) ", "SELECT id, v FROM src WHERE id = 0"),
        ("INSERT INTO {} (g, n, f) ", "SELECT id, -v * 3, -f FROM src WHERE id > 0"),
        ("INSERT {} (g, s) ", "SELECT id, CONCAT(s, 'x\\\\''') FROM src;"),
    ],
)
def test_every_form_writes_what_the_backend_writes(client: Any, before: str, query: str) -> None:
    ours = answer(client, before.format("one") + query)
    counts = run(client, "SELECT ROW_COUNT()")
    assert executions(client) == 1
    run(client, "SET use_secondary_engine = OFF")
    assert ours == answer(client, before.format("two") + query)
    assert counts == run(client, "SELECT ROW_COUNT()")
    assert run(client, "SELECT * FROM one ORDER BY g") == run(client, "SELECT * FROM two ORDER BY g")


def test_what_a_statement_counted_is_known_afterwards(client: Any) -> None:
    run(client, f"INSERT INTO one {SUMMED}")
    assert run(client, "SELECT ROW_COUNT()") == [(7,)]
    run(client, "DELETE FROM one")
    run(client, f"INSERT INTO one {SUMMED}")
    assert run(client, "SELECT ROW_COUNT() AS n, FOUND_ROWS() AS m") == [(7, 7)]
    run(client, "DELETE FROM one")
    run(client, f"INSERT INTO one {SUMMED}")
    assert run(client, "SHOW WARNINGS") == []
    assert run(client, "SELECT @@autocommit, @@warning_count") == [(1, 0)]


def test_the_rows_are_seen_at_once_by_everybody(client: Any, warmfront_instance: Any) -> None:
    warmfront_instance.wait_until_loaded(SCHEMA, "one")
    run(client, f"INSERT INTO one {SUMMED}")
    assert run(client, "SELECT SUM(n), COUNT(*) FROM one") == [(ROWS, 7)]
    with warmfront_instance.connect(database=SCHEMA) as other:
        run(other, "SET use_secondary_engine = OFF")
        assert run(other, "SELECT SUM(n), COUNT(*) FROM one") == [(ROWS, 7)]


@pytest.mark.parametrize(
    ("prepare", "statement", "number"),
    [
        ("INSERT INTO one (g) VALUES (3)", f"INSERT INTO one {SUMMED}", 1062),
        ("DO 0", "INSERT INTO one (g, s) SELECT id, REPEAT(s, 20) FROM src", 1406),
        ("DO 0", "INSERT INTO one (g) SELECT id * 1000000 FROM src", 1264),
        ("DO 0", "INSERT INTO one (n) SELECT COUNT(*) FROM src", 1364),
        ("DO 0", "INSERT INTO one (g) SELECT NULLIF(id, 5) FROM src", 1048),
        ("DO 0", "INSERT INTO one (g, v) SELECT id, v FROM nowhere", 1146),
        ("DO 0", "INSERT INTO one (g, v) SELECT id FROM src", 1136),
        ("DO 0", "INSERT INTO one (g, nothing) SELECT id, v FROM src", 1054),
        ("SET SESSION TRANSACTION READ ONLY", f"INSERT INTO one {SUMMED}", 1792),
    ],
)
def test_errors_are_the_backends_and_nothing_is_written(
    client: Any, backend: Any, prepare: str, statement: str, number: int
) -> None:
    run(client, "SET use_secondary_engine = ON")
    run(client, prepare)
    before = backend.run(f"SELECT * FROM {SCHEMA}.one")
    messages: list[tuple[Any, ...]] = []
    for _ in range(2):
        with pytest.raises(pymysql.err.Error) as caught:
            run(client, statement)
        messages.append(caught.value.args)
        run(client, "SET use_secondary_engine = OFF")
    assert messages[0] == messages[1]
    assert messages[0][0] == number
    assert backend.run(f"SELECT * FROM {SCHEMA}.one") == before


@pytest.mark.parametrize(
    ("prepare", "statement", "words"),
    [
        ("BEGIN", f"INSERT INTO one {SUMMED}", "open transaction"),
        ("SET autocommit = 0", f"INSERT INTO one {SUMMED}", "autocommit"),
        (
            "CREATE TABLE IF NOT EXISTS numbered (id INT AUTO_INCREMENT PRIMARY KEY, n INT)",
            "INSERT INTO numbered (n) SELECT id FROM src",
            "filled in",
        ),
        (
            "CREATE TABLE IF NOT EXISTS timed (n INT, t TIMESTAMP DEFAULT NOW())",
            "INSERT INTO timed (n) SELECT id FROM src",
            "filled in",
        ),
        (
            "CREATE TABLE IF NOT EXISTS computed (n INT, m INT AS (n + 1) STORED)",
            "INSERT INTO computed (n) SELECT id FROM src",
            "filled in",
        ),
        ("CREATE TABLE IF NOT EXISTS other (n INT) ENGINE = MyISAM", "INSERT INTO other SELECT id FROM src", "InnoDB"),
        (
            "CREATE TEMPORARY TABLE IF NOT EXISTS passing (n INT)",
            "INSERT INTO passing SELECT id FROM src",
            "base table",
        ),
        (
            "CREATE TABLE IF NOT EXISTS worded (n ENUM('1', '2'))",
            "INSERT INTO worded SELECT s FROM src",
            "another type",
        ),
        ("CREATE TABLE IF NOT EXISTS bits (n VARCHAR(20))", "INSERT INTO bits SELECT id FROM src", "another type"),
        (
            "CREATE OR REPLACE VIEW through AS SELECT g, v FROM one",
            "INSERT INTO through SELECT g, SUM(v) FROM src GROUP BY g",
            "base table",
        ),
        ("DO 0", "INSERT INTO one (g) SELECT id FROM src LIMIT 5", "LIMIT without ORDER BY"),
        ("SET completion_type = 'CHAIN'", f"INSERT INTO one {SUMMED}", "completion_type"),
    ],
)
def test_what_is_not_the_same_write_stays_with_its_reason(
    client: Any, prepare: str, statement: str, words: str
) -> None:
    run(client, prepare)
    with pytest.raises(pymysql.err.Error) as caught:
        run(client, statement)
    assert caught.value.args[0] == 3889
    assert words in caught.value.args[1]
    assert executions(client) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT IGNORE INTO one (g) SELECT g FROM src",
        "REPLACE INTO one (g) SELECT g FROM src",
        "INSERT INTO one (g) SELECT g FROM src ON DUPLICATE KEY UPDATE v = 1",
        "INSERT INTO one (g) VALUES (1)",
        "INSERT INTO one (g) SELECT 1",
        "INSERT INTO one SET g = 5",
        "INSERT INTO one (g) SELECT -g - 1 FROM one",
    ],
)
def test_other_forms_are_the_backends_own(client: Any, statement: str) -> None:
    run(client, "SET use_secondary_engine = ON")
    run(client, statement)
    assert executions(client) == 0


def test_triggers_keep_a_table_on_the_backend(client: Any, backend: Any, warmfront_instance: Any) -> None:
    run(client, "CREATE TABLE IF NOT EXISTS watched (g INT, n BIGINT)")
    run(client, "INSERT INTO watched SELECT g, COUNT(*) FROM src GROUP BY g")
    assert executions(client) == 1
    run(client, "CREATE TRIGGER seen BEFORE INSERT ON watched FOR EACH ROW SET NEW.n = -1")
    with pytest.raises(pymysql.err.Error, match="has triggers"):
        run(client, "INSERT INTO watched SELECT g, COUNT(*) FROM src GROUP BY g")
    backend.run("DROP USER IF EXISTS writer@'%'")
    backend.run("CREATE USER writer@'%' IDENTIFIED BY 'w'")
    backend.run(f"GRANT SELECT, INSERT ON {SCHEMA}.* TO writer@'%'")
    with warmfront_instance.connect(user="writer", password="w", database=SCHEMA) as writer:
        run(writer, "SET use_secondary_engine = FORCED")
        with pytest.raises(pymysql.err.Error, match="TRIGGER privilege"):
            run(writer, f"INSERT INTO two {SUMMED}")
        run(writer, "SET use_secondary_engine = ON")
        run(writer, "INSERT INTO watched SELECT g, COUNT(*) FROM src GROUP BY g")
    assert backend.run(f"SELECT COUNT(*) FROM {SCHEMA}.watched WHERE n = -1") == [(7,)]
    backend.run(f"REVOKE INSERT ON {SCHEMA}.* FROM writer@'%'")
    backend.run(f"GRANT TRIGGER ON {SCHEMA}.* TO writer@'%'")
    with warmfront_instance.connect(user="writer", password="w", database=SCHEMA) as writer:
        with pytest.raises(pymysql.err.Error) as caught:
            run(writer, f"INSERT INTO two {SUMMED}")
        assert caught.value.args[0] == 1142
    backend.run("DROP USER writer@'%'")


def test_a_table_that_changes_meanwhile_is_read_by_the_backend(client: Any, backend: Any, schema: str) -> None:
    """The rows wait for a lock; what was read changes before they are written."""
    run(client, "SET use_secondary_engine = ON")
    run(client, "INSERT INTO one (g, n) VALUES (0, -1)")
    holder = backend.connect(database=schema, autocommit=False)
    run(holder, "SELECT * FROM one WHERE g = 0 FOR UPDATE")
    caught: list[Exception] = []

    def write() -> None:
        try:
            run(client, "INSERT INTO one (g, n) SELECT g, COUNT(*) FROM src GROUP BY g")
        except pymysql.err.Error as problem:
            caught.append(problem)

    thread = threading.Thread(target=write)
    thread.start()
    time.sleep(1.5)  # it waits for the key that is held
    backend.run(f"INSERT INTO {schema}.src (id, g) VALUES (900001, 3)")
    run(holder, "DELETE FROM one WHERE g = 0")
    holder.commit()
    thread.join(30)
    assert caught == []
    assert backend.run(f"SELECT n FROM {schema}.one WHERE g = 3") == [(430,)]
    assert executions(client) == 0
    backend.run(f"DELETE FROM {schema}.src WHERE id = 900001")
    holder.close()


def test_set_transaction_is_for_the_statement_as_it_is(client: Any, backend: Any, schema: str) -> None:
    run(client, "SET use_secondary_engine = ON")
    run(client, "SET TRANSACTION READ ONLY")
    with pytest.raises(pymysql.err.Error) as caught:
        run(client, f"INSERT INTO one {SUMMED}")
    assert caught.value.args[0] == 1792
    assert backend.run(f"SELECT COUNT(*) FROM {schema}.one") == [(0,)]
    run(client, f"INSERT INTO one {SUMMED}")
    assert backend.run(f"SELECT COUNT(*) FROM {schema}.one") == [(7,)]


class Waiting:
    """An INSERT … SELECT whose rows have come and wait for a key that somebody holds."""

    def __init__(self, backend: Any, client: Any, schema: str) -> None:
        run(client, "SET use_secondary_engine = OFF")
        run(client, "INSERT INTO one (g, n) VALUES (0, -1)")
        run(client, "SET use_secondary_engine = FORCED")
        self.holder = backend.connect(database=schema, autocommit=False)
        run(self.holder, "SELECT * FROM one WHERE g = 0 FOR UPDATE")
        self.problem: BaseException | None = None
        self._client = client
        self._thread = threading.Thread(target=self._write)
        self._thread.start()
        deadline = time.monotonic() + 20
        waits = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'INSERT INTO one%VALUES%'"
        while backend.run(waits) == [(0,)]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.3)

    def _write(self) -> None:
        try:
            run(self._client, "INSERT INTO one (g, n) SELECT g, COUNT(*) FROM src GROUP BY g")
        except (pymysql.err.Error, OSError, AttributeError) as problem:
            self.problem = problem

    def join(self) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive()

    def let_go(self) -> None:
        run(self.holder, "DELETE FROM one WHERE g = 0")
        self.holder.commit()
        self.holder.close()


def test_a_killed_write_leaves_nothing_and_no_transaction(client: Any, backend: Any, schema: str) -> None:
    waiting = Waiting(backend, client, schema)
    backend.run(f"KILL QUERY {client.thread_id()}")
    waiting.join()
    waiting.let_go()
    assert isinstance(waiting.problem, pymysql.err.Error)
    assert waiting.problem.args[0] == 1317
    assert backend.run(f"SELECT COUNT(*) FROM {schema}.one") == [(0,)]
    assert answer(client, f"INSERT INTO one {SUMMED}")[0] == 7


def test_a_client_that_leaves_writes_nothing(client: Any, backend: Any, warmfront_instance: Any, schema: str) -> None:
    leaver = warmfront_instance.connect(database=schema)
    waiting = Waiting(backend, leaver, schema)
    leaver._sock.shutdown(socket.SHUT_RDWR)
    waiting.join()
    time.sleep(0.5)
    waiting.let_go()
    deadline = time.monotonic() + 20
    while backend.run(f"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = {leaver.thread_id()}") != [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert backend.run(f"SELECT COUNT(*) FROM {schema}.one") == [(0,)]


def test_a_killed_connection_writes_nothing(client: Any, backend: Any, schema: str) -> None:
    waiting = Waiting(backend, client, schema)
    backend.run(f"KILL {client.thread_id()}")
    waiting.join()
    waiting.let_go()
    assert waiting.problem is not None
    assert backend.run(f"SELECT COUNT(*) FROM {schema}.one") == [(0,)]
    client.connect()


def test_rows_beyond_one_statement_are_left_to_the_backend(client: Any, schema: str) -> None:
    run(client, "CREATE TABLE IF NOT EXISTS large (a INT, b INT, s TEXT, PRIMARY KEY (a, b))")
    query = "INSERT INTO large SELECT a.id, b.id, REPEAT('x', 40) FROM src a JOIN src b ON b.id < 150 WHERE a.id < 2500"
    with pytest.raises(pymysql.err.Error, match="more than one statement holds"):
        run(client, query)
    run(client, query.replace("2500", "500"))
    assert executions(client) == 1
    assert run(client, "SELECT COUNT(*) FROM large") == [(75000,)]
    run(client, "DROP TABLE large")


def test_an_engine_that_dies_is_not_noticed(backend: Any, running: Any) -> None:
    schema = "inserts_alone"
    backend.run(f"DROP DATABASE IF EXISTS {schema}")
    backend.run(f"CREATE DATABASE {schema}")
    backend.run(f"CREATE TABLE {schema}.src (id INT PRIMARY KEY, g INT)")
    backend.run(f"CREATE TABLE {schema}.one (g INT PRIMARY KEY, n INT)")
    backend.run(f"INSERT INTO {schema}.src VALUES {','.join(f'({i},{i % 7})' for i in range(1000))}")
    instance = running(backend, "--secondary-engine-cost-threshold", "0", "--workers", "1")
    instance.wait_until_loaded(schema, "src")
    with instance.connect(database=schema) as client:
        stop = threading.Event()

        def kill() -> None:
            while not stop.is_set():
                for child in psutil.Process(instance.process.pid).children(recursive=True):
                    with contextlib.suppress(psutil.Error):
                        if "engine" in child.cmdline():
                            child.kill()
                time.sleep(0.7)

        thread = threading.Thread(target=kill)
        thread.start()
        try:
            for _ in range(40):
                assert answer(client, "INSERT INTO one SELECT g, COUNT(*) FROM src GROUP BY g")[0] == 7
                assert backend.run(f"SELECT COUNT(*), SUM(n) FROM {schema}.one") == [(7, 1000)]
                run(client, "DELETE FROM one")
                time.sleep(0.05)
        finally:
            stop.set()
            thread.join()
    backend.run(f"DROP DATABASE {schema}")


@pytest.mark.parametrize("end", ["", ";"])
def test_a_prepared_insert_takes_its_rows_from_the_engine(client: Any, end: str) -> None:
    statement = "INSERT INTO {} (g, v, n) SELECT id, v, ? FROM src WHERE id > ? AND g <> ?" + end
    ours = execute_write(client, statement.format("one"), 7, 2900, 3)
    assert executions(client) == 1
    run(client, "SET use_secondary_engine = OFF")
    assert isinstance(ours, Ok)
    assert ours == execute_write(client, statement.format("two"), 7, 2900, 3)
    assert run(client, "SELECT * FROM one ORDER BY g") == run(client, "SELECT * FROM two ORDER BY g")


def test_a_prepared_insert_that_is_not_offloaded_says_why_or_runs(client: Any) -> None:
    statement = "INSERT INTO one (g) SELECT id FROM src LIMIT ?"  # which rows is open
    refused = execute_write(client, statement, 3)
    assert isinstance(refused, Err)
    assert refused.number == 3889
    assert "LIMIT" in refused.message
    run(client, "SET use_secondary_engine = ON")
    written = execute_write(client, statement, 3)
    assert isinstance(written, Ok)
    assert written.affected_rows == 3
    assert run(client, "SELECT COUNT(*) FROM one") == [(3,)]
    failed = execute_write(client, "INSERT INTO one (g) SELECT g FROM src WHERE id = ? UNION ALL SELECT ?", 5, 5)
    assert isinstance(failed, Err)
    assert failed.number == 1062
