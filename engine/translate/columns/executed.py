"""The column definitions that the executed statement has, where they are not those of PREPARE.

A column that passes through a temporary table is described by that table's field, not by the expression it comes
from: read off MySQL 9.7 and MariaDB 10.11 by preparing and executing the same statements. Which columns pass is the
optimizer's choice; what is told here is its choice for a block that groups or has windows. Where it chooses otherwise
clients see a type of another width at most: the rows are always encoded as the definition says.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from engine.translate.columns.behind import (
    COMPUTED,
    EXTREMES,
    KEYS,
    STORED,
    UNSIGNED_PARTS,
    is_constant,
    is_field,
    query_of,
)
from engine.translate.columns.definitions import (
    BINARY,
    BLOB,
    BYTES,
    CHARACTER,
    GROUPED,
    INDEXED,
    INTEGERS,
    LONG_TEXTS,
    LONGEST,
    NUMBERS,
    STORED_LENGTHS,
    STRINGS,
    UNSET_DECIMALS,
    kept,
    own_width,
    varchar,
)
from engine.translate.tree import WINDOW, Block, Expr, Join, Query, Recursion, SetOperation, TableSource, walk
from engine.translate.types import Family
from statements.derived_columns import DerivedColumn
from wire.constants import FieldType
from wire.responses import ColumnDefinition

_LEADING = 0x0002 | 0x0004 | 0x0008  # PRI_KEY_FLAG, UNIQUE_KEY_FLAG, MULTIPLE_KEY_FLAG
_KEEPING = frozenset(
    {"min", "max", "lag", "lead", "first_value", "last_value", "nth_value"}
)  # window values as they are
_COMPUTED_TEXT = 16 << 22  # of a function with no bound
TEXT = 65535 * 4  # bytes of a TEXT; PREPARE tells four times as many for its MIN and MAX
_KINDS = (((1 << 16) - 1, FieldType.BLOB), ((1 << 24) - 1, FieldType.MEDIUM_BLOB))


def executed(
    query: Query, definitions: Sequence[ColumnDefinition], backend: str, sides: Sequence[DerivedColumn] = ()
) -> list[ColumnDefinition]:
    """Give the definitions as the executed statement has them; `sides` are the columns of a union's."""
    if isinstance(query, SetOperation):
        return [_of_union(query, place, definition, backend, sides) for place, definition in enumerate(definitions)]
    windows = any(part.op == WINDOW for expr in _expressions(query) for part in walk(expr))
    if query.rollup and backend == "mysql" and _sorts_rollup(query, windows):
        return [
            kept(definition) if output.expr.op == "group_value" else _rolled(output.expr, definition)
            for output, definition in zip(query.outputs, definitions, strict=True)
        ]
    if query.rollup or not (windows or (_is_stored(query, backend) and not _is_read_in_order(query, definitions))):
        return list(definitions)
    known = dict(query.ctes)
    origins = [_origin(output.expr, query, known) for output in query.outputs]
    described = [
        definition if origin is None else _of_field(definition, backend, origin)
        for origin, definition in zip(origins, definitions, strict=True)
    ]
    return [
        _stored(output.expr, origin, definition, query, backend, windows)
        for output, origin, definition in zip(query.outputs, origins, described, strict=True)
    ]


def _is_stored(block: Block, backend: str) -> bool:
    """Tell whether the rows of a block without windows and ROLLUP go through a temporary table.

    Aggregates of distinct values are read sorted, as is GROUP_CONCAT on MySQL and, of one table and in the order of its
    groups, on MariaDB.
    """
    parts = [part for expr in _expressions(block) for part in walk(expr)]
    single = isinstance(block.source, TableSource) and all(item.expr.op in KEYS for item in block.order)
    is_sorted = any(
        part.op.endswith("_distinct")
        or (part.op in ("group_concat", "group_concat_apart") and (single or backend == "mysql"))
        for part in parts
    )
    if is_sorted or not block.grouped or not block.groups:
        return False
    known = _given(block.where)
    return not all(key.op == "column" and key.value in known for key in block.groups)


