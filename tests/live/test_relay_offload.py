"""Offloaded statements through the proxy: same answers, and what sessions see of them."""

import json
import socket
import struct
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pymysql
import pytest

from tests.live.offload_kit import ENDLESS, GROUPED, fill, interrupted, rows
from tests.live.packets import call_prepared
from wire.constants import FieldType
from wire.framing import PacketReader, build_packets
from wire.responses import is_eof

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def schema(backend: Any, warmfront_instance: Any) -> Iterator[str]:
    """A schema with a loaded table."""
    fill(backend, "offload")
    warmfront_instance.wait_until_loaded("offload", "sales")
    yield "offload"
    backend.run("DROP DATABASE offload")


@pytest.fixture
def client(warmfront_instance: Any, schema: str) -> Iterator[Any]:
    """A connection through the proxy."""
    with warmfront_instance.connect(database=schema) as connection:
        yield connection


def count(connection: Any) -> int:
    return int(rows(connection, "SHOW SESSION STATUS LIKE 'Secondary_engine_execution_count'")[0][1])


def test_values_of_the_session_are_its_own(client: Any, warmfront_instance: Any, schema: str) -> None:
    with warmfront_instance.connect(database=schema) as other:
        rows(other, "SET @least = 6")
        rows(client, "SET @least = 2, use_secondary_engine = FORCED")
        statement = "SELECT @least, DATABASE(), CONNECTION_ID(), COUNT(DISTINCT g) FROM sales WHERE g >= @least"
        before = count(client)
        own = rows(client, "SELECT CONNECTION_ID()")[0][0]
        assert rows(client, statement) == [(2, schema, own, 5)]
        assert count(client) == before + 1
        assert rows(other, statement)[0][3] == 1


def test_answers_are_the_backends(client: Any, backend: Any, schema: str) -> None:
    rows(client, "SET use_secondary_engine = FORCED")
    with client.cursor() as cursor:
        cursor.execute(GROUPED)
        forced, described = cursor.fetchall(), cursor.description
    assert count(client) == 1
    rows(client, "SET use_secondary_engine = OFF")
    with client.cursor() as cursor:
        cursor.execute(GROUPED)
        assert cursor.fetchall() == forced
        # The digits after the point of a string are no fact about it: 0 when prepared, 31 or 39 when executed.
        assert [(*c[:5], c[6]) for c in cursor.description] == [(*c[:5], c[6]) for c in described]
    assert count(client) == 1


@pytest.mark.parametrize(
    ("warned", "number"),
    [
        ("SELECT COUNT(*) FROM sales WHERE g > 1 && v IS NOT NULL", 1287),  # on MySQL: && is to go
        ("SELECT ABS(g) AS g, COUNT(*) FROM sales GROUP BY g", 1052),
    ],
)
def test_warnings_of_a_statements_text_come_with_the_answer(
    client: Any, backend: Any, warned: str, number: int
) -> None:
    texts = (
        warned,
        "SHOW WARNINGS",
        "SHOW WARNINGS",
        warned,
        "SELECT @@warning_count",
        warned,
        GROUPED,
        "SHOW WARNINGS",
    )
    seen = {}
    for use in ("OFF", "FORCED"):
        rows(client, f"SET use_secondary_engine = {use}")
        seen[use] = [sorted(rows(client, text)) for text in texts]
        with client.cursor() as cursor:
            cursor.execute(warned)
            seen[use].append([(cursor.warning_count,)])
    assert count(client) == 5
    assert seen["FORCED"] == seen["OFF"]
    numbers = [] if backend.is_mariadb and number == 1287 else [number]
    assert [row[1] for row in seen["OFF"][1]] == numbers
    assert seen["OFF"][-1] == [(len(numbers),)]


def test_on_offloads_above_the_threshold_only(client: Any) -> None:
    rows(client, "SET SESSION secondary_engine_cost_threshold = 1e9")
    rows(client, GROUPED)
    assert count(client) == 0
    rows(client, "SET SESSION secondary_engine_cost_threshold = 0")
    rows(client, GROUPED)
    assert count(client) == 1
    rows(client, f"SELECT /*+ SET_VAR(use_secondary_engine=OFF) */ {GROUPED[7:]}")
    assert count(client) == 1
    rows(client, f"SELECT /*+ SET_VAR(use_secondary_engine=FORCED) */ {GROUPED[7:]}")
    assert count(client) == 2


