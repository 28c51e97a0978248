"""Where a session's statements go: a first look that costs little, and a second one for candidates only."""

import logging
from collections.abc import Callable

from base.errors import MalformedPacket, SecondaryEngineError
from base.log import redact_sql
from proxy.backend.preflight import Preflight, gives_bytes, same_shape
from proxy.copies import alter, checks, own_tables
from proxy.decisions import ALWAYS, certain_shape, decision_key, shape_key
from proxy.into import creates, inserts, user_variables
from proxy.lake import create as lake_ddl
from proxy.lake import export, load_call
from proxy.lake import guard as lake_guard
from proxy.ml import calls, named, rows, writes
from proxy.place import Place
from proxy.prepared.statements import PreparedStatements
from proxy.reasons import QUIET, Reason, Refusal
from proxy.routing import plain, reading, running
from proxy.routing.ahead import Ahead
from proxy.routing.router import Router
from proxy.served import counts, explain, extras, kill, show, variables
from proxy.served.telling import tell_found_rows
from proxy.sessions import kept
from proxy.sessions.change_user import take_change_user
from proxy.sessions.remembered import Prepared
from proxy.sessions.state import FORCED, NO_COUNTS, OFF, ON
from statements.export import may_export
from statements.extras import may_use_extras
from statements.facts import StatementFacts
from statements.into import may_set_variables
from statements.ml import may_use_functions
from statements.parse import MAX_LENGTH
from statements.scan import first_word
from wire.constants import Command, Status
from wire.framing import build_packets
from wire.parameters import text_start

log = logging.getLogger("proxy")

_PLAIN_SELECT = frozenset({b"SELECT", b"select", b"Select"})
_CLEAN = int(Status.IN_TRANS | Status.AUTOCOMMIT)
_AUTOCOMMIT = int(Status.AUTOCOMMIT)
_NO_ATTRIBUTES = b"\0\1"
_READABLE = 4 * MAX_LENGTH  # bytes of the longest statement that is read at all
# Reasons that hold for a statement whatever the session does next.
_LASTING = frozenset(
    {
        *(Reason.UNSUPPORTED, Reason.NOT_LOADED, Reason.NO_TABLE, Reason.SYSTEM_TABLE),
        *(Reason.ENGINE_REFUSED, Reason.WARNINGS, Reason.PARAMETERS),
    }
)
# Those that hold whatever texts are in it.
_OF_TABLES = frozenset({Reason.NOT_LOADED, Reason.NO_TABLE, Reason.SYSTEM_TABLE})


