"""The authentication dialogue between a client and the backend, with us in the middle. Pure: payloads in, payloads out.

Almost all of it passes as it comes. Only where one side is encrypted and the other is not must the proxy
step in: a password may cross a plain line sealed with an RSA key only, and goes in the clear inside TLS.

| client | backend | full authentication of caching_sha2_password and sha256_password |
|---|---|---|
| TLS | secure | relayed |
| plain | plain | relayed: the client asks for the backend's key itself |
| TLS | plain | the proxy asks the backend for its key and seals the client's password |
| plain | secure | the proxy answers with its own key, opens the password and passes it on inside TLS |

Source: "Caching_sha2_password" and "Sha256_password information" of the MySQL protocol documentation.
"""

import logging
import secrets
from dataclasses import dataclass, field
from enum import Enum, auto

from base.errors import AccessDenied, MalformedPacket
from proxy.line.passwords import KeyPair, seal
from wire.handshake import parse_auth_switch

log = logging.getLogger("proxy")

CACHING_SHA2 = "caching_sha2_password"
SHA256 = "sha256_password"
_FULL_AUTH = b"\x01\x04"
_MORE = b"\x01"
_MARKED = (CACHING_SHA2, SHA256, "mysql_native_password")  # all that their servers say more is marked as such
# A dialogue that has more is no authentication: what the other side does not read would be held by us, and others wait.
_MOST_SAID = 1 << 20  # bytes: tickets of Kerberos have tens of thousands
_MOST_TURNS = 1000  # packets
_KEY_REQUEST = {CACHING_SHA2: b"\x02", SHA256: b"\x01"}


class _Expect(Enum):
    """What the client's next packet means to us."""

    ANYTHING = auto()
    PASSWORD = auto()  # the clear password of a full authentication, or a request for a key
    SEALED = auto()  # a password sealed with our key


@dataclass(slots=True)
class Step:
    """What to send on: payloads for each side, and whether the dialogue is over."""

    to_client: list[bytes] = field(default_factory=list)
    to_backend: list[bytes] = field(default_factory=list)
    done: bool = False
    accepted: bool = False


class Exchange:
    """One authentication: feed it each side's payloads in the order they come."""

    def __init__(
        self,
        plugin: str,
        nonce: bytes,
        client_secure: bool,
        backend_secure: bool,
        keys: KeyPair | None,
        several: bool = False,
    ) -> None:
        """`several`: both sides know of more than one factor."""
        self.plugin = plugin
        self._nonce = nonce[:20]
        self._client_secure = client_secure
        self._backend_secure = backend_secure
        self._keys = keys
        self._switches = (b"\xfe", b"\x02") if several else (b"\xfe",)  # another plugin, or the next factor
        self._expect = _Expect.ANYTHING
        self._password: bytes | None = None  # waits for the backend's key
        self._said = self._turns = 0

    def _count(self, payload: bytes) -> None:
        """Count a payload of either side. Raises MalformedPacket on a dialogue that will not end."""
        self._said += len(payload)
        self._turns += 1
        if self._said > _MOST_SAID or self._turns > _MOST_TURNS:
            raise MalformedPacket("endless authentication data")

    @property
    def _mixed(self) -> bool:
        return self._client_secure != self._backend_secure

    def must_restart(self, plugin: str) -> bool:
        """Tell whether a first response for this plugin may not go on as it is.

        sha256_password sends the clear password, or asks for a key, in its very first packet. The caller then
        names another plugin and no response, and the backend starts the dialogue anew with a switch.
        """
        return self._mixed and plugin == SHA256

    def from_backend(self, payload: bytes) -> Step:
        """Take the backend's next payload. Raises MalformedPacket."""
        self._count(payload)
        kind = payload[:1]
        if kind in (b"\x00", b"\xff"):
            return Step(to_client=[payload], done=True, accepted=kind == b"\x00")
        if kind in self._switches:
            switch = parse_auth_switch(b"\xfe" + payload[1:])
            self.plugin, self._nonce = switch.plugin, switch.data[:20]
            self._expect = _Expect.PASSWORD if self._mixed and self.plugin == SHA256 else _Expect.ANYTHING
            return Step(to_client=[payload])
        if kind != _MORE:
            if self.plugin in _MARKED:
                raise MalformedPacket("authentication data")
            return Step(to_client=[payload])  # dialog: MariaDB marks only what could be taken for another packet
        if self._password is not None:
            sealed = seal(self._password, self._nonce, payload[1:])
            self._password = None
            return Step(to_backend=[sealed])
        if self._mixed and self.plugin == CACHING_SHA2 and payload == _FULL_AUTH:
            self._expect = _Expect.PASSWORD
        return Step(to_client=[payload])

    def from_client(self, payload: bytes) -> Step:
        """Take the client's next payload. Raises MalformedPacket."""
        self._count(payload)
        step = Step()
        expect, self._expect = self._expect, _Expect.ANYTHING
        if expect is _Expect.SEALED:
            step.to_backend.append(self._opened(payload))
        elif expect is _Expect.ANYTHING or payload in (b"", b"\0"):
            step.to_backend.append(payload)
        elif self._client_secure:
            self._password = payload
            step.to_backend.append(_KEY_REQUEST[self.plugin])
        else:
            self._offer_key(payload, step)
        return step

    def _offer_key(self, payload: bytes, step: Step) -> None:
        if payload == _KEY_REQUEST[self.plugin]:
            step.to_client.append(_MORE + self._own_keys.public_pem)
            self._expect = _Expect.SEALED
        else:  # sealed at once, with a key file: only good if that key is ours
            step.to_backend.append(self._opened(payload))

    def _opened(self, payload: bytes) -> bytes:
        """The password in it; what cannot be opened becomes one that is certainly wrong, for the backend to refuse."""
        try:
            return self._own_keys.open(payload, self._nonce)
        except AccessDenied as problem:
            log.info("a password could not be read: %s", problem)
            return secrets.token_hex(32).encode() + b"\0"

    @property
    def _own_keys(self) -> KeyPair:
        if self._keys is None:
            raise MalformedPacket("authentication data")
        return self._keys