@pytest.mark.parametrize(
    ("before", "statement", "words"),
    [
        ("SET autocommit = 0; SELECT 1 FROM sales LIMIT 1 FOR UPDATE", GROUPED, "autocommit"),
        ("START TRANSACTION READ ONLY", GROUPED, "transaction"),
        ("BEGIN; SELECT 1 FROM sales LIMIT 1 FOR UPDATE", GROUPED, "transaction"),
        ("LOCK TABLES sales READ", GROUPED, "LOCK TABLES"),
        ("DO 0", "SELECT * FROM sales FOR UPDATE", "locking"),
        ("DO 0", "SELECT RAND() FROM sales", "RAND"),
        ("DO 0", "SELECT @x := 1 FROM sales", "user variables"),
        ("CREATE TABLE IF NOT EXISTS offload.kept_out (j JSON)", "SELECT j FROM kept_out", ""),
    ],
)
def test_forced_names_the_reason(client: Any, before: str, statement: str, words: str) -> None:
    for first in before.split("; "):
        rows(client, first)
    rows(client, "SET use_secondary_engine = FORCED")
    with pytest.raises(pymysql.err.Error) as caught:
        rows(client, statement)
    assert caught.value.args[0] == 3889
    assert caught.value.args[1].startswith("Secondary engine operation failed. ")
    assert words in caught.value.args[1]
    rows(client, "SET use_secondary_engine = ON")
    rows(client, statement)


def test_statements_no_engine_could_run_are_quiet_under_forced(client: Any) -> None:
    rows(client, "SET use_secondary_engine = FORCED")
    assert rows(client, "SELECT 1") == [(1,)]
    assert rows(client, "SELECT COUNT(*) FROM information_schema.ENGINES")
    with pytest.raises(pymysql.err.Error) as caught:
        rows(client, "SELECT no_column FROM sales")
    assert caught.value.args[0] == 1054
    with pytest.raises(pymysql.err.ProgrammingError) as caught:
        rows(client, "SELECT FROM sales")
    assert caught.value.args[0] == 1064


def test_temporary_tables_and_views_hide_loaded_tables(client: Any) -> None:
    rows(client, "CREATE TEMPORARY TABLE sales (g INT, v INT, s INT)")
    rows(client, "INSERT INTO sales VALUES (1, 2, 3)")
    assert rows(client, "SELECT g, SUM(v) FROM sales GROUP BY g") == [(1, 2)]
    assert count(client) == 0
    rows(client, "DROP TEMPORARY TABLE sales")
    assert len(rows(client, GROUPED)) == 7


def test_a_value_that_fills_the_plan_comes_through(backend: Any, warmfront_instance: Any, schema: str) -> None:
    # MySQL's JSON plan of a row found by its key holds the row's values.
    with warmfront_instance.connect(database=schema) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE wide (id INT PRIMARY KEY, a LONGTEXT, b LONGTEXT)")
        cursor.execute("INSERT INTO wide VALUES (1, REPEAT('a', 15000000), REPEAT('b', 5000000))")
        warmfront_instance.wait_until_loaded(schema, "wide")
        cursor.execute("SHOW SESSION STATUS LIKE 'Prepared_stmt_count'")
        handles = cursor.fetchall()
        for _ in range(2):
            cursor.execute("SELECT a, b FROM wide WHERE id = 1")
            assert [(len(a), len(b)) for a, b in cursor.fetchall()] == [(15000000, 5000000)]
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == ((1,),)
        cursor.execute("SHOW SESSION STATUS LIKE 'Prepared_stmt_count'")
        assert cursor.fetchall() == handles


