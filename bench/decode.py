"""Rows per second of processor time of the change decoder, on row events that a real server wrote.

    python -m bench.decode --rows 200000 --mysqld PROGRAM

Writes a sysbench-like table of ten columns into the backend, reads its log into memory, and decodes it again and
again; beside it a plain Python decoder of the same bytes, and mysql-replication (where it is installed) reading the
same rows from the server.
"""

import argparse
import struct
import time

from base.settings import Settings
from bench import report
from bench.backend import private_backend
from engine.backend.connection import Connection, read_position
from engine.backend.describe import describe_table
from engine.changes.batch import Batch
from engine.changes.position import Position
from engine.replicate.assemble import Assembler
from engine.replicate.dump import request_dump
from engine.replicate.source import _Packets
from statements.schema import Table
from wire.binlog_events import EventParser
from wire.binlog_types import Rows, Xid

SCHEMA = "warmfront_bench_decode"
COLUMNS = (
    "id int NOT NULL PRIMARY KEY, k int NOT NULL, c char(120) NOT NULL, pad char(60) NOT NULL, big bigint NOT NULL,"
    " price decimal(15,2) NOT NULL, ratio double NOT NULL, day date NOT NULL, made datetime(6) NOT NULL,"
    " note varchar(40)"
)


def capture(settings: Settings, rows: int) -> tuple[Table, list[bytes]]:
    """Write the rows and read their events back from the log."""
    with Connection(settings) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {SCHEMA}")
        connection.execute(f"CREATE DATABASE {SCHEMA}")
        connection.execute(f"CREATE TABLE {SCHEMA}.t ({COLUMNS}) CHARACTER SET utf8mb4")
        table = describe_table(connection, SCHEMA, "t")
        assert table is not None
        start = read_position(connection)
        digits = "(SELECT 0 d" + "".join(f" UNION ALL SELECT {d}" for d in range(1, 10)) + ")"
        width = len(str(rows - 1))
        number = "(" + " + ".join(f"d{i}.d * {10**i}" for i in range(width)) + ")"
        source = ", ".join(f"{digits} d{i}" for i in range(width))
        connection.execute(
            f"INSERT INTO {SCHEMA}.t SELECT {number}, {number} % 1000, REPEAT('0123456789-', 10), REPEAT('9876-', 11),"
            f" {number} * 1000003, {number} / 7, {number} / 3, '2020-01-01' + INTERVAL {number} % 3650 DAY,"
            f" '2020-01-01 00:00:00.123456' + INTERVAL {number} SECOND,"
            f" IF({number} % 5, CONCAT('note ', {number}), NULL)"
            f" FROM {source} WHERE {number} < {rows}"
        )
        events: list[bytes] = []
        request_dump(connection, connection.raw._sock, start, 4294901760, "00000000-0000-4000-8000-000000000001")
        packets, parser = _Packets(connection.raw._sock), EventParser()
        while True:
            for event in packets.receive():
                events.append(event)
                if isinstance(parser.parse(event)[1], Xid):
                    connection.raw._force_close()
                    return table, events


def assemble(settings: Settings, table: Table, events: list[bytes]) -> Batch:
    """Decode everything, checksums and transactions included."""
    assembler = Assembler(
        Position("", "", 0), lambda schema, _: table if schema == SCHEMA else None, settings.server.is_mariadb
    )
    for event in events:
        assembler.feed(event)
    batch = assembler.flush()
    assert batch is not None
    assert not batch.failures, batch.failures
    return batch


def decode_plainly(events: list[bytes]) -> int:
    """The same rows by struct and slices, one Python call per row: what a decoder without columns does."""
    parser, rows = EventParser(), []
    for event in events:
        parsed = parser.parse(event)[1]
        if not isinstance(parsed, Rows):
            continue
        data, at = parsed.images, 0
        while at < len(data):
            nulls = data[at] | data[at + 1] << 8
            at += 2
            row: list[object] = list(struct.unpack_from("<ii", data, at))
            at += 8
            long = data[at] | data[at + 1] << 8
            row.append(data[at + 2 : at + 2 + long].decode())
            at += 2 + long
            row.append(data[at + 1 : at + 1 + data[at]].decode())
            at += 1 + data[at]
            row.append(struct.unpack_from("<q", data, at)[0])
            at += 8
            whole = int.from_bytes(data[at : at + 6], "big") ^ 1 << 47
            row.append(whole * 100 + data[at + 6])
            row.append(struct.unpack_from("<d", data, at + 7)[0])
            at += 15
            day = int.from_bytes(data[at : at + 3], "little")
            row.append((day >> 9, day >> 5 & 15, day & 31))
            row.append(int.from_bytes(data[at + 3 : at + 8], "big"))
            row.append(int.from_bytes(data[at + 8 : at + 11], "big"))
            at += 11
            if nulls & 512:
                row.append(None)
            else:
                row.append(data[at + 1 : at + 1 + data[at]].decode())
                at += 1 + data[at]
            rows.append(row)
    return len(rows)


def mysql_replication(settings: Settings) -> tuple[int, float] | None:
    """Rows that mysql-replication reads from the server's log, and its seconds of processor; None without it."""
    try:
        from pymysqlreplication import BinLogStreamReader
        from pymysqlreplication.row_event import WriteRowsEvent
    except ImportError:
        return None
    server = settings.server
    login = {"user": server.user, "passwd": server.password, "unix_socket": server.socket}
    began, rows = time.process_time(), 0
    stream = BinLogStreamReader(connection_settings=login, server_id=4294901761, only_events=[WriteRowsEvent])
    for event in stream:
        rows += len(event.rows) if event.schema == SCHEMA else 0
    stream.close()
    return rows, time.process_time() - began


def main() -> None:
    """Capture, decode, print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--mysqld", help="server program")
    arguments.add_argument("--rows", type=int, default=200_000)
    options = arguments.parse_args()
    report.head("Decoding row events")
    with private_backend(options.mysqld) as upstream:
        measure(Settings(upstream=upstream), options.rows)


def measure(settings: Settings, count: int) -> None:
    """Decode in each way and print."""
    table, events = capture(settings, count)
    theirs = mysql_replication(settings)
    size = sum(map(len, events))
    assemble(settings, table, events)  # compiles
    best = float("inf")
    rows = 0
    for _ in range(7):
        began = time.process_time()
        batch = assemble(settings, table, events)
        best = min(best, time.process_time() - began)
        rows = sum(changes.rows.num_rows for changes in batch.changes)
    began = time.process_time()
    plain = decode_plainly(events)
    plain_time = time.process_time() - began
    print(f"{rows:,} rows, {len(events):,} events, {size / 1e6:.1f} MB from {settings.server.version}")
    print(f"columns, compiled: {rows / best:>12,.0f} rows/s  {size / best / 1e6:>7,.0f} MB/s")
    print(f"plain Python:      {plain / plain_time:>12,.0f} rows/s  {size / plain_time / 1e6:>7,.0f} MB/s")
    print(
        f"mysql-replication: {theirs[0] / theirs[1]:>12,.0f} rows/s" if theirs else "mysql-replication: not installed"
    )


if __name__ == "__main__":
    main()
