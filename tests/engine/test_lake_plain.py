"""CSV that is plain is read by DuckDB into types: the values are those that the slow way gives, whatever it holds."""

import functools
import random
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from base.settings import load
from engine.collate.presence import of_text, union
from engine.lake.branches import reading_of
from engine.lake.layout import lay_out
from engine.lake.plain import read_plain
from engine.lake.readings import Reading
from lakehouse.descriptions.definition import read_definition
from lakehouse.formats.listing import list_files
from lakehouse.stores.places import Places
from lakehouse.text import plain
from lakehouse.text.heads import head_of
from lakehouse.text.plain import Marks, Shape
from lakehouse.text.plain_pass import NotPlain, PlainPass
from statements.schema import Column, Table

KEY = Column("k", 1, "int", "int")
WHOLE = [Column("c", 0, kind, kind) for kind in ("tinyint", "bigint")]
UNSIGNED = Column("c", 0, "bigint", "bigint unsigned", unsigned=True)
DECIMAL = Column("c", 0, "decimal", "decimal(5,2)", precision=5, scale=2)
POSITIVE = Column("c", 0, "decimal", "decimal(5,2) unsigned", precision=5, scale=2, unsigned=True)
DOUBLE = Column("c", 0, "double", "double")
DATE = Column("c", 0, "date", "date")
MOMENT = Column("c", 0, "datetime", "datetime(1)", fsp=1)
NEEDED = Column("c", 0, "int", "int", nullable=False)
TEXT = Column("c", 0, "varchar", "varchar(5)", length=5, charset="utf8mb4")
CHAR = Column("c", 0, "char", "char(5)", length=5, charset="utf8mb4")
BLOCK = Column("c", 0, "text", "text", length=65535, charset="utf8mb4")
LATIN = Column("c", 0, "varchar", "varchar(5)", length=5, charset="latin1")
MEDIUM = Column("c", 0, "mediumint", "mediumint")
COLUMNS = [*WHOLE, UNSIGNED, DECIMAL, POSITIVE, DOUBLE, DATE, MOMENT, NEEDED, TEXT, CHAR, BLOCK, LATIN, MEDIUM]

FIELDS = r"""
0 1 -1 -0 +1 007 1. .5 1.5 -1.50 1.505 999.99 1000 1e2 1_0 127 128 -128 -129 255 99999 2147483648 inf nan
 9223372036854775807 9223372036854775808 18446744073709551615 2024-02-29 2023-02-29 0000-01-01 0001-01-01 9999-12-31
 2024-2-9 20240229 epoch 2024-13-01 2024-02-29T01:02:03 \N NULL null \n a\tb ab abcde abcdef äöüß€
 😀ñ😀ñ😀 "a" "a,b" "a""b"
 "" "NULL" "\N" "1" a"b "a"b "abcde" "abcdef" "a\\" \ \\ true 0x10 1,5
""".split()  # noqa: SIM905
FIELDS += [
    "",
    " ",
    "1 ",
    " 1",
    "ab ",
    '"ab "',
    " ab",
    "2024-02-29 01:02:03",
    "2024-02-29 01:02:03.5",
    "2024-02-29 24:00:00",
]
FIELDS += [
    "2024-02-29 23:59:60",
    "2024-02-29 1:02:03",
    "2024-02-29 01:02:03.55",
    "2024-02-30 01:02:03",
    '"a\nb"',
    "a\rb",
    "a\0",
]


@functools.cache
def duckdb_of() -> duckdb.DuckDBPyConnection:
    """One for all."""
    return duckdb.connect(config={"threads": 1})


def read_both(
    folder: Path, columns: Sequence[Column], text: str, **dialect: Any
) -> tuple[Mapping[str, bytes] | None, list[Any] | None, list[Any] | None]:
    """The presence of what is plain, the rows by that way, and by the slow one; None where there is none."""
    path = folder / "f.csv"
    path.write_text(text, newline="")
    places = Places(load({"lakehouse_paths": [folder]}, env={}))
    given = {"field_delimiter": ",", **dialect}
    definition = read_definition({"dialect": given, "file": [{"uri": str(path)}]})
    table = Table("s", "t", tuple(columns), ())
    listing = list_files(places, definition)
    with duckdb_of().cursor() as connection:
        layout = lay_out(table, definition, listing, [str(path)], connection, places, lenient=False)
        found = {column.name: reading_of(column, layout, definition) for column in columns}
        readings = {name: reading for name, reading in found.items() if isinstance(reading, Reading)}
        head = head_of(places, listing.found[0], definition.dialect)
        text_read = read_plain(table, definition.dialect, layout, readings, listing.found, head, places, threads=2)
        if text_read is None:
            return None, None, None
        try:
            with text_read.look:
                presence = text_read.presence()
        except NotPlain:
            return None, None, None
        slowly = [
            f"CASE WHEN {reading.given} IS NULL THEN NULL WHEN {reading.ok or 'true'} THEN {reading.value} "
            "ELSE error('no value') END"
            for reading in readings.values()
        ]
        slow = rows_of(connection, f"SELECT {', '.join(slowly)} FROM {layout.relation.over([str(path)])}")
        fast = rows_of(connection, f"SELECT * FROM {text_read.rows([str(path)], False)}")
    return presence, fast, slow


def rows_of(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Any] | None:
    """The rows as texts, as -0.0 is equal to 0.0; None when there is an error."""
    try:
        return [tuple(map(repr, row)) for row in connection.execute(sql).fetchall()]
    except duckdb.Error:
        return None


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.column_type)
def test_what_is_plain_is_read_as_slowly(tmp_path: Path, column: Column) -> None:
    for field in FIELDS:
        plain, fast, slow = read_both(tmp_path, [column, KEY], f"{field},1\n")
        if plain is not None and fast is not None:
            assert fast == slow, field