def test_a_write_is_seen_at_once(client: Any, backend: Any, schema: str) -> None:
    rows(client, "SET use_secondary_engine = FORCED")
    for i in range(20):
        backend.run(f"INSERT INTO {schema}.sales VALUES ({900_000 + i}, 100, 1, 'w')")
        assert rows(client, "SELECT COUNT(*) FROM sales WHERE g = 100") == [(i + 1,)]
    backend.run(f"DELETE FROM {schema}.sales WHERE g = 100")
    assert rows(client, "SELECT COUNT(*) FROM sales WHERE g = 100") == [(0,)]


def test_found_rows_counts_the_offloaded_rows(client: Any) -> None:
    rows(client, "SET use_secondary_engine = FORCED")
    rows(client, GROUPED)
    assert rows(client, "SELECT FOUND_ROWS()") == [(7,)]
    rows(client, GROUPED)
    assert rows(client, "SELECT FOUND_ROWS() + 1 AS n") == [(8,)]


@pytest.mark.parametrize(
    "tail",
    [
        *("LIMIT 2", "LIMIT 2 OFFSET 3", "LIMIT 5, 10", "LIMIT 7, 10", "LIMIT 9, 1", "LIMIT 3, 0"),
        *("UNION ALL SELECT 1, 2 FROM sales ORDER BY 1, 2 LIMIT 1, 2", "UNION SELECT 1, 2 ORDER BY 1, 2 LIMIT 3"),
    ],
)
def test_found_rows_counts_the_rows_that_are_passed_over(client: Any, tail: str) -> None:
    ordered = "" if "UNION" in tail else "ORDER BY g "
    told = []
    for use in ("FORCED", "OFF"):
        rows(client, f"SET use_secondary_engine = {use}")
        rows(client, f"SELECT g, COUNT(*) n FROM sales GROUP BY g {ordered}{tail}")
        told.append(rows(client, "SELECT FOUND_ROWS()"))
    assert told[0] == told[1]


def test_variables_agree(client: Any) -> None:
    for spelling in (
        "SET use_secondary_engine = FORCED",
        "SET SESSION use_secondary_engine = 'forced'",
        "SET @@session.use_secondary_engine := FORCED",
        "SET @@use_secondary_engine = 2, @y = 5",
    ):
        rows(client, "SET use_secondary_engine = DEFAULT")
        assert rows(client, "SELECT @@use_secondary_engine") == [("ON",)]
        rows(client, spelling)
        assert rows(client, "SELECT @@session.use_secondary_engine") == [("FORCED",)]
        assert rows(client, "SHOW VARIABLES LIKE 'use_secondary_engine'") == [("use_secondary_engine", "FORCED")]
    assert rows(client, "SELECT @y") == [(5,)]
    with pytest.raises(pymysql.err.Error) as caught:
        rows(client, "SET use_secondary_engine = SOMETIMES")
    assert caught.value.args[0] == 1231
    rows(client, "SET @old = @@use_secondary_engine, use_secondary_engine = OFF")
    rows(client, "SET use_secondary_engine = @old")
    assert rows(client, "SELECT @@use_secondary_engine") == [("FORCED",)]


def test_explain_shows_the_engine(client: Any, backend: Any) -> None:
    rows(client, "SET use_secondary_engine = FORCED")
    with client.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute(f"EXPLAIN {'' if backend.is_mariadb else 'FORMAT=TRADITIONAL '}{GROUPED}")
        assert all(row["Extra"].endswith("Using secondary engine RAPID") for row in cursor.fetchall())
    plan = rows(client, f"EXPLAIN FORMAT=JSON {GROUPED}")[0][0]
    assert json.loads(plan)["secondary_engine"] == "RAPID"
    assert plan.count("RAPID") == 2  # the plan, and the table in it
    spellings = (
        ("EXTENDED", "PARTITIONS", "FORMAT = 'json'") if backend.is_mariadb else ("FORMAT = 'json'", "FORMAT=TREE")
    )
    for spelling in spellings:
        assert "RAPID" in str(rows(client, f"EXPLAIN {spelling} {GROUPED}"))
    if not backend.is_mariadb:  # a plan without a scan
        assert "Count rows in sales in secondary engine RAPID" in str(
            rows(client, "EXPLAIN SELECT COUNT(*) FROM sales")
        )
    rows(client, f"EXPLAIN {'EXTENDED' if backend.is_mariadb else 'FORMAT=TRADITIONAL'} {GROUPED}")
    assert [row[1] for row in rows(client, "SHOW WARNINGS")] == [1003]
    assert "RAPID" not in str(rows(client, "EXPLAIN SELECT RAND() FROM sales"))  # the engine has no such function
    rows(client, "SET use_secondary_engine = OFF")
    assert "RAPID" not in str(rows(client, f"EXPLAIN {GROUPED}"))


