"""Where a session's statements go: a first look that costs little, and a second one for candidates only."""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from base.errors import MalformedPacket, SecondaryEngineError
from base.log import redact_sql
from proxy import checks, commands, counts, creates, extras, inserts, into, own_tables, reading, running, variables
from proxy.ahead import Ahead
from proxy.apart import SHORT
from proxy.ask import ask_backend
from proxy.backend_switch import BackendSwitch
from proxy.decisions import ALWAYS, DIGITS, decision_key, shape_key
from proxy.engine_link import EngineGone, EngineLink
from proxy.lake import create as lake_ddl
from proxy.lake import export, load_call
from proxy.lake import guard as lake_guard
from proxy.ml import calls, named, rows, writes
from proxy.offload import build_attributes
from proxy.preflight import Preflight, Questions, build_close, same_shape
from proxy.prepared import Prepared, PreparedStatements
from proxy.reading import Place
from proxy.reasons import QUIET, Reason, Refusal
from proxy.rules import Subject, check
from proxy.state import FORCED, NO_COUNTS, OFF, ON
from proxy.views import expanded
from statements.context import LakeName
from statements.export import may_export
from statements.extras import may_use_extras
from statements.facts import StatementFacts, statement_facts
from statements.into import may_set_variables
from statements.ml import may_use_functions
from statements.parse import MAX_LENGTH
from statements.scan import first_word
from statements.sqlmode import refused_mode
from wire.constants import Capability, Command, Status
from wire.framing import build_packets
from wire.parameters import text_start

if TYPE_CHECKING:
    from proxy.session import Session

log = logging.getLogger("proxy")

_PLAIN_SELECT = frozenset({b"SELECT", b"select", b"Select"})
_CLEAN = int(Status.IN_TRANS | Status.AUTOCOMMIT)
_AUTOCOMMIT = int(Status.AUTOCOMMIT)
_NO_ATTRIBUTES = b"\0\1"
_READABLE = 4 * MAX_LENGTH  # bytes of the longest statement that is read at all
_SHORT = 1024  # bytes of a command that may be a known point select
# Reasons that hold for a statement whatever the session does next.
_LASTING = frozenset(
    {
        *(Reason.UNSUPPORTED, Reason.NOT_LOADED, Reason.NO_TABLE, Reason.SYSTEM_TABLE),
        *(Reason.ENGINE_REFUSED, Reason.WARNINGS, Reason.PARAMETERS),
    }
)
# Those that hold whatever texts are in it.
_OF_TABLES = frozenset({Reason.NOT_LOADED, Reason.NO_TABLE, Reason.SYSTEM_TABLE})
_QUERY_WORDS = frozenset({b"select", b"with", b"(", b"table", b"values"})
_kept_facts = lru_cache(maxsize=512)(statement_facts)


