"""Which loads run again: those that an event made necessary, and no others."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from base.settings import Settings
from engine.load import manager
from engine.load.manager import Loader
from engine.store.copies import Copying
from tests.engine.store_kit import KEYED, Kit, at, batch

KEY = ("shop", "orders")
WAIT = 60  # seconds


class Loads:
    """A loader whose loads read an empty table, and stop where the test wants to do something."""

    def __init__(self, kit: Kit, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kit = kit
        self.count = 0
        self.before_begin: list[Callable[[], None]] = []
        self.before_finish: list[Callable[[], None]] = []
        monkeypatch.setattr(manager, "copy_table", self._copy)
        self.loader = Loader(Settings(data_dir=folder, autoload=False), kit.store, kit.copies)

    def _copy(self, *_: object) -> Copying:
        self.count += 1
        if self.before_begin:
            self.before_begin.pop()()
        copying = self.kit.copies.begin(KEYED, "USER")
        self.kit.copies.set_since(copying, self.kit.store.position)
        if self.before_finish:
            self.before_finish.pop()()
        self.kit.copies.finish(copying, self.kit.store.position)
        return copying


@pytest.fixture
def loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loads]:
    kit = Kit(tmp_path / "store.duckdb")
    kit.load(KEYED)
    with kit.store.write() as transaction:
        transaction.forget(KEY)
    made = Loads(kit, tmp_path, monkeypatch)
    yield made
    made.loader.stop()
    kit.store.close()


def test_a_load_that_has_read_the_event_does_not_run_again(loads: Loads) -> None:
    def event() -> None:
        loads.kit.applier.apply(batch(5))
        loads.loader.reload(KEY, "its definition changed")

    loads.before_begin.append(event)
    loads.loader.load(*KEY).result(WAIT)
    loads.loader.load(*KEY).result(WAIT)
    assert loads.count == 1
    assert loads.kit.store.position == at(5)
    assert loads.kit.rows(KEYED) == []


def test_a_load_runs_again_for_what_it_has_not_read(loads: Loads) -> None:
    def event() -> None:
        loads.kit.applier.apply(batch(5))
        loads.loader.reload(KEY, "its changes cannot be applied")

    loads.before_finish.append(event)
    loads.loader.load(*KEY).result(WAIT)
    assert loads.count == 2
    assert loads.kit.rows(KEYED) == []
