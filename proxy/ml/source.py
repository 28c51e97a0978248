"""The table or view that a routine reads, as a SELECT for the engine: prepared as the user, loaded when it is not."""

import difflib
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from base.errors import BackendError, SecondaryEngineError
from proxy.backend.answers import Answer
from proxy.backend.preflight import Preflight, Questions, quote_name
from proxy.backend.views import read_view
from proxy.copies.alter import load_table
from proxy.ml.backend import MLError, attempt, prepare, select, text_literal
from proxy.ml.names import TableName
from proxy.reasons import Reason, Refusal
from proxy.routing.ask import ask_backend
from proxy.routing.router import Router
from proxy.routing.rules import check
from proxy.sessions.state import FORCED
from statements.facts import StatementFacts, statement_facts
from statements.sqlmode import of_names, refused_mode
from wire.constants import Status
from wire.responses import parse_column_definition

_DEEPEST = 8  # views of views
_ORDERED = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "date", "datetime"})
_NO_LIMIT = 18446744073709551615
_NO_TABLE, _NO_SCHEMA, _NO_BASE_TABLE = 1146, 1049, 1347
_SHOWN = (
    "FROM information_schema.TABLES WHERE TABLE_SCHEMA NOT IN"
    " ('information_schema', 'performance_schema', 'mysql', 'sys')"
)


@dataclass(frozen=True, slots=True)
class SourceSelect:
    """A SELECT of all that is read, with the attributes that the engine is given beside it."""

    name: TableName
    columns: tuple[str, ...]
    text: bytes
    attributes: dict[str, bytes]

    @property
    def asked(self) -> dict[str, Any]:
        """What the engine is told of it."""
        return {"text": self.text, "attributes": self.attributes, "table": self.name.shown}


async def read_source(router: Router, name: TableName, without: Collection[str] = ()) -> SourceSelect:
    """Prepare the SELECT of a table's or view's columns, but for those of `without`.

    Raises BackendError: the server's own error for a table that is not there or not granted (1146, 1142, 1143), MLError
    when there is one of nearly the name;
    SecondaryEngineError with the reason for what the engine cannot read.
    """
    seen = await _prepared(router, name)
    capabilities = router.session.capabilities
    columns = [parse_column_definition(payload, capabilities).name for payload in seen.definitions]
    left_out = {column.casefold() for column in without}
    columns = [column for column in columns if column.casefold() not in left_out]
    if not columns:
        raise MLError(f"No column of {name.shown} is left to be read")
    order = await _key_order(router, name)
    text = f"SELECT {', '.join(map(quote_name, columns))} FROM {name.quoted}{order}".encode()
    facts = await _loaded(router, name, (await router.read(text.decode()))[0])
    is_lake = router.session.worker.engine.loaded.is_lake
    questions = Questions(text, facts, router.kind, capabilities, False, is_lake)
    preflight = await ask_backend(router.session, questions)
    told = preflight.refusal or _judge(router, facts, preflight)
    if preflight.context and router.session.worker.engine.loaded.has(name.schema, name.table):
        # The backend shows a view's text in the session's mode; of a table's no more than names in back-quotes is read.
        preflight.context = replace(preflight.context, sql_mode=of_names(preflight.context.sql_mode))
    if told is None and preflight.context and (mode := refused_mode(preflight.context.sql_mode)):
        told = Refusal(Reason.UNSUPPORTED, f"SQL mode {mode} is not supported")
    if told or preflight.context is None:
        sentence = told.sentence if told else Reason.UNKNOWN_SESSION.value
        raise SecondaryEngineError(f"{name.shown} cannot be read from its columnar copy: {sentence}")
    preflight.context = replace(preflight.context, sql_select_limit=_NO_LIMIT, max_execution_time=0)
    return SourceSelect(name, tuple(columns), text, router.attributes(preflight, freshness="strict"))


async def _prepared(router: Router, name: TableName) -> Answer:
    try:
        return await prepare(router, f"SELECT * FROM {name.quoted}")
    except BackendError as error:
        if error.number in (_NO_TABLE, _NO_SCHEMA) and (near := await _near(router, name)):
            raise MLError(f"Unknown table '{name.shown}'. Did you mean '{near}'?") from None
        raise


