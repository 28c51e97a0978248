"""Whether a session's query may run on the engine: the rules, and what the backend says of it."""

from dataclasses import replace
from functools import lru_cache

from proxy.backend.answers import Answer
from proxy.backend.preflight import Preflight, Questions, build_close, quote_name
from proxy.backend.views import Expanded, expanded
from proxy.engine.link import EngineGone, EngineLink
from proxy.place import Place
from proxy.reasons import Reason, Refusal
from proxy.routing.ask import ask_backend, current_schema
from proxy.routing.backend_switch import BackendSwitch
from proxy.routing.offload import build_attributes
from proxy.routing.rules import Subject, check
from proxy.routing.warned import ask_warned
from proxy.sessions.apart import is_quick
from proxy.sessions.session import Session
from proxy.sessions.state import FORCED, ON, SWITCH
from statements.context import LakeName
from statements.facts import StatementFacts, statement_facts
from statements.spelled import ANSI_QUOTES, has_names_in_quotes, plain_modes, spelled
from statements.sqlmode import refused_mode
from wire.constants import Capability

_kept_facts = lru_cache(maxsize=512)(statement_facts)


def _note_spelling(preflight: Preflight, text: bytes | None) -> None:
    """Keep how a statement is written without the modes that spell it, and with which others that holds."""
    if text is not None and preflight.context:
        preflight.spelled = text
        preflight.context = replace(preflight.context, sql_mode=plain_modes(preflight.context.sql_mode))