PLAIN = [
    (WHOLE[1], ["0", "-1", "9223372036854775807", "\\N", "NULL"], ["-0", "+1", "007", "1.", "", " 1", '"1"', "1e2"]),
    (UNSIGNED, ["18446744073709551615"], ["-1"]),
    (DECIMAL, ["1", "1.5", "-1.50"], [".5", "1.", "1.505", "1e2"]),
    (DOUBLE, ["1", "1.5", "-0"], ["inf", "nan", "1e2"]),
    (DATE, ["2024-02-29"], ["2024-2-9", "0000-01-01", "epoch"]),
    (MOMENT, ["2024-02-29 01:02:03", "2024-02-29 01:02:03.5"], ["2024-02-29", "2024-02-29 24:00:00"]),
    (NEEDED, ["1"], ["\\N"]),
    (
        TEXT,
        ["", "äöüß€", "😀ñ😀ñ😀", '"a,b"', '"a""b"', '"NULL"', "NULL", "ab "],
        ["abcdef", "a\\tb", 'a"b', "a\rb", "a\0"],
    ),
    (CHAR, ["ab"], ["ab ", '"ab "']),
    (LATIN, [], ["a"]),
    (MEDIUM, [], ["1"]),
]


@pytest.mark.parametrize(("column", "plain", "others"), PLAIN, ids=lambda given: getattr(given, "column_type", ""))
def test_simple_forms_are_plain(tmp_path: Path, column: Column, plain: list[str], others: list[str]) -> None:
    for field in (*plain, *others):
        found, fast, slow = read_both(tmp_path, [column, KEY], f"{field},1\n{field},2")
        assert (found is not None) is (field in plain), field
        if found is not None:
            assert fast is not None, field
            assert fast == slow, field


@pytest.mark.parametrize(
    ("text", "dialect", "is_plain"),
    [
        ("a,1\r\nb,2\r\n", {}, True),
        ("a,1\r\nb,2", {}, True),
        ("a,1\nb,2\r\n", {}, False),
        ("a,1\r\nb,2\n", {}, False),
        ("a,1\n\nb,2\n", {}, False),
        ("a,1,x\n", {}, False),
        ("a\n", {}, False),
        ('"c",k\na,1\n', {"has_header": True}, True),
        ('x\n"c\n",k\na,1\n', {"skip_rows": 1, "has_header": True}, False),
        ("\ufeffa,1\n", {}, False),
        ("a|1\n", {"field_delimiter": "|"}, True),
        ("a01\n", {"field_delimiter": "0"}, False),
        ("a::1\n", {"field_delimiter": "::"}, False),
        (",1\na,2\n", {"null_value": ""}, True),
        ("a,1\n", {"trim_spaces": True}, False),
        ("a,1\n", {"encoding": "latin1"}, False),
        ("'a,b',1\n", {"quotation_marks": "'"}, True),
        ('"a,1\n', {}, False),
    ],
)
def test_records_are_plain_by_their_form(tmp_path: Path, text: str, dialect: dict[str, Any], is_plain: bool) -> None:
    found, fast, slow = read_both(tmp_path, [TEXT, KEY], text, **dialect)
    assert (found is not None) is is_plain
    if is_plain:
        assert fast is not None
        assert fast == slow


def test_lines_over_the_ends_of_pieces_are_plain(tmp_path: Path) -> None:
    chosen = random.Random(3)
    texts = ["".join(chosen.choices("abc ü,", k=chosen.randint(0, 3000))) for _ in range(5000)]
    quoted = "".join(f'"{text}",{number}\n' for number, text in enumerate(texts))
    found, fast, slow = read_both(tmp_path, [BLOCK, KEY], quoted)
    assert found is not None
    assert fast is not None
    assert fast == slow
    assert len(fast) == len(texts)
    assert found == {"c": union(*map(of_text, texts))}


def look_at(folder: Path, text: str) -> PlainPass:
    """What looks at texts and numbers, in three threads."""
    path = folder / "f.csv"
    path.write_text(text, newline="")
    places = Places(load({"lakehouse_paths": [folder]}, env={}))
    found = list_files(places, read_definition({"dialect": {}, "file": [{"uri": str(path)}]})).found
    shapes = [Shape(plain.BYTES, 65535), Shape(plain.WHOLE)]
    return PlainPass(places, found, shapes, Marks(",", '"', "\\", (), 0), 3)


LINE = "a" * 99 + ",1\n"
MANY = LINE * (5 * (1 << 20) // len(LINE))


@pytest.mark.parametrize("last", ["a,x", "a,x\n", 'a"b,1\n', "a,1\r\n", "\n", "a\n", "b" * (3 << 20) + ",1\n"])
def test_what_is_not_plain_is_seen_wherever_it_stands(tmp_path: Path, last: str) -> None:
    for text in (MANY + last, MANY + last + "\n" + MANY):
        look, stopped = look_at(tmp_path, text), threading.Event()
        assert look.begins_plain()
        with look:
            with pytest.raises(NotPlain), look.may_stop(stopped.set):
                raise_when(stopped)
            with pytest.raises(NotPlain):
                look.seen()


def raise_when(stopped: threading.Event) -> None:
    """Stand for a reader that ends with an error when it is stopped."""
    if stopped.wait(60):
        raise ValueError


def test_every_byte_of_texts_is_seen(tmp_path: Path) -> None:
    look = look_at(tmp_path, MANY + "é,1\n" + MANY + "z,1")
    assert look.begins_plain()
    with look:
        seen = look.seen()
    assert set(np.flatnonzero(seen[0]).tolist()) == {*b"az", *"é".encode()}
    assert not seen[1].any()