def test_unload_and_load(client: Any) -> None:
    rows(client, "SET use_secondary_engine = FORCED")
    rows(client, "ALTER TABLE sales SECONDARY_UNLOAD")
    with pytest.raises(pymysql.err.Error) as caught:
        rows(client, GROUPED)
    assert caught.value.args[0] == 3889
    rows(client, "ALTER TABLE sales SECONDARY_LOAD")
    assert rows(client, "SHOW WARNINGS") == []
    assert len(rows(client, GROUPED)) == 7


def test_a_table_is_created_with_a_secondary_engine(client: Any, backend: Any) -> None:
    rows(client, "CREATE TABLE marked (a INT PRIMARY KEY) SECONDARY_ENGINE = RAPID, COMMENT 'kept'")
    shown = rows(client, "SHOW CREATE TABLE marked")[0][1]
    assert "kept" in shown
    assert ("SECONDARY_ENGINE" in shown) != backend.is_mariadb
    rows(client, "INSERT INTO marked VALUES (1), (2)")
    rows(client, "ALTER TABLE marked SECONDARY_LOAD")
    rows(client, "SET use_secondary_engine = FORCED")
    assert rows(client, "SELECT SUM(a) FROM marked") == [(3,)]
    rows(client, "DROP TABLE marked")
    if backend.is_mariadb:
        with pytest.raises(pymysql.err.Error) as caught:
            rows(client, "CREATE TABLE marked (a INT) SECONDARY_ENGINE = other")
        assert caught.value.args[0] == 3889


def test_privileges_are_the_backends(client: Any, backend: Any, warmfront_instance: Any, schema: str) -> None:
    backend.run("DROP USER IF EXISTS reader@'%'")
    backend.run("CREATE USER reader@'%' IDENTIFIED BY 'r'")
    backend.run(f"GRANT SELECT (g) ON {schema}.sales TO reader@'%'")
    with warmfront_instance.connect(user="reader", password="r", database=schema) as reader:
        rows(reader, "SET use_secondary_engine = FORCED")
        assert len(rows(reader, "SELECT g, COUNT(*) FROM sales GROUP BY g")) == 7
        for statement, number in ((GROUPED, 1143), ("ALTER TABLE sales SECONDARY_UNLOAD", 1142)):
            with pytest.raises(pymysql.err.Error) as caught:
                rows(reader, statement)
            assert caught.value.args[0] == number
    backend.run("DROP USER reader@'%'")


def execute(connection: Any, statement_id: int, types: bytes | None, values: bytes) -> list[bytes]:
    bound = b"\0" if types is None else b"\1" + types
    connection._execute_command(0x17, struct.pack("<IBI", statement_id, 0, 1) + b"\0" + bound + values)
    columns = connection._read_packet().get_all_data()[0]
    for _ in range(columns + 1):
        connection._read_packet()
    found = []
    while not (packet := connection._read_packet()).is_eof_packet():
        found.append(packet.get_all_data())
    return found


def prepare(connection: Any, statement: str) -> int:
    connection._execute_command(0x16, statement)
    head = connection._read_packet().get_all_data()
    columns, parameters = struct.unpack("<HH", head[5:9])
    for count_ in (columns, parameters):
        for _ in range(count_ + 1 if count_ else 0):
            connection._read_packet()
    return int.from_bytes(head[1:5], "little")


