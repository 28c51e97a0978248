"""The first look at a statement."""

import pytest

from statements.scan import first_word, is_one_statement, split_outside_quotes


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"SELECT 1", b"select"),
        (b"  \n\t(SELECT 1)", b"("),
        (b"/* a */ /**/ -- b\n# c\n With x AS (SELECT 1) SELECT * FROM x", b"with"),
        (b"/*! SELECT */ 1", b""),
        (b"/*+ hint */ SELECT 1", b""),
        (b"/*M! SELECT */ 1", b""),
        (b"/* open SELECT", b""),
        (b"--SELECT 1", b""),
        (b"-- only a comment", b""),
        (b"", b""),
        (b"; ;select", b"select"),
        (b"'SELECT'", b""),
        (b"/*" * 50_000, b""),
    ],
)
def test_first_word(text: bytes, word: bytes) -> None:
    assert first_word(text) == word


def test_splitting_leaves_quotes_and_calls_whole() -> None:
    text = "'a,\\',b', \"c,\", `d,`, f(1, (2, 3))"
    assert split_outside_quotes(text, ",") == ["'a,\\',b'", ' "c,"', " `d,`", " f(1, (2, 3))"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("SELECT 1", True), ("SELECT 1;", True), ("SELECT ';x' ; ", True), ("SELECT 1; SELECT 2", False)],
)
def test_one_statement(text: str, expected: bool) -> None:
    assert is_one_statement(text) is expected
