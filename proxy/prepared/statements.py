"""Prepared statements: remembered when they could be offloaded; run on the engine with parameters in the text."""

from collections.abc import Awaitable, Callable

from base.errors import MalformedPacket, SecondaryEngineError
from proxy.backend.answers import AnswerReader
from proxy.backend.preflight import build_close, build_prepare
from proxy.decisions import decision_key
from proxy.engine.cursors import MOST, Cursor
from proxy.lake.guard import refuse_query
from proxy.ml.prepared import take_execute, take_prepare
from proxy.place import Place
from proxy.prepared.catching_up import catch_up
from proxy.prepared.writes import describe, may_write_query, perform, read_write
from proxy.reasons import QUIET, Reason, Refusal
from proxy.routing.reading import place_of, stays, takes_one_shot
from proxy.routing.router import Router
from proxy.served import counts, variables
from proxy.served.telling import tell_found_rows
from proxy.sessions import kept
from proxy.sessions.fetch import fetch
from proxy.sessions.remembered import Prepared
from proxy.sessions.state import FORCED, LAST, ON
from statements.scan import first_word
from wire.constants import Capability, Command
from wire.framing import build_packets
from wire.parameters import (
    Execute,
    NotALiteral,
    as_double,
    build_literals,
    parse_execute,
    takes_long_data,
    with_types,
)
from wire.placeholders import fill_placeholders
from wire.responses import parse_err

_LAST = LAST.to_bytes(4, "little")  # what we prepare in between would be it: the number goes on instead
_ERR, _REFUSED_VALUES = 0xFF, (1210, 1835)  # ER_WRONG_ARGUMENTS, ER_MALFORMED_PACKET
_SIZE_OF_TEXT, _LONGEST_TEXT = 100, 1 << 12  # bytes that a text takes beside its own, and of the longest that is kept
_LONG_DATA_LIMIT = 1 << 20  # bytes of a statement's long data that are kept


Consider = Callable[[bytes, bytes, Prepared], Awaitable[bool]]
_QUERY_WORDS = frozenset({b"select", b"with", b"(", b"table", b"values"})


