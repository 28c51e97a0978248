"""Clients whose own line has no TLS while ours to the backend has: the server would take ours for theirs.

So it is asked, on the connection that has just logged in, what it demands of a client's line: of everybody's by
require_secure_transport, of an account's by REQUIRE. Servers look at both behind the password, too. What the answers do
not say (a password has expired, or an old server knows no such variable) demands nothing.

Source: "require_secure_transport" and "CREATE USER SSL/TLS Options" of the MySQL manual; the errors are those that
MySQL 9.7.4 and MariaDB 10.11.19 gave.
"""

import re
from dataclasses import dataclass

from base.errors import AccessDenied, BackendError, MalformedPacket
from proxy.backend.answers import Answer, AnswerReader
from proxy.backend.preflight import build_query
from proxy.line.pipe import PacketPipe
from wire.framing import build_packets

QUESTIONS = (b"SELECT USER(), @@require_secure_transport", b"SHOW CREATE USER CURRENT_USER()")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*'|`(?:[^`]|``)*`", re.DOTALL)
_DEMANDS = re.compile(r"\bREQUIRE (?:SSL|X509|SUBJECT|ISSUER|CIPHER)\b")
_PROHIBITED = "Connections using insecure transport are prohibited while --require_secure_transport=ON."


@dataclass(frozen=True, slots=True)
class PlainClient:
    """A client without TLS on a server: whether it came through a socket file, and gave a password."""

    is_mariadb: bool
    is_local: bool
    gave_password: bool

    def judge(self, everybody: Answer, account: Answer) -> None:
        """Raise the error that such a client has from the server itself, by the answers to `QUESTIONS`."""
        who, demanded = everybody.rows[0] if everybody.rows else (b"", b"0")
        prohibited = demanded == b"1" and not self.is_local
        if prohibited and not self.is_mariadb:
            raise BackendError(3159, "HY000", _PROHIBITED)
        created = (account.rows[0][0] or b"").decode("utf-8", "replace") if account.rows else ""
        if prohibited or demands_tls(created):
            raise denied((who or b"").decode("utf-8", "replace"), self.gave_password)


def demands_tls(created: str) -> bool:
    """Tell whether the text of SHOW CREATE USER demands TLS, of whatever kind."""
    return _DEMANDS.search(_QUOTED.sub("''", created)) is not None


def denied(who: str, gave_password: bool) -> AccessDenied:
    """The error of a login that is refused; `who` is as USER() has it."""
    user, _, host = who.rpartition("@")
    return AccessDenied(
        f"Access denied for user '{user}'@'{host}' (using password: {'YES' if gave_password else 'NO'})"
    )


async def ask(backend: PacketPipe, capabilities: int) -> list[Answer]:
    """Put the questions on a connection that has just logged in. Raises Gone when it goes away."""
    for statement in QUESTIONS:
        backend.sequence = 0
        backend.write(build_query(statement, capabilities)[4:])
    return [await _answer(backend, capabilities) for _ in QUESTIONS]


async def _answer(backend: PacketPipe, capabilities: int) -> Answer:
    backend.sequence = 1
    came = b""
    while True:
        came += build_packets(await backend.read(), 0)
        try:
            return AnswerReader(came, capabilities).result()
        except MalformedPacket:
            continue  # there is more to come
