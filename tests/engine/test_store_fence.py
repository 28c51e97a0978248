"""The fence: who shares a position read, who waits for the next, and who gives up."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from base.errors import BackendError
from base.settings import Settings
from engine.changes.position import Position
from engine.replicate import fence as fence_module
from engine.replicate.fence import Fence, NotFresh
from tests.engine.store_kit import Kit, at, batch


class Backend:
    """Stands in for the backend: tells `end` when `gate` is open."""

    def __init__(self) -> None:
        self.end = 0
        self.reads = 0
        self.gate = threading.Event()
        self.gate.set()
        self.fails = False

    def read(self, _connection: object, with_gtids: bool = True) -> Position:
        self.reads += 1
        end = self.end
        self.gate.wait(5)
        if self.fails:
            raise BackendError(2006, "HY000", "gone away")
        return at(end)


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    made = Backend()

    class Nothing:
        def __init__(self, *_: object, **__: object) -> None: ...
        def close(self) -> None: ...

    monkeypatch.setattr(fence_module, "Connection", Nothing)
    monkeypatch.setattr(fence_module, "read_position", made.read)
    return made


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    made = Kit(tmp_path / "store.duckdb")
    with made.store.write() as transaction:
        transaction.set_position(at(1))
    yield made
    made.store.close()


def run(
    kit: Kit,
    scenario: Callable[[Fence], Any],
    wanted: list[Position] | None = None,
    doubted: list[bool] | None = None,
) -> None:
    async def main() -> None:
        want = (wanted if wanted is not None else []).append
        doubt = (doubted if doubted is not None else []).append
        fence = Fence(Settings(), kit.store, want, lambda: 7.0, lambda: doubt(True))
        fence.start()
        try:
            await scenario(fence)
        finally:
            fence.stop()

    asyncio.run(main())


def test_a_fresh_copy_answers_at_once(kit: Kit, backend: Backend) -> None:
    backend.end = 1

    async def scenario(fence: Fence) -> None:
        assert await fence.wait() == at(1)

    run(kit, scenario)


def test_it_waits_for_what_was_committed_before(kit: Kit, backend: Backend) -> None:
    backend.end = 5
    wanted: list[Position] = []

    async def scenario(fence: Fence) -> None:
        waiting = asyncio.create_task(fence.wait())
        while not wanted:
            await asyncio.sleep(0.005)
        await asyncio.to_thread(kit.applier.apply, batch(4))
        await asyncio.sleep(0.02)
        assert not waiting.done()
        await asyncio.to_thread(kit.applier.apply, batch(5))
        assert (await waiting).offset == 5

    run(kit, scenario, wanted)
    assert wanted == [at(5)]


def test_who_comes_while_a_read_is_under_way_waits_for_the_next(kit: Kit, backend: Backend) -> None:
    backend.end = 1
    backend.gate.clear()

    async def scenario(fence: Fence) -> None:
        first = asyncio.create_task(fence.wait())
        while not backend.reads:
            await asyncio.sleep(0.005)
        backend.end = 9  # committed after the first read was sent
        later = [asyncio.create_task(fence.wait(timeout=0.3)) for _ in range(20)]
        await asyncio.sleep(0.02)
        backend.gate.set()
        assert (await first).offset == 1
        for task in later:
            with pytest.raises(NotFresh, match=r"7\.0 s behind"):
                await task

    run(kit, scenario)
    assert backend.reads == 2


def test_reasons_not_to_wait(kit: Kit, backend: Backend) -> None:
    backend.end = 9

    async def scenario(fence: Fence) -> None:
        assert (await fence.wait("relaxed")).offset == 1
        backend.fails = True
        with pytest.raises(NotFresh, match="gone away"):
            await fence.wait()
        backend.fails = False
        kit.store.broken = "the disk is full"
        with pytest.raises(NotFresh, match="disk is full"):
            await fence.wait("relaxed")

    run(kit, scenario)


def test_positions_of_another_server_say_nothing(kit: Kit, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fence_module, "read_position", lambda *_, **__: Position("other", "log.000001", 0))
    doubted: list[bool] = []

    async def scenario(fence: Fence) -> None:
        with pytest.raises(NotFresh, match="not the one that is followed"):
            await fence.wait()

    run(kit, scenario, doubted=doubted)
    assert doubted == [True]


def test_a_log_that_is_shorter_than_the_copy_was_reset(kit: Kit, backend: Backend) -> None:
    kit.applier.apply(batch(5))
    backend.end = 4  # it must not pass for something that the copy has had for long
    doubted: list[bool] = []

    async def scenario(fence: Fence) -> None:
        with pytest.raises(NotFresh, match="not the one that is followed"):
            await fence.wait()

    run(kit, scenario, doubted=doubted)
    assert doubted == [True]
