"""The files of a table as one DuckDB relation: its SQL over paths that `Reach` gives, and its columns' types."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from base.errors import LakeError
from engine.lake.reach import quoted
from engine.layout import quote
from lakehouse.descriptions.definition import Dialect
from lakehouse.text.heads import LONGEST_LINE
from statements.schema import Column

_CSV_ENCODINGS = {"latin1": "latin-1"}
# Bytes of a line up to which DuckDB shares a file of text out in small pieces, its own default: a longer one is an
# error there, never left out. With longer lines allowed, a thread's piece is as long as a line may be.
SHORT_LINE = 2_000_000
_MARK = "\x01"  # stands for an escaped escape character while the others are looked at


@dataclass(frozen=True, slots=True)
class Relation:
    """SQL with a place for the list of paths. `kinds` has the files' columns, by folded name: SQL and DuckDB type.

    `without` makes of the relation over some files the one without the rows that deletes name.
    """

    before: str
    after: str
    kinds: Mapping[str, tuple[str, str]]
    is_text: bool = False
    by_place: bool = False  # whether the columns are known by their place only
    without: Callable[[Callable[[Sequence[str]], str], Sequence[str]], str] | None = None

    def over(self, paths: Sequence[str], more: str = "") -> str:
        """The relation over some files; `more` are further options."""

        def read(some: Sequence[str]) -> str:
            return f"{self.before}[{', '.join(map(quoted, some))}]{self.after}{more})"

        return self.without(read, paths) if self.without else read(paths)


def csv_relation(
    columns: Sequence[Column],
    dialect: Dialect,
    delimiter: str,
    lenient: bool,
    compression: str = "auto",
    longest: int = LONGEST_LINE,
    types: Sequence[str] = (),
    piece: int = 0,
) -> Relation:
    """Text in columns, which are those of the table in its order; a line of more than `longest` bytes is an error.

    `types` are those that DuckDB makes of plain texts itself, `piece` the bytes that a thread takes at once, 0 for
    DuckDB's own number, 8,000,000.

    Records are read as RFC 4180 says, a quote in quotes doubled; other escapes are taken out of the values afterwards.
    """
    names = [bare(place) for place in range(len(columns) + dialect.closes_records)]
    options = {
        "auto_detect": "false",
        "header": "true" if dialect.has_header else "false",
        "skip": str(dialect.skip_rows),
        "delim": quoted(delimiter),
        "quote": quoted(dialect.quotation_marks),
        "escape": quoted(dialect.quotation_marks),
        "nullstr": f"[{', '.join(map(quoted, null_texts(dialect)))}]",
        "allow_quoted_nulls": "false",
        "max_line_size": str(longest),
        "compression": quoted(compression),
        "columns": "{"
        + ", ".join(f"'{n}': {quoted(t)}" for n, t in zip_longest(names, types, fillvalue="VARCHAR"))
        + "}",
    }
    if piece:
        options["buffer_size"] = str(piece)
    if dialect.line_end != "auto":
        options["new_line"] = quoted(dialect.line_end.replace("\r", "\\r").replace("\n", "\\n"))
    if found := _CSV_ENCODINGS.get(dialect.encoding):
        options["encoding"] = quoted(found)
    if lenient:
        options |= {"null_padding": "true", "strict_mode": "false"}
    kinds = {
        column.name.casefold(): (_unescaped(_trimmed(name, dialect), dialect), "VARCHAR")
        for column, name in zip(columns, names, strict=False)
    }
    after = "".join(f", {key} = {value}" for key, value in options.items())
    closed = _without_last(names[-1], dialect) if dialect.closes_records else None
    return Relation("read_csv(", after, kinds, is_text=True, by_place=True, without=closed)


def _without_last(name: str, dialect: Dialect) -> Callable[[Callable[[Sequence[str]], str], Sequence[str]], str]:
    """A relation without its last column, in which nothing may be: it is what the delimiter of a record begins with."""
    empty = f"{name} IS NULL" if "" in null_texts(dialect) else f"{name} = ''"
    wrong = "error('a record does not end as \"record_delimiter\" says')"

    def read(some: Callable[[Sequence[str]], str], paths: Sequence[str]) -> str:
        return f"(SELECT * EXCLUDE ({name}) FROM {some(paths)} WHERE CASE WHEN {empty} THEN true ELSE {wrong} END)"

    return read


def bare(place: int) -> str:
    """The name of a column of CSV in its relation."""
    return f"c{place}"


def null_texts(dialect: Dialect) -> list[str]:
    """What stands for NULL where it is not in quotes: as LOAD DATA, \\N, and the word where values are quoted."""
    texts = [dialect.null_value]
    if dialect.null_value == "\\N" and dialect.quotation_marks:
        texts.append("NULL")
    return texts


def _trimmed(name: str, dialect: Dialect) -> str:
    return f"trim({name}, ' ')" if dialect.trim_spaces else name


def _unescaped(x: str, dialect: Dialect) -> str:
    """MySQL's escapes, source: "LOAD DATA Statement" of its manual, the list behind FIELDS ESCAPED BY."""
    mark = dialect.escape_character
    if not mark or mark == dialect.quotation_marks:
        return x
    one = quoted(mark)
    steps = f"replace({x}, {quoted(mark * 2)}, chr(1))"
    for letter, code in (("0", 0), ("b", 8), ("n", 10), ("r", 13), ("t", 9), ("Z", 26)):
        steps = f"replace({steps}, {quoted(mark + letter)}, chr({code}))"
    steps = f"replace(replace({steps}, {one}, ''), chr(1), {one})"
    return f"CASE WHEN contains({x}, {one}) THEN {steps} ELSE {x} END"


