"""Whole answers of a server, read from bytes: for our own small questions, never for a client's rows."""

from dataclasses import dataclass, field, replace

from base.errors import MalformedPacket, WarmfrontError
from wire.constants import Capability, Status
from wire.framing import PacketReader, build_packets
from wire.integers import build_lenenc, read_lenenc
from wire.responses import (
    Err,
    Ok,
    PrepareOk,
    build_column_definition,
    build_end_of_rows,
    build_text_row,
    is_end_of_rows,
    is_err,
    parse_column_definition,
    parse_end_of_rows,
    parse_err,
    parse_ok,
    parse_prepare_ok,
    parse_text_row,
)

_DEPRECATE_EOF = int(Capability.DEPRECATE_EOF)  # a flag's own operators take a microsecond each


class AnswerTooLarge(WarmfrontError):
    """A question of our own was answered with more than is kept; `head` is what was."""

    def __init__(self, head: bytes) -> None:
        super().__init__("The backend answered a question of warmfront's own with more than 16 MiB.")
        self.head = head


@dataclass(slots=True)
class Answer:
    """One command's answer. `definitions` are raw payloads; `rows` hold text values."""

    error: Err | None = None
    ok: Ok | None = None
    prepared: PrepareOk | None = None
    definitions: list[bytes] = field(default_factory=list)
    rows: list[list[bytes | None]] = field(default_factory=list)
    status: int = 0
    warnings: int = 0


class AnswerReader:
    """Read the answers of pipelined commands one after the other."""

    def __init__(self, data: bytes, capabilities: int) -> None:
        self._packets = PacketReader()
        self._packets.feed(data)
        self._capabilities = int(capabilities)
        self._has_eof = not capabilities & _DEPRECATE_EOF

    def _next(self) -> bytes:
        payload = self._packets.next_payload()
        if payload is None:
            raise MalformedPacket("answer")
        return payload

    def _skip_eof(self) -> None:
        if self._has_eof:
            self._next()

    def result(self) -> Answer:
        """Read the answer of a COM_QUERY that gives at most one result. Raises MalformedPacket."""
        first = self._next()
        if is_err(first):
            return Answer(error=parse_err(first))
        if first[:1] == b"\0":
            ok = parse_ok(first)
            return Answer(ok=ok, status=ok.status, warnings=ok.warnings)
        count, _ = read_lenenc(first, 0)
        answer = Answer(definitions=[self._next() for _ in range(count or 0)])
        self._skip_eof()
        while True:
            payload = self._next()
            if is_err(payload):
                answer.error = parse_err(payload)
                return answer
            if is_end_of_rows(payload, self._capabilities):
                answer.status, answer.warnings = parse_end_of_rows(payload, self._capabilities)
                return answer
            answer.rows.append(parse_text_row(payload, count or 0))

    def prepare(self) -> Answer:
        """Read the answer of a COM_STMT_PREPARE. Raises MalformedPacket."""
        first = self._next()
        if is_err(first):
            return Answer(error=parse_err(first))
        prepared = parse_prepare_ok(first)
        self._definitions(prepared.parameters)
        definitions = self._definitions(prepared.columns)
        return Answer(prepared=prepared, definitions=definitions, warnings=prepared.warnings)

    def _definitions(self, count: int) -> list[bytes]:
        """Read definitions of a prepare: MySQL ends them early where it counts a parameter that it has thrown away."""
        found: list[bytes] = []
        while len(found) < count:
            payload = self._next()
            if self._has_eof and is_end_of_rows(payload, self._capabilities):
                return found
            found.append(payload)
        if count:
            self._skip_eof()
        return found


def fit_definitions(answer: bytes, written_for: int, capabilities: int) -> bytes:
    """Give a whole, small answer as a client of these capabilities reads it; the engine never writes MariaDB's extended
    metadata, for which its clients want a place in every column definition."""
    if not capabilities & Capability.MARIADB_EXTENDED_METADATA:
        return answer
    found = AnswerReader(answer, written_for).result()
    if not found.definitions or found.error:
        return answer
    known = [replace(parse_column_definition(payload), extended=b"") for payload in found.definitions]
    status = Status(found.status)
    return build_result([*map(build_column_definition, known)], found.rows, status, capabilities, found.warnings)


def build_result(
    definitions: list[bytes],
    rows: list[list[bytes | None]],
    status: Status,
    capabilities: int,
    warnings: int = 0,
    packed: list[bytes] | None = None,
) -> bytes:
    """Write a small text result as packets from sequence 1; `packed` are its rows when they are in another form."""
    payloads = [build_lenenc(len(definitions)), *definitions]
    end = build_end_of_rows(status, warnings, capabilities)
    if not capabilities & _DEPRECATE_EOF:
        payloads.append(end)
    payloads += [build_text_row(row) for row in rows] if packed is None else packed
    payloads.append(end)
    return b"".join(build_packets(payload, number) for number, payload in enumerate(payloads, 1))


def read_definitions(data: bytes, capabilities: int) -> list[bytes]:
    """Read the column definitions of a result, whatever its rows are. Raises MalformedPacket."""
    packets = PacketReader()
    packets.feed(data)
    count, _ = read_lenenc(packets.next_payload() or b"\0", 0)
    found = [packets.next_payload() for _ in range(count or 0)]
    if not all(found):
        raise MalformedPacket("column definitions")
    return [payload for payload in found if payload]


def find_rows(data: bytes, capabilities: int) -> tuple[int, Err | None]:
    """Look for the first packet behind the column definitions; gives where it is, -1 until then, and its error."""
    at = 0
    left = -1  # definitions, and the EOF behind them, still to come
    while at + 5 <= len(data):
        length = int.from_bytes(data[at : at + 3], "little")
        first = data[at + 4] if length else -1
        if first == 0xFF:
            if at + 4 + length > len(data):
                return -1, None
            return at, parse_err(data[at + 4 : at + 4 + length])
        if left == 0:
            return at, None
        if left < 0:
            if first == 0:
                return at, None  # OK: no result at all
            if at + 4 + length > len(data):
                return -1, None
            count, _ = read_lenenc(data, at + 4)
            left = (count or 0) + (0 if capabilities & _DEPRECATE_EOF else 1)
        else:
            left -= 1
        at += 4 + length
    return -1, None
