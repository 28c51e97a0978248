"""Which virtual columns are the same for every session, by their expressions as both servers write them back."""

import pytest

from statements.generated import unsteady

STEADY = [
    "(`a` * 3)",
    "`a` * 3 - 1",
    r"""concat(upper(`b`),_utf8mb4'it\'s \\ "x')""",
    "concat(ucase(`b`),'it''s')",
    "json_unquote(json_extract(`j`,_utf8mb4'$.a'))",
    "(case when (`a` > 1) then _utf8mb4'x' else NULL end)",
    "cast(`a` as signed)",
    "(`b` collate utf8mb4_bin)",
    "((`b` like _utf8mb4'x%') or regexp_like(`b`,_utf8mb4'y'))",
    "`odd``name` + 1",
]
UNSTEADY = [
    ("`a` / 3", "with a division"),
    ("hour(`ts`)", "of a TIMESTAMP"),
    ("`TS` is null", "of a TIMESTAMP"),
    ("`u` - `a`", "with a subtraction of unsigned numbers"),
    ("date_format(`d`,'%M')", "with date_format"),
    ("week(`d`)", "with week"),
    ("cast(`b` as date)", "with date"),
    ("now()", "with now"),
    ("`a` @ 1", "of an expression that is not read"),
    ("'open", "of an expression that is not read"),
]


@pytest.mark.parametrize("expression", STEADY)
def test_the_same_for_all(expression: str) -> None:
    assert unsteady(expression, {"ts"}, {"u"}) == ""


@pytest.mark.parametrize(("expression", "reason"), UNSTEADY)
def test_what_depends_on_the_session(expression: str, reason: str) -> None:
    assert unsteady(expression, {"ts"}, {"u"}).startswith(reason)