def test_prepared_statements_answer_alike_on_both(client: Any) -> None:
    statement = prepare(client, "SELECT g, SUM(v), COUNT(*) FROM sales WHERE id < ? AND s <> ? GROUP BY g ORDER BY g")
    types = bytes([8, 0, 253, 0])
    rows(client, "SET use_secondary_engine = FORCED")
    values = struct.pack("<q", 4000) + b"\x05n\\1'x"
    first = execute(client, statement, types, values)
    assert len(first) == 7
    assert execute(client, statement, None, values) == first
    assert count(client) == 2
    rows(client, "SET use_secondary_engine = OFF")
    assert execute(client, statement, None, values) == first
    assert execute(client, statement, types, struct.pack("<q", 1) + b"\x01a") == first[:0] + execute(
        client, statement, None, struct.pack("<q", 1) + b"\x01a"
    )
    assert count(client) == 2


def test_what_was_prepared_does_not_warn_again_on_mysql(client: Any, backend: Any) -> None:
    statement = prepare(client, "SELECT COALESCE(g, 0) AS g, COUNT(*) FROM sales WHERE id > ? GROUP BY g ORDER BY 2, 1")
    types, values = bytes([8, 0]), struct.pack("<q", 1)
    seen = []
    for use in ("OFF", "FORCED"):
        rows(client, f"SET use_secondary_engine = {use}")
        seen.append((execute(client, statement, types, values), rows(client, "SHOW WARNINGS")))
    assert seen[0] == seen[1]
    assert [row[1] for row in seen[0][1]] == ([1052] if backend.is_mariadb else [])
    assert count(client) == int(not backend.is_mariadb)
    shown = rows(client, "EXPLAIN SELECT COALESCE(g, 0) AS g, COUNT(*) FROM sales GROUP BY g")
    assert "secondary engine RAPID" in str(shown)


def answered(connection: Any, answers: int) -> list[Any]:
    """Read the answers of pipelined text statements: rows, or the number of an error."""
    found: list[Any] = []
    for _ in range(answers):
        connection._next_seq_id = 1
        try:
            connection._read_query_result()
            found.append(list(connection._result.rows or ()))
        except pymysql.err.Error as problem:
            found.append(problem.args[0])
    return found


def test_statements_in_one_piece_are_offloaded_too(client: Any) -> None:
    statements = ["SET use_secondary_engine = FORCED", "SELECT COUNT(*) FROM sales", "SELECT MAX(g) FROM sales"]
    statements += ["SELECT COUNT(*) FROM sales WHERE id < 10", "SELECT nothing FROM sales", "SELECT 7"]
    client._sock.sendall(b"".join(build_packets(b"\x03" + text.encode(), 0) for text in statements))
    assert answered(client, len(statements)) == [[], [(5000,)], [(6,)], [(10,)], 1054, [(7,)]]
    assert count(client) == 3


def directly(connection: Any, statement: str) -> tuple[list[bytes], int]:
    """Send a prepare and the execution of what was prepared last in one piece, as MariaDB's connectors do."""
    run = struct.pack("<BIBI", 0x17, 0xFFFFFFFF, 0, 1)
    connection._sock.sendall(build_packets(b"\x16" + statement.encode(), 0) + build_packets(run, 0))
    connection._next_seq_id = 1
    head = connection._read_packet().get_all_data()
    for _ in range(struct.unpack("<H", head[5:7])[0] + 1):
        connection._read_packet()
    connection._next_seq_id = 1
    columns = connection._read_packet().get_all_data()[0]
    for _ in range(columns + 1):
        connection._read_packet()
    found = []
    while not (packet := connection._read_packet()).is_eof_packet():
        found.append(packet.get_all_data())
    return found, int.from_bytes(head[1:5], "little")


