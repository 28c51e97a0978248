"""What a call of heatwave_load has to do: the tables of the user's schemas as the backend and the engine know them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from base.errors import BackendError, SecondaryEngineError
from lakehouse.descriptions.ddl import create_statement
from lakehouse.descriptions.load_request import POLICIES, LoadRequest, LoadSchema, LoadTable
from proxy.backend.answers import AnswerReader
from proxy.backend.preflight import build_query, quote_name
from proxy.engine.link import EngineGone
from proxy.lake.guard import lake_names
from proxy.lake.report import Report
from proxy.reasons import strip_reason
from proxy.routing.router import Router
from wire.constants import Command

_SYSTEM = frozenset({"mysql", "sys", "information_schema", "performance_schema"})
_BYTES_PER_SECOND = 40 << 20  # of InnoDB's data that a load reads; docs/benchmarks.md
_COPY_SHARE = 0.35  # of InnoDB's size that a copy usually takes


@dataclass(slots=True)
class Step:
    """One table, and the commands that load it. `action` is "load", "create" or "refresh"."""

    schema: str
    table: str
    action: str
    commands: list[str]
    columns: int = 0
    statement: str = ""  # of a lake table
    error: str = ""
    seconds: float = 0.0
    rows: str = ""


@dataclass(frozen=True, slots=True)
class Inference:
    """One table whose columns were inferred, as its line of the section shows it."""

    line: tuple[str, ...]


@dataclass(slots=True)
class SchemaSum:
    """One schema of the call in figures."""

    name: str
    tables: int = 0
    offloadable: int = 0
    columns: int = 0
    left_out: int = 0
    strings: int = 0
    size: int = 0

    @property
    def offload_line(self) -> tuple[str, ...]:
        """Its line of OFFLOAD ANALYSIS."""
        return self.name, *(str(n) for n in (self.tables, self.offloadable, self.columns, self.left_out))

    @property
    def capacity_line(self) -> tuple[str, ...]:
        """Its line of CAPACITY ESTIMATION."""
        seconds = self.size / _BYTES_PER_SECOND
        sizes = shown_size(self.size), shown_size(int(self.size * _COPY_SHARE))
        return self.name, str(self.offloadable), *sizes, str(self.strings), f"{seconds:.1f} s"


@dataclass(slots=True)
class Plan:
    """Everything that was found, and what is to be done."""

    schemas: list[SchemaSum] = field(default_factory=list)
    inferred: list[Inference] = field(default_factory=list)
    excluded: list[tuple[str, str]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Known:
    """A base table of the backend."""

    name: str
    engine: str
    size: int
    columns: int
    strings: int
    is_marked: bool  # by SECONDARY_ENGINE, which MySQL wants before it is told to load


async def make_plan(router: Router, request: LoadRequest, report: Report) -> Plan:
    """Look at everything that the call names. Raises BackendError and SecondaryEngineError."""
    plan = Plan()
    left_out = await _left_out(router)
    for schema in request.schemas:
        await _plan_schema(router, request, schema, left_out, plan, report)
    return plan


async def _plan_schema(
    router: Router,
    request: LoadRequest,
    schema: LoadSchema,
    left_out: dict[tuple[str, str], str],
    plan: Plan,
    report: Report,
) -> None:
    total = SchemaSum(schema.name)
    plan.schemas.append(total)
    if schema.name.casefold() in _SYSTEM:
        plan.excluded.append((schema.name, "system schemas are not loaded"))
        return
    known = {table.name.casefold(): table for table in await _tables(router, schema.name)}
    lake = {name.casefold() for _, name in await lake_names(router, [(schema.name, t.name) for t in known.values()])}
    wanted = schema.tables or tuple(LoadTable(table.name) for table in known.values())
    if not known and schema.tables is None:
        plan.excluded.append((schema.name, "the schema does not exist, has no table, or none that you may see"))
    for table in wanted:
        where = f"{schema.name}.{table.name}"
        if request.leaves_out(schema, table.name):
            plan.excluded.append((where, "it is in the list of what is excluded"))
            continue
        total.tables += 1
        if table.attribute is not None:
            step = await _plan_files(router, schema.name, table, plan, report)
            if step:
                total.offloadable += 1
                total.columns += step.columns
                plan.steps.append(step)
            continue
        there = known.get(table.name.casefold())
        if there is None:
            plan.excluded.append((where, "there is no such table, or you may not see it"))
        elif there.name.casefold() in lake:
            total.offloadable += 1
            total.columns += there.columns
            if request.refresh:
                commands = [
                    f"CALL sys.heatwave_load('{_refresh_list(schema.name, there.name)}', "
                    "'{\"refresh_external_tables\": true}')"
                ]
                plan.steps.append(Step(schema.name, there.name, "refresh", commands, there.columns))
        elif there.engine.casefold() != "innodb":
            plan.excluded.append((where, f"its engine is {there.engine}"))
        else:
            columns = left_out.get((schema.name.casefold(), there.name.casefold()), "")
            missing = len([c for c in columns.split(",") if c.strip()])
            if missing and request.policy != POLICIES[0]:
                plan.excluded.append((where, f"columns are not carried: {columns}"))
                continue
            total.offloadable += 1
            total.columns += there.columns - missing
            total.left_out += missing
            total.strings += there.strings
            total.size += there.size
            name = f"{quote_name(schema.name)}.{quote_name(there.name)}"
            must_mark = not (there.is_marked or router.is_mariadb or router.session.worker.settings.autoload)
            commands = [f"ALTER TABLE {name} SECONDARY_ENGINE = RAPID"] if must_mark else []
            commands.append(f"ALTER TABLE {name} SECONDARY_LOAD")
            plan.steps.append(Step(schema.name, there.name, "load", commands, there.columns - missing))


def _refresh_list(schema: str, table: str) -> str:
    listed = json.dumps([{"db_name": schema, "tables": [table]}])
    return listed.replace("\\", "\\\\").replace("'", "''")


async def _plan_files(router: Router, schema: str, table: LoadTable, plan: Plan, report: Report) -> Step | None:
    """Infer the columns of a table from its files; a table that fails is told and left out."""
    assert table.attribute is not None
    where = f"{schema}.{table.name}"
    try:
        found = await _inferred(router, table.attribute)
    except SecondaryEngineError as error:
        reason = strip_reason(str(error))
        plan.inferred.append(Inference((where, "", "", "", "", "", "failed")))
        plan.excluded.append((where, reason))
        report.note("error", "LAKEHOUSE AUTO SCHEMA INFERENCE", error=reason, schema_name=schema, table_name=table.name)
        return None
    columns = found["columns"]
    figures = str(found["files"]), shown_size(found["size"]), str(found["rows"]), str(len(columns))
    plan.inferred.append(Inference((where, *figures, "no" if found["complete"] else "yes", "inferred")))
    statement = create_statement(schema, table.name, columns, found["attribute"])
    commands = [f"CREATE DATABASE IF NOT EXISTS {quote_name(schema)}", statement]
    return Step(schema, table.name, "create", commands, len(columns), statement)


async def _inferred(router: Router, attribute: dict[str, Any]) -> dict[str, Any]:
    try:
        link = await router.link()
        answer = await link.ask(b"WARMFRONT LAKE INFER", {"wf_lake": json.dumps(attribute).encode()})
    except EngineGone:
        raise SecondaryEngineError("The secondary engine is not available") from None
    if answer.error:
        raise SecondaryEngineError(strip_reason(answer.error.message))
    found: dict[str, Any] = json.loads(answer.rows[0][0] or b"")
    return found


async def _tables(router: Router, schema: str) -> list[_Known]:
    name = "X'" + schema.encode().hex() + "'"
    is_it = f"TABLE_SCHEMA = CONVERT({name} USING utf8mb4)"
    rows = await _rows(
        router,
        "SELECT HEX(t.TABLE_NAME), t.ENGINE, COALESCE(t.DATA_LENGTH, 0), COUNT(c.COLUMN_NAME), "
        "COUNT(c.CHARACTER_SET_NAME), COALESCE(t.CREATE_OPTIONS, '') LIKE '%SECONDARY_ENGINE=\"RAPID\"%' "
        "FROM information_schema.TABLES t JOIN information_schema.COLUMNS c "
        f"USING (TABLE_SCHEMA, TABLE_NAME) WHERE t.{is_it} AND t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') "
        "GROUP BY t.TABLE_NAME, t.ENGINE, t.DATA_LENGTH, t.CREATE_OPTIONS ORDER BY t.TABLE_NAME",
    )
    found = []
    for table, engine, *figures in rows:
        size, columns, texts, is_marked = (int(figure or 0) for figure in figures)
        table_name = bytes.fromhex(table or "").decode()
        found.append(_Known(table_name, engine or "none", size, columns, texts, bool(is_marked)))
    return found


async def _rows(router: Router, statement: str) -> Iterator[list[str | None]]:
    session = router.session
    raw = await session.ask(build_query(statement.encode(), session.capabilities), [Command.QUERY])
    answer = AnswerReader(raw, session.capabilities).result()
    if answer.error:
        raise BackendError(answer.error.number, answer.error.sqlstate, answer.error.message)
    return ([None if value is None else value.decode("utf-8") for value in row] for row in answer.rows)


async def _left_out(router: Router) -> dict[tuple[str, str], str]:
    """The columns that are not carried, of every table that the engine knows."""
    try:
        answer = await (await router.link()).ask(
            b"SELECT SCHEMA_NAME, TABLE_NAME, LEFT_OUT_COLUMNS FROM performance_schema.warmfront_tables"
        )
    except EngineGone:
        raise SecondaryEngineError("The secondary engine is not available") from None
    texts = [[(value or b"").decode("utf-8", "replace") for value in row] for row in answer.rows]
    return {(schema.casefold(), name.casefold()): columns for schema, name, columns in texts}


def shown_size(size: int) -> str:
    """A number of bytes as people read it."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.2f} {unit}"
        amount /= 1024
    return f"{amount:.2f} TiB"
