"""The endpoint over a real socket: login, offloaded statements, streaming, cancellation, bad input."""

import asyncio
import json
import socket
import stat
import threading
import time

import psutil
import pymysql
import pytest

from base.errors import SecondaryEngineError
from tests.engine.conftest import add_table
from wire.constants import BINARY_CHARSET, Capability, FieldType
from wire.framing import build_packets
from wire.responses import ColumnDefinition, build_query_attributes

NUMBER = ColumnDefinition("n", FieldType.LONGLONG, BINARY_CHARSET, 20)
TEXT = ColumnDefinition("s", FieldType.VAR_STRING, 45, 100)
ENDLESS = "SELECT count(*)::BIGINT FROM range(10000000) a, range(10000000) b WHERE (a.range * b.range) % 7 = 3"


def test_socket_is_private(endpoint):
    assert stat.S_IMODE(endpoint.path.stat().st_mode) == 0o600


def test_login_with_the_secret_only(endpoint):
    with endpoint.connect() as connection:
        connection.ping(reconnect=False)
    for options in ({"password": "wrong"}, {"user": "root"}, {"password": ""}):
        with pytest.raises(pymysql.err.OperationalError) as caught:
            endpoint.connect(**options)
        assert caught.value.args[0] == 1045


@pytest.mark.parametrize("flags", [0, int(Capability.DEPRECATE_EOF)])
def test_offloaded_statement(endpoint, flags):
    with endpoint.connect(client_flag=flags) as connection:
        # PyMySQL reads the form without DEPRECATE_EOF only; the other one is read by our own reader below.
        sql = "SELECT id::BIGINT, name FROM item ORDER BY id"
        if not flags:
            rows = endpoint.offload(connection, sql, [NUMBER, TEXT])
            assert rows == tuple((i, f"n{i}") for i in range(10))
            assert [d[0] for d in connection._result.description] == ["n", "s"]
            return
        endpoint.send_offload(connection, sql, [NUMBER, TEXT])
        payloads = [connection._read_packet()._data for _ in range(1 + 2 + 10 + 1)]
        assert payloads[0] == b"\x02"
        assert payloads[3] == b"\x010\x02n0"
        assert payloads[-1][:1] == b"\xfe"
        assert len(payloads[-1]) == 7


def test_empty_result(endpoint):
    with endpoint.connect() as connection:
        assert endpoint.offload(connection, "SELECT 1::BIGINT WHERE 1 = 0", [NUMBER]) == ()
        connection.ping(reconnect=False)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("REFUSE", "function frobnicate is not supported"),
        ("BREAK", "Internal error"),
        ("SELECT nothing FROM nowhere", "column store failed"),
        ("SELECT error('no')::BIGINT", "column store failed"),
        ("SELECT 1::HUGEINT << 100", "out of its column's range"),
        ("SELECT 1, 2", "different number of columns"),
    ],
)
def test_failure_before_the_first_row_is_3889(endpoint, statement, reason):
    with endpoint.connect() as connection:
        with pytest.raises(pymysql.err.MySQLError) as caught:
            endpoint.offload(connection, statement, [NUMBER])
        assert caught.value.args[0] == 3889
        assert reason in caught.value.args[1]
        assert endpoint.offload(connection, "SELECT 5::BIGINT", [NUMBER]) == ((5,),)


def test_stale_copy_is_3889(endpoint):
    endpoint.fence = SecondaryEngineError("The copy is not fresh")
    with endpoint.connect() as connection:
        with pytest.raises(pymysql.err.MySQLError) as caught:
            endpoint.offload(connection, "SELECT 5::BIGINT", [NUMBER])
        assert caught.value.args == (3889, "Secondary engine operation failed. The copy is not fresh.")
        assert endpoint.offload(connection, "SELECT 5::BIGINT", [NUMBER], freshness="relaxed") == ((5,),)


def test_failure_after_rows_ends_the_connection(endpoint):
    sql = "SELECT CASE WHEN range < 100000 THEN range ELSE error('late') END::BIGINT FROM range(200000)"
    with endpoint.connect() as connection, pytest.raises(pymysql.err.MySQLError) as caught:
        endpoint.offload(connection, sql, [NUMBER])
    assert caught.value.args[0] == 3889
    assert "late" in caught.value.args[1]


