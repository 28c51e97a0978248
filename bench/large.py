"""How fast does a large result come to the client?

A million rows of ten columns, in text and in binary: direct from the server, through HAProxy, MySQL Router and a bare
byte pump on uvloop, relayed by warmfront and offloaded. The client only reads. Medians, in one run, alternating.

    python -m bench.large --rows 1000000 --rounds 3 [--mysqld PROGRAM]
"""

import argparse
import pathlib
import socket
import statistics
import tempfile
import time
from typing import Any

import pymysql

from bench import report
from bench.instance import Instance, running
from bench.relay import Way, haproxy, mysql_router, pump, through_warmfront

SCHEMA = "large"
QUERY = "SELECT * FROM facts"
_UNCOUNTED = 6  # relayed first: a worker loads what it follows large results with behind its first one
_TABLE = (
    "CREATE TABLE facts (id INT PRIMARY KEY, customer INT, amount DECIMAL(12,2), rate DOUBLE, sold DATE, "
    "entered DATETIME, name VARCHAR(20), note VARCHAR(40), kind TINYINT, total BIGINT)"
)
_DIGITS = "(SELECT 0 n" + "".join(f" UNION ALL SELECT {n}" for n in range(1, 10)) + ")"


def prepare(instance: Instance, rows: int) -> None:
    """Fill the table and wait for its copy."""
    numbers = "a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n + 100000 * f.n"
    froms = ", ".join(f"{_DIGITS} {name}" for name in "abcdef")
    with instance.connect(direct=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {SCHEMA}")
        cursor.execute(f"USE {SCHEMA}")
        cursor.execute(_TABLE)
        for start in range(0, rows, 1_000_000):
            cursor.execute(
                "INSERT INTO facts SELECT i, i * 7919 % 100000, i % 9999 / 100, i / 8, "
                "DATE '2020-01-01' + INTERVAL i % 2000 DAY, TIMESTAMP '2020-01-01 00:00:00' + INTERVAL i SECOND, "
                "CONCAT('name ', i), CONCAT('a note of row ', i), i % 100, "
                f"i * 1000003 FROM (SELECT {start} + {numbers} AS i FROM {froms}) x WHERE i < {rows}"
            )
    instance.wait_loaded(SCHEMA, {"facts"})


def drain(sock: socket.socket) -> int:
    """Read one result to its end (an EOF packet); gives its bytes."""
    buffer = bytearray(1 << 20)
    view = memoryview(buffer)
    total = 0
    while True:
        got = sock.recv_into(view)
        if not got:
            raise ConnectionError("closed")
        total += got
        if got >= 9 and buffer[got - 9 : got - 6] == b"\x05\0\0" and buffer[got - 5] == 0xFE:
            sock.settimeout(0.01)
            try:
                if sock.recv(1, socket.MSG_PEEK):
                    continue
            except TimeoutError:
                return total
            finally:
                sock.settimeout(None)


def run(connection: Any, binary: bool) -> tuple[float, int]:
    """Run the query and read its answer; gives the seconds and the bytes of it."""
    if binary:
        connection._execute_command(0x16, QUERY)
        number = connection._read_packet().get_all_data()[1:5]
        for _ in range(11):
            connection._read_packet()
    began = time.perf_counter()
    if binary:
        connection._execute_command(0x17, number + b"\0\1\0\0\0")
    else:
        connection._execute_command(3, QUERY)
    size = drain(connection._sock)
    return time.perf_counter() - began - 0.01, size


def ask(instance: Instance, port: int, use: str, binary: bool) -> tuple[float, int]:
    """Run the query on a connection of its own; gives the seconds and the bytes of its answer."""
    user = {"user": instance.user, "password": instance.password, "database": SCHEMA, "ssl_disabled": True}
    connection = pymysql.connect(host="127.0.0.1", port=port, **user)
    if port == instance.port:
        connection.cursor().execute(f"SET use_secondary_engine = {use}")
    told = run(connection, binary)
    connection._force_close()
    return told


def measure(instance: Instance, rounds: int, others: dict[str, Way | None]) -> None:
    """Run the rounds and print medians and ratios; `others` are other proxies before the backend."""
    ways = {
        "direct": (Way(instance.backend_port), "OFF"),
        "relayed": (through_warmfront(instance), "OFF"),
        "offloaded": (through_warmfront(instance), "FORCED"),
    }
    ways |= {name: (way, "OFF") for name, way in others.items() if way}
    rows = []
    for _ in range(_UNCOUNTED):
        ask(instance, instance.port, "OFF", False)
    for binary in (False, True):
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        own: dict[str, list[float]] = {name: [] for name in ways}
        sizes = {}
        for _ in range(rounds):
            for name, (way, use) in ways.items():
                before = way.spent()
                spent, sizes[name] = ask(instance, way.port, use, binary)
                seconds[name].append(spent)
                own[name].append(way.spent() - before)
        middle = {name: statistics.median(values) for name, values in seconds.items()}
        for name in ways:
            kind = "binary" if binary else "text"
            taken = [middle[name], statistics.median(own[name]), sizes[name] / 2**20]
            rows.append([f"{kind}, {name}", *taken, middle["direct"] / middle[name]])
    report.table(["", "s", "own processor s", "MiB", "speed to direct"], rows)


def main() -> None:
    """Parse arguments, start an instance, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--router", help="path of mysqlrouter; default: from PATH")
    parser.add_argument("--mysqld")
    arguments = parser.parse_args()
    report.head(f"{arguments.rows:,} rows of ten columns to a client that only reads")
    options = ["--mysqld", arguments.mysqld] if arguments.mysqld else []
    with running(options=options) as instance, tempfile.TemporaryDirectory() as folder:
        prepare(instance, arguments.rows)
        with (
            haproxy(instance, pathlib.Path(folder)) as first,
            mysql_router(instance, pathlib.Path(folder), arguments.router) as second,
            pump(instance) as bare,
        ):
            others = {"HAProxy TCP": first, "MySQL Router": second, "bare pump on uvloop": bare}
            measure(instance, arguments.rounds, others)


if __name__ == "__main__":
    main()
