"""A translation serves again only while everything that it read is what it was."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from engine.catalog import CatalogView, State
from engine.collate.presence import Presence, of_text
from engine.collate.weights import Kind, Weights
from engine.translate.given import Trace
from engine.translate.refusal import Refusal
from engine.translate.translator import Translation, translate
from engine.translating.translations import Find, Tables, Translations
from statements.context import SessionContext
from wire.constants import FieldType
from wire.responses import ColumnDefinition

BIN = "utf8mb4_bin"
SESSION = SessionContext(1, schema="s", sql_mode="STRICT_TRANS_TABLES", collation_connection=BIN)
NUMBER = ColumnDefinition("c", FieldType.LONGLONG)
COUNT = "SELECT COUNT(*) FROM t WHERE a = 'a'"


class Desk:
    """Asks for translations, and counts those that were made."""

    def __init__(self) -> None:
        self.made = 0
        self.translations = Translations()
        self.weights: Weights | None = Weights.plain(BIN, "utf8mb4", Kind.POINTS, pad_space=False)

    def weigh(self, collation: str, held: Presence) -> Weights | None:
        """The weights of the one collation there is."""
        return self.weights if collation == BIN else None

    def ask(self, statement: str, view: CatalogView, **session: Any) -> Translation | Refusal:
        """Translate a statement whose only column is a whole number."""

        def make(
            context: SessionContext, tables: Tables, ask: dict[str, Find], trace: Trace | None
        ) -> Translation | Refusal:
            self.made += trace is None
            return translate(statement, context, tables, [NUMBER], ask["weigh"], trace=trace)

        context = replace(SESSION, **session)
        return self.translations.get(statement, context, view, [NUMBER], {"weigh": self.weigh}, make)


@pytest.fixture
def desk() -> Desk:
    """Where nothing has been asked yet."""
    return Desk()


def altered(view: CatalogView, **changes: Any) -> CatalogView:
    """The view with table t changed."""
    return CatalogView({**view.tables, ("s", "t"): replace(view.tables["s", "t"], **changes)})


def test_what_no_translation_reads_does_not_matter(desk: Desk, view: CatalogView) -> None:
    """Rows that come and go, other sessions and other tables' changes leave a translation as it is."""
    first = desk.ask(COUNT, view)
    assert isinstance(first, Translation)
    other_u = CatalogView({**view.tables, ("s", "u"): view.tables["s", "u"].with_state(State.STALE)})
    asked = [
        desk.ask(COUNT, altered(view, rows=7)),
        desk.ask(COUNT, other_u),
        desk.ask(COUNT, view, connection_id=2, now="2026-11-28 00:00:00.000000", div_precision_increment=9),
    ]
    assert all(found is first for found in asked)
    assert desk.made == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: {"id": 9},
        lambda entry: {"store_name": '"s"."t9"'},
        lambda entry: {"state": State.STALE, "reason": "x"},
        lambda entry: {"presence": {"a": of_text("abcAB z")}},
        lambda entry: {"left_out": {"a": "no longer"}},
        lambda entry: {"table": replace(entry.table, columns=entry.table.columns[:2])},
    ],
    ids=["id", "name", "state", "presence", "left out", "columns"],
)
def test_what_the_table_is_matters(desk: Desk, view: CatalogView, change: Callable[[Any], dict[str, Any]]) -> None:
    """Each fact of a table that a translation may rest on makes it anew, and the older one serves its own snapshot."""
    first = desk.ask(COUNT, view)
    desk.ask(COUNT, altered(view, **change(view.tables["s", "t"])))
    assert desk.made == 2
    assert desk.ask(COUNT, view) is first
    assert desk.made == 2


def test_what_the_session_says_matters_where_it_is_read(desk: Desk, view: CatalogView) -> None:
    """A value of the session that the statement reads makes another translation; the time is put in a template."""
    divided = "SELECT FLOOR(d / 3) FROM t"
    for increment in (4, 9, 4):
        desk.ask(divided, view, div_precision_increment=increment)
    assert desk.made == 2
    now = "SELECT UNIX_TIMESTAMP() FROM t"
    moments = [f"2026-11-28 00:00:{second}.000000" for second in ("00", "01", "02")]
    assert len({desk.ask(now, view, now=moment, utc_now=moment) for moment in moments}) == len(moments)
    assert desk.made == 4
    desk.ask(COUNT, view)
    desk.ask(COUNT, view, schema="elsewhere")
    assert desk.made == 6


def test_weights_that_arrive_end_a_refusal(desk: Desk, view: CatalogView) -> None:
    """What was refused while its weights were being fetched is asked again when they are there."""
    weights, desk.weights = desk.weights, None
    assert isinstance(desk.ask(COUNT, view), Refusal)
    assert isinstance(desk.ask(COUNT, view), Refusal)
    assert desk.made == 1
    desk.weights = weights
    assert isinstance(desk.ask(COUNT, view), Translation)


def test_a_table_of_the_same_name_in_another_snapshot(desk: Desk, view: CatalogView) -> None:
    """A table that is gone is refused by name, and found again when it is back."""
    first = desk.ask(COUNT, view)
    assert isinstance(desk.ask(COUNT, CatalogView()), Refusal)
    assert desk.ask(COUNT, view) is first


def test_no_more_is_kept_than_was_said(desk: Desk, view: CatalogView) -> None:
    """The statements asked last are kept; one that was pushed out is translated again."""
    desk.ask(COUNT, view)
    for number in range(600):
        desk.ask(f"SELECT i AS n{number} FROM t", view)
    made = desk.made
    desk.ask(COUNT, view)
    assert desk.made == made + 1


EQUAL = "SELECT COUNT(*) FROM t WHERE a = '{}' AND i < {}"


def test_other_literals_are_put_in_a_template(desk: Desk, view: CatalogView) -> None:
    """The second statement of a digest makes it; from the third on nothing is translated, and the SQL is the same."""
    for text, number in (("one", 10), ("two", 11), ("six", 12), ("ten", 13)):
        statement = EQUAL.format(text, number)
        assert desk.ask(statement, view) == Desk().ask(statement, view)
    assert desk.made == 2


@pytest.mark.parametrize("other", ["'it''s' AND i < 20", "'è' AND i < 20", "'two' AND i < 2000", "'a\\\\b' AND i < 20"])
def test_literals_of_another_kind_are_translated_anew(desk: Desk, view: CatalogView, other: str) -> None:
    """Escapes, other kinds of characters and more digits: other types, or no certain text."""
    for text in ("one", "two", "six"):
        desk.ask(EQUAL.format(text, 10), view)
    made, statement = desk.made, f"SELECT COUNT(*) FROM t WHERE a = {other}"
    assert desk.ask(statement, view) == Desk().ask(statement, view)
    assert desk.made == made + 1


def test_literals_that_were_looked_at_stay(desk: Desk, view: CatalogView) -> None:
    """The places of ROUND decide about types: each number of them is translated."""
    for places in (1, 2, 3, 4):
        statement = f"SELECT COUNT(*) FROM t WHERE ROUND(d, {places}) = 5"
        assert desk.ask(statement, view) == Desk().ask(statement, view)
    assert desk.made == 4


def test_a_template_ends_with_what_it_rests_on(desk: Desk, view: CatalogView) -> None:
    """A table whose texts hold other characters than before makes a new one."""
    for number in (1, 2, 3):
        desk.ask(EQUAL.format("one", number), view)
    made = desk.made
    desk.ask(EQUAL.format("one", 4), altered(view, left_out={"d": "gone"}))
    assert desk.made == made + 1
