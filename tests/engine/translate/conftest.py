"""A view of two small tables in DuckDB, and a translator over it that needs no server."""

from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from engine.catalog import CatalogView, LoadedTable, State
from engine.collate.presence import Presence, of_text
from engine.collate.weights import Kind, Weights
from engine.translate.refusal import Refusal
from engine.translate.translator import Translation, translate
from statements.context import SessionContext
from statements.schema import Column, Table
from wire.constants import FieldType
from wire.responses import ColumnDefinition

MODE = "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES"
BIN = "utf8mb4_bin"
OF_JSON = "utf8mb4_0900_bin"


def _column(name: str, ordinal: int, type_: str, **facts: Any) -> Column:
    return Column(name, ordinal, type_, type_, **facts)


T = Table(
    "s",
    "t",
    (
        _column("id", 0, "int", nullable=False),
        _column("i", 1, "int"),
        _column("d", 2, "decimal", precision=10, scale=2),
        _column("a", 3, "varchar", length=20, charset="utf8mb4", collation=BIN),
        _column("dt", 4, "date"),
        _column("ts", 5, "timestamp"),
        _column("db", 6, "double"),
        _column("ub", 7, "bigint", unsigned=True),
        _column("js", 8, "json"),
    ),
    ("id",),
)
U = Table("s", "u", (_column("id", 0, "int"), _column("i", 1, "int")), ("id",))


@pytest.fixture
def view() -> CatalogView:
    tables = [
        LoadedTable(1, T, '"s"."t"', State.AVAILABLE, presence={"a": of_text("abcAB ")}, left_out={"js": "type json"}),
        LoadedTable(2, U, '"s"."u"', State.AVAILABLE),
        LoadedTable(3, Table("s", "l", ()), '"s"."l"', State.LOADING),
    ]
    return CatalogView({(entry.table.schema, entry.table.name): entry for entry in tables})


def _weigh(collation: str, held: Presence) -> Weights | None:
    if collation not in (BIN, OF_JSON):
        return None
    return Weights.plain(collation, "utf8mb4", Kind.POINTS, pad_space=False)


Run = Callable[..., Translation | Refusal]


@pytest.fixture
def run(view: CatalogView) -> Run:
    """Translate with outputs given as (field type, decimals) pairs, or all BIGINT."""

    def translated(statement: str, *types: tuple[FieldType, int], **context: Any) -> Translation | Refusal:
        session = SessionContext(1, schema="s", **{"sql_mode": MODE, "collation_connection": BIN, **context})
        definitions = [ColumnDefinition("c", type_, decimals=decimals) for type_, decimals in types]
        return translate(statement, session, view, definitions or [ColumnDefinition("c", FieldType.LONGLONG)], _weigh)

    return translated


@pytest.fixture
def rows(run: Run) -> Callable[..., list[tuple[Any, ...]]]:
    """Translate and run on four rows in DuckDB."""
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA s")
    connection.execute(
        "CREATE TABLE s.t (id INTEGER, i INTEGER, d DECIMAL(10,2), a VARCHAR, dt DATE, ts TIMESTAMP, db DOUBLE,"
        " ub UBIGINT)"
    )
    connection.execute(
        "INSERT INTO s.t VALUES (1, 10, 1.05, 'a', '2024-01-31', '2024-01-31 00:00:00', 1.5, 1),"
        " (2, -7, -1.05, 'B', '2024-02-29', '2024-02-29 00:00:00', -1.5, 18446744073709551615),"
        " (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL),"
        " (4, 2147483647, 0, 'ab', '1998-12-01', '1998-12-01 00:00:00', 0, 0)"
    )
    connection.execute("CREATE TABLE s.u (id INTEGER, i INTEGER)")
    connection.execute("INSERT INTO s.u VALUES (1, 10), (5, NULL)")

    def answer(statement: str, *types: tuple[FieldType, int], **context: Any) -> list[tuple[Any, ...]]:
        found = run(statement, *types, **context)
        assert isinstance(found, Translation), found
        return connection.execute(found.sql).fetchall()

    return answer
