"""What a client of the endpoint may ask: its packets as values. Sans-IO."""

from dataclasses import dataclass, field

from base.errors import MalformedPacket, UnknownCommand
from wire.constants import Capability, Command
from wire.integers import read_lenenc_bytes
from wire.responses import parse_query_attributes


@dataclass(frozen=True, slots=True)
class Query:
    """COM_QUERY."""

    text: str
    attributes: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ping:
    """COM_PING, and what else is answered with OK alone."""


@dataclass(frozen=True, slots=True)
class UseSchema:
    """COM_INIT_DB."""

    name: str


@dataclass(frozen=True, slots=True)
class Reset:
    """COM_RESET_CONNECTION."""


@dataclass(frozen=True, slots=True)
class Quit:
    """COM_QUIT."""


Request = Query | Ping | UseSchema | Reset | Quit


def parse_request(payload: bytes, capabilities: int) -> Request:
    """Read a command. Raises MalformedPacket and UnknownCommand."""
    if not payload:
        raise MalformedPacket("command")
    match payload[0]:
        case Command.QUERY:
            return _parse_query(payload, capabilities)
        case Command.PING:
            return Ping()
        case Command.INIT_DB:
            return UseSchema(_text(payload[1:]))
        case Command.RESET_CONNECTION:
            return Reset()
        case Command.QUIT:
            return Quit()
    raise UnknownCommand


def _parse_query(payload: bytes, capabilities: int) -> Query:
    attributes: dict[str, bytes] = {}
    at = 1
    if capabilities & Capability.QUERY_ATTRIBUTES:
        attributes, at = parse_query_attributes(payload, at)
    return Query(_text(payload[at:]), attributes)


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedPacket("statement in UTF-8") from None


def split_definitions(block: bytes) -> list[bytes]:
    """Take `wf_columns` apart into the payloads of the column definitions. Raises MalformedPacket."""
    found: list[bytes] = []
    at = 0
    while at < len(block):
        payload, at = read_lenenc_bytes(block, at)
        if not payload:
            raise MalformedPacket("column definition")
        found.append(payload)
    if not found:
        raise MalformedPacket("list of column definitions")
    return found
