"""The connection phase: greeting, TLS request, login, authentication switch. Build and parse; sans-IO."""

from dataclasses import dataclass, field

from base.errors import MalformedPacket
from wire.constants import Capability
from wire.integers import (
    build_lenenc,
    build_lenenc_bytes,
    read_bytes,
    read_int,
    read_lenenc,
    read_lenenc_bytes,
    read_nul_bytes,
)


@dataclass(frozen=True, slots=True)
class Greeting:
    """Protocol::HandshakeV10. `capabilities` includes MariaDB's extended flags from bit 32 on."""

    server_version: str
    thread_id: int
    nonce: bytes  # 20 bytes, without the trailing NUL
    capabilities: int
    charset: int
    status: int
    plugin: str


@dataclass(frozen=True, slots=True)
class Login:
    """Protocol::HandshakeResponse41."""

    capabilities: int
    max_packet: int
    charset: int
    user: bytes
    response: bytes
    schema: bytes | None = None
    plugin: str | None = None
    attributes: bytes | None = None  # the block as received, without its length
    zstd_level: int | None = None


@dataclass(frozen=True, slots=True)
class AuthSwitch:
    """Protocol::AuthSwitchRequest."""

    plugin: str
    data: bytes = field(repr=False)


def parse_greeting(payload: bytes) -> Greeting:
    """Read a server's greeting."""
    if payload[:1] != b"\x0a":
        raise MalformedPacket("greeting")
    version, at = read_nul_bytes(payload, 1)
    thread_id, at = read_int(payload, at, 4)
    nonce, at = read_bytes(payload, at, 8)
    at += 1
    low, at = read_int(payload, at, 2)
    charset, at = read_int(payload, at, 1)
    status, at = read_int(payload, at, 2)
    high, at = read_int(payload, at, 2)
    capabilities = low | high << 16
    nonce_length, at = read_int(payload, at, 1)
    reserved, at = read_bytes(payload, at, 10)
    if not capabilities & Capability.LONG_PASSWORD:
        capabilities |= int.from_bytes(reserved[6:10], "little") << 32
    rest, at = read_bytes(payload, at, max(13, nonce_length - 8))
    plugin = b""
    if capabilities & Capability.PLUGIN_AUTH:
        end = payload.find(b"\0", at)
        plugin = payload[at : end if end >= 0 else len(payload)]
    return Greeting(
        version.decode("utf-8", "replace"),
        thread_id,
        nonce + rest[:12],
        capabilities,
        charset,
        status,
        plugin.decode("ascii", "replace"),
    )


def build_greeting(greeting: Greeting) -> bytes:
    """Write a server's greeting."""
    low = greeting.capabilities & 0xFFFF
    high = greeting.capabilities >> 16 & 0xFFFF
    extended = 0 if low & Capability.LONG_PASSWORD else greeting.capabilities >> 32
    return (
        b"\x0a"
        + greeting.server_version.encode()
        + b"\0"
        + greeting.thread_id.to_bytes(4, "little")
        + greeting.nonce[:8]
        + b"\0"
        + low.to_bytes(2, "little")
        + bytes((greeting.charset & 0xFF,))
        + greeting.status.to_bytes(2, "little")
        + high.to_bytes(2, "little")
        + bytes((21,))
        + bytes(6)
        + extended.to_bytes(4, "little")
        + greeting.nonce[8:20]
        + b"\0"
        + greeting.plugin.encode()
        + b"\0"
    )


def _build_login_head(capabilities: int, max_packet: int, charset: int) -> bytes:
    extended = 0 if capabilities & Capability.LONG_PASSWORD else capabilities >> 32
    return (
        (capabilities & 0xFFFFFFFF).to_bytes(4, "little")
        + max_packet.to_bytes(4, "little")
        + bytes((charset & 0xFF,))
        + bytes(19)
        + extended.to_bytes(4, "little")
    )


def build_tls_request(login: Login) -> bytes:
    """Write the SSLRequest that comes before a login under TLS."""
    return _build_login_head(login.capabilities | Capability.SSL, login.max_packet, login.charset)


def is_tls_request(payload: bytes) -> bool:
    """Tell whether a client's first packet is an SSLRequest."""
    return len(payload) == 32 and bool(payload[1] & 0x08)


def build_login(login: Login) -> bytes:
    """Write a login."""
    caps = login.capabilities
    out = _build_login_head(caps, login.max_packet, login.charset) + login.user + b"\0"
    if caps & Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA:
        out += build_lenenc_bytes(login.response)
    elif caps & Capability.SECURE_CONNECTION:
        out += bytes((len(login.response),)) + login.response
    else:
        out += login.response + b"\0"
    if caps & Capability.CONNECT_WITH_DB:
        out += (login.schema or b"") + b"\0"
    if caps & Capability.PLUGIN_AUTH:
        out += (login.plugin or "").encode() + b"\0"
    if caps & Capability.CONNECT_ATTRS:
        attributes = login.attributes or b""
        out += build_lenenc(len(attributes)) + attributes
    if caps & Capability.ZSTD_COMPRESSION_ALGORITHM:
        out += bytes((login.zstd_level or 3,))
    return out