def escapes_in_records(columns: int, dialect: Dialect) -> str:
    """SQL that is true of a record that was cut at an escaped mark: then a value ends with the escape character."""
    mark = dialect.escape_character
    if not mark or mark == dialect.quotation_marks:
        return ""
    pattern = rf"(^|[^{re.escape(mark)}])({re.escape(mark * 2)})*{re.escape(mark)}$"
    return " OR ".join(
        f"(suffix(c{at}, {quoted(mark)}) AND regexp_matches(c{at}, {quoted(pattern)}))" for at in range(columns)
    )


def json_relation(columns: Sequence[Column], head: str, compression: str = "auto") -> Relation:
    """Objects, one a line or in an array; a column is the member of its name, and what is nested its JSON text.

    Members are called as in the first record when case alone makes the difference.
    """
    text = head.lstrip()
    kind = "array" if text.startswith("[") else "newline_delimited"
    keys = {key.casefold(): key for key in _first_keys(text)}
    names = [keys.get(column.name.casefold(), column.name) for column in columns]
    # As VARCHAR a string loses its quotes, which a column of JSON needs to know it by.
    types = ["JSON" if column.type == "json" else "VARCHAR" for column in columns]
    given = ", ".join(f"{quoted(name)}: '{kind}'" for name, kind in zip(names, types, strict=True))
    packed = "uncompressed" if compression == "none" else compression
    # Of a table of one column DuckDB would take whole records for its values where one is no object.
    options = (
        f", format = '{kind}', records = true, maximum_object_size = {LONGEST_LINE}, compression = {quoted(packed)}"
    )
    options += f", columns = {{{given}}}"
    kinds = {
        column.name.casefold(): (quote(name) if kind == "VARCHAR" else f"CAST({quote(name)} AS VARCHAR)", "VARCHAR")
        for column, name, kind in zip(columns, names, types, strict=True)
    }
    return Relation("read_json(", options, kinds, is_text=True)


def _first_keys(text: str) -> list[str]:
    try:
        first, _ = json.JSONDecoder().raw_decode(text.lstrip("[ \t\r\n"))
    except RecursionError:
        raise LakeError("the first record of JSON is nested too deeply") from None
    except ValueError:
        return []
    return list(first) if isinstance(first, dict) else []


def parquet_relation(kinds: Mapping[str, tuple[str, str]], together: bool) -> Relation:
    """Parquet; `together` when its files do not all have the same columns.

    Then any of them have all columns, in the types of all: a partition's files may lack some.
    """
    if not together:
        return Relation("read_parquet(", ", hive_partitioning = false", kinds)
    nothing = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in kinds.values())

    def padded(read: Callable[[Sequence[str]], str], some: Sequence[str]) -> str:
        return f"(FROM {read(some)} UNION ALL BY NAME SELECT {nothing} WHERE false)"

    options = ", hive_partitioning = false, union_by_name = true"
    return Relation("read_parquet(", options, kinds, without=padded if kinds else None)


def avro_relation(kinds: Mapping[str, tuple[str, str]]) -> Relation:
    """Avro."""
    return Relation("read_avro(", "", kinds)


def delimiter_of(head: str, columns: int, dialect: Dialect) -> str:
    """Find the delimiter of a file by its first record: the one that makes as many columns as the table has.

    Candidates are those that HeatWave tries: pipe, comma, tab, semicolon.
    """
    if dialect.field_delimiter != "auto":
        return dialect.field_delimiter
    lines = head.splitlines()[dialect.skip_rows :]
    record = lines[0] if lines else ""
    if dialect.quotation_marks:
        mark = re.escape(dialect.quotation_marks)
        record = re.sub(f"{mark}(?:[^{mark}]|{mark}{mark})*{mark}", "", record)
    counts = {candidate: record.count(candidate) + 1 for candidate in "|,\t;"}
    fitting = [candidate for candidate, count in counts.items() if count == columns]
    if fitting:
        return fitting[0]
    return max(counts, key=lambda candidate: counts[candidate]) if columns > 1 else "|"
