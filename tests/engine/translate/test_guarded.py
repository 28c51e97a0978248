"""Statements whose rows may fail in the engine are held back until the last row is known."""

from dataclasses import replace

from engine.catalog import CatalogView, State
from engine.collate.presence import of_text
from engine.collate.weights import Weights
from engine.translate.translator import Translation, translate
from statements.context import SessionContext
from tests.engine.translate.conftest import MODE, T
from wire.constants import FieldType
from wire.responses import ColumnDefinition

GENERAL = "utf8mb4_general_ci"


def general_ci() -> Weights:
    """Letters that weigh as their upper case; é weighs as E."""
    table = {point: (ord(chr(point).upper()).to_bytes(2, "big"),) for point in range(128)}
    return Weights.of_table(GENERAL, "utf8mb4", True, 1, table | {0xE9: (b"\0E",)})


def translated(view: CatalogView, statement: str, text: str) -> Translation:
    """Translate over a column `a` of general_ci that holds these characters."""
    columns = tuple(replace(c, collation=GENERAL) if c.name == "a" else c for c in T.columns)
    entry = replace(view.tables["s", "t"], table=replace(T, columns=columns), presence={"a": of_text(text)})
    assert entry.state is State.AVAILABLE
    context = SessionContext(1, schema="s", sql_mode=MODE, collation_connection=GENERAL)
    definitions = [ColumnDefinition("id", FieldType.LONG)]
    found = translate(statement, context, CatalogView({("s", "t"): entry}), definitions, lambda *_: general_ci())
    assert isinstance(found, Translation), found
    return found


def test_a_character_without_weight_may_stand_in_any_row(view: CatalogView) -> None:
    beyond = translated(view, "SELECT id FROM t WHERE a LIKE '%e%'", "abcé")
    assert "_fold(" in beyond.sql
    assert beyond.guarded


def test_ascii_is_not_held_back(view: CatalogView) -> None:
    assert not translated(view, "SELECT id FROM t WHERE a LIKE '%e%'", "abc").guarded