def _is_read_in_order(block: Block, definitions: Sequence[ColumnDefinition]) -> bool:
    """Tell whether one table is grouped by a column that begins an index, as far as the definitions show it."""
    if not isinstance(block.source, TableSource) or len(block.groups) != 1:
        return False
    return any(
        output.expr.op in KEYS and output.expr.args[0].op == "column" and definition.flags & _LEADING
        for output, definition in zip(block.outputs, definitions, strict=True)
    )


def _given(where: Expr | None) -> frozenset[object]:
    """The columns that a condition sets equal to a constant: to group by them alone needs no table."""
    if where is None:
        return frozenset()
    if where.op == "and":
        return frozenset().union(*(_given(part) for part in where.args))
    if where.op != "eq" or not any(is_constant(side) for side in where.args):
        return frozenset()
    return frozenset(side.value for side in where.args if side.op == "column")


def _sorts_rollup(block: Block, windows: bool) -> bool:
    """Tell whether the rows of ROLLUP come from a temporary table: sorted again, for windows, or of a join."""
    return bool(block.order) or isinstance(block.source, Join) or windows


def _rolled(expr: Expr, definition: ColumnDefinition) -> ColumnDefinition:
    """A text made of group values, on MySQL."""
    made_of_keys = definition.type in STRINGS and any(part.op == "group_value" for part in walk(expr))
    return replace(definition, decimals=0) if made_of_keys else definition


def _expressions(block: Block) -> Iterable[Expr]:
    yield from (output.expr for output in block.outputs)
    yield from (item.expr for item in block.order)
    if block.having is not None:
        yield block.having
    if block.qualify is not None:
        yield block.qualify


def _origin(expr: Expr, block: Block, known: Mapping[str, Query | Recursion]) -> Expr | None:
    """The expression behind an output, through derived tables that are merged; None for columns and aggregates."""
    if expr.op in KEYS:
        return _origin(expr.args[0], block, known)
    if expr.op == WINDOW and expr.args[0].op in _KEEPING:
        return expr
    if expr.op != "column":
        if expr.op == "any_same":
            return expr
        if expr.op in EXTREMES and expr.type.family is Family.STRING:
            return expr
        if expr.op in EXTREMES and expr.type.family in STORED_LENGTHS:
            return expr if expr.args[0].op == "plain_zero" and is_field(expr.args[0].args[0], block, known) else None
        return None if is_constant(expr) or any(part.op in COMPUTED for part in walk(expr)) else expr
    assert isinstance(expr.value, tuple)
    alias, name = expr.value
    inner = query_of(block.source, str(alias), known)
    if not isinstance(inner, Block) or inner.grouped or inner.distinct or inner.limit is not None:
        return None  # a stored table, or a derived one with a temporary table of its own
    place = str(name)[1:]
    if not place.isdigit() or int(place) >= len(inner.outputs):
        return None
    return _origin(inner.outputs[int(place)].expr, inner, {**known, **dict(inner.ctes)})


def _of_field(definition: ColumnDefinition, backend: str, origin: Expr) -> ColumnDefinition:
    if origin.op in EXTREMES and definition.type in STRINGS:
        return replace(_of_extreme(definition, backend, origin), decimals=0)
    if origin.op in EXTREMES and backend == "mysql":
        return definition
    if origin.op == "any_same":
        return kept(definition)
    if backend == "mysql" and definition.type == FieldType.LONG_BLOB and origin.op != WINDOW:
        return replace(definition, type=int(FieldType.BLOB), decimals=0)
    if origin.op == "spelled_moment":  # a CHAR by PREPARE, a VARCHAR in the table
        decimals = 0 if backend == "mariadb" else definition.decimals
        definition = replace(definition, type=int(FieldType.VAR_STRING), decimals=decimals)
    if definition.type in STRINGS and definition.decimals == UNSET_DECIMALS[backend]:
        if backend == "mariadb" and origin.op == WINDOW:
            return definition
        # A field holds any long text as a BLOB of some length.
        kind = FieldType.BLOB if definition.type in LONG_TEXTS else definition.type
        longest = backend == "mariadb" and definition.length == _COMPUTED_TEXT
        return replace(definition, type=int(kind), decimals=0, length=LONGEST if longest else definition.length)
    if backend == "mariadb":
        if origin.op in EXTREMES:
            return replace(definition, length=STORED_LENGTHS[origin.type.family])
        if origin.op == WINDOW:
            return definition
        unsigned = origin.op in UNSIGNED_PARTS or origin.op == "months_joined"
        return replace(definition, length=definition.length + 1) if unsigned else definition
    return kept(definition) if definition.type in INTEGERS else definition