def test_a_statement_whose_products_are_too_long_is_made_anew(endpoint):
    product = "(CAST(100000000000 AS DECIMAL(NARROW, 0)) * CAST(range * 100 AS DECIMAL(18, 0)))"
    sql = f"SELECT max({product})::VARCHAR FROM range(3)"
    with endpoint.connect() as connection:
        assert endpoint.offload(connection, sql, [TEXT]) == (("20000000000000",),)
        longer = sql.replace("* 100 ", "* 99999999 ")  # of the same digest; one attempt fails
        assert endpoint.offload(connection, longer, [TEXT]) == (("19999999800000000000",),)
        assert endpoint.offload(connection, longer, [TEXT]) == (("19999999800000000000",),)
        always = sql.replace("NARROW", "18").replace("* 100 ", "* 99999999 ").replace("max", "min")
        with pytest.raises(pymysql.err.MySQLError, match="Overflow in multiplication"):  # and does not go on for ever
            endpoint.offload(connection, always.replace("range(3)", "range(1, 3)"), [TEXT])


def test_guarded_answer_fails_before_its_first_row(endpoint):
    sql = "SELECT CASE WHEN range < 199999 THEN range ELSE error('late') END::BIGINT FROM range({}) -- guarded"
    with endpoint.connect() as connection:
        with pytest.raises(pymysql.err.MySQLError) as caught:
            endpoint.offload(connection, sql.format(200000), [NUMBER])
        assert "late" in caught.value.args[1]
        rows = endpoint.offload(connection, sql.format(199999), [NUMBER])  # the connection goes on
        assert sorted(rows) == [(i,) for i in range(199999)]  # the store gives rows in any order
        with pytest.raises(pymysql.err.MySQLError) as caught:
            endpoint.offload(connection, "SELECT range FROM range(20000000) -- guarded", [NUMBER])
        assert "too long" in caught.value.args[1]


def test_many_rows_and_every_sequence_number(endpoint):
    with endpoint.connect() as connection:
        rows = endpoint.offload(connection, "SELECT range FROM range(300000) ORDER BY range", [NUMBER])
        assert rows == tuple((i,) for i in range(300000))


def test_kill_by_backend_connection(endpoint):
    with endpoint.connect() as connection:
        timer = threading.Timer(0.5, lambda: endpoint.run("KILL QUERY 4711"))
        timer.start()
        started = time.monotonic()
        with pytest.raises(pymysql.err.MySQLError) as caught:
            endpoint.offload(connection, ENDLESS, [NUMBER], connection_id=4711)
        assert caught.value.args[0] == 1317
        assert time.monotonic() - started < 3
        assert endpoint.offload(connection, "SELECT 5::BIGINT", [NUMBER]) == ((5,),)
    endpoint.run("KILL 4711")  # nothing runs any more


@pytest.mark.parametrize(("backend", "number"), [("mysql", 3024), ("mariadb", 1969)])
def test_max_execution_time(endpoint, backend, number):
    with endpoint.connect() as connection:
        with pytest.raises(pymysql.err.MySQLError) as caught:
            endpoint.offload(connection, ENDLESS, [NUMBER], max_execution_time=300, backend=backend)
        assert caught.value.args[0] == number
        endpoint.fence = 30.0
        with pytest.raises(pymysql.err.MySQLError) as caught:
            endpoint.offload(connection, "SELECT 1", [NUMBER], max_execution_time=200)
        assert caught.value.args[0] == 3024


def test_stopping_ends_what_runs(endpoint):
    with endpoint.connect() as connection:
        endpoint.send_offload(connection, ENDLESS, [NUMBER])
        _wait(lambda: len(endpoint.executor.running) == 1)
        asyncio.run_coroutine_threadsafe(endpoint.executor.stop(), endpoint.loop).result(5)
        with pytest.raises(pymysql.err.MySQLError) as caught:
            connection._read_packet()
        assert caught.value.args == (3889, "Secondary engine operation failed. The engine is stopping.")
        with pytest.raises(pymysql.err.MySQLError) as caught:
            endpoint.offload(connection, "SELECT 1::BIGINT", [NUMBER])
        assert caught.value.args[0] == 3889