class Router:
    """Decides for one session, and holds what those need who act for it: its sides, its way to the engine."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._worker = session.worker
        self._link: EngineLink | None = None
        self.under_way = ""  # the statement of AutoML that runs or ran last: SHOW PROCESSLIST shows it
        self.has_attributes = bool(session.capabilities & Capability.QUERY_ATTRIBUTES)
        self.text_at = 7 if self.has_attributes else 5  # where the text of a framed COM_QUERY begins
        self.switch = BackendSwitch(session, self.text_at, self.is_mariadb)
        session.on_close.append(self.close)

    @property
    def is_mariadb(self) -> bool:
        """Tell whether the backend is MariaDB."""
        return self._worker.settings.server.is_mariadb

    @property
    def kind(self) -> str:
        """The backend's kind: "mysql" or "mariadb"."""
        return self._worker.settings.server.kind

    def pass_on(self, data: bytes) -> None:
        """Give the backend a command that was considered."""
        self.switch.watch(data)
        self.session.pass_on(data)

    async def look(
        self, text: bytes, wanted: str | None = None, place: Place = Place.ALONE
    ) -> tuple[StatementFacts, str, float, Refusal | None]:
        """Read a statement, and give the reason against it that can be known without the backend, but for views."""
        facts, use, threshold = await self.read(text.decode("utf-8"))
        use = wanted or use
        refusal = check(self.subject(facts, use, place=place))
        # Nobody else can answer: what a worker knows of loads may be a second old.
        in_doubt = not self._worker.engine.alive or (refusal is not None and refusal.reason is Reason.NOT_LOADED)
        if in_doubt and (
            use == FORCED or (self._worker.engine.loaded.names_lake(text) and await self._reads_lake(facts))
        ):
            await self._worker.engine.refresh()
            refusal = check(self.subject(facts, use, place=place))
        if refusal and refusal.reason is Reason.NOT_LOADED:
            facts = await self.through_views(facts)
            refusal = check(self.subject(facts, use, place=place)) if facts.views or facts.lake else refusal
        return facts, use, threshold, refusal

    async def _reads_lake(self, facts: StatementFacts) -> bool:
        """Tell whether a lake table is meant, and not another of its name."""
        is_lake = self._worker.engine.loaded.is_lake
        if any(schema and is_lake(schema, name) for schema, name in facts.tables):
            return True
        doubtful = [name for schema, name in facts.tables if not schema and is_lake(None, name)]
        if not doubtful:
            return False
        schema = await current_schema(self.session)
        return any(is_lake(schema, name) for name in doubtful)

    async def weigh(
        self,
        text: bytes,
        use: str | None = None,
        asked: bytes = b"",
        place: Place = Place.ALONE,
        warned: bool = False,
    ) -> tuple[StatementFacts, Refusal | None, Preflight | None]:
        """Decide on a query short of running it; with the backend's answers when it was asked.

        `use` is what holds instead of the session's use_secondary_engine, `asked` the form for the backend, `warned` as
        of `consult`.
        """
        facts, use, threshold, refusal = await self.look(text, use, place)
        if refusal:
            return facts, refusal, None
        return await self.consult(asked or text, (facts, use, threshold), None, place, warned)

    async def consult(
        self,
        text: bytes,
        read: tuple[StatementFacts, str, float],
        refusal: Refusal | None = None,
        place: Place = Place.ALONE,
        warned: bool = False,
    ) -> tuple[StatementFacts, Refusal | None, Preflight]:
        """Ask the backend about a statement and judge by its answers; `refusal` is what was known before.

        `warned` says that warnings which hold before the statement runs may be told with the answer, and that it may be
        one that the session's modes spell in another way: the preflight has how it is written without them.

        Until then a table without a schema passes for any of its name. With the session's schema it may be one that
        was loaded a moment ago, or a view.
        """
        facts, use, threshold = read
        is_lake = self._worker.engine.loaded.is_lake
        questions = Questions(text, facts, self.kind, self.session.capabilities, True, is_lake)
        preflight = await self._ask(questions, warned)
        facts, preflight = await self._spelled(facts, questions, preflight, warned)
        preflight.forced = use == FORCED
        found = self.judge(facts, use, threshold, preflight, refusal, place)
        if refusal or found is None or preflight.context is None or not self._lacks_table(found, facts, preflight):
            return facts, found, preflight
        if use == FORCED:
            await self._worker.engine.refresh()
        facts, found_rows = await self.through_views(facts, preflight.context.schema), preflight.found_rows
        text_of_modes = preflight.spelled
        preflight = await self._ask(replace(questions, facts=facts), warned)
        _note_spelling(preflight, text_of_modes)
        preflight.forced, preflight.found_rows = use == FORCED, found_rows
        found = self.judge(facts, use, threshold, preflight, None, place)
        if found:
            preflight.lake = dict.fromkeys(facts.lake, "") | preflight.lake
        return facts, found, preflight

    async def _spelled(
        self, facts: StatementFacts, questions: Questions, preflight: Preflight, allowed: bool
    ) -> tuple[StatementFacts, Preflight]:
        """Read a statement anew as its session's modes have it, and ask what was not asked about that."""
        mode = preflight.context.sql_mode if preflight.context else ""
        if facts.unquoted is not None and not has_names_in_quotes(mode):
            preflight.refusal = preflight.refusal or Refusal(Reason.UNSUPPORTED, facts.unquoted)
        if not allowed or preflight.lake or plain_modes(mode) == mode:
            return facts, preflight
        text = spelled(questions.text.decode("utf-8"), mode)
        if text is None:
            return facts, preflight
        read = await self.facts(text)
        if (read.tables, read.session_values) != (facts.tables, facts.session_values):
            found_rows, preflight = preflight.found_rows, await self._ask(replace(questions, facts=read), allowed)
            preflight.found_rows = found_rows
        _note_spelling(preflight, text.encode())
        return read, preflight

    async def _ask(self, questions: Questions, warned: bool) -> Preflight:
        preflight = await ask_backend(self.session, questions)
        return await ask_warned(self.session, questions, preflight) if warned else preflight

    def _lacks_table(self, found: Refusal, facts: StatementFacts, preflight: Preflight) -> bool:
        """Tell whether what was found against a statement is that a table is not loaded, or hidden by a view."""
        if found.reason is Reason.HIDDEN_TABLE:
            found = check(self.subject(facts, FORCED, preflight)) or found
        return found.reason is Reason.NOT_LOADED

    async def through_views(self, facts: StatementFacts, schema: str = "") -> StatementFacts:
        """Look whether what is not loaded is a view of tables that are; `schema` is the session's, if it is known.

        Where a lake table is among them the engine is asked again, and waited for: nobody else answers for it. One
        that is below something else that is not loaded is in `lake` of the facts and not in their tables.
        """
        engine = self._worker.engine

        async def hidden(name: tuple[str, str]) -> Answer | None:
            own = name[0] or schema or await current_schema(self.session)
            try:
                return await (await self.link()).ask(
                    f"WARMFRONT SHOWN {quote_name(own)}.{quote_name(name[1])}".encode()
                )
            except EngineGone:
                return None

        def is_loaded(name: tuple[str, str]) -> bool:
            return engine.loaded.has(name[0] or schema or None, name[1])

        def lake_of(found: Expanded) -> frozenset[tuple[str, str]]:
            return frozenset(name for name in found.seen if engine.loaded.is_lake(name[0] or schema or None, name[1]))

        asking = (self.session.ask, hidden, facts, is_loaded, self.session.capabilities)
        found = await expanded(*asking)
        if found.facts is facts and lake_of(found):
            await engine.refresh()
            found = await expanded(*asking)
        return replace(facts, lake=lake_of(found)) if found.facts is facts else found.facts

    def close_prepared(self, statement_id: int) -> None:
        """Close a statement of our own on the backend."""
        self.session.backend.write(build_close(statement_id))

    def _effective(self, facts: StatementFacts) -> tuple[str, float]:
        state = self.session.state
        hinted = facts.set_vars.get("use_secondary_engine", "")
        use = SWITCH.get(hinted.upper(), state.use_secondary_engine)
        try:
            threshold = float(facts.set_vars.get("secondary_engine_cost_threshold", state.cost_threshold))
        except ValueError:
            threshold = state.cost_threshold
        return use, threshold

    async def facts(self, statement: str) -> StatementFacts:
        """Read a statement, one that takes its time in another process."""
        return _kept_facts(statement) if is_quick(statement) else await self._worker.apart.facts(statement)

    async def read(self, statement: str) -> tuple[StatementFacts, str, float]:
        """Give a statement's facts, and the switch and the threshold that hold for it.

        One that may not be offloaded may be another with names in double quotes, as ANSI_QUOTES has them.
        """
        facts = await self.facts(statement)
        if facts.reason is not None and '"' in statement:
            text = spelled(statement, ANSI_QUOTES)
            quoted = facts if text is None else await self.facts(text)
            facts = replace(quoted, unquoted=facts.reason) if quoted.kind == "select" and not quoted.reason else facts
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
        """The session's connection to the engine. Raises EngineGone, also for a session that has closed meanwhile."""
        if not self._worker.engine.alive:
            raise EngineGone("the engine does not answer")
        if self._link is None or self._link.closed:
            self._link = await self._worker.engine.open(self.session.capabilities)
        if self.session.closed:  # nobody would close it, or stop what runs on it
            self._link.close()
            raise EngineGone("the client went away")
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
            any_spelling=self.session.state.any_spelling == ON,
            freshness_timeout=self._worker.settings.freshness_timeout,
            status=int(self.session.tracker.lasting_status),
            since=since,
            cursor=cursor,
            alone=preflight.forced,
            warned=len(preflight.warned),
        )
        return build_attributes(context.to_json(), preflight.definitions)

    def close(self) -> None:
        """Close the connection to the engine."""
        if self._link:
            self._link.close()
