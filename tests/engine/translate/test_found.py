"""How FOUND_ROWS() counts behind a LIMIT, and that other literals count otherwise."""

import pytest

from engine.catalog import CatalogView
from engine.translate.found import Found
from engine.translate.refusal import Refusal
from engine.translate.translator import Translation
from tests.engine.translate.test_translations import Desk


def found(statement: str, view: CatalogView, desk: Desk | None = None, **session: str) -> Found | None:
    """How the rows of a translated statement are counted."""
    made = (desk or Desk()).ask(statement, view, **session)
    assert isinstance(made, Translation), made
    return made.found


@pytest.mark.parametrize(
    ("rows", "counted", "number"),
    [(2, 0, 5), (0, 2, 2), (0, 9, 3), (0, 0, 0)],
    ids=["rows given", "fewer than passed over", "none left by LIMIT 0", "no rows"],
)
def test_rows_passed_over_count(view: CatalogView, rows: int, counted: int, number: int) -> None:
    how = found("SELECT i FROM t ORDER BY i LIMIT 3, 2", view)
    assert how is not None
    assert how.offset == "3"
    assert "LIMIT" not in how.counted
    assert "ORDER BY" not in how.counted
    assert how.needs_count(rows) == (rows == 0)
    assert how.number(rows, counted) == number


@pytest.mark.parametrize("backend", ["mysql", "mariadb"])
def test_all_rows_count(view: CatalogView, backend: str) -> None:
    how = found("SELECT SQL_CALC_FOUND_ROWS i FROM t ORDER BY i LIMIT 3, 2", view, backend=backend)
    assert how is not None
    assert how.needs_count(2)
    assert how.number(2, 60) == 60
    assert found("SELECT SQL_CALC_FOUND_ROWS i FROM t", view, backend=backend) is None
    assert found("SELECT i FROM t ORDER BY i LIMIT 3", view, backend=backend) is None


def test_set_operations(view: CatalogView) -> None:
    statement = "(SELECT i FROM t) UNION ALL (SELECT i FROM t) ORDER BY i LIMIT 3"
    assert found(statement, view, backend="mysql") is None
    how = found(statement, view, backend="mariadb")
    assert how is not None
    assert how.number(3, 60) == 60
    passing = "(SELECT i FROM t ORDER BY i LIMIT 1, 3) UNION ALL (SELECT i FROM t)"
    assert found(passing, view, backend="mysql") is None
    assert isinstance(Desk().ask(passing, view, backend="mariadb"), Refusal)


def test_other_literals(view: CatalogView) -> None:
    desk = Desk()
    for first, second in ((1, 5), (2, 6), (3, 7), (4, 8)):
        how = found(f"SELECT i FROM t WHERE i > {second} ORDER BY i LIMIT {first}, 2", view, desk)
        assert how is not None
        assert how.offset == str(first)
        assert f"{second}" in how.counted
    assert desk.made < 4
