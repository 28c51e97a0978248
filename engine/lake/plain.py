"""CSV that DuckDB may read into types by itself, where all of it is seen to be plain: which columns can be, and how."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.collate.presence import Presence, of_values
from engine.lake.branches import TAG, partition_value
from engine.lake.layout import Layout
from engine.lake.reach import quoted
from engine.lake.readings import Reading
from engine.lake.relations import SHORT_LINE, bare, csv_relation, delimiter_of, null_texts
from engine.layout import quote, store_type
from lakehouse.descriptions.definition import Dialect
from lakehouse.stores.places import Found, Places
from lakehouse.text import plain
from lakehouse.text.heads import Head
from lakehouse.text.plain import Marks, Shape
from lakehouse.text.plain_pass import PlainPass
from statements.schema import INTEGER_TYPES, STRING_TYPES, Column, Table

_KINDS = {"decimal": plain.DECIMAL, "double": plain.DOUBLE, "date": plain.DATE, "datetime": plain.MOMENT}
# Of a file of some megabytes every thread gets a part; a piece may not be shorter than the longest line (DuckDB 1.5.5).
_PIECE = SHORT_LINE
_UTF8 = frozenset({"utf8mb4", "utf8"})  # of files


@dataclass(frozen=True, slots=True)
class PlainText:
    """Files that are plain for all that is known before `look` has ended."""

    table: Table
    layout: Layout
    look: PlainPass

    def presence(self) -> dict[str, Presence]:
        """That of the columns of texts, once all files were looked at. Raises NotPlain and LakeError."""
        seen = self.look.seen()
        own = (c for c in self.table.columns if c.name.casefold() not in self.layout.partitions)
        return {
            column.name: of_values(set(np.flatnonzero(seen[at]).tolist()))
            for at, column in enumerate(own)
            if column.type in STRING_TYPES
        }

    def rows(self, paths: Sequence[str], tagged: bool) -> str:
        """All rows as a relation; with a column TAG when `tagged`."""
        more, tags = (f", filename = {quoted(TAG)}", [quote(TAG)]) if tagged else ("", [])
        branches = []
        for group in self.layout.groups:
            values = dict(group.values)
            shown = [
                partition_value(column, values[column.name.casefold()])
                if column.name.casefold() in values
                else self.layout.relation.kinds[column.name.casefold()][0]
                for column in self.table.columns
            ]
            named = [f"{x} AS {quote(column.name)}" for x, column in zip(shown, self.table.columns, strict=True)]
            relation = self.layout.relation.over([paths[place] for place in group.files], more)
            branches.append(f"SELECT {', '.join([*named, *tags])} FROM {relation}")
        return f"({' UNION ALL '.join(branches)})"


def read_plain(
    table: Table,
    dialect: Dialect,
    layout: Layout,
    readings: Mapping[str, Reading],
    found: Sequence[Found],
    head: Head,
    places: Places,
    threads: int,
) -> PlainText | None:
    """Look at how files of CSV begin; None when something is not plain, or cannot be. Raises LakeError."""
    own = [column for column in table.columns if column.name.casefold() not in layout.partitions]
    shapes = [_shape(column, readings.get(column.name)) for column in own]
    if head.compression != "none" or dialect.encoding not in _UTF8 or dialect.trim_spaces:
        return None
    if not all(shapes) or any(file.scheme != "file" for file in found):
        return None
    delimiter = delimiter_of(head.text, len(own), dialect)
    if dialect.record_delimiter not in ("auto", "\n"):
        return None
    escape = "" if dialect.escape_character == dialect.quotation_marks else dialect.escape_character
    marks = Marks(delimiter, dialect.quotation_marks, escape, null_texts(dialect), layout.header_lines)
    if not marks.are_simple:
        return None
    look = PlainPass(places, found, [shape for shape in shapes if shape], marks, threads)
    if not look.begins_plain():
        return None
    types = [store_type(column) for column in own]
    relation = csv_relation(own, dialect, delimiter, False, "none", SHORT_LINE, types, _PIECE)
    kinds = {column.name.casefold(): (bare(at), types[at]) for at, column in enumerate(own)}
    return PlainText(table, replace(layout, relation=replace(relation, kinds=kinds)), look)


def _shape(column: Column, reading: Reading | None) -> Shape | None:
    """What fields of a column look like that DuckDB reads as MySQL does; None when nobody knows.

    What has no `quick` is written in a form of its own.
    """
    if reading is None:
        return None
    if column.type in STRING_TYPES and column.charset == "utf8mb4":
        by_bytes = column.type not in ("char", "varchar")
        kind = plain.BYTES if by_bytes else plain.PADDED if column.type == "char" else plain.CHARACTERS
        return Shape(kind, column.length or 0, column.nullable)
    if not reading.quick or column.packed:
        return None
    if column.type in INTEGER_TYPES and column.type != "mediumint":  # DuckDB has no type of its range
        return Shape(plain.WHOLE, 0, column.nullable, column.unsigned)
    if column.type in _KINDS:
        most = {"decimal": column.scale or 0, "datetime": column.fsp}.get(column.type, 0)
        return Shape(_KINDS[column.type], most, column.nullable, column.unsigned)
    return None