class Router:
    """Decides for one session."""

    def __init__(self, session: "Session") -> None:
        self.session = session
        self._worker = session.worker
        self._link: EngineLink | None = None
        self._stays = self._worker.stays
        self._shapes = self._worker.stays.shapes
        self._has_attributes = bool(session.capabilities & Capability.QUERY_ATTRIBUTES)
        self.text_at = 7 if self._has_attributes else 5
        self._actions: dict[bytes, Callable[[bytes, bytes], bool]] = {
            b"select": self._select,
            b"with": self._select,
            b"(": self._select,
            b"table": self._select,
            b"values": self._select,
            b"set": lambda data, text: variables.take_set(self, data, text),
            b"show": lambda data, text: commands.take_show(self, data, text),
            b"alter": lambda data, text: commands.take_alter(self, data, text),
            b"check": lambda data, text: checks.take_check(self, data, text),
            b"kill": lambda data, text: commands.take_kill(self, data, text),
            b"call": lambda data, text: load_call.take_call(self, data, text) or calls.take_call(self, data, text),
            b"explain": lambda data, text: commands.take_explain(self, data, text),
            b"desc": lambda data, text: commands.take_explain(self, data, text),
            b"describe": lambda data, text: commands.take_explain(self, data, text),
            b"create": lambda data, text: (
                lake_ddl.take_create(self, data, text) or creates.take_create(self, data, text)
            ),
            b"drop": lambda data, text: lake_ddl.take_drop(self, data, text),
            b"insert": lambda data, text: inserts.take_insert(self, data, text),
            b"begin": self._open_transaction,
            b"start": self._open_transaction,
            b"lock": self._lock_tables,
            b"unlock": self._unlock_tables,
        }
        self.switch = BackendSwitch(self)
        session.handlers[Command.QUERY] = self.query
        session.handlers[Command.PROCESS_KILL] = self._process_kill
        PreparedStatements(self)
        Ahead(self)
        session.on_close.append(self.close)

    @property
    def is_mariadb(self) -> bool:
        """Tell whether the backend is MariaDB."""
        return self._worker.settings.server.is_mariadb

    @property
    def kind(self) -> str:
        """The backend's kind: "mysql" or "mariadb"."""
        return self._worker.settings.server.kind

    def is_query(self, text: bytes) -> bool:
        """Tell whether a text begins like a query."""
        return first_word(text) in _QUERY_WORDS

    def query(self, data: bytes) -> bool:
        """Look at a lone COM_QUERY; True when it is taken over."""
        at = self.text_at
        if self._has_attributes and data[5:7] != _NO_ATTRIBUTES:
            return self._query_with_attributes(data)
        state = self.session.state
        if not state.counts and state.use_secondary_engine == ON:
            if len(data) < _SHORT:
                # The way of a point select: its number is stripped, and one lookup.
                cost = self._shapes.get(data[at:].rstrip(DIGITS))
                if cost is not None and cost <= state.cost_threshold:
                    state.tainted |= b";" in data
                    return False
            if data[at : at + 6] in _PLAIN_SELECT:
                cost = self._stays.find(data[at:])
                if cost is not None and cost <= state.cost_threshold:
                    state.tainted |= b";" in data
                    return False
        if state.counts and counts.mentions(data[at:]):
            self.session.run(counts.answer(self, data, data[at:]))
            return True
        word = first_word(data, at)
        reading.note(self.session, word, data, at)
        action = self._actions.get(word)
        if word in lake_guard.WRITES and self._worker.engine.loaded.names_lake(data[at:]):
            action = self._lake_write
        if (word in writes.WORDS and writes.take_write(self, data[at:])) or (
            word in named.WORDS and named.take_named(self, data, data[at:])
        ):
            return True
        if action is None:
            state.counts = NO_COUNTS
            self.switch.watch(data)
            return False
        if action(data, data[at:]):
            return True
        self.switch.watch(data)
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

    def _lake_write(self, data: bytes, text: bytes) -> bool:
        """Look at a statement that is no query and names a lake table: what others see of it first is theirs."""
        word = first_word(text)
        if word == b"insert" and inserts.take_insert(self, data, text):
            return True
        if word == b"create" and self._actions[word](data, text):
            return True
        return lake_guard.take_write(self, data, text)

    def take_lake_alter(self, text: bytes) -> bool:
        """Take over ALTER TABLE … ENGINE_ATTRIBUTE of a lake table."""
        return lake_ddl.take_alter(self, text)

    def _process_kill(self, data: bytes) -> bool:
        self.session.run(commands.kill(self, data, "", int.from_bytes(data[5:9], "little")))
        return True

    # --- SELECT ---

    def _select(self, data: bytes, text: bytes) -> bool:
        session = self.session
        state = session.state
        if state.counts:
            state.counts = NO_COUNTS
        if may_export(text):
            session.run(export.run(self, data, text))
            return True
        use = state.use_secondary_engine
        engine = self._worker.engine
        named = variables.names_ours(text) or own_tables.may_name(text) or engine.loaded.names_lake(text)
        if not named and not may_use_functions(text):
            if use == OFF:
                return False
            if use == ON:
                if session.tracker.status & _CLEAN != _AUTOCOMMIT and reading.place_of(session) is Place.WITHIN:
                    return False
                if not engine.loaded.tables:
                    self._stays.remember(decision_key(text), ALWAYS)  # forgotten with the first table
                    return False
                cost = self._stays.find(text)
                if cost is not None and cost <= state.cost_threshold:
                    return False
        session.run(self._consider(data, text))
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

    def pass_on(self, data: bytes) -> None:
        """Give the backend a command that was considered."""
        self.switch.watch(data)
        self.session.pass_on(data)

    async def _consider(self, data: bytes, text: bytes) -> None:
        """Decide on a candidate, and run it where it belongs."""
        place = reading.place_of(self.session)  # before anything is asked
        try:
            statement = text.decode("utf-8")
        except UnicodeDecodeError:
            return self.pass_on(data)
        if may_use_functions(text) and (
            await writes.into_variables(self, statement) or await rows.run(self, statement, place)
        ):
            return None
        if variables.is_read(statement):
            return await variables.answer_read(self, data, statement)
        readable = len(text) <= _READABLE
        if readable and may_use_extras(text) and await extras.run(self, text):
            return None
        if readable and may_set_variables(text) and await into.run(self, text):
            return None
        facts = await self.facts(statement)
        if await own_tables.are_meant(self, facts):
            return await own_tables.answer(self, text, facts)
        await self._decide(data, text, decision_key(text), None, place)
        return None

    async def consider_prepared(self, data: bytes, text: bytes, known: Prepared) -> bool:
        """Decide on an execution whose parameters are in `text`; tells whether the backend was given it."""
        return await self._decide(data, text, known.decided, known, reading.place_of(self.session))

    async def _decide(self, data: bytes, text: bytes, key: bytes, known: Prepared | None, place: Place) -> bool:
        facts, use, threshold, refusal = await self._look(text, place=place)
        if refusal and (use != FORCED or refusal.reason in QUIET):
            await lake_guard.refuse_query(self, facts, refusal)
            if facts.locking or refusal.reason in _OF_TABLES:
                self._worker.stays.remember(shape_key(key), ALWAYS)
            elif refusal.reason in _LASTING:
                self._worker.stays.remember(key, ALWAYS)
            self.pass_on(data)
            return True
        known_before = refusal
        refusal, preflight = await self._try(text, (facts, use, threshold), known_before, known, place)
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
        self.pass_on(data)
        return True

    async def _look(
        self, text: bytes, wanted: str | None = None, place: Place = Place.ALONE
    ) -> tuple[StatementFacts, str, float, Refusal | None]:
        """Read a statement, and give the reason against it that can be known without the backend, but for views."""
        facts, use, threshold = await self.read(text.decode("utf-8"))
        use = wanted or use
        refusal = check(self.subject(facts, use, place=place))
        # Nobody else can answer: what a worker knows of loads may be a second old.
        must = use == FORCED or self._worker.engine.loaded.names_lake(text)
        if must and (not self._worker.engine.alive or (refusal and refusal.reason is Reason.NOT_LOADED)):
            await self._worker.engine.refresh()
            refusal = check(self.subject(facts, use, place=place))
        if refusal and refusal.reason is Reason.NOT_LOADED and self._worker.engine.alive:
            facts = await self.through_views(facts)
            refusal = check(self.subject(facts, use, place=place)) if facts.views or facts.lake else refusal
        return facts, use, threshold, refusal

    async def weigh(
        self, text: bytes, use: str | None = None, asked: bytes = b"", place: Place = Place.ALONE
    ) -> tuple[StatementFacts, Refusal | None, Preflight | None]:
        """Decide on a query short of running it; with the backend's answers when it was asked.

        `use` is what holds instead of the session's use_secondary_engine, `asked` the form for the backend.
        """
        facts, use, threshold, refusal = await self._look(text, use, place)
        if refusal:
            return facts, refusal, None
        return await self.consult(asked or text, (facts, use, threshold), None, place)

    async def consult(
        self,
        text: bytes,
        read: tuple[StatementFacts, str, float],
        refusal: Refusal | None = None,
        place: Place = Place.ALONE,
    ) -> tuple[StatementFacts, Refusal | None, Preflight]:
        """Ask the backend about a statement and judge by its answers; `refusal` is what was known before.

        Until then a table without a schema passes for any of its name. With the session's schema it may be one that
        was loaded a moment ago, or a view.
        """
        facts, use, threshold = read
        questions = Questions(text, facts, self.kind, self.session.capabilities, with_cost=use == ON)
        preflight = await ask_backend(self.session, questions)
        found = self.judge(facts, use, threshold, preflight, refusal, place)
        if refusal or found is None or preflight.context is None or not self._lacks_table(found, facts, preflight):
            return facts, found, preflight
        if use == FORCED:
            await self._worker.engine.refresh()
        facts = await self.through_views(facts, preflight.context.schema)
        preflight = await ask_backend(self.session, replace(questions, facts=facts))
        return facts, self.judge(facts, use, threshold, preflight, None, place), preflight

    def _lacks_table(self, found: Refusal, facts: StatementFacts, preflight: Preflight) -> bool:
        """Tell whether what was found against a statement is that a table is not loaded, or hidden by a view."""
        if found.reason is Reason.HIDDEN_TABLE:
            found = check(self.subject(facts, FORCED, preflight)) or found
        return found.reason is Reason.NOT_LOADED

    async def through_views(self, facts: StatementFacts, schema: str = "") -> StatementFacts:
        """Look whether what is not loaded is a view of tables that are; `schema` is the session's, if it is known."""
        loaded, capabilities = self._worker.engine.loaded, self.session.capabilities
        return await expanded(
            self.session.ask, facts, lambda name: loaded.has(name[0] or schema or None, name[1]), capabilities
        )

    def close_prepared(self, statement_id: int) -> None:
        """Close a statement of our own on the backend."""
        self.session.backend.write(build_close(statement_id))

    def _effective(self, facts: StatementFacts) -> tuple[str, float]:
        state = self.session.state
        hinted = facts.set_vars.get("use_secondary_engine", "")
        use = variables.SWITCH.get(hinted.upper(), state.use_secondary_engine)
        try:
            threshold = float(facts.set_vars.get("secondary_engine_cost_threshold", state.cost_threshold))
        except ValueError:
            threshold = state.cost_threshold
        return use, threshold

    async def facts(self, statement: str) -> StatementFacts:
        """Read a statement, a long one in another process."""
        return _kept_facts(statement) if len(statement) <= SHORT else await self._worker.apart.facts(statement)

    async def read(self, statement: str) -> tuple[StatementFacts, str, float]:
        """Give a statement's facts, and the switch and the threshold that hold for it."""
        facts = await self.facts(statement)
        return facts, *self._effective(facts)

    def subject(
        self, facts: StatementFacts, use: str, preflight: Preflight | None = None, place: Place = Place.ALONE
    ) -> Subject:
        """Put a statement into its session for the rules."""
        only_reads = place in (Place.BEGINS, Place.GOES_ON)
        session = self.session
        status = preflight.status if preflight else session.tracker.status
        schema = preflight.context.schema if preflight and preflight.context else None
        loaded = self._worker.engine.loaded
        if preflight:
            lake = frozenset(preflight.lake)
        else:
            lake = facts.lake | {name for name in facts.tables if loaded.is_lake(name[0] or None, name[1])}
        return Subject(facts, use, status, session.state.locked_tables, loaded, schema, lake, only_reads)

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
        _, refusal, preflight = await self.consult(asked, read, refusal, place)
        if refusal is None and known:
            if same_shape(preflight.definitions, known.definitions, self.session.capabilities):
                preflight.definitions = known.definitions  # their names show the markers, not the values
            else:
                refusal = Refusal(Reason.PARAMETERS)
        if refusal is None and place is Place.BEGINS and not preflight.only_lake:
            refusal = await reading.begin(self)
        if refusal is None:
            protocol = "binary" if known else "text"
            refusal = await running.run(self, asked, preflight, protocol, place, known.cursor if known else None)
        return refusal, preflight

    def judge(
        self,
        facts: StatementFacts,
        use: str,
        threshold: float,
        preflight: Preflight,
        refusal: Refusal | None = None,
        place: Place = Place.ALONE,
    ) -> Refusal | None:
        """Give the reason to stay after the backend was asked; `refusal` is what was known before."""
        told = preflight.refusal
        if told and told.reason is Reason.BACKEND_ERROR:
            return told
        if refusal or told:
            return refusal or told
        if mode := refused_mode(preflight.context.sql_mode if preflight.context else ""):
            return Refusal(Reason.UNSUPPORTED, f"SQL mode {mode} is not supported")
        if refusal := check(self.subject(facts, use, preflight, place)):
            return refusal
        if use == ON and not preflight.lake and preflight.cost is not None and preflight.cost <= threshold:
            return Refusal(Reason.CHEAP)
        return None

    async def link(self) -> EngineLink:
        """The session's connection to the engine. Raises EngineGone."""
        if not self._worker.engine.alive:
            raise EngineGone("the engine does not answer")
        if self._link is None or self._link.closed:
            self._link = await self._worker.engine.open(self.session.capabilities)
        return self._link

    def attributes(
        self,
        preflight: Preflight,
        protocol: str = "text",
        freshness: str | None = None,
        since: str = "",
        cursor: bool = False,
    ) -> dict[str, bytes]:
        """The query attributes with which the engine is given a statement."""
        assert preflight.context
        lake = tuple(
            LakeName(schema or preflight.context.schema, name, mark) for (schema, name), mark in preflight.lake.items()
        )
        if preflight.only_lake:  # nothing that the copy could be behind with
            freshness = "relaxed"
        context = replace(
            preflight.context,
            protocol=protocol,
            lake=lake,
            freshness=freshness or self.session.state.freshness,
            freshness_timeout=self._worker.settings.freshness_timeout,
            status=self.session.tracker.status & _CLEAN,
            since=since,
            cursor=cursor,
        )
        return build_attributes(context.to_json(), preflight.definitions)

    def close(self) -> None:
        """Close the connection to the engine."""
        if self._link:
            self._link.close()
