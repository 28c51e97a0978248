"""The outputs checked against the backend's column definitions, and brought to the form the results part renders."""

from collections.abc import Sequence
from dataclasses import replace

from engine.translate.bind.kept.doubles import is_loose, require_stored_alike
from engine.translate.bind.numbers import as_value
from engine.translate.members import spelled
from engine.translate.own_decimals import with_own_decimals
from engine.translate.refusal import Refused, refuse
from engine.translate.tree import AGGREGATES, WINDOW, Block, Expr, Query, TableSource, is_stored, walk
from engine.translate.types import WHOLE, Family, decimal
from statements.context import SessionContext
from wire.constants import FieldType
from wire.responses import ColumnDefinition

_BINARY_CHARSET = 63
_UNSET_DECIMALS = 31  # of a double without a fixed number of decimals, and more
_LONGEST_ALIKE = 15  # decimals: of -0.3 a table of MariaDB's has -1 + 0.7, which differs from the sixteenth on
_INTEGERS = frozenset(
    {FieldType.TINY, FieldType.SHORT, FieldType.LONG, FieldType.LONGLONG, FieldType.INT24, FieldType.YEAR}
)
_STRINGS = frozenset(
    {
        FieldType.VARCHAR,
        FieldType.VAR_STRING,
        FieldType.STRING,
        FieldType.TINY_BLOB,
        FieldType.BLOB,
        FieldType.MEDIUM_BLOB,
        FieldType.LONG_BLOB,
    }
)
_EXACT_TYPES = {
    Family.FLOAT: frozenset({FieldType.FLOAT}),
    Family.DOUBLE: frozenset({FieldType.DOUBLE}),
    Family.DATE: frozenset({FieldType.DATE, FieldType.NEWDATE}),
    Family.DATETIME: frozenset({FieldType.DATETIME, FieldType.TIMESTAMP}),
    Family.TIME: frozenset({FieldType.TIME}),
    Family.JSON: frozenset({FieldType.JSON}),
    Family.PACKED_DATE: frozenset({FieldType.DATE, FieldType.NEWDATE}),
    Family.PACKED_DATETIME: frozenset({FieldType.DATETIME, FieldType.TIMESTAMP}),
    Family.BIT: frozenset({FieldType.BIT}),
    Family.SPATIAL: frozenset({FieldType.GEOMETRY}),
    Family.VECTOR: frozenset({FieldType.VECTOR}),
}
_KEPT = frozenset({WINDOW, "scalar"})
_ROW_VALUES = frozenset({"any", "group_value", "any_same"})
# MariaDB groups by a BIT as an integer, and does not say so before.
_SHOWN_BITS = {"mysql": frozenset({"column", "group_value", "any"}), "mariadb": frozenset({"column"})}


def shown(query: Query, definitions: Sequence[ColumnDefinition], context: SessionContext) -> list[Expr]:
    """Give the outputs as they leave the engine; raises Refused when a type is not what the backend says."""
    if len(query.outputs) != len(definitions):
        refuse("the backend and the engine see different numbers of columns")
    return [
        _shown(_padded(output.expr, query, context), definition, query, context)
        for output, definition in zip(query.outputs, definitions, strict=True)
    ]


def _padded(expr: Expr, query: Query, context: SessionContext) -> Expr:
    return with_own_decimals(expr, query, context) if expr.type.unpadded and context.backend == "mysql" else expr


