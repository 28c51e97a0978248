"""Types of a column that differ from file to file: DuckDB brings them together where no value changes."""

import duckdb
import pytest

from engine.lake.layout import nesting
from engine.lake.readings import UNLIKE
from engine.lake.unlike import together


@pytest.mark.parametrize(
    ("kinds", "column_type", "fits"),
    [
        (["INTEGER", "INTEGER"], "int", True),
        (["INTEGER", "BIGINT"], "bigint", True),
        (["BIGINT", "UBIGINT"], "bigint", True),
        (["BOOLEAN", "INTEGER"], "int", True),
        (["INTEGER", "DOUBLE"], "decimal", True),
        (["BIGINT", "DOUBLE"], "double", True),
        (["BIGINT", "DOUBLE"], "decimal", False),
        (["BIGINT", "FLOAT"], "double", False),
        (["INTEGER", "FLOAT"], "double", False),
        (["FLOAT", "DOUBLE"], "double", True),
        (["FLOAT", "DOUBLE"], "float", True),
        (["FLOAT", "DOUBLE"], "decimal", False),
        (["DECIMAL(9,2)", "DECIMAL(12,4)"], "decimal", True),
        (["DECIMAL(9,2)", "BIGINT"], "decimal", True),
        (["DECIMAL(38,2)", "DECIMAL(38,10)"], "decimal", False),
        (["DECIMAL(9,2)", "DOUBLE"], "decimal", False),
        (["DATE", "TIMESTAMP"], "datetime", True),
        (["TIMESTAMP", "TIMESTAMP WITH TIME ZONE"], "datetime", False),
        (["DATE", "TIMESTAMP WITH TIME ZONE"], "datetime", False),
        (["VARCHAR", "BIGINT"], "varchar", True),
        (["VARCHAR", "DECIMAL(9,2)"], "varchar", True),
        (["VARCHAR", "DOUBLE"], "varchar", False),
        (["VARCHAR", "BOOLEAN"], "varchar", False),
        (["VARCHAR", "BLOB"], "varchar", False),
        (["VARCHAR", "TIMESTAMP WITH TIME ZONE"], "varchar", False),
    ],
)
def test_types_go_together_when_no_value_changes(kinds: list[str], column_type: str, fits: bool) -> None:
    parts = " UNION ALL ".join(f"SELECT CAST(NULL AS {kind}) AS c" for kind in kinds)
    with duckdb.connect() as connection:
        made = connection.execute(f"DESCRIBE {parts}").fetchall()[0][1]
    found = together(kinds, made, column_type)
    assert found == made if fits else found.startswith(UNLIKE)


@pytest.mark.parametrize(
    ("kind", "depth"),
    [
        ("INTEGER", 0),
        ("INTEGER[]", 1),
        ("INTEGER[3][]", 2),
        ("STRUCT(a INTEGER[], b INTEGER[][], c VARCHAR)", 3),
        ("STRUCT(a INTEGER[], b STRUCT(c DATE[])[])[]", 5),
        ('STRUCT("a)[]((" INTEGER, """[" DATE)[]', 2),
        ("MAP(VARCHAR, INTEGER[])", 2),
    ],
)
def test_nesting_is_counted(kind: str, depth: int) -> None:
    assert nesting(kind) == depth
