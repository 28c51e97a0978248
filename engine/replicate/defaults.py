"""The value of a column that an INSERT did not name: with binlog_row_image=MINIMAL it is not in the log."""

import datetime
from decimal import Decimal, InvalidOperation

import pyarrow as pa

from engine.images.columns import Undecodable
from engine.layout import arrow_type
from statements.schema import INTEGER_TYPES, STRING_TYPES, Column

_NUMBERS = INTEGER_TYPES | {"decimal", "float", "double", "year"}


def default_value(column: Column) -> pa.Scalar:
    """Give a column's constant default in the store's form; raises Undecodable for one that is not known.

    Defaults that are expressions are in the log, as is CURRENT_TIMESTAMP.
    """
    kind = arrow_type(column)
    try:
        if column.computed_default or column.generated or (column.packed and column.default is not None):
            raise ValueError(column.name)
        if column.default is None and column.nullable:
            return pa.scalar(None, kind)
        return pa.scalar(_value(column), kind)
    except (ValueError, InvalidOperation, pa.ArrowException, OverflowError):
        raise Undecodable(
            f"row image without column {column.name}, whose default is not known: binlog_row_image must be FULL"
        ) from None


def _value(column: Column) -> object:
    text = column.default
    if column.type in _NUMBERS:
        number = Decimal(text or "0")
        return (
            float(number) if column.type in ("float", "double") else number if column.type == "decimal" else int(number)
        )
    if column.type in STRING_TYPES:
        return (text or "").rstrip(" ") if column.type == "char" else text or ""
    if column.type == "enum":
        return column.members.index(text) + 1 if text is not None else 1
    if column.type == "set":
        return sum(1 << column.members.index(member) for member in (text or "").split(",") if member)
    if text is None and column.type in ("varbinary", "tinyblob", "blob", "mediumblob", "longblob"):
        return b""
    if text is None and column.type == "binary":
        return bytes(column.length or 0)
    if text is not None and column.type == "date":
        return datetime.date.fromisoformat(text)
    if text is not None and column.type == "datetime":
        return datetime.datetime.fromisoformat(text)
    raise ValueError(column.type)
