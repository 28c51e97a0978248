"""MySQL's parameters keep the types of their first values: what an execution means depends on those before it."""

import struct
from collections.abc import Iterator
from itertools import permutations, product
from typing import Any

import pytest

from tests.live.offload_kit import rows
from tests.live.packets import is_eof
from wire.constants import Command, FieldType
from wire.integers import build_lenenc_bytes
from wire.responses import parse_err

pytestmark = pytest.mark.live

VALUES = {
    "integer": (FieldType.LONGLONG, struct.pack("<q", 5)),
    "negative": (FieldType.SHORT, struct.pack("<h", -5)),
    "double": (FieldType.DOUBLE, struct.pack("<d", 2.5)),
    "decimal": (FieldType.NEWDECIMAL, build_lenenc_bytes(b"1.50")),
    "number as text": (FieldType.VAR_STRING, build_lenenc_bytes(b"7")),
    "text": (FieldType.VAR_STRING, build_lenenc_bytes(b"n3")),
    "day as text": (FieldType.STRING, build_lenenc_bytes(b"2024-02-03")),
    "bytes": (FieldType.BLOB, build_lenenc_bytes(b"n3")),
    "date": (FieldType.DATE, b"\4" + struct.pack("<HBB", 2024, 2, 3)),
    "moment": (FieldType.DATETIME, b"\7" + struct.pack("<HBBBBB", 2024, 2, 3, 4, 5, 6)),
    "time": (FieldType.TIME, b"\x08" + struct.pack("<BIBBB", 0, 0, 4, 5, 6)),
    "null": (FieldType.LONGLONG, None),
}
LONG = {"long text": FieldType.VAR_STRING, "long bytes": FieldType.BLOB}
STATEMENTS = (
    "SELECT COUNT(*) AS {}, MIN(id) FROM kinds WHERE s = ?",
    "SELECT COUNT(*) AS {}, MIN(id) FROM kinds WHERE g < ?",
    "SELECT COUNT(*) AS {}, MIN(id) FROM kinds WHERE v >= ?",
    "SELECT COUNT(*) AS {}, MIN(id) FROM kinds WHERE d > ?",
    "SELECT id + ? AS {} FROM kinds WHERE id < 4 ORDER BY id",
)


@pytest.fixture(scope="module")
def schema(backend: Any, warmfront_instance: Any) -> Iterator[str]:
    backend.run("DROP DATABASE IF EXISTS kinds")
    backend.run("CREATE DATABASE kinds")
    backend.run("CREATE TABLE kinds.kinds (id INT PRIMARY KEY, g INT, v DECIMAL(10,2), s VARCHAR(20), d DATE)")
    values = ",".join(f"({i},{i % 7 - 3},{i / 3:.2f},'n{i % 50}','2024-01-01' + INTERVAL {i} DAY)" for i in range(300))
    backend.run(f"INSERT INTO kinds.kinds VALUES {values}, (300, 1, 1, '7', NULL), (301, 1, 1, '5', NULL)")
    warmfront_instance.wait_until_loaded("kinds", "kinds")
    yield "kinds"
    backend.run("DROP DATABASE kinds")


class Statement:
    """One prepared statement of one parameter."""

    def __init__(self, connection: Any, text: str) -> None:
        self._connection = connection
        connection._execute_command(Command.STMT_PREPARE, text)
        self._number = bytes(connection._read_packet()._data)[1:5]
        for _ in range(2):
            while not is_eof(bytes(connection._read_packet()._data)):
                pass

    def execute(self, name: str) -> list[bytes]:
        """Give the rows, or the number of the error, of an execution with a value."""
        how, _, sent = name.partition(": ")
        if how in LONG:
            self._connection._execute_command(Command.STMT_SEND_LONG_DATA, self._number + b"\0\0" + sent.encode())
            return self._answer(LONG[how], b"")
        return self._answer(*VALUES[name])

    def _answer(self, kind: FieldType, value: bytes | None) -> list[bytes]:
        body = (b"\0" if value is not None else b"\1") + b"\1" + bytes((kind, 0)) + (value or b"")
        command = self._number + b"\0" + (1).to_bytes(4, "little") + body
        self._connection._execute_command(Command.STMT_EXECUTE, command)
        self._connection._result = None
        found, ends = [], 0
        while ends < 2:
            payload = bytes(self._connection._read_raw())
            if payload[:1] == b"\xff":
                return [str(parse_err(payload).number).encode()]
            ends += is_eof(payload)
            if ends == 1 and not is_eof(payload):
                found.append(payload)
        return found


