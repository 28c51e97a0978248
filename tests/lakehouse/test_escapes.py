"""Text with MySQL's escapes: made into what DuckDB cuts as MySQL does, and values come back as they were written."""

import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import duckdb
import pytest

from base.errors import LakeError
from engine.lake.expanding import rewritten
from engine.lake.relations import csv_relation
from lakehouse.descriptions.definition import Dialect
from lakehouse.descriptions.entries import read_entries
from lakehouse.stores.places import Places
from lakehouse.text.escapes import Escapes, Rewritten, begun
from lakehouse.text.heads import Head
from statements.schema import Column

Row = tuple[str | None, ...]
QUOTED = Dialect(field_delimiter=",")
PLAIN = Head("1\n", "none")
TABS = Dialect(field_delimiter="\t", quotation_marks="")


def written(rows: Sequence[Row], dialect: Dialect) -> bytes:
    """Rows as MySQL's INTO OUTFILE writes them: each text in quotes when there are any."""
    quote, delimiter = dialect.quotation_marks, dialect.field_delimiter

    def cell(text: str | None) -> str:
        if text is None:
            return "\\N"
        for mark in ("\\", quote or delimiter, "\n"):
            text = text.replace(mark, "\\" + mark)
        return quote + text.replace("\0", "\\0") + quote

    return "".join(delimiter.join(map(cell, row)) + "\n" for row in rows).encode()


def made(data: bytes, dialect: Dialect, size: int) -> bytes:
    """A text written anew, of which so many bytes come at once."""
    escapes = Escapes.of(dialect, dialect.field_delimiter, Head(data.decode()[:1000], "none"))
    assert escapes
    rewritten = Rewritten(escapes)
    pieces = [piece for at in range(0, len(data), size) for piece in rewritten.feed(data[at : at + size])]
    rewritten.end()
    return b"".join(pieces)


def read(path: Path, data: bytes, dialect: Dialect, width: int) -> list[Row]:
    """The rows that DuckDB reads through a lake table's relation."""
    path.write_bytes(data)
    columns = [Column(f"c{at}", at, "text", "text", charset="utf8mb4") for at in range(width)]
    relation = csv_relation(columns, dialect, dialect.field_delimiter, lenient=False)
    values = ", ".join(source for source, _ in relation.kinds.values())
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT {values} FROM {relation.over([str(path)], ', parallel = false')}").fetchall()


@pytest.mark.parametrize("dialect", [QUOTED, TABS], ids=["quoted", "tabs"])
@pytest.mark.parametrize("seed", range(12))
def test_values_come_back_as_they_were_written(tmp_path: Path, dialect: Dialect, seed: int) -> None:
    draws = random.Random(seed)
    letters = draws.choice(['ab"', 'a\\"', "a\n", "a\t\n", 'a,"\\\n\t\0é😀N ', "\\nrtbZ0N", 'a\\"\r\n'])
    cells = ["".join(draws.choices(letters, k=draws.choice([0, 1, 2, 3, 30]))) for _ in range(600)]
    if dialect is TABS:  # LOAD DATA itself takes a value of these letters for NULL, and its end for the record's
        cells = [cell.rstrip("\r") + "x" for cell in cells]
    rows: list[Row] = [(f"{at}x", cells[2 * at], draws.choice([None, cells[2 * at + 1]])) for at in range(300)]
    data = written(rows, dialect)
    for size in (1, 2, 3, 1 << 20):
        assert made(data, dialect, size) == made(data, dialect, 7)
    assert read(tmp_path / "a.csv", made(data, dialect, 1 << 20), dialect, 3) == rows


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('1,"a\\"b"\n', '1,"a""b"\n'),
        ('1,"a""b"\n', '1,"a""b"\n'),
        ("1,a\\\nb\n", "1,a\\nb\n"),
        ("1,a\\\tb\n", "1,a\\tb\n"),
        ("1,a\\,b\n", "1,a\\,b\n"),  # is refused by who reads it
        ('1,\\"a\n', '1,\\"a\n'),
        ("1,a\rb\n", "1,a\\rb\n"),
        ("1,a\r\n2,b\r\n", "1,a\r\n2,b\r\n"),
        ('1,"a\\\\"\n2,"b"\n', '1,"a\\\\"\n2,"b"\n'),
        ('1,"a\\\nb"\n', '1,"a\\\nb"\n'),
        ("1,\\N\n", "1,\\N\n"),
    ],
)
def test_only_what_decides_where_a_value_ends_is_changed(given: str, expected: str) -> None:
    assert made(given.encode(), QUOTED, 1 << 20).decode() == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [('1,"a\\"b\\\\"\n', '1,"a""b\\\\"\n'), ("1\\\n2\\,", "1\\n2\\,"), ("no", "no")],
)
def test_a_beginning_is_cut_into_records_without_escapes(given: str, expected: str) -> None:
    assert begun(given, Dialect()) == expected
    assert begun(given, Dialect(escape_character="")) == given


@pytest.mark.parametrize("given", ['1,"a\\', "1,a\n\r"])
def test_a_text_that_ends_in_the_middle_is_an_error(given: str) -> None:
    with pytest.raises(ValueError, match="last record does not end"):
        made(given.encode(), QUOTED, 1 << 20)


@pytest.mark.parametrize(
    ("text", "has"),
    [('1,"a\\"b"\n', True), ("1,a\\\n\n", True), ("1,a\\tb\\\\\n", True), ("1,a\\tb\n", False), ('1,"a""b"\n', False)],
)
@pytest.mark.parametrize("before", [0, 1, (4 << 20) - 7, (4 << 20) - 4])
def test_files_without_such_escapes_are_left_alone(
    places: Callable[..., Places], lake: Path, text: str, has: bool, before: int
) -> None:
    (lake / "a.csv").write_text("x" * before + text)
    found = places().resolve(read_entries([{"uri": f"{lake}/a.csv"}]))[0]
    escapes = Escapes.of(QUOTED, ",", PLAIN)
    assert escapes
    assert escapes.are_in(places(), found) is has


@pytest.mark.parametrize(
    "dialect",
    [Dialect(escape_character=""), Dialect(escape_character='"'), Dialect(quotation_marks="\\")],
)
def test_texts_without_an_escape_of_their_own_are_read_as_they_are(dialect: Dialect) -> None:
    assert Escapes.of(dialect, ",", PLAIN) is None
    assert Escapes.of(QUOTED, "||", PLAIN) is None
    assert Escapes.of(QUOTED, ",", Head("1\n", "gzip")) is None


def test_a_damaged_text_is_told_of(places: Callable[..., Places], lake: Path, tmp_path: Path) -> None:
    (lake / "a.csv").write_text('1,"a\\"b"\n2,\\')
    found = places().resolve(read_entries([{"uri": f"{lake}/a.csv"}]))
    escapes = Escapes.of(QUOTED, ",", PLAIN)
    assert escapes
    with ExitStack() as stack, pytest.raises(LakeError, match=r"a\.csv cannot be read: its last record does not end"):
        rewritten(stack, places(), found, ["x"], escapes, {}, tmp_path)
