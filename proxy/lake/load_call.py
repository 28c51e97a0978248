"""CALL sys.heatwave_load: schemas of InnoDB tables copied, lake tables made of files whose columns are inferred.

Everything is done by statements of the user's own connection, the ones that the script shows.
"""

import json
import logging
import time

from base.errors import BackendError, LakeError, SecondaryEngineError, WarmfrontError
from lakehouse.descriptions.load_request import LoadRequest, read_request
from proxy.backend.answers import AnswerReader
from proxy.backend.preflight import build_query
from proxy.copies.own_tables import account_of
from proxy.engine.link import EngineGone
from proxy.lake.load_help import HELP
from proxy.lake.load_plan import Plan, make_plan
from proxy.lake.load_run import carry_out
from proxy.lake.report import Report, build_sections, table_lines
from proxy.routing.ask import current_schema
from proxy.routing.router import Router
from proxy.sessions.state import OFF
from statements.load_call import may_load, read_load
from wire.constants import Capability, Command, Status

log = logging.getLogger("proxy")

_VERSION = "warmfront"
_SCRIPT = 'SELECT log->>"$.sql" AS "Load Script" FROM sys.heatwave_autopilot_report WHERE type = "sql" ORDER BY id;'


def take_call(router: Router, data: bytes, text: bytes) -> bool:
    """Take over CALL sys.heatwave_load."""
    if not may_load(text):
        return False
    try:
        call = read_load(text.decode("utf-8"))
    except UnicodeDecodeError:
        return False
    if call is None:
        return False
    router.session.run(_consider(router, data, *call))
    return True


async def _consider(router: Router, data: bytes, is_qualified: bool, arguments: list[str]) -> None:
    if not is_qualified and (await current_schema(router.session)).casefold() != "sys":
        router.pass_on(data)
        return
    if len(arguments) != 2:
        raise BackendError(
            1318,
            "42000",
            f"Incorrect number of arguments for PROCEDURE sys.heatwave_load; expected 2, got {len(arguments)}",
        )
    if not router.session.capabilities & Capability.MULTI_RESULTS:
        raise BackendError(1312, "0A000", "PROCEDURE sys.heatwave_load can't return a result set in the given context")
    request = read_request(*await _values(router, arguments))
    report = Report()
    await _load(router, request, report)
    session = router.session
    shown = [] if request.output == "silent" else report.sections
    status = Status(session.tracker.lasting_status)
    session.client.write(build_sections(shown, status, session.capabilities))


async def _values(router: Router, arguments: list[str]) -> tuple[str | None, str | None]:
    """The arguments' values, which the backend gives. Raises BackendError."""
    session = router.session
    asked = ", ".join(f"HEX(CONVERT(({argument}) USING utf8mb4))" for argument in arguments)
    raw = await session.ask(build_query(f"SELECT {asked}".encode(), session.capabilities), [Command.QUERY])
    answer = AnswerReader(raw, session.capabilities).result()
    if answer.error:
        raise BackendError(answer.error.number, answer.error.sqlstate, answer.error.message)
    if len(answer.rows) != 1:
        raise LakeError("the arguments of heatwave_load give no single value")
    listed, options = (None if v is None else bytes.fromhex(v.decode()).decode("utf-8") for v in answer.rows[0])
    return listed, options


async def _load(router: Router, request: LoadRequest, report: Report) -> None:
    if request.output == "help":
        report.section("HEATWAVE AUTO PARALLEL LOAD HELP", HELP)
        return
    engine = router.session.worker.engine
    if not engine.alive:
        await engine.refresh()
    if not engine.alive:
        raise SecondaryEngineError("The secondary engine is not available")
    if request.mode != "dryrun" and router.session.state.use_secondary_engine == OFF:
        report.note("warn", "INITIALIZING", message="use_secondary_engine is OFF in this session")
    report.section(
        "INITIALIZING HEATWAVE AUTO PARALLEL LOAD",
        [
            *(f"Version: {_VERSION}", "", f"Load Mode: {request.mode}", f"Load Policy: {request.policy}"),
            *(f"Output Mode: {request.output}", *request.notes),
        ],
    )
    plan = await make_plan(router, request, report)
    _tell_plan(request, plan, report)
    if request.mode == "normal":
        began = time.monotonic()
        await carry_out(router, request, plan, report)
        _tell_end(plan, report, time.monotonic() - began)
    await _keep(router, report)


def _tell_plan(request: LoadRequest, plan: Plan, report: Report) -> None:
    """The sections on what is there, and what is to be done."""
    if plan.inferred:
        lines = table_lines(
            ("TABLE", "FILES", "SIZE", "ROWS", "COLUMNS", "SAMPLED", "RESULT"), [i.line for i in plan.inferred]
        )
        report.section("LAKEHOUSE AUTO SCHEMA INFERENCE", lines)
    heads = ("SCHEMA", "TABLES", "OFFLOADABLE", "COLUMNS", "LEFT OUT")
    lines = table_lines(heads, [s.offload_line for s in plan.schemas]) if plan.schemas else ["No schema was found."]
    lines += ["", *(f"{where}: {why}" for where, why in plan.excluded)] if plan.excluded else []
    report.section("OFFLOAD ANALYSIS", lines)
    columns = ("SCHEMA", "TABLES", "BACKEND SIZE", "ESTIMATED COPY", "STRING COLUMNS", "ESTIMATED TIME")
    lines = table_lines(columns, [s.capacity_line for s in plan.schemas]) if plan.schemas else ["Nothing to estimate."]
    report.section("CAPACITY ESTIMATION", lines)
    for step in plan.steps:
        for command in step.commands:
            report.note(
                "sql", "LOAD SCRIPT GENERATION", sql=command + ";", schema_name=step.schema, table_name=step.table
            )
    count = sum(len(step.commands) for step in plan.steps)
    lines = [f"{'Dry run: ' if request.mode != 'normal' else ''}{count} commands for {len(plan.steps)} tables.", ""]
    lines += ["They are in the report:", f"  {_SCRIPT}"] if count else []
    report.section("EXECUTING LOAD" if request.mode == "normal" else "LOAD SCRIPT GENERATION", lines)


def _tell_end(plan: Plan, report: Report, seconds: float) -> None:
    heads = ("SCHEMA", "TABLES LOADED", "TABLES FAILED", "COLUMNS LOADED")
    rows = []
    for schema in dict.fromkeys(step.schema for step in plan.steps):
        steps = [step for step in plan.steps if step.schema == schema]
        good = [step for step in steps if not step.error]
        rows.append((schema, str(len(good)), str(len(steps) - len(good)), str(sum(step.columns for step in good))))
    lines = table_lines(heads, rows) if rows else ["No table was loaded."]
    report.section("LOAD SUMMARY", [*lines, "", f"Load Duration: {seconds:.2f} s"])


async def _keep(router: Router, report: Report) -> None:
    """Put the report into sys.heatwave_autopilot_report, for the session's account."""
    attributes = {
        "wf_account": (await account_of(router)).encode(),
        "wf_report": json.dumps(report.rows).encode(),
    }
    try:
        await (await router.link()).ask(b"WARMFRONT REPORT", attributes)
    except (EngineGone, WarmfrontError) as error:
        log.warning("a report was not kept: %s", error)
