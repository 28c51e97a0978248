"""What is known of files' values is kept: another engine does not read them again, unless it would read otherwise."""

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from engine.collate import presence
from engine.lake.covering import facts_of
from engine.lake.definitions import LakeTable
from engine.lake.kept import KeptFacts
from engine.lake.layout import Group, Layout
from engine.lake.loaded import LoadedCopies
from engine.lake.readings import Reading
from engine.lake.relations import csv_relation
from engine.lake.texts import from_text
from lakehouse.descriptions.definition import ColumnOptions, Dialect, read_definition
from statements.schema import Column, Table

COLUMNS = (Column("id", 0, "int", "int"), Column("name", 1, "varchar", "varchar(9)", charset="utf8mb4", length=9))
TABLE = Table("lake", "t", COLUMNS, ("id",))
DIALECT = Dialect(field_delimiter=",")
DEFINITION = read_definition({"dialect": {"field_delimiter": ","}, "file": [{"uri": "/data/t/"}]})
LAYOUT = Layout(csv_relation(COLUMNS, DIALECT, ",", lenient=False), (Group((), (0,)),), (), {}, 2, (), 0)


def readings(dialect: Dialect = DIALECT) -> dict[str, Reading]:
    """How the table's columns are read."""
    made = {}
    for column in COLUMNS:
        reading = from_text(f"c{column.ordinal}", column, dialect, ColumnOptions())
        assert isinstance(reading, Reading)
        made[column.name] = replace(reading, given=f"c{column.ordinal}")
    return made


def opened(store: Path) -> tuple[duckdb.DuckDBPyConnection, KeptFacts]:
    """An engine's column store, and what it kept."""
    connection = duckdb.connect()
    LoadedCopies(connection, store)
    return connection, KeptFacts(connection)


def test_facts_outlive_the_engine(tmp_path: Path):
    paths = [str(tmp_path / name) for name in ("a.csv", "b.csv")]
    for path, rows in zip(paths, ("1,Ann\n", "x,é\n"), strict=True):
        Path(path).write_text(rows)
    connection, kept = opened(tmp_path / "lake.duckdb")
    known = LakeTable(TABLE, DEFINITION, 1)
    for at in (0, 1):
        facts = facts_of(connection, known, [f"k{at}"], paths[at : at + 1], LAYOUT, readings())
        assert facts["id"].bad == at
    assert known.learned
    known.checked, known.regular["m"] = frozenset({"k0"}), {"k0", "k1"}
    kept.keep(known)
    connection.close()

    for path in paths:
        Path(path).unlink()  # whoever looks at values again fails
    connection, kept = opened(tmp_path / "lake.duckdb")
    again = LakeTable(TABLE, DEFINITION, 1)
    kept.restore(again)
    facts = facts_of(connection, again, ["k0", "k1"], paths, LAYOUT, readings())
    assert facts["id"].bad == 1
    assert facts["name"].present == presence.union(presence.of_text("Ann"), presence.of_text("é"))
    assert (again.checked, again.regular, again.learned) == (frozenset({"k0"}), {"m": {"k0", "k1"}}, False)

    with pytest.raises(duckdb.IOException):  # another SQL reads other values
        facts_of(connection, again, ["k0"], paths[:1], LAYOUT, {"name": Reading("upper(c1)", text=True, given="c1")})
    other = LakeTable(TABLE, read_definition({"file": [{"uri": "/data/t/"}]}), 1)
    kept.restore(other)
    assert not other.covered
    connection.close()


def test_facts_of_one_partition_do_not_push_out_those_of_another(tmp_path: Path):
    connection, _ = opened(tmp_path / "lake.duckdb")
    known = LakeTable(TABLE, DEFINITION, 1)
    for at in range(200):
        path = tmp_path / f"{at}.csv"
        path.write_text(f"{at},{'é' if at % 2 else 'a'}\n")
        facts_of(connection, known, [f"k{at}"], [str(path)], LAYOUT, readings())
        path.unlink()
    found = [facts_of(connection, known, [f"k{at}"], [""], LAYOUT, readings())["name"] for at in range(200)]
    for at, each in enumerate(found):
        assert presence.union(each.present, presence.of_text("é" if at % 2 else "a")) == each.present
    assert max(len(each) for each in known.covered.values()) <= 65
    connection.close()