def test_an_execution_of_what_was_prepared_last(client: Any, backend: Any) -> None:
    if not backend.is_mariadb:
        run = struct.pack("<IBI", 0xFFFFFFFF, 0, 1)
        prepare(client, "SELECT 1")
        client._execute_command(0x17, run)
        with pytest.raises(pymysql.err.Error) as caught:
            client._read_packet()
        assert caught.value.args[0] == 1243  # MySQL knows no such number
        return
    statement = "SELECT g, COUNT(*) FROM sales GROUP BY g ORDER BY g"
    rows(client, "SET use_secondary_engine = OFF")
    expected, _ = directly(client, statement)
    rows(client, "SET use_secondary_engine = FORCED")
    found, number = directly(client, statement)
    assert found == expected
    assert len(found) == 7
    assert count(client) == 1
    assert rows(client, "SELECT MIN(id) FROM sales")  # we prepare this one on the same connection
    client._execute_command(0x17, struct.pack("<IBI", 0xFFFFFFFF, 0, 1))
    client._read_packet()
    for _ in range(3):
        client._read_packet()
    again = []
    while not (packet := client._read_packet()).is_eof_packet():
        again.append(packet.get_all_data())
    assert again == expected
    assert execute(client, number, None, b"")[:1] == expected[:1]


def test_kill_query_stops_the_engine(client: Any, warmfront_instance: Any) -> None:
    rows(client, "SET use_secondary_engine = FORCED")
    thread_id = client.thread_id()
    spent, problem = interrupted(client, ENDLESS, lambda: warmfront_instance.run(f"KILL QUERY {thread_id}") and None)
    assert problem is not None
    assert problem.args[0] == 1317
    assert spent < 10
    assert len(rows(client, GROUPED)) == 7


def test_the_process_list_shows_what_the_engine_runs(client: Any, warmfront_instance: Any) -> None:
    rows(client, "SET use_secondary_engine = FORCED")
    seen: list[Any] = []

    def look() -> None:
        for _ in range(600):  # an engine that is busy begins late
            listed = warmfront_instance.run("SHOW FULL PROCESSLIST")
            seen[:] = next(row[4:8] for row in listed if row[0] == client.thread_id())
            if seen[2] == "executing in secondary engine RAPID":
                break
            time.sleep(0.05)
        warmfront_instance.run(f"KILL QUERY {client.thread_id()}")

    interrupted(client, ENDLESS, look)
    assert (seen[0], seen[3]) == ("Query", ENDLESS)
    assert rows(client, "SHOW PROCESSLIST")


def test_max_execution_time_stops_the_engine(client: Any, backend: Any) -> None:
    rows(client, "SET use_secondary_engine = FORCED")
    setting = "max_statement_time = 0.5" if backend.is_mariadb else "max_execution_time = 500"
    rows(client, f"SET SESSION {setting}")
    started = time.monotonic()
    with pytest.raises(pymysql.err.Error) as caught:
        rows(client, ENDLESS)
    assert caught.value.args[0] == (1969 if backend.is_mariadb else 3024)
    assert time.monotonic() - started < 10


def test_bytes_as_parameters_are_texts_beside_numbers(client: Any) -> None:
    execute = call_prepared(client, "SELECT g FROM sales WHERE g = ? GROUP BY g")
    for use in ("OFF", "ON"):
        rows(client, f"SET use_secondary_engine = {use}")
        assert [row[2:] for row in execute(b"5", kind=FieldType.BLOB)[1]] == [(5).to_bytes(4, "little")], use


def test_who_only_listens_on_has_the_engines_answers(backend: Any, warmfront_instance: Any, schema: str) -> None:
    texts = ("DO 1", GROUPED, "SELECT COUNT(*) FROM sales", "SELECT id, s FROM sales ORDER BY id", GROUPED)

    def heard(connect: Any, switch: str) -> list[bytes]:
        reader = PacketReader()
        with connect(database=schema, ssl_disabled=True) as connection:
            rows(connection, switch)
            connection._sock.sendall(b"".join(build_packets(b"\x03" + text.encode(), 0) for text in texts))
            connection._sock.shutdown(socket.SHUT_WR)
            connection._sock.settimeout(20)
            reader.feed(b"".join(iter(lambda: connection._sock.recv(1 << 16), b"")))
            connection._force_close()
        # Without the ends of what was read, which tell of the plan.
        return [payload for payload in iter(reader.next_payload, None) if not is_eof(payload)]

    ours = heard(warmfront_instance.connect, "SET use_secondary_engine = FORCED")
    theirs = heard(partial(backend.connect, host=backend.host, port=backend.port), "DO 0")
    assert len(ours) > 5000
    assert ours == theirs[: len(ours)]  # MySQL says goodbye with an error
