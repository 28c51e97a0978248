"""Tables written anew beside themselves while changes go on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.catalog import State
from engine.changes.batch import TableEvent
from engine.store import upkeep
from engine.store.bookkeeping import table_names
from engine.store.upkeep import Upkeep
from tests.engine.store_kit import KEYED, KEYLESS, Kit, batch, changes

KEY = ("shop", "orders")


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    made = Kit(tmp_path / "store.duckdb")
    made.load(KEYED)
    made.applier.apply(batch(1, changes(KEYED, [(1, (n, "a", "x")) for n in range(9, 0, -1)])))
    yield made
    made.store.close()


def leftovers(kit: Kit) -> set[Any]:
    cursor = kit.store.cursor()
    found = {name for name in table_names(cursor) if "twin" in name[1] or "pending" in name[1]}
    cursor.close()
    return found


def test_changes_during_a_rewrite_are_in_it(kit: Kit) -> None:
    keeper = Upkeep(kit.store, kit.copies, pytest.fail)
    rewrite = kit.copies.begin_rewrite(KEY)
    assert rewrite is not None
    kit.applier.apply(batch(2, changes(KEYED, [(0, (1, "a", "x")), (1, (1, "a", "early"))])))
    keeper._fill(rewrite.name, rewrite.entry.store_name, KEYED.primary_key)
    kit.applier.apply(batch(3, changes(KEYED, [(0, (2, "a", "x")), (1, (3, "b", "late"))])))
    before = kit.rows(KEYED)
    with kit.store.snapshot() as old:
        assert kit.copies.finish_rewrite(KEY, rewrite)
        assert len(old.connection.execute(f"SELECT * FROM {rewrite.entry.store_name}").fetchall()) == 9
    assert kit.rows(KEYED) == before
    assert (1, "a", "early") in before
    assert (3, "b", "late") in before
    kit.applier.apply(batch(4, changes(KEYED, [(0, (3, "b", "late"))])))
    assert len(kit.rows(KEYED)) == 8
    assert leftovers(kit) == set()


@pytest.mark.parametrize("kind", ["truncate", "alter", "drop"])
def test_a_rewrite_is_given_up_when_the_table_changes(kit: Kit, kind: Any) -> None:
    keeper = Upkeep(kit.store, kit.copies, pytest.fail)
    rewrite = kit.copies.begin_rewrite(KEY)
    assert rewrite is not None
    keeper._fill(rewrite.name, rewrite.entry.store_name, KEYED.primary_key)
    kit.applier.apply(batch(2, events=(TableEvent("shop", "orders", kind, "…"),)))
    assert not kit.copies.finish_rewrite(KEY, rewrite)
    assert leftovers(kit) == set()
    if kind == "truncate":
        assert kit.rows(KEYED) == []


def test_worn_tables_are_found_and_renewed(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_DEAD_ROWS", 3)
    keeper = Upkeep(kit.store, kit.copies, pytest.fail)
    assert keeper.worn() == []
    images = [image for n in range(1, 6) for image in [(0, (n, "a", "x")), (1, (n, "a", "y"))]]
    kit.applier.apply(batch(2, changes(KEYED, images)))
    assert keeper.worn() == [KEY]
    assert keeper.rewrite(KEY)
    assert keeper.worn() == []
    cursor = kit.store.cursor()
    rows = cursor.execute(f"SELECT id FROM {kit.store.entries[KEY].store_name}").fetchall()
    assert [n for (n,) in rows] == list(range(1, 10))
    cursor.close()


def test_a_table_without_a_key_is_left_as_it_is(kit: Kit) -> None:
    kit.load(KEYLESS)
    assert kit.copies.begin_rewrite(("shop", "log")) is None


def test_a_rewrite_cut_short_is_cleared_at_the_next_start(kit: Kit) -> None:
    rows = kit.rows(KEYED)
    assert kit.copies.begin_rewrite(KEY) is not None
    kit.store.close()
    kit.open()
    assert leftovers(kit) == set()
    assert kit.rows(KEYED) == rows


def test_a_checkpoint_is_made_when_much_of_the_log_would_be_read_again(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_UNWRITTEN", 10)
    keeper = Upkeep(kit.store, kit.copies, pytest.fail)
    keeper.checkpoint_when_due()
    assert kit.store.unwritten == 0
    kit.applier.apply(batch(30, changes(KEYED, [(1, (77, "a", "x"))])))
    assert kit.store.unwritten > 10
    keeper.checkpoint_when_due()
    assert kit.store.unwritten == 0
    assert len(kit.rows(KEYED)) == 10


def test_a_store_with_little_memory_is_written_sooner(kit: Kit) -> None:
    keeper = Upkeep(kit.store, kit.copies, pytest.fail)
    keeper.checkpoint_when_due()
    kit.applier.apply(batch(30, changes(KEYED, [(1, (77, "a", "x"))])))
    keeper.checkpoint_when_due()
    assert kit.store.unwritten > 10
    kit.store.memory_limit = 80
    keeper.checkpoint_when_due()
    assert kit.store.unwritten == 0


def test_what_is_nowhere_else_is_written_soon(kit: Kit) -> None:
    keeper = Upkeep(kit.store, kit.copies, pytest.fail)
    assert kit.store.has_news  # a load
    keeper.checkpoint_when_due()
    assert not kit.store.has_news
    kit.copies.set_state(KEY, State.UNLOADED, "unloaded")
    assert kit.store.has_news


def test_after_a_crash_the_store_is_at_the_last_checkpoint_and_the_log_leads_on(kit: Kit) -> None:
    kit.store.checkpoint()
    position, rows = kit.store.position, kit.rows(KEYED)
    more = batch(30, changes(KEYED, [(1, (77, "a", "x")), (0, (1, "a", "x"))]))
    kit.applier.apply(more)
    after = kit.rows(KEYED)
    kit.crash()
    assert (kit.store.position, kit.rows(KEYED)) == (position, rows)
    kit.applier.apply(more)
    assert kit.rows(KEYED) == after
