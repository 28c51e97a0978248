"""Rows as literals for INSERT statements of the user's own, `(1,'a'),(2,'b')`, in pieces that fit a packet.

The columns written have the types of those that were read, so a literal need not have its column's type: what the
server makes of the text is the value that was there. DuckDB writes the text, all columns of a row into one string.
"""

from collections.abc import Iterator, Sequence

import duckdb
import pyarrow as pa

from base.errors import SecondaryEngineError
from engine.results.literals import text_of
from wire.constants import FieldType
from wire.responses import ColumnDefinition

_ROWS = 4096  # of one piece of text before it is cut


def _text(name: str, plain: bool) -> str:
    if plain:
        return f"'_utf8mb4''' || {name} || ''''"
    return rf"'_utf8mb4''' || replace(replace({name}, '\', '\\'), '''', '''''') || ''''"


def _time(name: str) -> str:
    """TIME is kept as signed microseconds."""
    part = f"abs({name})"
    return (
        f"'''' || CASE WHEN {name} < 0 THEN '-' ELSE '' END || format('{{:02d}}:{{:02d}}:{{:02d}}.{{:06d}}', "
        f"{part} // 3600000000, {part} // 60000000 % 60, {part} // 1000000 % 60, {part} % 1000000) || ''''"
    )


def _is_plain(column: pa.ChunkedArray) -> bool:
    """Tell whether no text of a column has a mark that is escaped: a look at its bytes, cheaper than replacing."""
    if not pa.types.is_string(column.type):
        return False
    return not any(mark in data for data in _bytes_of(column) for mark in (b"'", b"\\"))


def _bytes_of(column: pa.ChunkedArray) -> Iterator[bytes]:
    for chunk in column.chunks:
        _, places, data = chunk.buffers()
        if len(chunk) and data is not None:
            ends = pa.Array.from_buffers(pa.int32(), len(chunk) + 1, [None, places], offset=chunk.offset)
            yield data.slice(ends[0].as_py(), ends[-1].as_py() - ends[0].as_py()).to_pybytes()


def _literal(name: str, kind: str, definition: ColumnDefinition | None, plain: bool = False) -> str:
    shown = f"CAST({name} AS VARCHAR)"
    if definition is not None and definition.type == FieldType.TIME:
        return _time(name)
    if kind in ("DOUBLE", "FLOAT"):  # digits without an exponent would be a decimal
        return f"CASE WHEN contains({shown}, 'e') THEN {shown} ELSE {shown} || 'e0' END"
    if kind == "BOOLEAN":
        return f"CAST(CAST({name} AS TINYINT) AS VARCHAR)"
    if kind.endswith("INT") or kind == "INTEGER" or kind == "UINTEGER" or kind.startswith("DECIMAL("):
        return shown
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return f"'''' || {shown} || ''''"
    if kind == "VARCHAR":
        return _text(name, plain)
    if kind == "BLOB":
        return f"'x''' || hex({name}) || ''''"
    raise SecondaryEngineError(f"Values of type {kind} cannot be written into a table")


class LiteralWriter:
    """Writes rows of one shape: `definitions` are of the first columns, those behind them are the model's."""

    def __init__(self, definitions: Sequence[ColumnDefinition]) -> None:
        self._definitions = definitions
        self._database = duckdb.connect(":memory:", config={"threads": 1})

    def pieces(self, rows: pa.Table, most: int) -> Iterator[tuple[int, bytes]]:
        """Yield (rows, text) with text of at most so many bytes, no comma behind the last row.

        Raises SecondaryEngineError for a row that is longer.
        """
        named = rows.rename_columns([f"c{number}" for number in range(rows.num_columns)])
        self._database.register("wf_rows", named)
        types = [str(kind) for kind in self._database.sql("SELECT * FROM wf_rows").types]
        known = [*self._definitions, *[None] * (len(types) - len(self._definitions))]
        cells = ", ".join(
            f"coalesce({_literal(f'c{number}', kind, definition, _is_plain(named.column(number)))}, 'NULL')"
            for number, (kind, definition) in enumerate(zip(types, known, strict=True))
        )
        written = f"SELECT '(' || concat_ws(',', {cells}) || '),' FROM wf_rows"
        for batch in self._database.execute(written).to_arrow_reader(_ROWS):
            yield from _cut(batch, most)
        self._database.unregister("wf_rows")

    def close(self) -> None:
        """Free the database."""
        self._database.close()


def _cut(batch: pa.RecordBatch, most: int) -> Iterator[tuple[int, bytes]]:
    if not batch.num_rows:
        return
    text = text_of(batch)
    if len(text) <= most + 1:
        yield batch.num_rows, bytes(text[:-1])
        return
    if batch.num_rows == 1:
        raise SecondaryEngineError("A row to be written is longer than max_allowed_packet allows")
    half = batch.num_rows // 2
    yield from _cut(batch.slice(0, half), most)
    yield from _cut(batch.slice(half), most)