def test_disconnect_stops_the_work(endpoint):
    connection = endpoint.connect()
    endpoint.send_offload(connection, ENDLESS, [NUMBER])
    _wait(lambda: len(endpoint.executor.running) == 1)
    connection._force_close()
    _wait(lambda: len(endpoint.executor.running) == 0)


def test_a_client_that_stops_reading_does_not_grow_memory(endpoint):
    sql = "SELECT repeat('x', 1000) FROM range(5000000)"  # 5 GB
    process = psutil.Process()
    connection = endpoint.connect()
    before = process.memory_info().rss
    endpoint.send_offload(connection, sql, [TEXT])
    time.sleep(2)
    assert process.memory_info().rss - before < 400 << 20
    assert len(endpoint.executor.running) == 1
    connection._force_close()
    _wait(lambda: len(endpoint.executor.running) == 0)


def test_first_rows_come_before_the_last_are_computed(endpoint):
    sql = "SELECT range FROM range(200000000)"
    connection = endpoint.connect()
    started = time.monotonic()
    endpoint.send_offload(connection, sql, [NUMBER])
    for _ in range(100):
        connection._read_packet()
    assert time.monotonic() - started < 2
    connection._force_close()


def test_statements_at_once_queue_for_a_slot(endpoint):
    results = []

    def ask():
        with endpoint.connect() as connection:
            results.extend(endpoint.offload(connection, "SELECT count(*) FROM range(3000000)", [NUMBER]))

    threads = [threading.Thread(target=ask) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [(3000000,)] * 30


def test_tables_are_told_of_once_the_copy_is_fresh(endpoint):
    def told(statement):
        with endpoint.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return [row[2] for row in cursor.fetchall()[1:]]

    def arrive():
        add_table(endpoint.store, name="made")
        return 0

    endpoint.fence = arrive
    assert told("SHOW WARMFRONT TABLES SINCE 0") == ["item"]
    assert told("SHOW WARMFRONT TABLES SINCE 0 WHEN FRESH") == ["item", "made"]
    endpoint.fence = SecondaryEngineError("The copy is not fresh")
    assert told("SHOW WARMFRONT TABLES SINCE 0 WHEN FRESH") == ["item", "made"]


def test_information_tables(endpoint):
    with endpoint.connect() as connection:
        connection.ping(reconnect=False)
        endpoint.offload(connection, "SELECT id FROM item", [NUMBER], schema="shop")
        with pytest.raises(pymysql.err.MySQLError):
            endpoint.offload(connection, "REFUSE", [NUMBER])
    rows = endpoint.run(
        "SELECT i.NAME, t.NROWS, t.LOAD_STATUS, t.QUERY_COUNT FROM performance_schema.rpd_tables t"
        " JOIN performance_schema.rpd_table_id AS i USING (id) WHERE t.load_status = 'avail_rpdgstabstate' ORDER BY 1"
    )
    assert rows == (("shop.item", 10, "AVAIL_RPDGSTABSTATE", 1),)
    assert endpoint.run("SELECT COUNT(*) FROM performance_schema.rpd_columns") == ((2,),)
    assert endpoint.run("SELECT column_name FROM performance_schema.rpd_column_id ORDER BY id DESC LIMIT 1") == (
        ("name",),
    )
    stats = endpoint.run(
        "SELECT query_text, offload_fail_text FROM performance_schema.rpd_query_stats ORDER BY query_id"
    )
    assert stats[0] == ("SELECT id FROM item", None)
    assert stats[1] == ("REFUSE", "Secondary engine operation failed. function frobnicate is not supported.")
    assert endpoint.run("SELECT status FROM performance_schema.rpd_nodes") == (("AVAIL_RNSTATE",),)


def test_information_columns_are_named_as_written(endpoint):
    with endpoint.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT nrows, count( * ), id AS x, concat('a,b', 1) FROM performance_schema.rpd_tables GROUP BY 1, 3"
        )
        assert [d[0] for d in cursor.description] == ["nrows", "count( * )", "x", "concat('a,b', 1)"]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM performance_schema.threads",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM mysql.user",
        "SHOW TABLES",
        "DROP TABLE x",
        "ALTER TABLE a SECONDARY_LOAD",
        "ALTER TABLE a.b SECONDARY_LOAD PARTITION (p0)",
        "ALTER TABLE a.bad SECONDARY_LOAD",
        "",
    ],
)
def test_what_the_engine_does_not_answer_is_3889(endpoint, statement):
    with endpoint.connect() as connection:
        with pytest.raises(pymysql.err.MySQLError) as caught:
            connection.query(statement)
        assert caught.value.args[0] == 3889


