"""An answer as rows of MySQL literals, `(1,DATE'2024-02-29',_utf8mb4'x'),(…)`: what an INSERT takes.

DuckDB writes the text, all columns of a row into one string; a literal has the type of its column, so that the server
stores it as it would have stored the value. What has no literal of its own type is refused.
"""

from collections.abc import Sequence

import pyarrow as pa

from base.errors import SecondaryEngineError
from wire.constants import BINARY_CHARSET, FieldFlag, FieldType
from wire.responses import ColumnDefinition

_INTEGERS = frozenset(
    {FieldType.TINY, FieldType.SHORT, FieldType.INT24, FieldType.LONG, FieldType.LONGLONG, FieldType.YEAR}
)
_STRINGS = frozenset(
    {
        *(FieldType.VARCHAR, FieldType.VAR_STRING, FieldType.STRING),
        *(FieldType.TINY_BLOB, FieldType.BLOB, FieldType.MEDIUM_BLOB, FieldType.LONG_BLOB),
    }
)
_DUCK_INTEGERS = frozenset(
    {
        *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DECIMAL(38,0)"),
        *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
    }
)


def literal_query(sql: str, types: Sequence[str], definitions: Sequence[ColumnDefinition]) -> str:
    """Wrap DuckDB SQL whose outputs have these types: one VARCHAR a row, with a comma behind each row.

    Raises SecondaryEngineError for a column that has no literal.
    """
    names = [f"c{number}" for number in range(len(definitions))]
    cells = ", ".join(
        f"coalesce({_literal(name, kind, definition)}, 'NULL')"
        for name, kind, definition in zip(names, types, definitions, strict=True)
    )
    return f"SELECT '(' || concat_ws(',', {cells}) || '),' FROM ({sql}) AS wf({', '.join(names)})"


def _literal(name: str, kind: str, d: ColumnDefinition) -> str:
    text = f"CAST({name} AS VARCHAR)"
    if d.flags & FieldFlag.ZEROFILL and d.type != FieldType.YEAR:
        raise SecondaryEngineError("A ZEROFILL column is not written elsewhere")
    if d.type in _INTEGERS and kind in _DUCK_INTEGERS:
        return text
    if d.type == FieldType.NEWDECIMAL and kind.startswith("DECIMAL("):
        return text
    if d.type == FieldType.DOUBLE and kind == "DOUBLE":
        # Digits without an exponent would be a decimal; a negative zero has no literal that both servers keep.
        exact = f"CASE WHEN contains({text}, 'e') THEN {text} ELSE {text} || 'e0' END"
        return f"CASE WHEN {text} = '-0.0' THEN error('a negative zero is not written elsewhere') ELSE {exact} END"
    if d.type == FieldType.DATE and kind == "DATE":
        return f"'DATE''' || {text} || ''''"
    if d.type in (FieldType.DATETIME, FieldType.TIMESTAMP) and kind == "TIMESTAMP":
        return f"'TIMESTAMP''' || {text} || ''''"
    if d.type in _STRINGS and not d.flags & (FieldFlag.ENUM | FieldFlag.SET):
        if d.charset == BINARY_CHARSET and kind == "BLOB":
            return f"'x''' || hex({name}) || ''''"
        if d.charset != BINARY_CHARSET and kind == "VARCHAR":
            return rf"'_utf8mb4''' || replace(replace({name}, '\', '\\'), '''', '''''') || ''''"
    raise SecondaryEngineError(f"Values of column {d.name} cannot be written as literals of their own type")


def text_of(batch: pa.RecordBatch) -> memoryview:
    """Give the rows of a batch of `literal_query`, with the comma behind the last one."""
    column = batch.column(0)
    offsets = memoryview(column.buffers()[1]).cast("i")
    return memoryview(column.buffers()[2])[offsets[column.offset] : offsets[column.offset + len(column)]]
