"""News of loaded tables: at once when there is some, after a second when there is none."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from engine.catalog import CatalogView, LoadedTable, State
from engine.endpoint import announce
from engine.endpoint.announce import Announcer
from statements.schema import Table


def loaded(name: str, state: State = State.AVAILABLE) -> LoadedTable:
    return LoadedTable(id=1, table=Table("s", name, ()), store_name=name, state=state)


def view_of(*tables: LoadedTable) -> CatalogView:
    return CatalogView({(t.table.schema, t.table.name): t for t in tables})


def ask(announcer: Announcer, version: int) -> tuple[int, list[Any]]:
    rows = asyncio.run(announcer.since(version)).to_pylist()
    assert rows[0]["TABLE_NAME"] is None
    return rows[0]["VERSION"], [(r["SCHEMA_NAME"], r["TABLE_NAME"]) for r in rows[1:]]


def test_first_question_is_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announce, "_LONGEST", 60.0)
    announcer = Announcer(lambda: view_of(loaded("b"), loaded("a"), loaded("c", State.LOADING)))
    began = time.monotonic()
    version, tables = ask(announcer, 0)
    assert tables == [("s", "a"), ("s", "b")]
    assert version > 0
    assert time.monotonic() - began < 30


def test_no_news_takes_a_second() -> None:
    announcer = Announcer(view_of)
    version, _ = ask(announcer, 0)
    began = time.monotonic()
    assert ask(announcer, version) == (version, [])
    assert time.monotonic() - began >= 0.9


def test_change_ends_the_wait() -> None:
    held = [loaded("a", State.LOADING)]
    announcer = Announcer(lambda: view_of(*held))
    version, tables = ask(announcer, 0)
    assert tables == []

    async def change() -> tuple[int, int]:
        asking = asyncio.ensure_future(announcer.since(version))
        await asyncio.sleep(0.15)
        assert not asking.done()
        held[0] = replace(held[0], state=State.AVAILABLE)
        table = await asking
        return table["VERSION"][0].as_py(), table.num_rows

    later, rows = asyncio.run(change())
    assert later > version
    assert rows == 2


def test_a_change_is_told_when_every_worker_has_asked_behind_it() -> None:
    async def tell() -> list[str]:
        held = [loaded("a")]
        announcer = Announcer(lambda: view_of(*held))
        order: list[str] = []

        async def work(name: bytes, gate: asyncio.Event) -> None:
            version = 0
            while True:
                table = await announcer.since(version, name)
                version = table["VERSION"][0].as_py()
                if table.num_rows > 2:
                    await gate.wait()
                    order.append(name.decode())

        gates = [asyncio.Event(), asyncio.Event()]
        workers = [asyncio.ensure_future(work(b"%d" % n, gate)) for n, gate in enumerate(gates)]
        await announcer.told()
        await asyncio.sleep(0)
        held.append(loaded("b"))
        telling = asyncio.ensure_future(announcer.told())
        telling.add_done_callback(lambda _: order.append("told"))
        for gate in gates:
            await asyncio.sleep(0)
            assert not telling.done()
            gate.set()
        await telling
        for worker in workers:
            worker.cancel()
        return order

    assert asyncio.run(tell()) == ["0", "1", "told"]


def test_a_worker_that_is_gone_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announce, "_GONE", 0.3)

    async def tell() -> None:
        held = [loaded("a")]
        announcer = Announcer(lambda: view_of(*held))
        await announcer.since(0, b"gone")
        held.append(loaded("b"))
        await announcer.told()

    asyncio.run(tell())