class Dispatch:
    """Looks at the commands of one session; its router decides."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.session = router.session
        self._worker = router.session.worker
        self._stays = self._worker.stays
        self._has_attributes = router.has_attributes
        self._text_at = router.text_at
        self._actions: dict[bytes, Callable[[bytes, bytes], bool]] = {
            b"select": self._select,
            b"with": self._select,
            b"(": self._select,
            b"table": self._select,
            b"values": self._select,
            b"set": lambda data, text: variables.take_set(router, data, text),
            b"show": lambda data, text: show.take_show(router, data, text),
            b"alter": self._alter,
            b"check": lambda data, text: checks.take_check(router, data, text),
            b"kill": lambda data, text: kill.take_kill(router, data, text),
            b"call": lambda data, text: load_call.take_call(router, data, text) or calls.take_call(router, data, text),
            b"explain": lambda data, text: explain.take_explain(router, data, text),
            b"desc": lambda data, text: explain.take_explain(router, data, text),
            b"describe": lambda data, text: explain.take_explain(router, data, text),
            b"create": lambda data, text: (
                lake_ddl.take_create(router, data, text)
                or alter.take_create(router, text)
                or creates.take_create(router, data, text)
            ),
            b"drop": self._drop,
            b"prepare": lambda data, text: lake_guard.take_prepare(router, data, text),
            b"execute": lambda data, text: lake_guard.take_execute(router, data, text),
            b"insert": lambda data, text: inserts.take_insert(router, data, text),
            b"begin": self._open_transaction,
            b"start": self._open_transaction,
            b"lock": self._lock_tables,
            b"unlock": self._unlock_tables,
        }
        router.session.known = self._stays.known
        handlers = router.session.handlers
        handlers[Command.QUERY] = self.query
        for command in (Command.INIT_DB, Command.PING, Command.SET_OPTION, Command.FIELD_LIST, Command.STATISTICS):
            handlers[command] = self._small
        handlers[Command.PROCESS_KILL] = self._process_kill
        handlers[Command.CHANGE_USER] = lambda data: take_change_user(self.session, data)
        PreparedStatements(router, self._consider_prepared)
        Ahead(router)

    def query(self, data: bytes) -> bool:
        """Look at a lone COM_QUERY; True when it is taken over."""
        at = self._text_at
        if self._has_attributes and data[5:7] != _NO_ATTRIBUTES:
            return self._query_with_attributes(data)
        state = self.session.state
        if not state.counts and state.use_secondary_engine == ON and data[at : at + 6] in _PLAIN_SELECT:
            cost = self._stays.find(data[at:], data)
            if cost is not None and reading.stays(self.session, cost):
                state.tainted |= b";" in data
                return False
        if not state.counts:
            if plain.is_write(self.session, data, at):
                self._stays.note_write(data)
                return False
            control = plain.control(data, at)
            if control is not None:
                state.note_control(control, self.session.tracker)
                self._stays.note_control(data, control)
                return False
        if state.counts:
            kept.settle(state, self.session.tracker)
            if counts.mentions(data[at:]):
                self.session.run(counts.answer(self.router, data, data[at:]), may_listen=True)
                return True
        word = first_word(data, at)
        if state.counts and kept.is_anyones_guess(state, word, data[at:]):
            self.session.run(tell_found_rows(self.router, data), may_listen=True)
            return True
        if state.counts and word != b"show":  # which may have more to tell
            kept.pass_by(state, word, data[at:], self.router.is_mariadb)
        reading.note(self.session, word, data, at)
        action = self._actions.get(word)
        if word in lake_guard.WRITES and self._worker.engine.loaded.names_lake(data[at:]):
            action = self._lake_write
        if (word in writes.WORDS and writes.take_write(self.router, data[at:])) or (
            word in named.WORDS and named.take_named(self.router, data, data[at:], lake_guard.pass_prepare)
        ):
            return True
        if action is None:
            self.router.switch.watch(data)
            return False
        if action(data, data[at:]):
            return True
        self.router.switch.watch(data)
        return False

    def _query_with_attributes(self, data: bytes) -> bool:
        """Look at a statement as if the client had sent it without its attributes, which the backend alone knows."""
        try:
            plain = build_packets(data[4:5] + _NO_ATTRIBUTES + data[4 + text_start(data[4:]) :], 0)
        except MalformedPacket:
            self.session.state.counts = NO_COUNTS
            return False
        self.session.stand_in(plain, data)
        taken = self.query(plain)
        if not taken:
            self.session.stand_in(b"", b"")
        return taken

    def _small(self, data: bytes) -> bool:
        if self.session.state.counts:
            kept.keep_found_rows(self.session.state, self.session.tracker)
        return False

    def _lake_write(self, data: bytes, text: bytes) -> bool:
        """Look at a statement that is no query and names a lake table: what others see of it first is theirs."""
        word = first_word(text)
        if word == b"insert" and inserts.take_insert(self.router, data, text):
            return True
        if word in (b"create", b"alter") and self._actions[word](data, text):
            return True
        return lake_guard.take_write(self.router, data, text)

    def _drop(self, data: bytes, text: bytes) -> bool:
        names_lake = self._worker.engine.loaded.names_lake(text)
        return (names_lake and lake_guard.take_write(self.router, data, text)) or (
            lake_ddl.take_drop(self.router, data, text)
        )

    def _alter(self, data: bytes, text: bytes) -> bool:
        return lake_ddl.take_alter(self.router, text) or alter.take_alter(self.router, data, text)

    def _process_kill(self, data: bytes) -> bool:
        self.session.run(kill.kill(self.router, data, "", int.from_bytes(data[5:9], "little")), may_listen=True)
        return True

    # --- SELECT ---

    def _select(self, data: bytes, text: bytes) -> bool:
        session = self.session
        state = session.state
        if may_export(text):
            session.run(export.run(self.router, data, text))
            return True
        use = state.use_secondary_engine
        engine = self._worker.engine
        named = variables.names_ours(text) or own_tables.may_name(text) or engine.loaded.names_lake(text)
        if not named and not may_use_functions(text):
            if use == OFF or reading.takes_one_shot(session):
                return False
            if use == ON:
                if not engine.loaded.tables:
                    self._stays.remember(certain_shape(decision_key(text)), ALWAYS)  # forgotten with the first table
                    return False
                if session.tracker.status & _CLEAN != _AUTOCOMMIT and reading.place_of(session) is Place.WITHIN:
                    self._stays.remember_within(decision_key(text))
                    return False
                cost = self._stays.find(text)
                if cost is not None and cost <= state.cost_threshold:
                    return False
        session.run(self._consider(data, text), may_listen=not may_use_functions(text))
        return True

    def _lock_tables(self, data: bytes, text: bytes) -> bool:
        # LOCK INSTANCE FOR BACKUP counts as well: it does no harm to stay.
        self.session.state.locked_tables = True
        return False

    def _open_transaction(self, data: bytes, text: bytes) -> bool:
        reading.note_opening(self.session, text)
        return False

    def _unlock_tables(self, data: bytes, text: bytes) -> bool:
        self.session.state.locked_tables = False
        return False

    async def _consider(self, data: bytes, text: bytes) -> None:
        """Decide on a candidate, and run it where it belongs."""
        place = reading.place_of(self.session)  # before anything is asked
        try:
            statement = text.decode("utf-8")
        except UnicodeDecodeError:
            return self.router.pass_on(data)
        if may_use_functions(text) and (
            await writes.into_variables(self.router, statement) or await rows.run(self.router, statement, place)
        ):
            return None
        if variables.is_read(statement):
            return await variables.answer_read(self.router, data, statement)
        readable = len(text) <= _READABLE
        if readable and may_use_extras(text) and await extras.run(self.router, text):
            return None
        if readable and may_set_variables(text) and await user_variables.run(self.router, text):
            return None
        facts = await self.router.facts(statement)
        if await own_tables.are_meant(self.router, facts):
            return await own_tables.answer(self.router, text, facts)
        await self._decide(data, text, decision_key(text), None, place)
        return None

    async def _consider_prepared(self, data: bytes, text: bytes, known: Prepared) -> bool:
        """Decide on an execution whose parameters are in `text`; tells whether the backend was given it."""
        return await self._decide(data, text, known.decided, known, reading.place_of(self.session))

    async def _decide(self, data: bytes, text: bytes, key: bytes, known: Prepared | None, place: Place) -> bool:
        facts, use, threshold, refusal = await self.router.look(text, place=place)
        if refusal and (use != FORCED or refusal.reason in QUIET):
            await lake_guard.refuse_query(self.router, facts, refusal, text)
            if facts.locking or refusal.reason in _OF_TABLES:
                self._worker.stays.remember(shape_key(key), ALWAYS)
            elif refusal.reason in _LASTING:
                self._worker.stays.remember(key, ALWAYS)
            self.router.pass_on(data)
            return True
        known_before = refusal
        refusal, preflight = await self._try(text, (facts, use, threshold), known_before, known, place)
        found_rows = preflight.found_rows
        must = use == FORCED or bool(preflight.lake)
        if must and refusal and refusal.reason is Reason.ENGINE_DOWN:
            # Nowhere else to go: an engine that restarts gets a second chance.
            await self._worker.engine.refresh()
            refusal, preflight = await self._try(text, (facts, use, threshold), known_before, known, place)
        if refusal is None:
            return False
        cost = preflight.cost
        if must and (refusal.reason not in QUIET or (preflight.lake and refusal.reason is not Reason.BACKEND_ERROR)):
            raise SecondaryEngineError(refusal.sentence)
        if cost is not None and refusal.reason is Reason.CHEAP:
            self._worker.stays.remember_cheap(key, cost, threshold)
        elif refusal.reason in _LASTING:
            self._worker.stays.remember(key, ALWAYS)
        log.debug("on the backend: %s: %s", refusal.sentence, redact_sql(text.decode("utf-8", "replace")))
        kept.hold(self.session.state, found_rows)
        if refusal.reason is not Reason.BACKEND_ERROR:
            kept.run_by_backend(self.session.state, self.router.is_mariadb)
        self.router.pass_on(data)
        return True

    async def _try(
        self,
        text: bytes,
        read: tuple[StatementFacts, str, float],
        refusal: Refusal | None,
        known: Prepared | None,
        place: Place,
    ) -> tuple[Refusal | None, Preflight]:
        """Ask the backend, then run on the engine; gives the reason to go to the backend, and what that said."""
        asked = text.rstrip(b"; \t\r\n")
        _, refusal, preflight = await self.router.consult(asked, read, refusal, place, warned=True)
        if refusal is None and known:
            if preflight.warned and self.router.is_mariadb:
                return Refusal(Reason.WARNINGS), preflight  # which it has again when it is run
            preflight.warned = []
            capabilities = self.session.capabilities
            if not same_shape(preflight.definitions, known.definitions, capabilities):
                refusal = Refusal(Reason.PARAMETERS)
            elif self.router.is_mariadb and known.has_bytes and gives_bytes(preflight.definitions, capabilities):
                refusal = Refusal(Reason.PARAMETER_TYPE)  # BLOBs among its arguments make a function's answer one
            else:
                preflight.definitions = known.definitions  # their names show the markers, not the values
        if refusal is None and place is Place.BEGINS and not preflight.only_lake:
            refusal = await reading.begin(self.router)
        if refusal is None:
            protocol = "binary" if known else "text"
            asked = preflight.spelled or asked
            refusal = await running.run(self.router, asked, preflight, protocol, place, known.cursor if known else None)
        return refusal, preflight
