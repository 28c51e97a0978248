"""Batches put into the store: against a model, in and out of order of loads, and when something fails."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from base import faults
from engine.catalog import State
from engine.changes.batch import Batch, Failure, TableEvent
from engine.changes.changes import Changes
from engine.replicate import apply
from engine.replicate.spill import SpillFile
from engine.store import database
from engine.store.copies import Copying, Overtaken
from tests.engine.store_kit import KEYED, KEYLESS, Kit, at, batch, changes

KEY = ("shop", "orders")


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    made = Kit(tmp_path / "store.duckdb")
    yield made
    made.store.close()


_KEYS = st.tuples(st.integers(0, 3), st.sampled_from(["a", "A", "é"]))
_STEPS = st.lists(st.tuples(st.sampled_from(["put", "delete", "move"]), _KEYS, _KEYS, st.sampled_from(["x", None])))


def _images(model: dict[Any, Any], steps: list[Any]) -> list[tuple[int, tuple[Any, ...]]]:
    """Images as the log has them, for steps on a model of the source, which they change."""
    images: list[tuple[int, tuple[Any, ...]]] = []
    for what, key, other, note in steps:
        old = (*key, model.get(key))
        if what == "put":
            images += [(0, old)] if key in model else []
            images.append((1, (*key, note)))
            model[key] = note
        elif what == "delete" and key in model:
            images.append((0, old))
            del model[key]
        elif what == "move" and key in model and other not in model:
            images += [(0, old), (1, (*other, note))]
            del model[key]
            model[other] = note
    return images


def _model_rows(model: dict[Any, Any]) -> list[tuple[Any, ...]]:
    return sorted(((*key, note) for key, note in model.items()), key=repr)


@settings(max_examples=15, deadline=None)
@given(st.lists(_STEPS, max_size=4))
def test_batches_end_where_the_source_is(tmp_path_factory: pytest.TempPathFactory, groups: list[list[Any]]) -> None:
    kit = Kit(tmp_path_factory.mktemp("store") / "store.duckdb")
    kit.load(KEYED)
    model: dict[Any, Any] = {}
    for number, steps in enumerate(groups):
        if images := _images(model, steps):
            half = len(images) // 2
            parts = [changes(KEYED, part) for part in (images[:half], images[half:]) if part]
            kit.applier.apply(batch(number + 1, *parts))
        assert kit.rows(KEYED) == _model_rows(model)
    kit.store.close()


@settings(max_examples=15, deadline=None)
@given(_STEPS, _STEPS, st.integers(0, 40))
def test_changes_during_a_load_may_be_in_the_rows_already(
    tmp_path_factory: pytest.TempPathFactory, before: list[Any], after: list[Any], read_at: int
) -> None:
    kit = Kit(tmp_path_factory.mktemp("store") / "store.duckdb")
    kit.load(KEYLESS)  # gives the store a position
    model: dict[Any, Any] = {}
    images = _images(model, before)
    copying = kit.copies.begin(KEYED, "USER")
    kit.copies.set_since(copying, at(0))
    if images:
        kit.applier.apply(batch(1, changes(KEYED, images)))
    # The rows are read at some moment while these changes happen, so some of them come twice.
    seen: dict[Any, Any] = {}
    for kind, row in images[:read_at]:
        seen.pop(row[:2], None)
        if kind:
            seen[row[:2]] = row[2]
    cursor = kit.store.cursor()
    for row in _model_rows(seen):
        cursor.execute(f"INSERT INTO {copying.entry.store_name} VALUES (?, ?, ?)", list(row))
    cursor.close()
    kit.copies.finish(copying, at(2))
    assert "being loaded" in str(kit.store.view().table(*KEY))
    later = _images(model, after)
    kit.applier.apply(batch(2, *([changes(KEYED, later)] if later else [])))
    assert kit.rows(KEYED) == _model_rows(model)
    kit.store.close()


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(st.tuples(st.booleans(), st.integers(0, 2), st.sampled_from(["a", None]))), max_size=3))
def test_a_table_without_a_key_keeps_count(tmp_path_factory: pytest.TempPathFactory, groups: list[list[Any]]) -> None:
    kit = Kit(tmp_path_factory.mktemp("store") / "store.duckdb")
    kit.load(KEYLESS)
    model: Counter[tuple[Any, ...]] = Counter()
    for number, steps in enumerate(groups):
        images = []
        for adds, n, text in steps:
            if adds or model[n, text]:
                images.append((int(adds), (n, text)))
                model[n, text] += 1 if adds else -1
        if images:
            kit.applier.apply(batch(number + 1, changes(KEYLESS, images)))
        assert Counter(kit.rows(KEYLESS)) == +model
    kit.store.close()


def test_a_large_transaction_comes_in_pieces_and_at_once(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply, "_PIECE_BYTES", 1)
    kit.load(KEYED)
    file = SpillFile(tmp_path)
    first = changes(KEYED, [(1, (n, "a", "é")) for n in range(5)])
    second = changes(KEYED, [(0, (1, "a", "é")), (1, (1, "b", "x")), (0, (2, "a", "é"))])
    last = changes(KEYED, [(0, (1, "b", "x")), (1, (1, "a", "y"))])
    parts = [*file.keep([first, second]), last]
    with kit.store.snapshot() as old:
        kit.applier.apply(Batch(at(1), [*parts], transactions=1))
        found = old.view.table(*KEY)
        assert not isinstance(found, str)
        assert old.connection.execute(f"SELECT count(*) FROM {found.store_name}").fetchall() == [(0,)]
    assert kit.rows(KEYED) == [(0, "a", "é"), (1, "a", "y"), (3, "a", "é"), (4, "a", "é")]
    view = kit.store.view().table(*KEY)
    assert not isinstance(view, str)
    assert view.has_byte("note", 0xC3)
    assert view.has_byte("part", 0x62)


def test_a_change_of_a_row_that_is_not_there_sets_the_table_aside(kit: Kit) -> None:
    kit.load(KEYED)
    kit.applier.apply(batch(1, changes(KEYED, [(1, (1, "a", "x"))])))
    kit.applier.apply(batch(2, changes(KEYED, [(0, (1, "a", "x")), (0, (2, "a", "x")), (1, (2, "a", "y"))])))
    assert [key for key, _ in kit.requests.reloads] == [KEY]
    assert "2 of its rows were changed and 1 found in the copy" in kit.requests.reloads[0][1]
    assert kit.store.position == at(2)


def test_presence_and_position_come_with_the_rows(kit: Kit) -> None:
    kit.load(KEYED)
    with kit.store.snapshot() as old:
        kit.applier.apply(batch(7, changes(KEYED, [(1, (1, "a", "ß ")), (1, (2, "b", None))])))
        before = old.view.table(*KEY)
        assert not isinstance(before, str)
        assert not before.has_byte("note", 0xC3)
        assert old.position == at(0)
        assert old.connection.execute(f"SELECT count(*) FROM {before.store_name}").fetchall() == [(0,)]
    with kit.store.snapshot() as new:
        after = new.view.table(*KEY)
        assert not isinstance(after, str)
        assert [b for b in range(256) if after.has_byte("note", b)] == [0x20, 0x9F, 0xC3, 0xFF]
        assert [b for b in range(256) if after.has_byte("part", b)] == [0x61, 0x62]
        assert new.position == at(7)


def test_what_happens_before_a_row_is_read_does_not_disturb_a_load(kit: Kit) -> None:
    kit.load(KEYLESS)
    copying = kit.copies.begin(KEYED, "USER")
    kit.applier.apply(batch(5, events=(TableEvent(*KEY, "alter", "ALTER TABLE orders ADD x INT"),)))
    kit.applier.apply(Batch(at(6), failures=[Failure(*KEY, "shape differs")]))
    assert kit.copies.set_since(copying, at(2)) == at(6)
    kit.applier.apply(batch(7, events=(TableEvent(*KEY, "alter", "ALTER TABLE orders ADD x INT"),)))
    assert [key for key, _ in kit.requests.reloads] == [KEY]
    with pytest.raises(Overtaken, match="its definition changed"):
        kit.copies.finish(copying, at(7))
    assert isinstance(copying.done.exception(0), Overtaken)


def test_a_load_that_began_after_the_event_is_not_given_up(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    kit.load(KEYED)
    begun: list[Copying] = []

    def begin_at_once(key: tuple[str, str], reason: str) -> None:
        begun.append(kit.copies.begin(KEYED, "USER", since=kit.store.position))

    with monkeypatch.context() as patch:
        # The loader's thread may be here before the applier has told the old load.
        patch.setattr(kit.store, "_tell", lambda: begin_at_once(KEY, ""))
        kit.applier.apply(batch(5, events=(TableEvent(*KEY, "alter", "ALTER TABLE orders ADD x INT"),)))
    kit.copies.finish(begun[0], at(5))
    assert kit.rows(KEYED) == []


def test_added_rows_keep_their_order_without_a_key(kit: Kit) -> None:
    kit.load(KEYLESS)
    first = [(n * 37 % 101, text) for n in range(101) for text in ("b", "a", None)]
    second = [(1, "z"), (1, "z"), (0, "z")]
    third = [(n * 41 % 97, "y") for n in range(97)]
    gone = [(0, row) for row in (*first[3:], second[0])]
    for number, images in enumerate(([(1, row) for row in first], [(1, row) for row in second])):
        kit.applier.apply(batch(number + 1, changes(KEYLESS, images)))
    mixed = [(1, (5, "q")), *((1, row) for row in third), *gone, (0, (5, "q"))]
    kit.applier.apply(batch(3, changes(KEYLESS, mixed)))
    with kit.store.snapshot() as snapshot:
        found = snapshot.view.table(KEYLESS.schema, KEYLESS.name)
        assert not isinstance(found, str), found
        rows = snapshot.connection.execute(f"SELECT * FROM {found.store_name}").fetchall()
    assert rows == first[:3] + second[1:] + third


def test_a_table_whose_changes_do_not_fit_is_set_aside_alone(kit: Kit) -> None:
    kit.load(KEYED)
    kit.load(KEYLESS)
    wrong = changes(KEYLESS, [(1, (1, "a"))])
    bad = Changes("shop", "orders", wrong.kinds, wrong.rows)
    kit.applier.apply(batch(1, changes(KEYLESS, [(1, (5, "ok"))]), bad))
    assert kit.rows(KEYLESS) == [(5, "ok")]
    assert kit.store.position == at(1)
    assert "other columns" in str(kit.store.view().table(*KEY))
    assert kit.requests.reloads == [(KEY, "its changes have other columns than the copy")]
    assert kit.applier.table(*KEY) is None


def test_a_failure_without_a_name_means_every_table(kit: Kit) -> None:
    kit.load(KEYED)
    kit.load(KEYLESS)
    kit.applier.apply(Batch(at(1), failures=[Failure("", "", "unknown event 99")]))
    assert {key for key, _ in kit.requests.reloads} == {KEY, ("shop", "log")}
    assert "unknown event 99" in str(kit.store.view().table(*KEY))


@pytest.mark.parametrize(("kind", "answers"), [("drop", "not loaded"), ("alter", "definition changed")])
def test_table_events(kit: Kit, kind: Any, answers: str) -> None:
    kit.load(KEYED)
    kit.applier.apply(batch(1, events=(TableEvent("shop", "orders", kind, "ALTER TABLE orders ADD x INT"),)))
    assert answers in str(kit.store.view().table(*KEY))
    assert [key for key, _ in kit.requests.reloads] == ([KEY] if kind == "alter" else [])


def test_a_renamed_table_keeps_its_copy_and_its_changes(kit: Kit) -> None:
    kit.load(KEYED)
    kit.applier.apply(batch(1, changes(KEYED, [(1, (1, "a", "x"))])))
    renamed = replace(KEYED, schema="attic", name="old")
    kit.applier.apply(batch(2, events=(TableEvent(*KEY, "rename", "RENAME TABLE …", ("attic", "old")),)))
    kit.applier.apply(batch(3, changes(renamed, [(1, (2, "a", "y"))])))
    assert "not loaded" in str(kit.store.view().table(*KEY))
    assert kit.rows(renamed) == [(1, "a", "x"), (2, "a", "y")]
    assert (kit.requests.reloads, kit.requests.creations) == ([], [])
    kit.store.close()
    kit.open()
    assert kit.rows(renamed) == [(1, "a", "x"), (2, "a", "y")]


def test_truncate_empties_in_place(kit: Kit) -> None:
    kit.load(KEYED)
    kit.applier.apply(batch(1, changes(KEYED, [(1, (1, "a", "x"))])))
    kit.applier.apply(batch(2, events=(TableEvent("shop", "orders", "truncate", "TRUNCATE orders"),)))
    assert kit.rows(KEYED) == []
    kit.applier.apply(batch(3, changes(KEYED, [(1, (2, "b", None))])))
    assert kit.rows(KEYED) == [(2, "b", None)]


def test_an_alter_that_changes_no_row_leaves_the_copy(kit: Kit) -> None:
    kit.load(KEYED)
    event = TableEvent("shop", "orders", "alter", "ALTER TABLE shop.orders SECONDARY_ENGINE = RAPID")
    kit.applier.apply(batch(1, events=(event,)))
    assert kit.rows(KEYED) == []
    assert kit.requests.reloads == []


def test_dropping_a_schema_drops_its_tables(kit: Kit) -> None:
    kit.load(KEYED)
    kit.load(KEYLESS)
    kit.applier.apply(batch(1, events=(TableEvent("shop", "", "drop", "DROP DATABASE shop"),)))
    assert dict(kit.store.entries) == {}


def test_a_store_that_cannot_write_serves_nobody_until_it_can(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    kit.load(KEYED)
    seen: list[str] = []
    commit = database.Store._commit

    def full_disk(self: database.Store, transaction: database.Transaction, step: faults.Step) -> None:
        seen.append(str(self.view().table(*KEY)) if self.broken else "in service")
        if len(seen) < 3:
            raise duckdb.IOException("No space left on device")
        commit(self, transaction, step)

    monkeypatch.setattr(database.Store, "_commit", full_disk)
    monkeypatch.setattr(kit.applier._stop, "wait", lambda pause: False)
    kit.applier.apply(batch(1, changes(KEYED, [(1, (1, "a", "x"))])))
    assert seen[0] == "in service"
    assert all("No space left" in answer for answer in seen[1:])
    assert kit.rows(KEYED) == [(1, "a", "x")]


def test_an_open_snapshot_survives_truncate_and_reload(kit: Kit) -> None:
    kit.load(KEYED)
    kit.applier.apply(batch(1, changes(KEYED, [(1, (1, "a", "x"))])))
    with kit.store.snapshot() as snapshot:
        kit.applier.apply(batch(2, events=(TableEvent("shop", "orders", "truncate", "TRUNCATE orders"),)))
        kit.copies.begin(KEYED, "USER")
        found = snapshot.view.table(*KEY)
        assert not isinstance(found, str)
        assert snapshot.connection.execute(f"SELECT * FROM {found.store_name}").fetchall() == [(1, "a", "x")]


def test_an_unloaded_table_is_not_loaded_again_by_itself(kit: Kit) -> None:
    kit.load(KEYED)
    kit.copies.set_state(KEY, State.UNLOADED, "unloaded")
    kit.applier.apply(batch(1, events=(TableEvent("shop", "orders", "alter", "ALTER …"),)))
    assert kit.requests.reloads == []
    assert str(kit.store.view().table(*KEY)) == "table shop.orders is not loaded"


def test_a_load_that_begins_to_wait_just_before_the_position_comes(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    kit.load(KEYLESS)
    copying = kit.copies.begin(KEYED, "USER")
    advance = database.Store.advance

    def wait_first(self: database.Store, position: Any) -> None:
        if copying.until is None:
            kit.copies.finish(copying, at(3))
            assert not copying.done.done()
        advance(self, position)

    monkeypatch.setattr(database.Store, "advance", wait_first)
    kit.applier.apply(batch(3))
    assert copying.done.done()
    assert kit.rows(KEYED) == []


def test_what_was_passed_over_is_waited_for_although_its_batch_is_under_way(kit: Kit) -> None:
    kit.load(KEYLESS)
    copying = kit.copies.begin(KEYED, "USER")
    assert copying.has_read(at(6))  # by a batch that is not committed when rows begin to be read
    assert copying.has_read(at(5))
    assert kit.store.position < at(6)
    assert kit.copies.set_since(copying, at(2)) == at(6)
    assert not copying.has_read(at(7))


def test_changes_read_for_an_earlier_load_are_in_the_rows_of_the_next(kit: Kit) -> None:
    kit.load(KEYLESS)
    kit.copies.set_since(kit.copies.begin(KEYED, "USER"), at(0))
    described_again = replace(KEYED)
    copying = kit.copies.begin(described_again, "USER")
    kit.copies.set_since(copying, at(3))
    cursor = kit.store.cursor()
    cursor.execute(f"INSERT INTO {copying.entry.store_name} VALUES (1, 'a', 'newer')")
    cursor.close()
    # A batch has what was decoded before the second load began, and what came behind; none wanted what lay between.
    former = replace(changes(KEYED, [(1, (1, "a", "older"))]), table=KEYED)
    own = replace(changes(described_again, [(1, (2, "b", None))]), table=described_again)
    kit.applier.apply(batch(5, former, own))
    kit.copies.finish(copying, at(5))
    assert kit.rows(KEYED) == [(1, "a", "newer"), (2, "b", None)]


def test_a_table_that_waits_to_be_trusted_again_is_decoded(kit: Kit) -> None:
    kit.load(KEYED)
    entry = kit.store.entries[KEY]
    with kit.store.write() as transaction:
        transaction.put(replace(entry, state=State.LOADING))
    assert kit.applier.table(*KEY) is entry.table