def test_load_and_unload(endpoint):
    endpoint.run("ALTER TABLE `my``shop`.item SECONDARY_LOAD")
    endpoint.run("alter table a . `b` secondary_unload;")
    assert endpoint.actions == [("load", "my`shop", "item"), ("unload", "a", "b")]


def test_status_variables(endpoint):
    with endpoint.connect() as connection:
        endpoint.offload(connection, "SELECT 5::BIGINT", [NUMBER])
    assert endpoint.run("SHOW GLOBAL STATUS LIKE 'rapid_query_offload%'") == (("rapid_query_offload_count", "1"),)
    assert endpoint.run("SHOW STATUS LIKE 'secondary\\_engine%'") == (("Secondary_engine_execution_count", "1"),)
    found = dict(endpoint.run("SHOW STATUS"))
    assert found["warmfront_lag_seconds"] == "0.250"
    assert found["warmfront_applied_position"] == "binlog.000007:1234"
    assert endpoint.run("SELECT 1") == ((1,),)
    assert endpoint.run("SELECT @@version_comment LIMIT 1") == (("warmfront column store",),)


def _raw(endpoint):
    raw = socket.socket(socket.AF_UNIX)
    raw.settimeout(10)
    raw.connect(str(endpoint.path))
    return raw


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff" * 4096,
        build_packets(b"", 1),
        build_packets(b"\x00" * 32, 1),
        build_packets(b"\x0d\xa2\x00\x00" + bytes(28) + b"warmfront\x00\x14" + bytes(5), 1),
    ],
)
def test_bytes_that_are_no_login_end_the_connection(endpoint, data):
    raw = _raw(endpoint)
    assert raw.recv(4096)
    raw.sendall(data)
    raw.shutdown(socket.SHUT_WR)
    while raw.recv(4096):
        pass
    assert endpoint.run("SELECT 1") == ((1,),)


@pytest.mark.parametrize(
    "payload", [b"", b"\x16SELECT 1", b"\xee", b"\x03", b"\x03\xfb", b"\x03\x00\x01\xff\xfe", b"\x03\x05\x01\x00"]
)
def test_bad_commands_are_answered_with_an_error(endpoint, payload):
    with endpoint.connect() as connection:
        connection._next_seq_id = 0
        connection._write_bytes(build_packets(payload, 0))
        connection._next_seq_id = 1
        with pytest.raises(pymysql.err.MySQLError):
            connection._read_packet()
        connection.ping(reconnect=False)


def test_bad_attributes_are_3889_or_malformed(endpoint):
    for context in ({"connection_id": 1, "nonsense": 2}, {}):
        with endpoint.connect() as connection:
            attributes = {"wf_context": json.dumps(context).encode(), "wf_columns": b"\x03abc"}
            connection._next_seq_id = 0
            connection._write_bytes(build_packets(b"\x03" + build_query_attributes(attributes) + b"SELECT 1", 0))
            connection._next_seq_id = 1
            with pytest.raises(pymysql.err.MySQLError):
                connection._read_packet()


def test_a_statement_of_16_mib_is_refused(endpoint):
    with endpoint.connect() as connection:
        connection._next_seq_id = 0
        connection._write_bytes(build_packets(b"\x03\x00\x01SELECT " + b"x" * (17 << 20), 0))
        connection._next_seq_id = 2
        with pytest.raises(pymysql.err.MySQLError) as caught:
            connection._read_packet()
        assert caught.value.args[0] == 3889
        connection.ping(reconnect=False)


def _wait(condition, seconds=5.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