class PreparedStatements:
    """Handlers of the COM_STMT_ commands of one session."""

    def __init__(self, router: Router, consider: Consider) -> None:
        """`consider` decides on an execution with its parameters in the text: True when the backend was given it."""
        self._router = router
        self._decide = consider
        self._session = router.session
        self._worker = router.session.worker
        self._with_attributes = bool(router.session.capabilities & Capability.QUERY_ATTRIBUTES)
        handlers = router.session.handlers
        handlers[Command.STMT_PREPARE] = self._prepare
        handlers[Command.STMT_EXECUTE] = self._execute
        handlers[Command.STMT_SEND_LONG_DATA] = self._long_data
        handlers[Command.STMT_CLOSE] = self._close
        handlers[Command.STMT_FETCH] = self._fetch
        handlers[Command.STMT_RESET] = self._reset

    def _prepare(self, data: bytes) -> bool:
        if take_prepare(self._router, data):
            return True
        if variables.is_set(data[5:]):
            self._session.run(self._remember_set(data), may_listen=True)
            return True
        if self._session.state.counts:
            kept.settle(self._session.state, self._session.tracker)
            if not counts.mentions(data[5:]):  # what asks for them may be prepared in between
                kept.clear_warnings(self._session.state)
        writes = may_write_query(data[5:])
        if not self._worker.engine.loaded.tables or not (writes or first_word(data, 5) in _QUERY_WORDS):
            self._session.state.last_prepared = None
            self._note_text(data[5:])
            self._router.switch.watch(data)
            return False
        self._session.run(self._remember(data, writes), may_listen=True)
        return True

    def _note_text(self, text: bytes | None) -> None:
        """Keep the text that was prepared before by its number, and this one until the backend gives its own."""
        state, tracker = self._session.state, self._session.tracker
        if state.unnumbered is not None and tracker.prepared:
            state.room -= _SIZE_OF_TEXT + len(state.unnumbered)
            state.texts[tracker.prepared] = state.unnumbered
        keeps = text is not None and len(text) <= _LONGEST_TEXT and _SIZE_OF_TEXT + len(text) <= state.room
        state.unnumbered, tracker.prepared = text if keeps else None, 0

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
        # MariaDB warns again when it is run, MySQL does not of what `proxy.routing.warned` lets through.
        is_silent = not answer.warnings or not (writes or self._router.is_mariadb)
        if answer.prepared and definitions and is_silent:
            known = Prepared(text, answer.prepared.parameters, definitions, decision_key(text), writes=writes)
            if known.size <= session.state.room:
                session.state.room -= known.size
                session.state.statements[answer.prepared.statement_id] = known
        elif answer.prepared:
            self._note_text(text)
            session.tracker.prepared = answer.prepared.statement_id
        session.client.write(raw)

    def _numbered(self, data: bytes, handle: Callable[[int, bytes], bool]) -> bool:
        """Look at a command about a statement, with its number in the place of MariaDB's -1."""
        last = self._session.state.last_prepared
        if last is None or data[5:9] != _LAST or not self._router.is_mariadb:
            return handle(int.from_bytes(data[5:9], "little"), data)
        data = data[:5] + last.to_bytes(4, "little") + data[9:]
        if not handle(last, data):
            self._session.pass_on(data)
        return True

    def _close(self, data: bytes) -> bool:
        return self._numbered(data, self._forget)

    def _forget(self, number: int, data: bytes) -> bool:
        state = self._session.state
        if known := state.statements.pop(number, None):
            state.drop_long_data(known)
            state.room += known.size
        self._close_stand_in(number)
        self._note_text(None)
        if (noted := state.texts.pop(number, None)) is not None:
            state.room += _SIZE_OF_TEXT + len(noted)
        state.sets.pop(number, None)
        state.ml_statements.pop(number, None)
        state.cursors.pop(number, None)
        return False

    def _long_data(self, data: bytes) -> bool:
        return self._numbered(data, self._keep_long_data)

    def _keep_long_data(self, number: int, data: bytes) -> bool:
        state = self._session.state
        known = state.statements.get(number)
        if known is None:
            self._note_text(None)
            if b"?" not in state.texts.get(number, b"?"):
                state.room += _SIZE_OF_TEXT + len(state.texts.pop(number))  # the server refuses its executions now
            return False
        size = len(data) - 11
        parameter = int.from_bytes(data[9:11], "little")
        known.spoiled |= parameter >= known.parameters
        if known.long_data is None:
            return False
        known.stale = True
        wanted = known.long_size + size
        if size < 0 or parameter >= known.parameters or wanted > _LONG_DATA_LIMIT or size > state.room:
            state.drop_long_data(known)
            known.long_data = None
        else:
            known.long_data.setdefault(parameter, bytearray()).extend(data[11:])
            known.long_size = wanted
            state.room -= size
        return False

    def _reset(self, data: bytes) -> bool:
        return self._numbered(data, self._reset_numbered)

    def _reset_numbered(self, number: int, data: bytes) -> bool:
        kept.keep_found_rows(self._session.state, self._session.tracker)
        self._session.state.cursors.pop(number, None)
        self._close_stand_in(number)
        if known := self._session.state.statements.get(number):
            self._session.state.drop_long_data(known)
            known.stale = known.spoiled = False
        return False

    def _close_stand_in(self, number: int) -> None:
        """Close the statement whose cursor was open for this one."""
        other = self._session.state.stand_ins.pop(number, None)
        if other is not None:
            self._session.backend.write(build_close(other))

    def _fetch(self, data: bytes) -> bool:
        return self._numbered(data, self._fetch_numbered)

    def _fetch_numbered(self, number: int, data: bytes) -> bool:
        kept.settle(self._session.state, self._session.tracker)
        other = self._session.state.stand_ins.get(number)
        if other is not None and len(data) >= 13:
            self._session.pass_on(data[:5] + other.to_bytes(4, "little") + data[9:])
            return True
        cursor = self._session.state.cursors.get(number)
        if cursor is None or len(data) < 13:
            return False
        self._session.run(self._send_rows(number, cursor, int.from_bytes(data[9:13], "little")), may_listen=True)
        return True

    async def _send_rows(self, number: int, cursor: Cursor, most: int) -> None:
        await fetch(self._session, cursor, most)
        state = self._session.state
        state.counts = {**state.counts, b"row_count": -1}  # which the backend does not know of
        if cursor.over:
            state.cursors.pop(number, None)

    def _execute(self, data: bytes) -> bool:
        return self._numbered(data, self._execute_numbered)

    def _execute_numbered(self, number: int, data: bytes) -> bool:
        session = self._session
        state = session.state
        if (assignments := state.sets.get(number)) is not None:
            return variables.take_set(self._router, data, assignments)
        self._close_stand_in(number)
        known = state.statements.get(number)
        if known and known.spoiled:
            kept.keep_found_rows(state, session.tracker)
            return False
        if state.counts:
            kept.settle(state, session.tracker)
            if state.counts and known and counts.fits_prepared(known):
                session.run(counts.execute(self._router, data, known.text), may_listen=True)
                return True
            self._note_text(None)
            text = known.text if known else state.texts.get(number)
            if state.counts and text is not None and not known and b"?" not in text and counts.mentions(text):
                session.run(counts.execute(self._router, data, text), may_listen=True)
                return True
            if text is None:
                kept.pass_by_unseen(state)
            elif kept.is_anyones_guess(state, first_word(text), text):
                session.run(tell_found_rows(self._router, data), may_listen=True)
                return True
            else:
                kept.pass_by(state, first_word(text), text, self._router.is_mariadb)
        if state.ml_statements and take_execute(self._router, data):
            return True
        if known is None:
            state.tainted = True
            self._router.switch.watch(data)
            return False
        if known.settled and data.startswith(known.head, 4) and self._stays_again(known):
            return False
        known.settled = False
        if known.parameters and not self._note_types(data, known):
            self._session.state.drop_long_data(known)
            return False
        whole = self._complete(data, known)
        if known.long_data and not all(takes_long_data(known.types, parameter) for parameter in known.long_data):
            stale = known.stale
            self._gone_to_backend(known, whole)
            known.stale |= stale
            if whole is not data:
                session.pass_on(whole)
            return whole is not data
        if known.is_misread and known.is_behind:
            state.cursors.pop(number, None)
            session.run(self._leave(Reason.PARAMETER_KIND, whole, known), may_listen=True)
            return True
        if not self._is_candidate(known):
            state.cursors.pop(number, None)
            self._gone_to_backend(known, whole)
            known.settled = whole is data and bool(known.head)
            if whole is not data:
                session.pass_on(whole)
            return whole is not data
        session.run(self._consider(whole, known), may_listen=not known.writes)
        return True

    def _stays_again(self, known: Prepared) -> bool:
        """Tell whether an execution, alike but for its values with the last one that went as it came, goes so too."""
        state = self._session.state
        if state.use_secondary_engine != ON or known.long_data != {} or self._worker.engine.loaded.lake_name:
            return False
        cost = self._worker.stays.cost_of(known.key)
        return cost is not None and stays(self._session, cost) and not known.sets_variables

    def _gone_to_backend(self, known: Prepared, data: bytes) -> None:
        """Note what the backend has of a statement when it is given the execution."""
        known.told = known.types
        self._session.state.drop_long_data(known)
        known.stale = bool(data[9] & 1)  # it may have opened a cursor
        if self._pins(known):
            known.pinned.tell(parse_execute(data[4:], known.parameters, self._with_attributes), known.types)
        elif known.parameters:
            known.leftover.tell()

    def _pins(self, known: Prepared) -> bool:
        """Tell whether what was executed before changes what an execution means."""
        return bool(known.parameters) and not self._router.is_mariadb

    def _is_candidate(self, known: Prepared) -> bool:
        session = self._session
        if known.long_data is None or known.is_misread:
            return session.state.use_secondary_engine == FORCED or self._worker.engine.loaded.names_lake(known.text)
        if known.writes:
            return True
        named = self._worker.engine.loaded.names_lake(known.text)
        if session.state.use_secondary_engine != ON or named or known.sets_variables:
            return True
        cost = self._worker.stays.cost_of(known.key)
        if takes_one_shot(session) or (cost is not None and cost <= session.state.cost_threshold):
            return False
        if place_of(session) is not Place.WITHIN:
            return True
        self._worker.stays.remember_within(known.key)
        return False

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
        known.head = b"" if execute.attributes else data[4 : len(data) - len(execute.values)]
        if execute.types is not None:
            known.types = execute.types
        if len(known.types) != 2 * known.parameters:
            return False
        if self._pins(known) and not self._worker.engine.loaded.names_lake(known.text):
            if execute.types is None:
                data = build_packets(with_types(data[4:], known.parameters, known.types, self._with_attributes), 0)
            known.pinned.note(data, execute, known.types, known.long_data != {})
        elif self._router.is_mariadb:
            known.leftover.note(data, execute, known.types, known.long_data or ())
        return True

    async def _consider(self, data: bytes, known: Prepared) -> None:
        session = self._session
        known.cursor = None
        before = session.state.cursors.pop(int.from_bytes(data[5:9], "little"), None)
        if known.is_misread:
            await self._leave(Reason.PARAMETER_KIND, data, known)
            return
        try:
            execute = parse_execute(data[4:], known.parameters, self._with_attributes)
            text = self._text(execute, known)
        except (MalformedPacket, NotALiteral, UnicodeDecodeError):
            await self._leave(Reason.PARAMETER_VALUE, data, known, before)
            return
        if execute.cursor and len(session.state.cursors) >= MOST:
            await self._leave(Reason.LARGE_CURSOR, data, known)
            return
        if execute.cursor and not known.writes:
            known.cursor = Cursor(self._worker.settings.data_dir, session.capabilities)
        given = False
        try:
            if known.writes:
                given = await self._write(data, text, known)
            else:
                given = await self._decide(data, text, known)
        finally:
            if given:
                self._gone_to_backend(known, data)
            elif not session.closed:
                await self._forget_on_backend(execute.statement_id, known)
            cursor, known.cursor = known.cursor, None  # nobody keeps the rows of one that came to nothing
        if not given and cursor:
            self._open(execute.statement_id, cursor, len(known.definitions))

    async def _leave(self, reason: Reason, data: bytes, known: Prepared, before: Cursor | None = None) -> None:
        """Give an execution to the backend, or refuse it where only the engine may answer.

        `before` is the statement's cursor until now, which the servers leave open when they refuse the values.
        """
        if known.is_misread and known.is_behind:
            await catch_up(self._session, known)
        try:
            await self._refuse(reason, known.text)
        except SecondaryEngineError:
            await self._forget_on_backend(int.from_bytes(data[5:9], "little"), known)
            raise
        self._gone_to_backend(known, data)
        if before is None:
            self._session.pass_on(data)
            return
        raw = await self._session.ask(data, [Command.STMT_EXECUTE])
        if raw[4] == _ERR and parse_err(raw[4:]).number in _REFUSED_VALUES:
            self._session.state.cursors[int.from_bytes(data[5:9], "little")] = before
        self._session.client.write(raw)

    async def _refuse(self, reason: Reason, text: bytes) -> None:
        try:
            facts, use, _, refusal = await self._router.look(text, place=place_of(self._session))
        except UnicodeDecodeError:
            return
        await refuse_query(self._router, facts, Refusal(reason), text)
        if use == FORCED and (refusal is None or refusal.reason not in QUIET):
            raise SecondaryEngineError(reason.value)

    async def _forget_on_backend(self, number: int, known: Prepared) -> None:
        """Let the backend forget the values, and the cursor, that it has of an execution which ran elsewhere."""
        self._session.state.drop_long_data(known)
        if known.stale:
            known.stale = False
            reset = bytes((Command.STMT_RESET,)) + number.to_bytes(4, "little")
            await self._session.ask(build_packets(reset, 0), [Command.STMT_RESET])

    def _open(self, number: int, cursor: Cursor, columns: int) -> None:
        session = self._session
        if session.closed or not cursor.whole:
            return  # what the client has is an error
        session.state.cursors[number] = cursor
        session.client.write(cursor.opened(columns, session.tracker.lasting_status))

    async def _write(self, data: bytes, text: bytes, known: Prepared) -> bool:
        """Run a statement that writes; tells whether the backend was given the execution."""
        told = False

        def given() -> None:
            nonlocal told
            told = True

        work = perform(self._router, data, text, (known.text, known.definitions), given)
        if work is None:
            self._router.pass_on(data)
            return True
        await work
        return told

    def _text(self, execute: Execute, known: Prepared) -> bytes:
        statement = known.text.decode("utf-8")
        if known.long_data is None:
            raise NotALiteral("too much long data")
        if not known.parameters:
            return known.text
        long_data = {number: bytes(value) for number, value in known.long_data.items()}
        literals = build_literals(execute, known.types, True, long_data)
        for number in known.pinned.doubles:
            literals[number] = as_double(literals[number])
        return fill_placeholders(statement, literals, self._router.is_mariadb).encode()