def raw(connection: Any) -> Any:
    """A connection whose packets are read without errors being raised."""

    def read() -> bytes:
        head = connection._read_bytes(4)
        connection._next_seq_id = head[3] + 1 & 0xFF
        return bytes(connection._read_bytes(int.from_bytes(head[:3], "little")))

    connection._read_raw = read
    return connection


@pytest.mark.parametrize("text", STATEMENTS)
def test_an_execution_means_what_it_means_at_the_server(
    warmfront_instance: Any, backend: Any, schema: str, text: str
) -> None:
    with warmfront_instance.connect(database=schema) as ours, backend.connect(database=schema) as theirs:
        sides = [raw(ours), raw(theirs)]
        before = int(rows(ours, "SHOW SESSION STATUS LIKE 'Secondary_engine_execution_count'")[0][1])
        for number, (first, second) in enumerate(permutations(VALUES, 2)):
            found = []
            for side in sides:  # each pair with a text of its own, lest one that stays on the backend keeps the others
                statement = Statement(side, text.format(f"c{number}"))
                found.append([statement.execute(name) for name in (first, first, second, first, second)])
            assert found[0] == found[1], (first, second)
        after = int(rows(ours, "SHOW SESSION STATUS LIKE 'Secondary_engine_execution_count'")[0][1])
        assert after > before + 20 or "id + ?" in text  # whose type that of the parameter decides


@pytest.mark.parametrize("text", STATEMENTS[:4])
def test_long_data_means_what_it_means_at_the_server(
    warmfront_instance: Any, backend: Any, schema: str, text: str
) -> None:
    """MariaDB reads it as a value of the type before, a whole number from where an address lies."""
    names = ("integer", "negative", "double", "decimal", "text", "bytes", "null")
    with warmfront_instance.connect(database=schema) as ours, backend.connect(database=schema) as theirs:
        sides = [raw(ours), raw(theirs)]
        for number, (first, second) in enumerate(product(names, repeat=2)):
            found = []
            for side in sides:
                statement = Statement(side, text.format(f"l{number}"))
                steps = (
                    first,
                    "long text: n3",
                    "long bytes: n3",
                    second,
                    first,
                    "long text: 7",
                    second,
                    "long text: n3",
                )
                found.append([statement.execute(name) for name in steps])
            assert found[0] == found[1], (first, second)


def test_only_the_server_knows_what_long_data_is_made(warmfront_instance: Any, backend: Any, schema: str) -> None:
    with warmfront_instance.connect(database=schema) as connection:
        rows(connection, "SET use_secondary_engine = FORCED")
        refused = [b"3889"]
        for first, knows in (("integer", False), ("text", True), ("null", True)):
            statement = Statement(raw(connection), "SELECT COUNT(*) FROM kinds WHERE g < ?")
            assert statement.execute("long text: 7") != refused
            assert statement.execute(first)
            assert (statement.execute("long text: 7") != refused) == knows, first


def test_only_the_server_knows_what_another_kind_is_made(warmfront_instance: Any, backend: Any, schema: str) -> None:
    with warmfront_instance.connect(database=schema) as connection:
        rows(connection, "SET use_secondary_engine = FORCED")
        statement = Statement(raw(connection), "SELECT COUNT(*) FROM kinds WHERE s = ?")
        refused = [b"3889"]
        assert statement.execute("text") != refused
        assert statement.execute("null") != refused
        assert statement.execute("number as text") != refused
        assert statement.execute("bytes") == refused
        # MariaDB takes each execution as it comes.
        assert (statement.execute("text") == refused) == (not backend.is_mariadb)
