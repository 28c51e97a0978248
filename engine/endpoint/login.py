"""The endpoint's login: one user, whose password is the secret of the data dir. Sans-IO.

mysql_native_password is what the proxy uses; caching_sha2_password is for mysql command lines without the old plugin.
"""

import secrets
from dataclasses import dataclass, field

from base.errors import AccessDenied
from wire.auth import native_scramble, same, sha2_scramble
from wire.constants import Capability, Status
from wire.handshake import AuthSwitch, Greeting, Login, build_auth_switch, build_greeting, parse_login
from wire.responses import Ok, build_ok

USER = b"warmfront"
NATIVE = "mysql_native_password"
SHA2 = "caching_sha2_password"
_SCRAMBLES = {NATIVE: native_scramble, SHA2: sha2_scramble}
_FAST_AUTH_OK = b"\x01\x03"

CAPABILITIES = (
    Capability.LONG_PASSWORD
    | Capability.FOUND_ROWS
    | Capability.LONG_FLAG
    | Capability.CONNECT_WITH_DB
    | Capability.IGNORE_SPACE
    | Capability.PROTOCOL_41
    | Capability.INTERACTIVE
    | Capability.TRANSACTIONS
    | Capability.RESERVED
    | Capability.SECURE_CONNECTION
    | Capability.MULTI_RESULTS
    | Capability.PS_MULTI_RESULTS
    | Capability.PLUGIN_AUTH
    | Capability.CONNECT_ATTRS
    | Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA
    | Capability.SESSION_TRACK
    | Capability.DEPRECATE_EOF
    | Capability.QUERY_ATTRIBUTES
)


def _nonce() -> bytes:
    # No NUL and no "$": both end the nonce early in some clients.
    return bytes(secrets.choice(range(1, 128)) for _ in range(20)).replace(b"$", b"%")


@dataclass(slots=True)
class LoginExchange:
    """One client's login: `greet`, then `receive` each payload until `capabilities` is set."""

    secret: bytes = field(repr=False)
    thread_id: int
    version: str
    nonce: bytes = field(default_factory=_nonce, repr=False)
    capabilities: int | None = None
    schema: str = ""
    _login: Login | None = None
    _switched_to: str = ""

    def greet(self) -> bytes:
        """The first payload of the connection."""
        greeting = Greeting(self.version, self.thread_id, self.nonce, CAPABILITIES, 45, Status.AUTOCOMMIT, NATIVE)
        return build_greeting(greeting)

    def receive(self, payload: bytes) -> list[bytes]:
        """Take a payload and give the answers to it. Raises AccessDenied and MalformedPacket."""
        if self._login is None:
            return self._first(parse_login(payload))
        return self._check(self._login, self._switched_to, payload)

    def _first(self, login: Login) -> list[bytes]:
        self._login = login
        plugin = login.plugin or NATIVE
        scramble = _SCRAMBLES.get(plugin)
        if plugin != NATIVE and (scramble is None or not same(scramble(self.secret, self.nonce), login.response)):
            self._switched_to = plugin if scramble else NATIVE
            return [build_auth_switch(AuthSwitch(self._switched_to, self.nonce))]
        return self._check(login, plugin, login.response)

    def _check(self, login: Login, plugin: str, response: bytes) -> list[bytes]:
        good = same(_SCRAMBLES[plugin](self.secret, self.nonce), response)
        if not good or login.user != USER:
            user = login.user.decode("utf-8", "replace")
            raise AccessDenied(f"Access denied for user '{user}'@'localhost' (using password: YES)")
        self.capabilities = login.capabilities & CAPABILITIES | login.capabilities >> 32 << 32
        self.schema = (login.schema or b"").decode("utf-8", "replace")
        ok = build_ok(Ok())
        return [_FAST_AUTH_OK, ok] if plugin == SHA2 else [ok]
