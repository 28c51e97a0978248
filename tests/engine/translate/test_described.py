"""The column definitions of executed statements, by the backend's plan."""

from dataclasses import replace

import pytest

from engine.catalog import CatalogView
from engine.translate.translator import Translation, translate
from statements.context import SessionContext
from statements.plans import GROUPING, GROUPS, NOTHING, ROWS, TEMPORARY, WINDOW
from wire.constants import FieldType as Type
from wire.responses import ColumnDefinition

BINARY, PRI, BLOB = 0x80, 0x4002, 0x10
SORTED = (TEMPORARY, ROWS)
JOIN = "FROM t JOIN t u ON t.id = u.id"
Facts = tuple[int, int, int, int]  # type, length, decimals, flags

UNSET = {"mysql": 31, "mariadb": 39}
YEAR = (int(Type.YEAR), 4, 0, BINARY)
WIDE, NARROW = (int(Type.LONGLONG), 21, 0, BINARY), (int(Type.LONGLONG), 5, 0, BINARY)
COUNT, SUM = (int(Type.LONGLONG), 21, 0, BINARY), (int(Type.NEWDECIMAL), 33, 0, BINARY)


def told(
    view: CatalogView, statement: str, given: Facts, plan: tuple[str, ...], backend: str, **further: str
) -> ColumnDefinition:
    """The definition of the first column; the others are integers."""
    context = SessionContext(1, schema="s", sql_mode="", collation_connection="utf8mb4_bin", backend=backend, plan=plan)
    kind, length, decimals, flags = given
    first = ColumnDefinition("c", kind, length=length, decimals=decimals, flags=flags, charset=255)
    others = [ColumnDefinition("n", Type.LONGLONG, length=21, flags=BINARY)] * (statement.split("FROM")[0].count(", "))
    found = translate(statement, context, view, [replace(first, **further), *others], lambda collation, held: None)  # type: ignore[arg-type]
    assert isinstance(found, Translation), found
    return found.definitions[0]


def facts(definition: ColumnDefinition) -> Facts:
    return int(definition.type), definition.length, definition.decimals, definition.flags


@pytest.mark.parametrize(
    ("statement", "given", "plan", "expected"),
    [
        (f"SELECT t.i + 1 {JOIN} ORDER BY t.id, u.id", NARROW, SORTED, (3, 5, 0, 0)),
        (f"SELECT t.i + 1 {JOIN} ORDER BY t.id, u.id", WIDE, SORTED, (8, 21, 0, 0)),
        (f"SELECT t.i + 1 {JOIN} ORDER BY t.id, u.id", NARROW, (ROWS,), NARROW),
        (f"SELECT 5 {JOIN} ORDER BY t.id, u.id", NARROW, SORTED, NARROW),
        ("SELECT YEAR(dt), COUNT(*) FROM t GROUP BY 1", YEAR, (GROUPING, ROWS), (3, 4, 0, 0)),
        ("SELECT YEAR(dt), COUNT(*) FROM t GROUP BY 1", YEAR, (GROUPS, ROWS), YEAR),
        ("SELECT YEAR(dt), COUNT(*) FROM t WHERE 0 GROUP BY 1", YEAR, (NOTHING,), YEAR),
        ("SELECT COUNT(*) FROM t GROUP BY i", COUNT, (GROUPING, ROWS), (8, 21, 0, 0)),
        ("SELECT COUNT(*) FROM t GROUP BY i", COUNT, (GROUPS, TEMPORARY, ROWS), COUNT),
        ("SELECT COUNT(*) FROM t GROUP BY i", COUNT, (TEMPORARY, GROUPS, ROWS), (8, 21, 0, 0)),
        ("SELECT COUNT(*) + 1 FROM t GROUP BY i", COUNT, (TEMPORARY, GROUPS, ROWS), COUNT),
        ("SELECT COUNT(*) + 1 FROM t GROUP BY i", COUNT, (GROUPING, ROWS), COUNT),
        ("SELECT COUNT(*) OVER () + 1 FROM t", NARROW, (WINDOW, ROWS), (3, 5, 0, 0)),
        ("SELECT COUNT(*) OVER () IS NULL FROM t", NARROW, (WINDOW, ROWS), NARROW),
        ("SELECT (SELECT MAX(i) FROM t) + 1 FROM t ORDER BY id", NARROW, SORTED, NARROW),
        ("SELECT i > 1, COUNT(*) FROM t GROUP BY 1 WITH ROLLUP", (8, 1, 0, BINARY), (GROUPS, ROWS), (8, 1, 0, BINARY)),
        (
            "SELECT i > 1, COUNT(*) FROM t GROUP BY 1 WITH ROLLUP",
            (8, 1, 0, BINARY),
            (TEMPORARY, GROUPS, TEMPORARY, ROWS),
            (8, 11, 0, 0),
        ),
    ],
)
def test_numbers_of_mysql(
    view: CatalogView, statement: str, given: Facts, plan: tuple[str, ...], expected: Facts
) -> None:
    assert facts(told(view, statement, given, plan, "mysql")) == expected