async def _near(router: Router, name: TableName) -> str | None:
    """Give the table that is named nearly so, of those that the user is shown: in the same schema, or as in another."""
    names = [
        (schema or "", table or "") for schema, table in await select(router, ["TABLE_SCHEMA", "TABLE_NAME"], _SHOWN)
    ]
    here = {table for schema, table in names if schema == name.schema}
    if found := difflib.get_close_matches(name.table, here, 1):
        return TableName(name.schema, found[0]).shown
    schemas = {schema for schema, table in names if table == name.table} if not here else set()
    found = difflib.get_close_matches(name.schema, schemas, 1)
    return TableName(found[0], name.table).shown if found else None


async def _key_order(router: Router, name: TableName) -> str:
    """ORDER BY the primary key: the same rows make the same model, whatever was changed in between.

    Empty without a key, or when it has columns that sort by a collation: their order is not worth a refusal.
    """
    key = await select(
        router,
        ["s.COLUMN_NAME", "c.DATA_TYPE"],
        "FROM information_schema.STATISTICS s JOIN information_schema.COLUMNS c ON c.TABLE_SCHEMA = s.TABLE_SCHEMA"
        " AND c.TABLE_NAME = s.TABLE_NAME AND c.COLUMN_NAME = s.COLUMN_NAME WHERE s.INDEX_NAME = 'PRIMARY'"
        f" AND s.TABLE_SCHEMA = {text_literal(name.schema)} AND s.TABLE_NAME = {text_literal(name.table)}"
        " ORDER BY s.SEQ_IN_INDEX",
    )
    if not key or not all(kind and kind.lower() in _ORDERED for _, kind in key):
        return ""
    return f" ORDER BY {', '.join(quote_name(column or '') for column, _ in key)}"


def _judge(router: Router, facts: StatementFacts, preflight: Preflight | None = None) -> Refusal | None:
    """The rules of offloading but for those of the session: committed rows are read, in a transaction or not."""
    subject = router.subject(facts, FORCED, preflight)
    return check(replace(subject, status=int(Status.AUTOCOMMIT), locked_tables=False))


async def _loaded(router: Router, name: TableName, facts: StatementFacts) -> StatementFacts:
    """Give the facts with views read through, when all tables are loaded; what is not loaded is loaded first."""
    await router.session.worker.engine.refresh(fresh=True)
    found = await _as_loaded(router, facts)
    if found is None:
        await _load(router, (name.schema, name.table), 0)
        found = await _as_loaded(router, facts)
    return found or facts


async def _as_loaded(router: Router, facts: StatementFacts) -> StatementFacts | None:
    """Give the facts by which the statement can be run, with views read through; None when something is not loaded."""
    refusal = _judge(router, facts)
    if refusal is None or refusal.reason is not Reason.NOT_LOADED:
        return facts
    through = await router.through_views(facts)
    return through if _judge(router, through) is None else None


async def _load(router: Router, name: tuple[str, str], depth: int) -> None:
    """Load a table, or those under a view. Raises BackendError, SecondaryEngineError for a view that cannot be read."""
    if router.session.worker.engine.loaded.has(*name) or depth > _DEEPEST:
        return
    shown = TableName(*name)
    view = read_view(name, await attempt(router, f"SHOW CREATE TABLE {shown.quoted}"))
    if view:
        body = statement_facts(view.body)
        if body.reason:
            raise SecondaryEngineError(f"View {shown.shown} cannot be read from its columnar copy: {body.reason}")
        for schema, table in sorted(body.tables):
            await _load(router, (schema or view.schema, table), depth + 1)
        return
    try:
        await load_table(router, *name)
    except SecondaryEngineError:
        raise
    except BackendError as error:
        if error.number == _NO_BASE_TABLE:
            raise await _unread(router, shown) from None
        raise MLError(
            f"Table {shown.shown} is not in the column store, and this user may not load it ({error}): let somebody "
            f"who may run ALTER TABLE {shown.shown} SECONDARY_LOAD"
        ) from None


async def _unread(router: Router, view: TableName) -> SecondaryEngineError:
    """The error of a view whose text cannot be read as the backend shows it in this session."""
    ((sql_mode,),) = await select(router, ["@@sql_mode"])
    mode = refused_mode(sql_mode or "")
    why = f"SQL mode {mode} is not supported" if mode else "its definition is not shown to this user (SHOW VIEW)"
    return SecondaryEngineError(f"View {view.shown} cannot be read from its columnar copy: {why}")
