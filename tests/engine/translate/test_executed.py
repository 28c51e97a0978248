"""The column definitions of executed statements, where they are not those of PREPARE."""

from collections.abc import Callable
from typing import Any

import pytest

from engine.translate.executed import executed
from engine.translate.translator import Translation
from engine.translate.tree import Block, Expr, Output, QuerySource
from engine.translate.types import BIGINT, INT
from wire.constants import FieldType
from wire.responses import ColumnDefinition

LONGLONG, LONG, YEAR = FieldType.LONGLONG, FieldType.LONG, FieldType.YEAR
COUNT = ", COUNT(*) FROM t GROUP BY 1"


@pytest.mark.parametrize(
    ("statement", "given", "expected"),
    [
        (f"SELECT YEAR(dt){COUNT}", YEAR, LONG),
        (f"SELECT MONTH(dt){COUNT}", LONGLONG, LONG),
        (f"SELECT id{COUNT}", LONGLONG, LONGLONG),
        (f"SELECT MONTH(dt){COUNT} WITH ROLLUP", LONGLONG, LONGLONG),
        ("SELECT m, COUNT(*) FROM (SELECT MONTH(dt) m FROM t) x GROUP BY m", LONGLONG, LONG),
        ("WITH x AS (SELECT MONTH(dt) m FROM t) SELECT m, COUNT(*) FROM x GROUP BY m", LONGLONG, LONG),
        ("SELECT m, COUNT(*) FROM (SELECT DISTINCT MONTH(dt) m FROM t) x GROUP BY m", LONGLONG, LONGLONG),
        ("SELECT MIN(id) OVER (), COUNT(*) OVER () FROM t", FieldType.SHORT, LONG),
    ],
)
def test_integers_that_pass_through_a_temporary_table(
    run: Callable[..., Any], statement: str, given: FieldType, expected: FieldType
) -> None:
    found = run(statement, (given, 0), (LONGLONG, 0), sql_mode="")
    assert isinstance(found, Translation)
    assert found.definitions[0].type == expected


def test_a_column_that_no_inner_output_answers_to_is_left_as_it_is() -> None:
    inner = Block([Output("m", Expr("date_part", INT))])
    lost = Expr("column", BIGINT, value=("d1", "c7"))
    outer = Block([Output("m", lost)], QuerySource("d1", inner), grouped=True, groups=[lost])
    given = [ColumnDefinition("m", LONGLONG, length=4)]
    assert executed(outer, given, "mysql") == given