def parse_login(payload: bytes) -> Login:
    """Read a login (HandshakeResponse41). Raises MalformedPacket, also for the pre-4.1 form."""
    caps, at = read_int(payload, 0, 4)
    if not caps & Capability.PROTOCOL_41:
        raise MalformedPacket("login of a client before MySQL 4.1")
    max_packet, at = read_int(payload, at, 4)
    charset, at = read_int(payload, at, 1)
    reserved, at = read_bytes(payload, at, 23)
    if not caps & Capability.LONG_PASSWORD:
        caps |= int.from_bytes(reserved[19:23], "little") << 32
    user, at = read_nul_bytes(payload, at)
    if caps & Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA:
        value, at = read_lenenc_bytes(payload, at)
        response = value or b""
    elif caps & Capability.SECURE_CONNECTION:
        length, at = read_int(payload, at, 1)
        response, at = read_bytes(payload, at, length)
    else:
        response, at = read_nul_bytes(payload, at)
    schema = plugin = attributes = None
    if caps & Capability.CONNECT_WITH_DB and at < len(payload):
        schema, at = read_nul_bytes(payload, at)
    if caps & Capability.PLUGIN_AUTH and at < len(payload):
        # Some clients leave out the NUL when this is the last field.
        end = payload.find(b"\0", at)
        end = len(payload) if end < 0 else end
        plugin = payload[at:end].decode("ascii", "replace")
        at = end + 1
    if caps & Capability.CONNECT_ATTRS and at < len(payload):
        length_or_none, at = read_lenenc(payload, at)
        attributes, at = read_bytes(payload, at, length_or_none or 0)
    zstd = payload[at] if caps & Capability.ZSTD_COMPRESSION_ALGORITHM and at < len(payload) else None
    return Login(caps, max_packet, charset, user, response, schema, plugin, attributes, zstd)


def parse_auth_switch(payload: bytes) -> AuthSwitch:
    """Read a server's request to use another authentication plugin."""
    if payload[:1] != b"\xfe":
        raise MalformedPacket("authentication switch")
    if len(payload) == 1:
        return AuthSwitch("mysql_old_password", b"")
    plugin, at = read_nul_bytes(payload, 1)
    return AuthSwitch(plugin.decode("ascii", "replace"), payload[at:].rstrip(b"\0"))


def build_auth_switch(switch: AuthSwitch) -> bytes:
    """Write a request to use another authentication plugin."""
    return b"\xfe" + switch.plugin.encode() + b"\0" + switch.data + b"\0"


def mask_greeting(payload: bytes, capabilities: int) -> bytes:
    """Give the greeting with other capabilities and all else byte for byte as the server sent it."""
    _, at = read_nul_bytes(payload, 1)
    low_at = at + 4 + 8 + 1
    high_at = low_at + 2 + 1 + 2
    extended_at = high_at + 2 + 1 + 6
    if len(payload) < extended_at + 4:
        raise MalformedPacket("greeting")
    out = bytearray(payload)
    out[low_at : low_at + 2] = (capabilities & 0xFFFF).to_bytes(2, "little")
    out[high_at : high_at + 2] = (capabilities >> 16 & 0xFFFF).to_bytes(2, "little")
    if not capabilities & Capability.LONG_PASSWORD:
        out[extended_at : extended_at + 4] = (capabilities >> 32).to_bytes(4, "little")
    return bytes(out)


def mask_login(payload: bytes, capabilities: int) -> bytes:
    """Give the login (or TLS request) with other capabilities and all else as the client sent it."""
    if len(payload) < 32:
        raise MalformedPacket("login")
    out = bytearray(payload)
    out[0:4] = (capabilities & 0xFFFFFFFF).to_bytes(4, "little")
    if not capabilities & Capability.LONG_PASSWORD:
        out[28:32] = (capabilities >> 32).to_bytes(4, "little")
    return bytes(out)


@dataclass(frozen=True, slots=True)
class ChangeUser:
    """COM_CHANGE_USER up to the plugin's name, "" from clients that name none; `rest` is what follows, as received."""

    user: bytes
    response: bytes
    schema: bytes
    charset: int
    plugin: str
    rest: bytes


def parse_change_user(payload: bytes) -> ChangeUser:
    """Read a COM_CHANGE_USER of a client with SECURE_CONNECTION; old ones end it behind the schema or the charset."""
    user, at = read_nul_bytes(payload, 1)
    length, at = read_int(payload, at, 1)
    response, at = read_bytes(payload, at, length)
    schema, at = read_nul_bytes(payload, at)
    charset, at = read_int(payload, at, 2) if at < len(payload) else (0, at)
    plugin, at = read_nul_bytes(payload, at) if at < len(payload) else (b"", at)
    return ChangeUser(user, response, schema, charset, plugin.decode("ascii", "replace"), payload[at:])


def build_change_user(change: ChangeUser) -> bytes:
    """Write a COM_CHANGE_USER."""
    return (
        b"\x11"
        + change.user
        + b"\0"
        + bytes((len(change.response),))
        + change.response
        + change.schema
        + b"\0"
        + change.charset.to_bytes(2, "little")
        + change.plugin.encode()
        + b"\0"
        + change.rest
    )
