"""Products of decimals: of 18 digits, until a statement's are known to have more."""

from decimal import Decimal

import duckdb
import pytest

from engine.catalog import CatalogView
from engine.translate.translator import Translation, translate
from engine.translating.failed import OVERFLOW, Failed
from statements.context import SessionContext
from tests.engine.translate.conftest import BIN, MODE
from wire.constants import FieldType
from wire.responses import ColumnDefinition


@pytest.fixture
def store() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA s")
    connection.execute("CREATE TABLE s.t (id INTEGER, i INTEGER, d DECIMAL(10,2), ub UBIGINT)")
    connection.execute("INSERT INTO s.t VALUES (1, 2147483647, 99999999.99, 18446744073709551615), (2, 3, 1.05, 7)")
    return connection


def made(view: CatalogView, statement: str, scale: int, is_wide: bool) -> Translation:
    """Translate a statement of one decimal."""
    context = SessionContext(1, schema="s", sql_mode=MODE, collation_connection=BIN)
    definitions = [ColumnDefinition("c", FieldType.NEWDECIMAL, decimals=scale)]
    found = translate(statement, context, view, definitions, lambda *_: None, is_wide=lambda: is_wide)
    assert isinstance(found, Translation), found
    return found


@pytest.mark.parametrize(
    ("expression", "scale", "expected"),
    [
        ("d * i", 2, Decimal("214748364678525163.53")),
        ("i * d", 2, Decimal("214748364678525163.53")),
        ("d * d * 1.00", 6, Decimal("9999999998000000.000100")),
        ("d * i * d * 0.5", 5, Decimal("10737418232852516353107374.18235")),
        ("CASE WHEN id = 1 THEN d * i * 10 ELSE d END", 2, Decimal("2147483646785251635.30")),
    ],
)
def test_products_have_38_digits_where_they_need_them(
    view: CatalogView, store: duckdb.DuckDBPyConnection, expression: str, scale: int, expected: Decimal
) -> None:
    statement = f"SELECT MAX({expression}) FROM t WHERE id = 1"
    with pytest.raises(duckdb.OutOfRangeException, match=r"multiplication of DECIMAL\(18\)") as caught:
        store.execute(made(view, statement, scale, is_wide=False).sql).fetchall()
    widened = Failed(OVERFLOW)
    assert widened.note(statement, caught.value)
    assert widened.has(statement.replace("1", "2"))
    assert not widened.note(statement, caught.value)  # it would fail again
    assert store.execute(made(view, statement, scale, is_wide=True).sql).fetchall() == [(expected,)]


@pytest.mark.parametrize(("expression", "scale"), [("d * 10", 2), ("d * 2.5", 3), ("d + i", 2)])
def test_short_products_stay_as_they_are(view: CatalogView, expression: str, scale: int) -> None:
    statement = f"SELECT MAX({expression}) FROM t"
    assert made(view, statement, scale, is_wide=False) == made(view, statement, scale, is_wide=True)


def test_products_of_rows_that_leave_as_they_come_have_38_digits(
    view: CatalogView, store: duckdb.DuckDBPyConnection
) -> None:
    translation = made(view, "SELECT d * i FROM t", 2, is_wide=False)
    assert store.execute(translation.sql).fetchall() == [(Decimal("214748364678525163.53"),), (Decimal("3.15"),)]


def test_sums_below_rows_are_not_slowed_down(view: CatalogView) -> None:
    statement = "SELECT m FROM (SELECT MAX(d * i) m FROM t GROUP BY id) q"
    assert made(view, statement, 2, is_wide=False) != made(view, statement, 2, is_wide=True)


def test_other_failures_are_none_of_products() -> None:
    assert not Failed(OVERFLOW).note("SELECT 1", ValueError("Overflow in multiplication of DECIMAL(38)"))
