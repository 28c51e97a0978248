"""The packets in which a server answers a SELECT."""

from typing import Any

from wire.constants import Command
from wire.responses import ColumnDefinition, is_eof, parse_column_definition


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
