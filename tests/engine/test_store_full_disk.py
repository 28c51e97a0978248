"""A disk without room: nothing is begun that DuckDB could not finish, and what it cannot get over ends the process."""

import errno
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from engine.replicate.spill import SpillFile
from engine.store import upkeep
from engine.store.lost import is_lost
from engine.store.upkeep import Upkeep
from tests.engine.store_kit import KEYED, Kit, batch, changes

INVALID = 'IO Error: Database "_store" has been invalidated because checkpointing failed. Detach and reattach it'


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    made = Kit(tmp_path / "store.duckdb")
    made.load(KEYED)
    made.applier.apply(batch(1, changes(KEYED, [(1, (n, "a", "x")) for n in range(1000)])))
    yield made
    made.store.close()


def test_a_checkpoint_waits_for_room(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    free = 1 << 20
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    monkeypatch.setattr(upkeep, "_EVERY", 0.01)
    keeper = Upkeep(kit.store, kit.copies, pytest.fail)
    with pytest.raises(OSError, match="no room for a checkpoint") as caught:
        kit.store.checkpoint()
    assert caught.value.errno == errno.ENOSPC
    tries = threading.Semaphore(0)
    due = keeper.checkpoint_when_due

    def counted() -> None:
        tries.release()
        due()

    monkeypatch.setattr(keeper, "checkpoint_when_due", counted)
    keeper.start()
    for _ in range(5):
        assert tries.acquire(timeout=30)
    assert kit.store.has_news
    assert len(kit.rows(KEYED)) == 1000
    assert [record.getMessage() for record in caplog.records].count(f"upkeep of the column store: {caught.value}") == 1
    free = 40 << 20
    for _ in range(2):
        assert tries.acquire(timeout=30)
    keeper.stop()
    assert not kit.store.has_news


def test_room_is_reckoned_with_what_is_in_memory(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=40 << 20))
    cursor = kit.store.cursor()
    entry = kit.store.entries["shop", "orders"]
    monkeypatch.setattr(kit.store, "_bytes", lambda entries: {("shop", "orders"): (0, 9 << 20)})
    with pytest.raises(OSError, match="no room for a checkpoint"):
        kit.store.checkpoint()
    monkeypatch.undo()
    assert kit.store._bytes([entry])["shop", "orders"][1] > 1000
    kit.store.checkpoint()
    assert kit.store._bytes([entry])["shop", "orders"][0] > 1000
    cursor.close()


def test_a_store_that_is_lost_is_told_of_once(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise duckdb.IOException(INVALID)

    told: list[BaseException] = []
    monkeypatch.setattr(kit.store, "checkpoint", fails)
    monkeypatch.setattr(upkeep, "_EVERY", 0.01)
    keeper = Upkeep(kit.store, kit.copies, told.append)
    keeper.start()
    keeper._thread.join(30)
    assert not keeper._thread.is_alive()
    assert [str(error) for error in told] == [INVALID]


def test_a_batch_that_meets_a_lost_store_is_not_tried_again(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*given: object) -> None:
        raise duckdb.IOException(INVALID)

    with monkeypatch.context() as patched:
        patched.setattr(type(kit.store), "_commit", fails)
        patched.setattr(kit.applier._stop, "wait", pytest.fail)
        with pytest.raises(duckdb.FatalException, match="has been invalidated"):
            kit.applier.apply(batch(2, changes(KEYED, [(1, (5000, "a", "x"))])))
    assert kit.store.broken


def test_a_checkpoint_that_failed_half_way_is_known_by_its_words(tmp_path: Path) -> None:
    script = f"""
        import pathlib, resource, duckdb
        from engine.store.database import Store
        from engine.store.lost import is_lost
        store = Store(pathlib.Path({str(tmp_path / "store.duckdb")!r}), 1 << 28, 1)
        cursor = store.cursor()
        cursor.execute("CREATE TABLE _store.main.t AS SELECT md5(i::TEXT) AS s FROM range(400000) r(i)")
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
        found = []
        for _ in range(2):
            try:
                store.checkpoint()
            except duckdb.Error as error:
                found.append(is_lost(error))
        assert found[-1:] == [True], found
    """
    argv = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr


def test_other_errors_leave_a_store_as_it_is() -> None:
    assert not is_lost(duckdb.IOException("No space left on device"))
    assert not is_lost(OSError(errno.ENOSPC, "has been invalidated"))
    assert is_lost(duckdb.FatalException("whatever"))


def test_a_transaction_that_finds_no_room_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = SpillFile(tmp_path)
    with open("/dev/full", "rb+", buffering=0) as full, monkeypatch.context() as patched:
        patched.setattr(file, "_file", full)
        with pytest.raises(OSError, match="rows of a large transaction could not be put in a file: No space") as caught:
            list(file.keep([changes(KEYED, [(1, (1, "a", "x"))])]))
        assert caught.value.errno == errno.ENOSPC
