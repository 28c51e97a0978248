"""Which values the backend is asked for, and how its answer is read."""

import pytest

from statements.context import SessionContext
from statements.facts import statement_facts
from statements.session_values import SessionValue, question, read_values
from wire.responses import ColumnDefinition


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("@x", "@`x`"),
        ("@`a``b`", "@`a``b`"),
        ("@@autocommit", "@@autocommit"),
        ("@@GLOBAL.Max_Connections", "@@global.max_connections"),
        ("schema()", "DATABASE()"),
        ("current_user", "CURRENT_USER()"),
        ("last_insert_id()", "LAST_INSERT_ID()"),
    ],
)
def test_asked_for(written: str, asked: str) -> None:
    facts = statement_facts(f"select {written} from t")
    assert (facts.reason, facts.session_values) == (None, (asked,))


@pytest.mark.parametrize(
    "written",
    ["@x := 1", "@@warning_count", "@@timestamp", "@@hot.key_buffer_size", "last_insert_id(5)", "row_count()", "@'x'"],
)
def test_left_to_the_backend(written: str) -> None:
    assert statement_facts(f"select {written} from t").reason


def test_answer_is_read() -> None:
    definitions = [ColumnDefinition("@`x`", 8, charset=63, length=20, flags=32), *[ColumnDefinition("c", 253)] * 2]
    row = [b"7", b"binary", b"2"]
    expected = SessionValue("@`x`", 8, 20, 0, True, True, "binary", 2, "7")
    assert read_values(["@`x`"], definitions, row, "latin1") == (expected,)
    assert SessionContext.from_json(SessionContext(1, values=(expected,)).to_json()).values == (expected,)


def test_text_in_another_character_set_is_left_out() -> None:
    definitions = [ColumnDefinition("c", 253)] * 3
    assert read_values(["@`x`"], definitions, ["é".encode("latin1"), b"latin1_swedish_ci", b"2"], "latin1") == ()


def test_question_asks_for_collations() -> None:
    assert question(["@`x`"]) == "SELECT @`x`, COLLATION(@`x`), COERCIBILITY(@`x`)"