def _shown(expr: Expr, definition: ColumnDefinition, query: Query, context: SessionContext) -> Expr:
    expr = spelled(as_value(expr))
    family, field = expr.type.family, definition.type
    if family is Family.NULL and field != FieldType.NULL:
        return expr
    if field == FieldType.FLOAT and expr.type.single:
        return Expr("to_float", replace(expr.type, family=Family.FLOAT), (expr,))
    if field == FieldType.YEAR and (family is Family.INT or expr.op not in ("column", "group_value")):
        return Expr("shown_year", expr.type, (expr,))
    if field in _INTEGERS and family in WHOLE:
        return expr
    if family is Family.BIT and expr.op not in _SHOWN_BITS[context.backend]:
        refuse("a BIT that is computed is shown in other ways")
    if field == FieldType.NEWDECIMAL:
        if context.stores and _leaves_digits(expr, context.backend):
            refuse("an average or quotient is stored with a note of the digits that are cut off")
        return _decimal(expr, definition)
    binary = definition.charset == _BINARY_CHARSET
    if field in _STRINGS and family in (Family.ADDRESS, Family.OTHER_TEXT) and not binary:
        return expr
    if field in _STRINGS and family is (Family.BINARY if binary else Family.STRING):
        return expr
    if family is Family.ANSWER and (field == FieldType.JSON or (field in _STRINGS and not binary)):
        return expr
    if field in _EXACT_TYPES.get(family, ()):
        if family in (Family.DATETIME, Family.PACKED_DATETIME, Family.TIME) and definition.decimals != expr.type.fsp:
            refuse(f"the backend gives column {definition.name} other fractional seconds than the engine")
        if is_loose(expr) and definition.decimals < _UNSET_DECIMALS and context.protocol == "text":
            return Expr("shown_double", expr.type, (expr,), value=definition.decimals)
        whole = context.protocol == "binary" or _LONGEST_ALIKE < definition.decimals < _UNSET_DECIMALS
        if context.backend == "mariadb" and whole and expr.op != "column" and not _is_sent_alone(query, context):
            # A plan that stores the rows rounds it; as a text of fewer digits it looks the same.
            require_stored_alike(expr.args[0] if _is_made_last(expr, query, context) else expr)
        cut = family is Family.DOUBLE and definition.decimals < _UNSET_DECIMALS and not is_stored(expr)
        if cut and context.backend == "mariadb" and expr.op != "storable" and not is_loose(expr):
            # and cuts it off at 17 digits; what it rounds to -0 is 0 then
            return Expr("storable", expr.type, (expr,), value=definition.decimals)
        return expr
    raise Refused(f"the backend gives column {definition.name} another type than {family.value}")


def _is_sent_alone(query: Query, context: SessionContext) -> bool:
    """Tell whether MariaDB keeps nothing of a query's rows in a table before it sends them: of one row of sums, and of
    rows that are not sorted, or are of one table, of which it sorts what is stored."""
    if not isinstance(query, Block) or context.cursor or query.buffered or query.distinct or query.rollup:
        return False
    shown = [*(output.expr for output in query.outputs), *(item.expr for item in query.order)]
    if any(part.op in _KEPT for expr in shown for part in walk(expr)):
        return False
    if query.grouped:
        return not query.groups and query.having is None
    return not query.order or isinstance(query.source, TableSource)


def _is_made_last(expr: Expr, query: Query, context: SessionContext) -> bool:
    """Tell whether MariaDB computes what ROUND, FLOOR or CEILING gives while it sends the rows.

    It keeps rows in a table that it sorts, of a join, and for DISTINCT, windows, ROLLUP and cursors. Of groups it keeps
    the sums, and computes with them afterwards (read off 10.11.19 by 1,400 statements).
    """
    if expr.op != "storable" or not isinstance(query, Block) or context.cursor or query.buffered:
        return False
    if query.distinct or query.rollup or any(part.op in _KEPT for out in query.outputs for part in walk(out.expr)):
        return False
    if query.grouped:
        return any(part.op in AGGREGATES - _ROW_VALUES for part in walk(expr))
    return not query.order or isinstance(query.source, TableSource)


def _leaves_digits(expr: Expr, backend: str) -> bool:
    """Tell whether a value has more decimals than its column: MySQL has rounded a division, but no average."""
    rounded = expr.op == "quotient" and backend == "mysql" and not expr.args[1].op.startswith("count")
    return expr.type.frac > expr.type.scale and not rounded


def _decimal(expr: Expr, definition: ColumnDefinition) -> Expr:
    scale, family = definition.decimals, expr.type.family
    if family is Family.LONG_DECIMAL and expr.type.scale == scale:
        return expr
    same = (family is Family.DECIMAL and expr.type.scale == scale) or (family in WHOLE and scale == 0)
    if not same:
        refuse(f"the backend gives column {definition.name} another type than the engine")
    return Expr("round", decimal(38, scale), (expr,), value=scale)
