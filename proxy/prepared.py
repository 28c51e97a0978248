"""Prepared statements: remembered when they could be offloaded; run on the engine with parameters in the text."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from base.errors import MalformedPacket
from proxy import variables
from proxy.answers import AnswerReader
from proxy.decisions import decision_key
from proxy.ml.prepared import take_execute, take_prepare
from proxy.preflight import build_prepare
from proxy.prepared_writes import describe, may_write_query, perform, read_write
from proxy.reading import Place, place_of
from proxy.state import NO_COUNTS, ON
from wire.constants import Capability, Command
from wire.framing import build_packets
from wire.parameters import Execute, NotALiteral, build_literals, fill_placeholders, parse_execute, with_types

if TYPE_CHECKING:
    from proxy.router import Router

# MARIADB_STMT_DIRECT: the statement prepared last. What we prepare in between would be it: the number goes on instead.
_LAST = b"\xff\xff\xff\xff"


@dataclass(slots=True)
class Prepared:
    """One statement of the client.

    `types` are those of its last execution, `told` those that the backend knows: it has not seen what ran elsewhere.
    """

    text: bytes
    parameters: int
    definitions: list[bytes]
    key: bytes
    types: bytes = b""
    told: bytes = b""
    long_data: bool = False
    writes: bool = False  # the rows of its query; `definitions` are those of the query

    @property
    def size(self) -> int:
        """About how many bytes it takes to remember."""
        return 500 + len(self.text) + len(self.key) + sum(map(len, self.definitions))


class PreparedStatements:
    """Handlers of the COM_STMT_ commands of one session."""

    def __init__(self, router: "Router") -> None:
        self._router = router
        self._session = router.session
        self._worker = router.session.worker
        self._with_attributes = bool(router.session.capabilities & Capability.QUERY_ATTRIBUTES)
        handlers = router.session.handlers
        handlers[Command.STMT_PREPARE] = self._prepare
        handlers[Command.STMT_EXECUTE] = self._execute
        handlers[Command.STMT_SEND_LONG_DATA] = self._long_data
        handlers[Command.STMT_CLOSE] = self._close

    def _prepare(self, data: bytes) -> bool:
        if take_prepare(self._router, data):
            return True
        if variables.is_set(data[5:]):
            self._session.run(self._remember_set(data))
            return True
        self._session.state.counts = NO_COUNTS
        writes = may_write_query(data[5:])
        if not self._worker.engine.loaded.tables or not (writes or self._router.is_query(data[5:])):
            self._session.state.last_prepared = None
            self._router.switch.watch(data)
            return False
        self._session.run(self._remember(data, writes))
        return True

    async def _remember_set(self, data: bytes) -> None:
        """The backend does not know our variables, or must not: it prepares what does nothing, for the number."""
        session = self._session
        raw = await session.ask(build_prepare(b"DO 0"), [Command.STMT_PREPARE])
        answer = AnswerReader(raw, session.capabilities).prepare()
        session.state.last_prepared = answer.prepared.statement_id if answer.prepared else None
        if answer.prepared:
            session.state.sets[answer.prepared.statement_id] = data[5:]
        session.client.write(raw)

    async def _remember(self, data: bytes, writes: bool) -> None:
        session = self._session
        raw = await session.ask(data, [Command.STMT_PREPARE])
        answer = AnswerReader(raw, session.capabilities).prepare()
        session.state.last_prepared = answer.prepared.statement_id if answer.prepared else None
        text, definitions = data[5:], answer.definitions
        if writes and answer.prepared and not answer.warnings and (write := read_write(text)):
            definitions = await describe(self._router, write.query, answer.prepared.parameters)
        if answer.prepared and definitions and not answer.warnings:
            known = Prepared(text, answer.prepared.parameters, definitions, decision_key(text), writes=writes)
            if known.size <= session.state.room:
                session.state.room -= known.size
                session.state.statements[answer.prepared.statement_id] = known
        session.client.write(raw)

    def _known(self, data: bytes) -> Prepared | None:
        return self._session.state.statements.get(int.from_bytes(data[5:9], "little"))

    def _close(self, data: bytes) -> bool:
        number = int.from_bytes(data[5:9], "little")
        if known := self._session.state.statements.pop(number, None):
            self._session.state.room += known.size
        self._session.state.sets.pop(number, None)
        self._session.state.ml_statements.pop(number, None)
        return False

    def _long_data(self, data: bytes) -> bool:
        if known := self._known(data):
            known.long_data = True
        return False

    def _execute(self, data: bytes) -> bool:
        last = self._session.state.last_prepared
        if last is None or data[5:9] != _LAST or not self._router.is_mariadb:
            return self._execute_numbered(data)
        data = data[:5] + last.to_bytes(4, "little") + data[9:]
        if not self._execute_numbered(data):
            self._session.pass_on(data)
        return True

    def _execute_numbered(self, data: bytes) -> bool:
        session = self._session
        state = session.state
        if (assignments := state.sets.get(int.from_bytes(data[5:9], "little"))) is not None:
            return variables.take_set(self._router, data, assignments)
        state.counts = NO_COUNTS
        if state.ml_statements and take_execute(self._router, data):
            return True
        known = state.statements.get(int.from_bytes(data[5:9], "little"))
        if known is None:
            state.tainted = True
            self._router.switch.watch(data)
            return False
        if known.parameters and not self._note_types(data, known):
            return False
        whole = self._complete(data, known)
        if not self._is_candidate(known):
            known.told = known.types
            if whole is not data:
                session.pass_on(whole)
            return whole is not data
        session.run(self._consider(whole, known))
        return True

    def _is_candidate(self, known: Prepared) -> bool:
        session = self._session
        if known.long_data:
            return False
        if known.writes:
            return True
        named = self._worker.engine.loaded.names_lake(known.text)
        if session.state.use_secondary_engine != ON or named or b"SET_VAR" in known.key.upper():
            return True
        cost = self._worker.stays.cost_of(known.key)
        if cost is not None and cost <= session.state.cost_threshold:
            return False
        return place_of(session) is not Place.WITHIN

    def _complete(self, data: bytes, known: Prepared) -> bytes:
        """Give the execution with its types when the backend was told others, or none."""
        if known.types == known.told:
            return data
        execute = parse_execute(data[4:], known.parameters, self._with_attributes)
        if execute.types is not None:
            return data
        payload = with_types(data[4:], known.parameters, known.types, self._with_attributes)
        return build_packets(payload, 0)

    def _note_types(self, data: bytes, known: Prepared) -> bool:
        """Keep the types, which a client may send once for many executions; False when they cannot be read."""
        try:
            execute = parse_execute(data[4:], known.parameters, self._with_attributes)
        except MalformedPacket:
            known.types = b""
            return False
        if execute.types is not None:
            known.types = execute.types
        return len(known.types) == 2 * known.parameters

    async def _consider(self, data: bytes, known: Prepared) -> None:
        session = self._session
        try:
            execute = parse_execute(data[4:], known.parameters, self._with_attributes)
            if execute.cursor:
                raise NotALiteral("cursor")
            text = self._text(execute, known)
        except (MalformedPacket, NotALiteral, UnicodeDecodeError):
            known.told = known.types
            session.pass_on(data)
            return
        if known.writes:
            await self._write(data, text, known)
        elif await self._router.consider_prepared(data, text, known):
            known.told = known.types

    async def _write(self, data: bytes, text: bytes, known: Prepared) -> None:
        def given() -> None:
            known.told = known.types

        work = perform(self._router, data, text, (known.text, known.definitions), given)
        if work is None:
            given()
            self._router.pass_on(data)
        else:
            await work

    def _text(self, execute: Execute, known: Prepared) -> bytes:
        statement = known.text.decode("utf-8")
        if not known.parameters:
            return known.text
        literals = build_literals(execute, known.types, backslash_escapes=True)
        return fill_placeholders(statement, literals).encode()
