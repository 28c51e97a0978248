"""The packets in which a server answers a SELECT."""

from collections.abc import Callable
from typing import Any

import pymysql

from wire.constants import Command, FieldType
from wire.integers import build_lenenc_bytes
from wire.responses import ColumnDefinition, Err, Ok, is_eof, parse_column_definition, parse_ok


def _payloads(connection: Any, until_ends: int) -> list[bytes]:
    found: list[bytes] = []
    ends = 0
    while ends < until_ends:
        payload = bytes(connection._read_packet()._data)
        ends += is_eof(payload)
        found.append(payload)
    return found


def server_rows(connection: Any, statement: str, protocol: str) -> tuple[list[ColumnDefinition], list[bytes]]:
    """The definitions of a prepare, and the rows in a protocol ("text" or "binary") as the server sends them."""
    connection._execute_command(Command.STMT_PREPARE, statement)
    head = bytes(connection._read_packet()._data)
    definitions = [parse_column_definition(p) for p in _payloads(connection, 1)[:-1]]
    if protocol == "text":
        connection._execute_command(Command.QUERY, statement)
    else:
        connection._execute_command(Command.STMT_EXECUTE, head[1:5] + b"\0" + (1).to_bytes(4, "little"))
    rows = _payloads(connection, 2)[1 + len(definitions) + 1 : -1]
    connection._result = None
    return definitions, rows


def call_prepared(connection: Any, statement: str) -> Callable[..., tuple[list[str], list[bytes]]]:
    """Prepare a statement; gives a function that executes it with texts, or values of another `kind`.

    It gives column names and rows as bytes.
    """
    connection._execute_command(Command.STMT_PREPARE, statement)
    head = bytes(connection._read_packet()._data)
    columns, parameters = int.from_bytes(head[5:7], "little"), int.from_bytes(head[7:9], "little")
    _payloads(connection, bool(columns) + bool(parameters))

    def execute(*texts: bytes, kind: FieldType = FieldType.VAR_STRING) -> tuple[list[str], list[bytes]]:
        nulls = bytes((parameters + 7) // 8)
        types = bytes((kind, 0)) * parameters
        values = b"".join(build_lenenc_bytes(text) for text in texts)
        body = nulls + b"\1" + types + values if parameters else b""
        connection._execute_command(Command.STMT_EXECUTE, head[1:5] + b"\0" + (1).to_bytes(4, "little") + body)
        first = bytes(connection._read_packet()._data)
        connection._result = None
        if first[:1] == b"\0":
            return [], []
        definitions = [parse_column_definition(p).name for p in _payloads(connection, 1)[:-1]]
        return definitions, _payloads(connection, 1)[:-1]

    return execute


def execute_write(connection: Any, statement: str, *numbers: int) -> Ok | Err:
    """Prepare a statement without result rows, and execute it with integers; gives the answer."""
    connection._execute_command(Command.STMT_PREPARE, statement)
    head = bytes(connection._read_packet()._data)
    _payloads(connection, bool(numbers))
    types = bytes((FieldType.LONGLONG, 0)) * len(numbers)
    values = b"".join(number.to_bytes(8, "little", signed=True) for number in numbers)
    body = bytes((len(numbers) + 7) // 8) + b"\1" + types + values if numbers else b""
    connection._execute_command(Command.STMT_EXECUTE, head[1:5] + b"\0" + (1).to_bytes(4, "little") + body)
    try:
        first = bytes(connection._read_packet()._data)
    except pymysql.err.MySQLError as problem:
        return Err(problem.args[0], "", problem.args[1])
    finally:
        connection._result = None
    return parse_ok(first)
