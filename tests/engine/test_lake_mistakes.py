"""Records of CSV that are not as wide as the table, or cannot be cut: the first is told, or they are listed."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from base.errors import LakeError
from base.settings import load
from engine.lake import uneven
from engine.lake.layout import lay_out
from engine.lake.mistakes import require_structure
from lakehouse.descriptions.definition import read_definition
from lakehouse.formats.listing import list_files
from lakehouse.stores.places import Places
from statements.schema import Column, Table

GOOD = "1,2\n" * 3000
SHORT, LONG, WIDE = "5\n", "5,6,7\n", ",".join(["1"] * 1500) + "\n"


def looked_at(folder: Path, texts: list[str], strict: bool, width: int = 2, **dialect: Any) -> list[str] | str | None:
    """What is told of records of another width, or the error; None when all is in order."""
    for number, text in enumerate(texts):
        (folder / f"{number}.csv").write_text(text, newline="")
    paths = [str(folder / f"{number}.csv") for number in range(len(texts))]
    places = Places(load({"lakehouse_paths": [folder]}, env={}))
    given = {"dialect": {"field_delimiter": ",", **dialect}, "file": [{"uri": path} for path in paths]}
    definition = read_definition(given)
    columns = (Column(f"k{at}", at, "varchar", "varchar(50)", length=50, charset="utf8mb4") for at in range(width))
    table = Table("s", "t", tuple(columns), ())
    found = list_files(places, definition)
    with duckdb.connect(config={"threads": 2}) as connection:
        layout = lay_out(table, definition, found, paths, connection, places, lenient=False)
        try:
            told = require_structure(connection, layout, definition.dialect, found.found, paths, strict)
        except LakeError as error:
            return str(error).removeprefix(f"Secondary engine operation failed. file://{folder}/")
    return None if told is None else [each.message.removeprefix(f"file://{folder}/") for each in told]


def expected(file: int, line: int, found: int, width: int = 2) -> str:
    """What is said of a record of another width."""
    return f"{file}.csv, line {line}: Expected Number of Columns: {width} Found: {found}"


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ([GOOD + SHORT + GOOD + LONG], [expected(0, 3001, 1), expected(0, 6002, 3)]),
        ([GOOD, GOOD + LONG, SHORT], [expected(1, 3001, 3), expected(2, 1, 1)]),
        ([GOOD + SHORT + GOOD + f'1,"{WIDE}"\n'], [expected(0, 3001, 1)]),  # it is a text
        ([GOOD + "1,\\N\n" * 9 + LONG], [expected(0, 3010, 3)]),  # NULL is no column that is missing
    ],
)
def test_records_of_another_width_are_told(tmp_path: Path, texts: list[str], told: list[str]) -> None:
    assert looked_at(tmp_path, texts, strict=False) == told
    assert looked_at(tmp_path, texts, strict=True) == f"{told[0]}."
    assert looked_at(tmp_path, [GOOD, GOOD], strict=True) is None


def test_the_first_record_is_told_that_cannot_be_cut(tmp_path: Path) -> None:
    """However many there are: to list them all is what a wrong delimiter must not bring about."""
    assert looked_at(tmp_path, ["1;2;3\n" * 300_000], strict=True, width=50) == f"{expected(0, 1, 1, 50)}."
    told = looked_at(tmp_path, [GOOD + '5,"6\n' + GOOD], strict=True)
    assert isinstance(told, str)
    assert told.startswith("0.csv, line 3001: a value in quotes does not end")


@pytest.mark.parametrize("before", [SHORT, LONG, GOOD + LONG])
def test_a_very_wide_record_is_refused_wherever_it_stands(tmp_path: Path, before: str) -> None:
    """DuckDB would write the whole of it down once for each column."""
    told = looked_at(tmp_path, [before + WIDE], strict=False)
    assert told == "0.csv: a record has 1002 columns or more, and the table has 2; is its record_delimiter right?."


def test_too_many_to_be_listed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uneven, "_MOST_KEPT", 40_000)
    few, many = GOOD + SHORT * 20, GOOD + "1,2,3,4\n" * 40
    assert looked_at(tmp_path, [few], strict=False) == [expected(0, 3001 + at, 1) for at in range(20)]
    told = "0.csv: 80 values are missing, or too many for the table's 2 columns; is its field_delimiter right?."
    assert looked_at(tmp_path, [many], strict=False) == told


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("1|a|\n2||\n", [("1", "a"), ("2", "")]),
        ('1|"a|"|\n2|\\N|\n', [("1", "a|"), ("2", None)]),
        ("1|a|\n2|b\n", "Expected Number of Columns: 3 Found: 2"),
        ("1|a|\n2|b|x\n", "a record does not end as"),
        ("1|a|\n2|b|\\N\n", "a record does not end as"),
        ("1|a|\n2|b||x\n", "Expected Number of Columns: 3 Found: 4"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("null_value", ["\\N", ""])
def test_a_field_delimiter_may_end_a_record_too(
    tmp_path: Path, text: str, rows: list[tuple[str | None, ...]] | str, end: str, null_value: str
) -> None:
    """Which must be there in each, and nothing behind it; whichever columns are asked for."""
    path = tmp_path / "f.tbl"
    path.write_text(text.replace("\n", end), newline="")
    if null_value == "" and "\\N" in text:
        return  # which is a text then
    dialect = {"field_delimiter": "|", "record_delimiter": f"|{end}", "null_value": null_value}
    definition = read_definition({"dialect": dialect, "file": [{"uri": str(path)}]})
    places = Places(load({"lakehouse_paths": [tmp_path]}, env={}))
    table = Table("s", "t", tuple(Column(f"k{at}", at, "varchar", "varchar(9)", length=9) for at in range(2)), ())
    with duckdb.connect() as connection:
        listing = list_files(places, definition)
        relation = lay_out(table, definition, listing, [str(path)], connection, places, lenient=False).relation
        source = relation.over([str(path)])
        if isinstance(rows, str):
            for asked in ("count(*)", "c0", "min(c1)"):
                with pytest.raises(duckdb.Error, match=rows):
                    connection.execute(f"SELECT {asked} FROM {source}").fetchall()
            return
        wanted = [tuple(value or None for value in row) for row in rows] if null_value == "" else rows
        assert connection.execute(f"FROM {source}").fetchall() == wanted
        assert connection.execute(f"SELECT count(*) FROM {source}").fetchall() == [(len(rows),)]
