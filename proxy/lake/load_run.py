"""The commands of a plan, run one after the other as their user; what fails is told and does not stop the others."""

import time

from base.errors import BackendError, WarmfrontError
from lakehouse.descriptions.load_request import LoadRequest
from proxy.backend.answers import AnswerReader
from proxy.backend.preflight import build_query, quote_name
from proxy.copies.alter import load_table
from proxy.lake.create import create_table, tell
from proxy.lake.load_plan import Plan, Step
from proxy.lake.report import Report
from proxy.routing.router import Router
from wire.constants import Command


async def carry_out(router: Router, request: LoadRequest, plan: Plan, report: Report) -> None:
    """Run every step; each gets a section."""
    before = await _set_mode(router, request.sql_mode)
    try:
        for number, step in enumerate(plan.steps, 1):
            began = time.monotonic()
            try:
                await _RUNNERS[step.action](router, step)
            except WarmfrontError as error:
                step.error = str(error)
                report.note("error", "LOADING TABLE", error=step.error, schema_name=step.schema, table_name=step.table)
            step.seconds = time.monotonic() - began
            _tell(request, step, number, len(plan.steps), report)
    finally:
        await _set_mode(router, before)


def _tell(request: LoadRequest, step: Step, number: int, count: int, report: Report) -> None:
    lines = [f"TABLE ({number} of {count}): {quote_name(step.schema)}.{quote_name(step.table)}"]
    if request.output != "compact" or step.error:
        done = 0 if step.error else len(step.commands)
        lines += [f"Commands executed successfully: {done} of {len(step.commands)}"]
        lines += [f"Error: {step.error}"] if step.error else []
        lines += [f"Total columns loaded: {0 if step.error else step.columns}", f"Elapsed time: {step.seconds:.2f} s"]
    report.section("LOADING TABLE", lines)


async def _load(router: Router, step: Step) -> None:
    for command in step.commands[:-1]:
        await _run(router, command)
    await load_table(router, step.schema, step.table)


async def _create(router: Router, step: Step) -> None:
    await _run(router, f"CREATE DATABASE IF NOT EXISTS {quote_name(step.schema)}")
    error = await create_table(router, step.statement)
    if error:
        raise BackendError(error.number, error.sqlstate, error.message)


async def _refresh(router: Router, step: Step) -> None:
    if told := await tell(router, "REFRESH", step.schema, step.table):
        raise WarmfrontError(told)


_RUNNERS = {"load": _load, "create": _create, "refresh": _refresh}


async def _set_mode(router: Router, mode: str | None) -> str | None:
    """Set sql_mode for the commands, and give the one before; nothing happens without one."""
    if mode is None:
        return None
    session = router.session
    raw = await session.ask(build_query(b"SELECT @@sql_mode", session.capabilities), [Command.QUERY])
    before = (AnswerReader(raw, session.capabilities).result().rows[0][0] or b"").decode()
    text = mode.replace("\\", "").replace("'", "''")
    await _run(router, f"SET SESSION sql_mode = '{text}'")
    return before


async def _run(router: Router, statement: str) -> None:
    session = router.session
    raw = await session.ask(build_query(statement.encode(), session.capabilities), [Command.QUERY])
    error = AnswerReader(raw, session.capabilities).result().error
    if error:
        raise BackendError(error.number, error.sqlstate, error.message)