def _of_extreme(definition: ColumnDefinition, backend: str, origin: Expr) -> ColumnDefinition:
    """The field of MIN or MAX of a text."""
    if definition.length == 4 * TEXT and origin.args[0].op == "column":
        return replace(definition, length=TEXT)
    if backend == "mysql" or definition.type not in LONG_TEXTS:
        return definition
    length = LONGEST if definition.length == _COMPUTED_TEXT else definition.length
    return replace(definition, type=int(FieldType.BLOB), length=length)


def _stored(
    expr: Expr, origin: Expr | None, definition: ColumnDefinition, block: Block, backend: str, windows: bool
) -> ColumnDefinition:
    """Give a field's flags, which are not those of the expression that is stored in it, and on MySQL its own name."""
    flags = definition.flags
    if backend == "mariadb" and expr.op in KEYS and block.grouped:
        flags |= GROUPED
    if windows and expr.op == "column":
        flags &= ~INDEXED
    is_window = expr.op == WINDOW and backend == "mysql"
    is_row_value = origin is not None and not any(part.op in COMPUTED for part in walk(origin))
    if definition.type in NUMBERS and (is_row_value or is_window or expr.op in STORED[backend]):
        flags &= ~BINARY
    named = backend == "mysql" and (is_row_value or is_window) and not definition.org_name
    return replace(definition, flags=flags, org_name=definition.name if named else definition.org_name)


def _streams(query: Query) -> bool:
    """Tell whether MariaDB sends the rows as they come: UNION ALL only, in no order."""
    if not isinstance(query, SetOperation):
        return True
    return query.kind == "union" and query.all and not query.order and _streams(query.left)


def _of_union(
    query: SetOperation, place: int, definition: ColumnDefinition, backend: str, sides: Sequence[DerivedColumn]
) -> ColumnDefinition:
    streams = backend == "mariadb" and _streams(query)
    if backend == "mysql":
        definition = replace(definition, org_name=definition.name)
    elif streams:
        definition = replace(definition, org_name="")
    if definition.type in NUMBERS:
        flags = definition.flags & ~BINARY if backend == "mysql" else definition.flags | (BINARY if streams else 0)
        return replace(definition, flags=flags)
    if definition.type not in STRINGS:
        return definition
    if backend == "mysql" and definition.type == FieldType.VAR_STRING:
        return varchar(definition, _own(query, place))
    if backend == "mysql" and definition.type in LONG_TEXTS:
        definition = replace(definition, type=int(FieldType.BLOB))
    if streams and definition.type in LONG_TEXTS and (most := _sent(query, place, sides)):
        # Sent as the longest side's values, whose kind goes by their bytes; PREPARE tells of a table's field.
        own, character = (1, 1) if definition.charset == BYTES else (_own(query, place), CHARACTER)
        size = most // character // own * own
        kind = next((kind for longest, kind in _KINDS if size <= longest), FieldType.LONG_BLOB)
        length = LONGEST if most >= LONGEST else size * character
        flags = definition.flags & ~BLOB
        definition = replace(definition, type=int(kind), length=length, flags=flags)
    return replace(definition, decimals=UNSET_DECIMALS["mariadb"] if streams and definition.length else 0)


def _own(query: SetOperation, place: int) -> int:
    return own_width(query.outputs[place].expr)


def _sent(query: SetOperation, place: int, sides: Sequence[DerivedColumn]) -> int:
    """The length that MariaDB tells of the longest side's values, 0 where none is known: each byte of a long text's
    column is taken for a character."""
    own = _own(query, place)
    lengths = [
        side.length * own if side.flags & BLOB and side.charset != BYTES else side.length
        for side in sides
        if side.place == place
    ]
    return max(lengths, default=0)