@pytest.mark.parametrize(
    ("statement", "given", "plan", "expected"),
    [
        (f"SELECT YEAR(t.dt) {JOIN} ORDER BY t.id, u.id", (3, 4, 0, BINARY), SORTED, (3, 5, 0, 0)),
        (f"SELECT YEAR(t.dt) {JOIN} ORDER BY t.id, u.id", (3, 4, 0, BINARY), (ROWS,), (3, 4, 0, BINARY)),
        (f"SELECT t.i + 1 {JOIN} ORDER BY t.id, u.id", WIDE, SORTED, (8, 21, 0, 0)),
        ("SELECT COUNT(*) FROM t GROUP BY i", COUNT, SORTED, (8, 21, 0, 0)),
        ("SELECT COUNT(*), COUNT(DISTINCT d) FROM t GROUP BY i", COUNT, SORTED, COUNT),
        ("SELECT COUNT(*), COUNT(DISTINCT d) FROM t GROUP BY i ORDER BY COUNT(*)", COUNT, SORTED, (8, 21, 0, 0)),
        ("SELECT COUNT(*) OVER () FROM t", COUNT, (WINDOW, ROWS), COUNT),
        ("SELECT COUNT(*) OVER () + 1 FROM t", COUNT, (WINDOW, ROWS), (8, 21, 0, 0)),
    ],
)
def test_numbers_of_mariadb(
    view: CatalogView, statement: str, given: Facts, plan: tuple[str, ...], expected: Facts
) -> None:
    assert facts(told(view, statement, given, plan, "mariadb")) == expected


@pytest.mark.parametrize(
    ("backend", "length", "kind", "expected"),
    [
        ("mysql", 40, Type.VAR_STRING, (253, 40, 0, 0)),
        ("mysql", 2048, Type.VAR_STRING, (253, 2048, 0, 0)),
        ("mysql", 9600, Type.VAR_STRING, (252, 38400, 0, BLOB)),
        ("mysql", 268435440, Type.LONG_BLOB, (252, 268435440, 0, BLOB)),
        ("mariadb", 40, Type.VAR_STRING, (253, 40, 0, 0)),
        ("mariadb", 9600, Type.VAR_STRING, (252, 262140, 0, BLOB)),
        ("mariadb", 0, Type.VAR_STRING, (254, 0, 0, 0)),
        ("mariadb", 1048576, Type.MEDIUM_BLOB, (252, 67108860, 0, BLOB)),
        ("mariadb", 67108864, Type.LONG_BLOB, (252, 4294967295, 0, BLOB)),
    ],
)
def test_texts(view: CatalogView, backend: str, length: int, kind: Type, expected: Facts) -> None:
    given = int(kind), length, UNSET[backend], 0
    assert facts(told(view, f"SELECT HEX(t.i) {JOIN} ORDER BY t.id, u.id", given, SORTED, backend)) == expected


def test_a_column_in_a_table_of_its_own_is_in_no_index(view: CatalogView) -> None:
    given = int(Type.LONG), 11, 0, PRI
    statement = f"SELECT t.id {JOIN} ORDER BY t.id, u.id"
    assert facts(told(view, statement, given, SORTED, "mysql", org_name="id")) == (3, 11, 0, 0)
    assert facts(told(view, statement, given, (ROWS,), "mysql", org_name="id")) == given


def test_what_is_cut_in_parentheses_comes_from_no_known_table(view: CatalogView) -> None:
    """Whatever the plan: a query in parentheses that is ordered again is a table of MySQL's."""
    given = int(Type.LONGLONG), 5, 0, BINARY
    for plan in ((), (NOTHING,)):
        found = told(view, "(SELECT i + 1 c FROM t ORDER BY id LIMIT 3) ORDER BY c", given, plan, "mysql", table="t")
        assert facts(found) == (3, 5, 0, 0)
        assert (found.table, found.org_name) == ("", "c")
