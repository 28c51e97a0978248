"""Digest keys: literals out, hints in, comments away, and what must be refused."""

import pytest

from statements.digest import digest


@pytest.mark.parametrize(
    ("statement", "key", "literals"),
    [
        ("SELECT a FROM t1 WHERE b = 5", "SELECT a FROM t1 WHERE b = ?i", ("5",)),
        ("select 'it''s', \"x\\\"y\" from t", "select ?s, ?s from t", ("'it''s'", '"x\\"y"')),
        ("select 1.5, .5, 1e3, 0xFF, x'0a', 1.", "select ?d, ?d, ?f, ?x, ?x, ?d", None),
        ("select `a'b`, t1.c2 from `x 1`", "select `a'b`, t1.c2 from `x 1`", ()),
        ("select /* hi 'x */ 1 -- it's\n, 2 # '\n", "select   ?i  \n, ?i", ("1", "2")),
        (
            "select /*+ SET_VAR(use_secondary_engine=FORCED) */ 7",
            "select /*+ SET_VAR(use_secondary_engine=FORCED) */ ?i",
            ("7",),
        ),
        ("select @'v 1', 1abc, a$1 from t", "select @'v 1', 1abc, a$1 from t", ()),
        ("select _utf8mb4'é', N'x'", "select _utf8mb4?s, N?s", ("'é'", "'x'")),
    ],
)
def test_key_and_literals(statement: str, key: str, literals: tuple[str, ...] | None) -> None:
    found = digest(statement)
    assert found.key == key
    assert found.refuse is None
    if literals is not None:
        assert found.literals == literals


@pytest.mark.parametrize(
    "statement",
    [
        "select /*! 1 */ 2",
        "select /*!80000 1 */ 2",
        "select /*M!100000 1 */ 2",
        "select 5--5",
        "select 'open",
        "select 1 /* open",
        "select '1'::int",
        "select `a",
    ],
)
def test_refused(statement: str) -> None:
    assert digest(statement).refuse


def test_literal_kinds_make_different_keys() -> None:
    assert len({digest(f"select {x}").key for x in ("1", "1.0", "1e0", "'1'", "0x1")}) == 5
