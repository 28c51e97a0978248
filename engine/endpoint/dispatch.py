"""Which part of the engine answers a query: a table of first words."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pyarrow as pa

from base.errors import MalformedPacket, QueryInterrupted, QueryTimeout, SecondaryEngineError
from engine.endpoint.information import Information
from engine.lake.tables import LakeTables
from engine.ml.service import MachineLearning
from engine.running.answers import build_result_set
from engine.running.cancel import Running
from engine.running.execute import Executor, Offload, read_offload
from engine.running.session import Query, split_definitions
from engine.running.unchanged import Unchanged
from lakehouse.descriptions.export_spec import ExportSpec
from wire.framing import build_packets
from wire.responses import Ok, build_ok

_NAME = r"(?:`(?:[^`]|``)+`|[\w$\u0080-\uffff]+)"
_SECONDARY = re.compile(
    rf"\s*ALTER\s+TABLE\s+({_NAME})\s*\.\s*({_NAME})\s+SECONDARY_(LOAD|UNLOAD)\s*(PARTITION\b.*)?;?\s*",
    re.IGNORECASE | re.DOTALL,
)
_CHECK = re.compile(
    rf"\s*CHECK\s+TABLE\s+({_NAME})\s*\.\s*({_NAME})\s+SECONDARY(\s+REPAIR)?(?:\s+FOR\s+CONNECTION\s+(\d+))?\s*;?\s*",
    re.IGNORECASE | re.DOTALL,
)
_KILL = re.compile(r"\s*KILL\s+(?:(?:QUERY|CONNECTION)\s+)?(\d+)\s*;?\s*", re.IGNORECASE)
_ANNOUNCED = re.compile(r"SHOW WARMFRONT TABLES SINCE (\d+)( WHEN FRESH)?")
_WARNINGS = re.compile(r"SHOW WARMFRONT WARNINGS OF (\d+)")
_FOUND = re.compile(r"SHOW WARMFRONT FOUND ROWS OF (\d+)")
_CHANGES = re.compile(r"SHOW WARMFRONT CHANGES SINCE (\[.*\])", re.DOTALL)
_LAKE = re.compile(rf"WARMFRONT LAKE (REFRESH|FORGET) ({_NAME})\s*\.\s*({_NAME})")
_SHOWN = re.compile(rf"WARMFRONT SHOWN ({_NAME})\s*\.\s*({_NAME})")
# Nothing can be read in two ways: many comments would be tried in all their combinations.
_FIRST = re.compile(r"(?:[\s(]|/\*(?:[^*]|\*(?!/))*\*/)*([A-Za-z]+)")
_CONSTANTS = re.compile(
    r"\s*SELECT\s+(?:(?P<one>1)|@@(?:global\.|session\.)?(?P<variable>\w+))(?:\s+LIMIT\s+1)?\s*;?\s*", re.IGNORECASE
)

_LONGEST = 5.0  # seconds that a statement over the information tables may take

TableAction = Callable[[str, str], Awaitable[None]]
# Schema, name, whether to repair, and what tells that nobody wants the answer any more; gives the answer's rows.
TableCheck = Callable[[str, str, bool, Callable[[], bool]], pa.Table]


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Answers everything but offloaded statements itself; those it only reads."""

    executor: Executor
    information: Information
    load: TableAction
    unload: TableAction
    check: TableCheck
    unchanged: Unchanged
    ml: MachineLearning
    version: str
    lake: LakeTables
    infer: Callable[[str], str]  # the description of a lake table's files to what was found in them, both JSON

    def read(self, query: Query) -> Offload | None:
        """The offloaded statement that a query is, or None. Raises MalformedPacket and SecondaryEngineError."""
        columns = query.attributes.get("wf_columns")
        if columns is None or "wf_ml" in query.attributes:
            return None
        context = query.attributes.get("wf_context", b"{}")
        most = query.attributes.get("wf_literals", b"0")
        if not most.isdigit():
            raise MalformedPacket("number of bytes")
        only_asked = "wf_explain" in query.attributes
        spec = query.attributes.get("wf_export")
        export = ExportSpec.from_json(spec.decode()) if spec else None
        return read_offload(query.text, context, split_definitions(columns), only_asked, int(most), export)

    async def answer(self, query: Query, capabilities: int, started: list[Running]) -> bytes:
        """Answer a query of the engine itself with whole packets from sequence 1. Raises WarmfrontError.

        What takes long stands in `started` meanwhile, to be stopped when its client goes away.
        """
        if "wf_ml" in query.attributes:
            return await self.ml.answer(query, capabilities, started)
        found = _FIRST.match(query.text)
        match found[1].upper() if found else "":
            case "SELECT" | "WITH":
                account = query.attributes.get("wf_account", b"").decode()
                return build_result_set(await self._select(query.text, account, started), capabilities)
            case "SHOW":
                if asked := _ANNOUNCED.fullmatch(query.text):
                    if asked[2]:
                        with suppress(SecondaryEngineError):  # a copy that is late is told of as it is
                            await self.unchanged.wait_until_fresh(self.unchanged.timeout, "")
                    worker = query.attributes.get("wf_worker", b"")
                    found_tables = await self.information.announcer.since(int(asked[1]), worker)
                    return build_result_set(found_tables, capabilities)
                if query.text == "SHOW WARMFRONT MOMENT":
                    return build_result_set(
                        pa.table({"moment": pa.array([await self.unchanged.moment()])}), capabilities
                    )
                if query.text == "SHOW WARMFRONT RUNNING":
                    return build_result_set(self._running(), capabilities)
                if warned := _WARNINGS.fullmatch(query.text):
                    return build_result_set(self.lake.warnings.table(int(warned[1])), capabilities)
                if counted := _FOUND.fullmatch(query.text):
                    number = self.executor.found.get(int(counted[1]))
                    return build_result_set(pa.table({"found": pa.array([number], pa.int64())}), capabilities)
                if since := _CHANGES.fullmatch(query.text):
                    await self.unchanged.check(since[1])
                    return _ok()
                table = await asyncio.to_thread(self.information.show_status, query.text)
                if table is not None:
                    return build_result_set(table, capabilities)
            case "ALTER":
                await self._change_table(query.text)
                return _ok()
            case "CHECK":
                return build_result_set(await self._check(query.text, started), capabilities)
            case "WARMFRONT":
                if query.text == "WARMFRONT LAKE INFER":
                    found_out = await self._infer(query.attributes.get("wf_lake", b"{}").decode(), started)
                    return build_result_set(pa.table({"inferred": pa.array([found_out])}), capabilities)
                if query.text == "WARMFRONT REPORT":
                    account = query.attributes.get("wf_account", b"").decode()
                    self.information.reports.put(account, json.loads(query.attributes.get("wf_report", b"[]")))
                    return _ok()
                if named := _SHOWN.fullmatch(query.text):
                    key = _unquoted(named[1]), _unquoted(named[2])
                    shown = await asyncio.to_thread(self.lake.definitions.shown, key)
                    columns = {f"c{at}": pa.array([text], pa.string()) for at, text in enumerate(shown)}
                    return build_result_set(pa.table(columns), capabilities)
                if named := _LAKE.fullmatch(query.text):
                    key = _unquoted(named[2]), _unquoted(named[3])
                    await asyncio.to_thread(self.lake.refresh if named[1] == "REFRESH" else self.lake.forget, key)
                    await self.information.announcer.told()
                    return _ok()
            case "KILL":
                if killed := _KILL.fullmatch(query.text):
                    self.executor.running.kill(int(killed[1]), QueryInterrupted())
                    return _ok()
            case "SET":
                return _ok()  # command lines set their character set; there is no state to change
        raise SecondaryEngineError("The engine does not know this statement")

    def _running(self) -> pa.Table:
        shown = self.executor.running.shown()
        return pa.table(
            {
                "connection_id": pa.array([each.connection_id for each in shown], pa.int64()),
                "seconds": pa.array([int(each.seconds) for each in shown], pa.int64()),
                "text": pa.array([each.text for each in shown], pa.string()),
            }
        )

    async def _infer(self, description: str, started: list[Running]) -> str:
        with self._stoppable(started) as running:
            return await running.wait_for(asyncio.to_thread(self.infer, description))

    async def _select(self, text: str, account: str, started: list[Running]) -> pa.Table:
        if found := _CONSTANTS.fullmatch(text):
            if found["one"]:
                return pa.table({"1": pa.array([1], pa.int64())})
            value = {"version": self.version, "version_comment": "warmfront column store"}.get(
                found["variable"].lower()
            )
            return pa.table({f"@@{found['variable']}": pa.array([value], pa.string())})
        with self._stoppable(started) as running:
            running.cancel_after(_LONGEST, QueryTimeout())
            # The thread ends by itself: what it runs is interrupted.
            return await asyncio.to_thread(self.information.select, text, account, running)

    @contextmanager
    def _stoppable(self, started: list[Running], connection_id: int = 0) -> Iterator[Running]:
        running = self.executor.running.start(connection_id)
        started.append(running)
        try:
            yield running
        finally:
            started.remove(running)
            self.executor.running.end(running)

    async def _check(self, text: str, started: list[Running]) -> pa.Table:
        found = _CHECK.fullmatch(text)
        if found is None:
            raise SecondaryEngineError("The engine does not know this statement")
        names = _unquoted(found[1]), _unquoted(found[2])
        with self._stoppable(started, int(found[4] or 0)) as running:
            # When it is stopped its thread ends a little later.
            return await running.wait_for(
                asyncio.to_thread(self.check, *names, bool(found[3]), lambda: running.error is not None)
            )

    async def _change_table(self, text: str) -> None:
        found = _SECONDARY.fullmatch(text)
        if found is None:
            raise SecondaryEngineError("The engine does not know this statement")
        schema, name, action, partitions = found.groups()
        if partitions:
            raise SecondaryEngineError("Partitions cannot be loaded one by one: load the whole table")
        change = self.load if action.upper() == "LOAD" else self.unload
        await change(_unquoted(schema), _unquoted(name))
        await self.information.announcer.told()


def _unquoted(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name


def _ok() -> bytes:
    return build_packets(build_ok(Ok()), 1)
