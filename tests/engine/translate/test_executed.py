"""The column definitions of executed statements, where they are not those of PREPARE."""

from collections.abc import Callable
from typing import Any

import pytest

from engine.catalog import CatalogView
from engine.translate.columns.executed import executed
from engine.translate.translator import Translation, translate
from engine.translate.tree import Block, Expr, Output, QuerySource
from engine.translate.types import BIGINT, INT
from statements.context import SessionContext
from wire.constants import FieldType
from wire.responses import ColumnDefinition

BIN = "utf8mb4_bin"
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


@pytest.mark.parametrize(("given", "length", "expected"), [(LONG, 11, LONGLONG), (LONG, 9, LONG), (LONGLONG, 9, LONG)])
def test_the_length_of_an_integer_decides_the_width_of_its_field(
    view: CatalogView, given: FieldType, length: int, expected: FieldType
) -> None:
    context = SessionContext(1, schema="s", sql_mode="", collation_connection=BIN)
    definitions = [ColumnDefinition("c", given, length=length), ColumnDefinition("n", LONGLONG)]
    statement = f"SELECT COALESCE(i, id){COUNT}"
    found = translate(statement, context, view, definitions, lambda collation, held: None)
    assert isinstance(found, Translation), found
    assert found.definitions[0].type == expected


BINARY, GROUP, PRI = 0x80, 0x8000, 0x02


@pytest.mark.parametrize(
    ("statement", "backend", "flags", "expected"),
    [
        ("SELECT COUNT(*) FROM t GROUP BY i", "mysql", 1 | BINARY, 1),
        ("SELECT COUNT(*) FROM t", "mysql", 1 | BINARY, 1 | BINARY),
        ("SELECT AVG(d) FROM t GROUP BY i", "mysql", BINARY, BINARY),
        ("SELECT COUNT(*) FROM t WHERE i = 3 GROUP BY i", "mysql", 1 | BINARY, 1 | BINARY),
        ("SELECT COUNT(*) FROM t WHERE i > 3 GROUP BY i", "mysql", 1 | BINARY, 1),
        ("SELECT COUNT(DISTINCT d) FROM t GROUP BY i", "mysql", BINARY, BINARY),
        ("SELECT i FROM t GROUP BY i", "mariadb", 0, GROUP),
        ("SELECT i + 1 FROM t GROUP BY i + 1", "mariadb", BINARY, GROUP),
        ("SELECT id FROM t GROUP BY id", "mariadb", PRI, PRI),
        ("SELECT BIT_OR(ub) FROM t GROUP BY i", "mysql", BINARY, BINARY),
        ("SELECT BIT_OR(ub) FROM t GROUP BY i", "mariadb", BINARY, 0),
    ],
)
def test_flags_of_what_passes_through_a_temporary_table(
    view: CatalogView, statement: str, backend: str, flags: int, expected: int
) -> None:
    context = SessionContext(1, schema="s", sql_mode="", collation_connection=BIN, backend=backend)
    decimals = FieldType.NEWDECIMAL if "AVG" in statement else LONGLONG
    given = [ColumnDefinition("c", decimals, decimals=6 if "AVG" in statement else 0, flags=flags)]
    found = translate(statement, context, view, given, lambda collation, held: None)
    assert isinstance(found, Translation), found
    assert found.definitions[0].flags == expected


@pytest.mark.parametrize("statement", ["SELECT SUM(i) / NULL FROM t", "SELECT COUNT(*) + NULL FROM t"])
def test_an_aggregate_that_a_null_swallows_is_refused(run: Callable[..., Any], statement: str) -> None:
    assert "has no part in the result" in run(statement).reason


def test_a_column_that_no_inner_output_answers_to_is_left_as_it_is() -> None:
    inner = Block([Output("m", Expr("date_part", INT))])
    lost = Expr("column", BIGINT, value=("d1", "c7"))
    outer = Block([Output("m", lost)], QuerySource("d1", inner), grouped=True, groups=[lost])
    given = [ColumnDefinition("m", LONGLONG, length=4)]
    assert executed(outer, given, "mysql") == given
