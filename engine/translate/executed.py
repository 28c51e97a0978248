"""The column definitions that the executed statement has, where they are not those of PREPARE.

A column that passes through a temporary table is described by that table's field, not by the expression it comes
from: read off MySQL 9.7 and MariaDB 10.11 by preparing and executing the same statements. Which columns pass is the
optimizer's choice; what is told here is its choice for a block that groups or has windows. Where it chooses otherwise
clients see a type of another width at most: the rows are always encoded as the definition says.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from engine.translate.tree import (
    AGGREGATES,
    WINDOW,
    Block,
    CteSource,
    Expr,
    Join,
    Query,
    QuerySource,
    Recursion,
    SetOperation,
    Source,
    TableSource,
    walk,
)
from engine.translate.types import Family
from wire.constants import FieldType
from wire.responses import ColumnDefinition

_KEYS = frozenset({"group_value", "any"})
_COMPUTED = AGGREGATES - _KEYS | {WINDOW}
_LONG_TEXTS = frozenset({FieldType.BLOB, FieldType.MEDIUM_BLOB, FieldType.LONG_BLOB})
_STRINGS = _LONG_TEXTS | {FieldType.VAR_STRING, FieldType.STRING}
_INTEGERS = frozenset(
    {FieldType.TINY, FieldType.SHORT, FieldType.INT24, FieldType.LONG, FieldType.LONGLONG, FieldType.YEAR}
)
_KEEPING = frozenset(
    {"min", "max", "lag", "lead", "first_value", "last_value", "nth_value"}
)  # window values as they are
_FIELD_IS_LONGLONG = 10  # display length from which MySQL makes a BIGINT field of an integer expression
_EXTREMES = frozenset({"min", "max"})
_STORED_LENGTHS = {Family.DOUBLE: 22, Family.FLOAT: 12}  # MariaDB's fields of MIN and MAX of a column
_UNSET_DECIMALS = {"mysql": 31, "mariadb": 39}
# MariaDB's field has room for a sign that the expression has not.
_UNSIGNED_PARTS = frozenset({"date_part", "day_of_year", "time_part", "to_days", *(f"week_{n}" for n in range(8))})


def executed(query: Query, definitions: Sequence[ColumnDefinition], backend: str) -> list[ColumnDefinition]:
    """Give the definitions as the executed statement has them."""
    if isinstance(query, SetOperation):
        return [_of_union(query, definition, backend) for definition in definitions]
    if query.rollup and backend == "mysql" and _sorts_rollup(query):
        return [
            _kept(definition) if output.expr.op == "group_value" else _rolled(output.expr, definition)
            for output, definition in zip(query.outputs, definitions, strict=True)
        ]
    if not _is_stored(query):
        return list(definitions)
    known = dict(query.ctes)
    origins = [_origin(output.expr, query, known) for output in query.outputs]
    return [
        definition if origin is None else _of_field(definition, backend, origin)
        for origin, definition in zip(origins, definitions, strict=True)
    ]


def _is_stored(block: Block) -> bool:
    """Tell whether the block's rows go through a temporary table; aggregates of distinct values are read sorted."""
    if block.rollup:
        return False
    if _has_window(block):
        return True
    parts = [part for expr in _expressions(block) for part in walk(expr)]
    return block.grouped and bool(block.groups) and not any(part.op.endswith("_distinct") for part in parts)


def _sorts_rollup(block: Block) -> bool:
    """Tell whether the rows of ROLLUP come from a temporary table: sorted again, for windows, or of a join."""
    return bool(block.order) or isinstance(block.source, Join) or _has_window(block)


def _has_window(block: Block) -> bool:
    return any(part.op == WINDOW for expr in _expressions(block) for part in walk(expr))


def _rolled(expr: Expr, definition: ColumnDefinition) -> ColumnDefinition:
    """A text made of group values, on MySQL."""
    made_of_keys = definition.type in _STRINGS and any(part.op == "group_value" for part in walk(expr))
    return replace(definition, decimals=0) if made_of_keys else definition


def _kept(definition: ColumnDefinition) -> ColumnDefinition:
    """A value of a temporary table's field on MySQL."""
    if definition.type in _INTEGERS:
        wide = definition.length >= _FIELD_IS_LONGLONG
        return replace(definition, type=int(FieldType.LONGLONG if wide else FieldType.LONG))
    if definition.type in _STRINGS:
        kind = FieldType.VAR_STRING if definition.type == FieldType.STRING else definition.type
        return replace(definition, type=int(kind), decimals=0)
    return definition


