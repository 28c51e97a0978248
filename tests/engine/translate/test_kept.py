"""What is kept of tables and statements does not grow with transactions, aliases and statements."""

import gc
from dataclasses import replace

from engine.catalog import CatalogView, LoadedTable
from engine.collate.presence import of_text
from engine.translate.bind.queries.stored import see_stored
from engine.translate.names import Visible
from engine.translate.translator import Translation
from statements.context import SessionContext
from tests.engine.translate.test_translations import Desk, altered

SESSION = SessionContext(1, schema="s")


def seen(entry: LoadedTable, alias: str = "t") -> Visible:
    return see_stored(entry, alias, alias, "s", SESSION)


def kept() -> int:
    """How many objects there are."""
    gc.collect()
    return len(gc.get_objects())


def test_columns_are_typed_once_however_often_the_rows_change(view: CatalogView) -> None:
    entry = view.tables["s", "t"]
    first = seen(entry)
    assert all(seen(replace(entry, rows=rows)).columns is first.columns for rows in range(100))


def test_columns_are_typed_anew_when_their_texts_are_others(view: CatalogView) -> None:
    entry = view.tables["s", "t"]
    first = seen(entry)
    other = seen(replace(entry, presence={"a": of_text("é")}))
    assert other.columns is not first.columns
    assert other.columns[3].expr.type.presence == of_text("é")


def test_a_column_that_is_left_out_no_more_is_seen(view: CatalogView) -> None:
    entry = view.tables["s", "t"]
    names = [[c.name for c in seen(replace(entry, left_out=left_out)).columns] for left_out in (entry.left_out, {})]
    assert names[1] == [*names[0], "js"]


def test_aliases_take_a_bounded_part_of_memory(view: CatalogView) -> None:
    entry, before = view.tables["s", "t"], kept()
    for number in range(50_000):
        seen(entry, f"t{number}")
    assert kept() - before < 300_000  # six times as many are made


def test_statements_that_are_all_different_take_a_bounded_part_of_memory(view: CatalogView) -> None:
    desk = Desk()

    def ask(numbers: range) -> int:
        for number in numbers:
            where = f"a{number}.i + {number} > id AND a = 'x{number}'"
            asked = f"SELECT COUNT(*) AS c{number} FROM t a{number} WHERE {where}"
            assert isinstance(desk.ask(asked, altered(view, rows=number)), Translation)
        return kept()

    before = ask(range(1_000))
    assert ask(range(1_000, 4_000)) - before < 30_000
