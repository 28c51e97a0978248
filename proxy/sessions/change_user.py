"""COM_CHANGE_USER: an authentication in the command phase, relayed packet by packet between the two connections."""

import asyncio
import logging

from base.errors import AccessDenied, BackendError, MalformedPacket
from proxy.backend.answers import AnswerReader
from proxy.backend.preflight import build_query
from proxy.line.exchange import Exchange
from proxy.line.plain_clients import QUESTIONS, PlainClient
from proxy.sessions.session import Session
from wire.constants import Capability, Command
from wire.framing import PacketReader, build_packets
from wire.handshake import build_change_user, parse_change_user
from wire.responses import build_err

log = logging.getLogger("proxy")


class AuthRelay:
    """One change of the user, with the same four combinations of TLS as at a login."""

    def __init__(self, session: Session, data: bytes) -> None:
        self._session = session
        self._command = data[4:]
        self._wake = asyncio.Event()
        self._client = PacketReader(1 << 17)
        self._backend = PacketReader(1 << 17)
        self._to_client = 1
        self._to_backend = 0
        self._refused = False

    def poke(self) -> None:
        """Something came, or the session ended."""
        self._wake.set()

    async def run(self) -> None:
        session = self._session
        logged_in = session.logged_in
        keys = session.worker.doors.keys
        several = bool(logged_in.capabilities & Capability.MULTI_FACTOR_AUTHENTICATION)
        lines = (logged_in.client_secure, logged_in.backend_secure)
        exchange = Exchange("", logged_in.greeting.nonce, *lines, keys, several)
        accepted = None
        try:
            self._write_backend(self._first(exchange))
            async with asyncio.timeout(session.worker.settings.connect_timeout):
                accepted = await self._talk(exchange)
        except (AccessDenied, MalformedPacket) as problem:
            self._write_client(build_err(problem.number, problem.sqlstate, str(problem)))
        except TimeoutError:
            log.info("connection %d: a change of the user took longer than a login may", session.thread_id)
        finally:
            session.end_dialogue(accepted)
            if accepted is None and not self._refused:
                session.close()
        if accepted is not None and logged_in.plain:
            await self._judge(logged_in.plain, accepted)

    async def _judge(self, plain: PlainClient, accepted: bytes) -> None:
        """Tell a client without TLS that it was accepted, or the server's error, behind which the session ends."""
        session = self._session
        questions = b"".join(build_query(question, session.capabilities) for question in QUESTIONS)
        answers = AnswerReader(await session.ask(questions, [Command.QUERY] * len(QUESTIONS)), session.capabilities)
        try:
            plain.judge(answers.result(), answers.result())
        except (AccessDenied, BackendError) as problem:
            self._write_client(build_err(problem.number, problem.sqlstate, str(problem)))
            session.close()
        else:
            self._write_client(accepted)

    def _first(self, exchange: Exchange) -> bytes:
        change = parse_change_user(self._command)
        exchange.plugin = change.plugin
        if not exchange.must_restart(change.plugin):
            return self._command
        return build_change_user(type(change)(change.user, b"", change.schema, change.charset, "restart", change.rest))

    async def _talk(self, exchange: Exchange) -> bytes | None:
        session = self._session
        while True:
            self._backend.feed(session.take_collected())
            if (payload := self._backend.next_payload()) is not None:
                step = exchange.from_backend(payload)
            else:
                self._client.feed(session.take_pending())
                if (payload := self._client.next_payload()) is None:
                    if session.closed:
                        return None
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                self._to_client = self._client.sequence
                step = exchange.from_client(payload)
            if self._backend.sequence:
                self._to_backend = self._backend.sequence
            for out in () if step.accepted and session.logged_in.plain else step.to_client:
                self._write_client(out)
            for out in step.to_backend:
                self._write_backend(out)
            if step.done:
                # MySQL closes the connection now; MariaDB goes on with the user of before.
                self._refused = not step.accepted
                return payload if step.accepted else None

    def _write_client(self, payload: bytes) -> None:
        self._session.client.write(build_packets(payload, self._to_client))
        self._to_client += 1

    def _write_backend(self, payload: bytes) -> None:
        self._session.backend.write(build_packets(payload, self._to_backend))
        self._to_backend += 1


def take_change_user(session: Session, data: bytes) -> bool:
    """Take COM_CHANGE_USER over."""
    session.begin_dialogue(AuthRelay(session, data))
    return True