def _expressions(block: Block) -> Iterable[Expr]:
    yield from (output.expr for output in block.outputs)
    yield from (item.expr for item in block.order)
    if block.having is not None:
        yield block.having
    if block.qualify is not None:
        yield block.qualify


def _origin(expr: Expr, block: Block, known: Mapping[str, Query | Recursion]) -> Expr | None:
    """The expression behind an output, through derived tables that are merged; None for columns and aggregates."""
    if expr.op in _KEYS:
        return _origin(expr.args[0], block, known)
    if expr.op == WINDOW and expr.args[0].op in _KEEPING:
        return expr
    if expr.op != "column":
        if expr.op == "any_same":
            return expr
        if expr.op in _EXTREMES and expr.type.family in _STORED_LENGTHS:
            return expr if expr.args[0].op == "plain_zero" and expr.args[0].args[0].op == "column" else None
        return None if expr.op == "literal" or any(part.op in _COMPUTED for part in walk(expr)) else expr
    assert isinstance(expr.value, tuple)
    alias, name = expr.value
    inner = _query_of(block.source, str(alias), known)
    if not isinstance(inner, Block) or inner.grouped or inner.distinct or inner.limit is not None:
        return None  # a stored table, or a derived one with a temporary table of its own
    place = str(name)[1:]
    if not place.isdigit() or int(place) >= len(inner.outputs):
        return None
    return _origin(inner.outputs[int(place)].expr, inner, {**known, **dict(inner.ctes)})


def _query_of(source: Source | None, alias: str, known: Mapping[str, Query | Recursion]) -> Query | Recursion | None:
    match source:
        case Join():
            return _query_of(source.left, alias, known) or _query_of(source.right, alias, known)
        case QuerySource() if source.alias == alias:
            return source.query
        case CteSource() if source.alias == alias:
            return known.get(source.cte)
        case TableSource() | QuerySource() | CteSource() | None:
            return None


def _of_field(definition: ColumnDefinition, backend: str, origin: Expr) -> ColumnDefinition:
    if origin.op in _EXTREMES and backend == "mysql":
        return definition
    if origin.op == "any_same":
        return _kept(definition)
    if backend == "mysql" and definition.type == FieldType.LONG_BLOB and origin.op != WINDOW:
        return replace(definition, type=int(FieldType.BLOB), decimals=0)
    if origin.op == "spelled_moment":  # a CHAR by PREPARE, a VARCHAR in the table
        definition = replace(definition, type=int(FieldType.VAR_STRING))
    if definition.type in _STRINGS and definition.decimals == _UNSET_DECIMALS[backend]:
        if backend == "mariadb" and origin.op == WINDOW:
            return definition
        # A field holds any long text as a BLOB of some length.
        kind = FieldType.BLOB if definition.type in _LONG_TEXTS else definition.type
        return replace(definition, type=int(kind), decimals=0)
    if backend == "mariadb":
        if origin.op in _EXTREMES:
            return replace(definition, length=_STORED_LENGTHS[origin.type.family])
        if origin.op == WINDOW:
            return definition
        return replace(definition, length=definition.length + 1) if origin.op in _UNSIGNED_PARTS else definition
    if origin.op in (WINDOW, "scalar") and definition.type in _INTEGERS:
        return _kept(definition)
    narrow = definition.type == FieldType.LONGLONG and definition.length < _FIELD_IS_LONGLONG
    if narrow or definition.type == FieldType.YEAR:
        return replace(definition, type=int(FieldType.LONG))
    return definition


def _streams(query: Query) -> bool:
    """Tell whether MariaDB sends the rows as they come: UNION ALL only, in no order."""
    if not isinstance(query, SetOperation):
        return True
    return query.kind == "union" and query.all and not query.order and _streams(query.left)


def _of_union(query: SetOperation, definition: ColumnDefinition, backend: str) -> ColumnDefinition:
    if definition.type not in _STRINGS:
        return definition
    unset = backend == "mariadb" and _streams(query)
    return replace(definition, decimals=_UNSET_DECIMALS["mariadb"] if unset else 0)
