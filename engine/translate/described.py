"""The column definitions of the executed statement, by the backend's plan of it.

A value that passes a temporary table is told as the field that it becomes there. Read off MySQL 9.7 and MariaDB 10.11
by asking some 10,000 statements for their plan and executing them. Without a plan `executed` tells what is likely.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from engine.translate.executed import (
    BINARY,
    COMPUTED,
    CONSTANTS,
    EXTREMES,
    GROUPED,
    INDEXED,
    INTEGERS,
    KEYS,
    LONG_TEXTS,
    NUMBERS,
    STORED,
    STORED_LENGTHS,
    STRINGS,
    UNSET_DECIMALS,
    UNSIGNED_PARTS,
    executed,
    is_field,
    is_folded,
    is_merged,
    kept,
    merged_output,
    origin,
    source,
)
from engine.translate.members import TEXTS_OF_LISTED
from engine.translate.tree import (
    AGGREGATES,
    BY_EQUALITY,
    WINDOW,
    Block,
    Expr,
    Query,
    QuerySource,
    SetOperation,
    Source,
    TableSource,
    is_stored,
    required_columns,
    walk,
)
from engine.translate.types import BOOL, Family
from engine.translate.walks import leaves, sees_outside
from statements.derived_columns import DerivedColumn
from statements.plans import GROUPING, GROUPS, NOTHING, TEMPORARY
from statements.plans import WINDOW as WINDOWED
from wire.constants import FieldType
from wire.responses import ColumnDefinition

_NOT_NULL, _BLOB = 0x01, 0x10  # NOT_NULL_FLAG, BLOB_FLAG
_NO_DEFAULT = 0x1000  # NO_DEFAULT_VALUE_FLAG
_TABLES = frozenset({TEMPORARY, GROUPING, WINDOWED})
_BYTES = 63  # the character set of what is none
_CHARACTER = 4  # bytes of one in the character set of the results
_WIDTHS = {"latin1": 1, "ascii": 1, "utf8mb3": 3, "utf8": 3}
_LISTS = frozenset({"group_concat", "group_concat_apart", "group_concat_distinct"})
_DIGITS = 65  # of the longest DECIMAL
_TIME = 10  # length of a TIME without parts of a second
_WIDEST = 512  # characters of a text expression that becomes a VARCHAR: CONVERT_IF_BIGGER_TO_BLOB on both servers
_LONGEST = (1 << 32) - 1  # bytes of a LONGTEXT
# Bytes of MariaDB's kinds of text: TEXT, MEDIUMTEXT, LONGTEXT.
_SIZES = ((1 << 16) - 1, (1 << 24) - 1, _LONGEST)
_WIDENED = frozenset(size * _CHARACTER * _CHARACTER for size in _SIZES[:2])
_AVERAGES = {"quotient": "sum", "double_divide": "double_sum"}
_SUMS = AGGREGATES - KEYS - {"any_same"}  # ANY_VALUE is a function
_DECLARED = re.compile(r"(?:\w*int|float|double)\((\d+)[,)]", re.IGNORECASE)
_NEVER_NULL = frozenset(
    {"count_all", "count", "rank", "dense_rank", "row_number", "percent_rank", "cume_dist", "ntile"}
)
# Of what is never NULL no other values are made than such.
_PASSING_NULLS = frozenset(
    {"negate", "int_negate", "to_double", "to_decimal", "int_to_text", "decimal_to_text", "double_to_text"}
)
_TIME_PARTS, _EXTRACTED = frozenset({"date_part", "time_part"}), frozenset({3, 7})  # characters, with a sign
_UNSIGNED = 0x20  # UNSIGNED_FLAG
_INT, _BIGINT = 11, 20  # characters of an INT, with its sign, and of a BIGINT


def described(
    query: Query,
    definitions: Sequence[ColumnDefinition],
    backend: str,
    plan: tuple[str, ...],
    views: frozenset[str] = frozenset(),
    derived: Sequence[DerivedColumn] = (),
) -> list[ColumnDefinition]:
    """Give the definitions as the executed statement has them; `plan` are its stages, () where they are not known,
    `views` the names of the views that it reads, `derived` what is known of columns whose MIN or MAX it shows, or of
    those of a union's sides."""
    if isinstance(query, Block) and query.enclosed and backend == "mysql" and _is_cut(query):
        return [_enclosed(definition) for definition in definitions]
    if not isinstance(query, Block) or not plan:
        return executed(query, definitions, backend, derived)
    if NOTHING in plan or not _TABLES.intersection(plan):
        return list(definitions)
    tell = partial(_of_mysql, views) if backend == "mysql" else _of_mariadb
    told = [
        definition
        if not is_folded(output, query) and _is_settled(*origin(output.expr, query), backend)
        else tell(output.expr, definition, query, plan)
        for output, definition in zip(query.outputs, definitions, strict=True)
    ]
    for column in derived:
        if _takes_column(query.outputs[column.place].expr, query, backend, plan):
            told[column.place] = _of_column(told[column.place], column)
    return told


def _takes_column(expr: Expr, block: Block, backend: str, plan: tuple[str, ...]) -> bool:
    """Tell whether MIN or MAX of a derived table's column is a field of the table that groups."""
    if expr.op not in EXTREMES or is_stored(expr.args[0]) or _is_reference(expr, block):
        return False
    if backend == "mysql":
        return _outside(plan) or GROUPING in plan
    return WINDOWED in plan or _keeps_sums(block)


def _of_column(definition: ColumnDefinition, column: DerivedColumn) -> ColumnDefinition:
    flags = definition.flags & ~_BLOB | column.flags & _BLOB
    return replace(
        definition,
        type=column.type,
        length=column.length,
        decimals=column.decimals,
        charset=column.charset,
        flags=flags,
    )


def _is_settled(expr: Expr, block: Block, backend: str) -> bool:
    """Tell whether a value is known before any row is read, so that no field is made for it."""
    if expr.op in KEYS:
        (expr,) = expr.args
    if backend == "mysql" and expr.op == "is_null" and not block.rollup and _is_known(expr.args[0], block):
        return expr.value != BY_EQUALITY
    if not expr.args:
        return expr.op in CONSTANTS or _stands_alone(expr)
    return expr.op not in COMPUTED and all(_is_settled(arg, block, backend) for arg in expr.args)


def _stands_alone(expr: Expr) -> bool:
    """Tell whether an expression is a sub-query that sees no table around it."""
    return expr.op == "scalar" and isinstance(expr.value, Block | SetOperation) and not sees_outside(expr.value)


def _is_known(expr: Expr, block: Block) -> bool:
    """Tell whether a value is never NULL: literals, some windows', columns that are NOT NULL on no joined side, and
    what is chosen among such."""
    while expr.op in _PASSING_NULLS:
        expr = expr.args[0]
    if expr.op == "literal":
        return expr.type.family is not Family.NULL
    if expr.op == "case":
        return all(_is_known(part, block) for part in expr.args[len(expr.args) // 2 :])
    if expr.op == "coalesce":
        return any(_is_known(part, block) for part in expr.args)
    if expr.op == WINDOW:
        return expr.args[0].op in _NEVER_NULL
    return expr.op == "column" and isinstance(expr.value, tuple) and expr.value in required_columns(block.source)


def _is_cut(query: Block) -> bool:
    """Tell whether the query in parentheses has a LIMIT: else MySQL makes one of the two."""
    return isinstance(query.source, QuerySource) and query.source.query.limit is not None


def _enclosed(definition: ColumnDefinition) -> ColumnDefinition:
    """A column of a query in parentheses with an ORDER BY or a LIMIT behind them: a field of no known table."""
    told = _field(definition)
    return replace(told, schema="", table="", org_table="", org_name=definition.name, flags=told.flags & ~INDEXED)


def _field(definition: ColumnDefinition, own: int = _CHARACTER) -> ColumnDefinition:
    """What MySQL tells of an expression once it is a field, with characters of so many bytes of its own. A field stays
    what it is."""
    if definition.type in NUMBERS:
        if not definition.flags & BINARY:
            return definition
        return _capped(replace(kept(definition), flags=definition.flags & ~BINARY))
    if definition.type == FieldType.JSON:
        return replace(definition, length=_LONGEST, decimals=0, charset=_BYTES, flags=definition.flags | _BLOB)
    if definition.type == FieldType.TIME:
        return replace(definition, length=max(definition.length, _TIME))
    if definition.type not in STRINGS or definition.decimals != UNSET_DECIMALS["mysql"]:
        return definition
    if definition.type in LONG_TEXTS:
        return replace(definition, type=int(FieldType.BLOB), decimals=0, flags=definition.flags | _BLOB)
    return _varchar(definition, own)


def _capped(definition: ColumnDefinition) -> ColumnDefinition:
    """A field has 65 digits of a decimal at most, however many its expression may have."""
    most = _DIGITS + 1 + (definition.decimals > 0)
    is_long = definition.type == FieldType.NEWDECIMAL and definition.length > most
    return replace(definition, length=most) if is_long else definition


def _varchar(definition: ColumnDefinition, own: int) -> ColumnDefinition:
    """A text of a bound, which is a BLOB where it may be long, and told with four times its bytes then."""
    if definition.charset == _BYTES or definition.length <= _WIDEST * _CHARACTER:
        return replace(definition, type=int(FieldType.VAR_STRING), decimals=0)
    length, flags = definition.length * own, definition.flags | _BLOB
    return replace(definition, type=int(FieldType.BLOB), length=length, decimals=0, flags=flags)


def _of_mysql(
    views: frozenset[str], expr: Expr, definition: ColumnDefinition, block: Block, plan: tuple[str, ...]
) -> ColumnDefinition:
    if any(part.op == WINDOW for part in walk(expr)):
        stays = WINDOWED not in plan or (_uses_aggregate(expr) and not _is_window(expr))
        return definition if stays else _named(_field(definition, _own(expr)))
    if any(part.op in _SUMS for part in walk(expr)):
        return _sum_of_mysql(expr, definition, plan, block)
    if block.rollup and not _outside(plan):
        return definition
    if block.rollup and expr.op in KEYS and expr.args[0].op != "column" and _is_kept_twice(plan):
        definition = _kept_twice(definition)
    told = _named(_field(definition, _own(expr)))
    lost = INDEXED | _NO_DEFAULT if told.type == FieldType.BIT else INDEXED
    told = replace(told, flags=told.flags & ~lost)
    # A column of a derived table that is no table of its own: MySQL knows its table, and not where that is.
    column = expr.args[0] if expr.op in KEYS else expr
    is_known = is_stored(column) or told.org_table in views or not is_merged(column, block, dict(block.ctes))
    return told if is_known else replace(told, schema="")


def _is_kept_twice(plan: tuple[str, ...]) -> bool:
    """Tell whether rows pass a table before they are groups, and these another one."""
    return _outside(plan) and TEMPORARY in plan[plan.index(GROUPS) :]


def _kept_twice(definition: ColumnDefinition) -> ColumnDefinition:
    """An integer that is a field before ROLLUP makes groups and behind that: as wide as the type of the first."""
    if definition.type not in INTEGERS:
        return definition
    unsigned = bool(definition.flags & _UNSIGNED)
    is_int = kept(definition).type == FieldType.LONG
    return replace(definition, length=_INT - unsigned if is_int else max(definition.length, _BIGINT))


def _is_stored(expr: Expr) -> bool:
    inner = expr.args[0] if expr.op in KEYS else expr
    return inner.op != "column" or is_stored(inner)


def _outside(plan: tuple[str, ...]) -> bool:
    """Tell whether groups made of sorted rows pass a table."""
    return GROUPS in plan and bool(_TABLES.intersection(plan[: plan.index(GROUPS)]))


def _is_window(expr: Expr) -> bool:
    """Tell whether an expression is the value of one window: an average is a quotient of two."""
    while expr.op in ("round", "double_round"):
        expr = expr.args[0]
    if expr.op == "to_double":
        expr = expr.args[0]
    return expr.op == WINDOW or (expr.op in _AVERAGES and all(_is_window(arg) for arg in expr.args))


def _uses_aggregate(expr: Expr) -> bool:
    """Tell whether a value is made of an aggregate, be it in a window; what only orders or parts a window does not."""
    if expr.op == WINDOW:
        return any(_uses_aggregate(arg) for arg in expr.args[0].args)
    return expr.op in _SUMS or any(_uses_aggregate(arg) for arg in expr.args)


def _sum_of_mysql(expr: Expr, definition: ColumnDefinition, plan: tuple[str, ...], block: Block) -> ColumnDefinition:
    """An aggregate is a field with a name where a table follows its groups; what is made of aggregates never is."""
    if not (expr.op in _SUMS or _is_average(expr)):
        return definition
    inner = source(expr.args[0], block) if expr.op in EXTREMES else expr
    if _outside(plan):
        if expr.op in EXTREMES:
            return _named(_extreme(expr, definition, inner, block, plan))
        return _named(_list(expr, _field(definition)))
    if GROUPING not in plan or expr.op not in _SUMS:
        return definition
    if expr.op in EXTREMES:
        return _extreme(expr, definition, inner, block, plan)
    return replace(definition, flags=definition.flags & ~BINARY) if expr.op in STORED["mysql"] else definition


def _extreme(
    expr: Expr, definition: ColumnDefinition, inner: Expr, block: Block, plan: tuple[str, ...]
) -> ColumnDefinition:
    """MIN and MAX keep the type of a number, and a CHAR."""
    if definition.type in NUMBERS:
        length = 1 if _is_truth(inner) else definition.length
        told = replace(definition, flags=definition.flags & ~BINARY, length=length)
        if definition.type not in INTEGERS or (expr.args[0].op == "column" and not _is_reference(expr, block)):
            return told
        # A table makes a BIGINT of what is no column (Item_sum::create_tmp_field), a second one what fits.
        return kept(told) if _is_kept_twice(plan) else replace(told, type=int(FieldType.LONGLONG))
    if definition.type not in STRINGS:
        return _field(definition)
    if definition.type in LONG_TEXTS:
        length = _list_length(inner) or _column_length(expr, definition)
        flags = definition.flags | _BLOB
        return replace(definition, type=int(FieldType.BLOB), decimals=0, length=length, flags=flags)
    column = inner.args[0] if inner.op in TEXTS_OF_LISTED else inner
    return replace(definition, decimals=0) if column.op == "column" else _varchar(definition, _own(inner))


def _own(expr: Expr) -> int:
    """Count the bytes of a character in a text's own character set."""
    return _WIDTHS.get(expr.type.charset or "", _CHARACTER)


def _is_truth(expr: Expr) -> bool:
    return (expr.args[0] if expr.op == "to_int" else expr).type == BOOL


def _list_length(inner: Expr) -> int:
    """The length of MIN or MAX of what GROUP_CONCAT gives in a derived table: four times the bytes that a list may
    have; 0 for all else."""
    if inner.op not in _LISTS or not isinstance(inner.value, tuple):
        return 0
    return min(int(inner.value[-1]) * _own(inner) * _CHARACTER, _LONGEST)


def _column_length(expr: Expr, definition: ColumnDefinition) -> int:
    """The length of MIN or MAX of a long text: PREPARE tells four times as many as a column has."""
    is_wide = expr.args[0].op == "column" and definition.length in _WIDENED
    return definition.length // _CHARACTER if is_wide else definition.length


def _list(expr: Expr, definition: ColumnDefinition) -> ColumnDefinition:
    is_long = expr.op in _LISTS and definition.type in LONG_TEXTS and definition.charset != _BYTES
    return replace(definition, length=definition.length // _own(expr)) if is_long else definition


def _is_average(expr: Expr) -> bool:
    return expr.op in _AVERAGES and expr.args[0].op in (_AVERAGES[expr.op], f"{_AVERAGES[expr.op]}_distinct")


def _named(definition: ColumnDefinition) -> ColumnDefinition:
    return definition if definition.org_name else replace(definition, org_name=definition.name)


def _of_mariadb(expr: Expr, definition: ColumnDefinition, block: Block, plan: tuple[str, ...]) -> ColumnDefinition:
    windows = any(part.op == WINDOW for part in walk(expr))
    if windows and (block.grouped or _is_window(expr)):
        return definition
    if expr.op in _SUMS and block.rollup:
        return definition
    if expr.op in _SUMS:
        told = _sum_of_mariadb(expr, definition, block) if WINDOWED in plan or _keeps_sums(block) else definition
        is_again = plan.count(TEMPORARY) > 1 and expr.op in EXTREMES  # in a second table, as what fits
        return replace(told, type=int(FieldType.LONG)) if is_again and _fits_int(told) else told
    if not windows and any(part.op in COMPUTED for part in walk(expr)):
        return definition
    told = _field_of_mariadb(source(expr, block), definition)
    told = replace(told, flags=told.flags & ~INDEXED)
    if not block.grouped:
        return _named(told)
    if not _is_stored(expr):
        told = _of_derived(told, source(expr, block))
    if block.rollup:
        return _rolled(told) if _is_required(expr, block) else told
    # The table groups by what may be NULL with a byte of its own, and says so.
    in_table = expr.op in KEYS and not told.flags & _NOT_NULL and not _groups_sorted(block)
    return replace(told, flags=told.flags | GROUPED) if in_table else told


def _is_required(expr: Expr, block: Block) -> bool:
    """Tell whether a key is a column that is never NULL: MariaDB's ROLLUP makes a function of it, that may be."""
    column = expr.args[0] if expr.op in KEYS else expr
    return column.op == "column" and column.value in required_columns(block.source)


def _rolled(definition: ColumnDefinition) -> ColumnDefinition:
    flags = definition.flags & (_BLOB | _UNSIGNED | BINARY)
    told = replace(definition, org_table="", flags=flags)
    if definition.type not in STRINGS:
        return told
    of_column = definition.type in LONG_TEXTS and definition.charset != _BYTES  # its bytes are taken for characters
    return _text_of_mariadb(replace(told, length=definition.length * _CHARACTER) if of_column else told)


def _fits_int(definition: ColumnDefinition) -> bool:
    return definition.type == FieldType.LONGLONG and definition.length <= _INT


def _of_derived(definition: ColumnDefinition, expr: Expr) -> ColumnDefinition:
    """A column of a derived table that is no table of its own: a field of the table that groups."""
    is_column = (expr.args[0] if expr.op in KEYS else expr).op == "column"
    return (
        replace(definition, org_table=definition.table) if is_column else replace(definition, org_name="", org_table="")
    )


def _field_of_mariadb(expr: Expr, definition: ColumnDefinition) -> ColumnDefinition:
    inner = expr.args[0] if expr.op in KEYS else expr
    if definition.type in NUMBERS:
        if not definition.flags & BINARY:
            return definition
        length = definition.length + _room_for_sign(inner, definition)
        return _capped(replace(definition, length=length, flags=definition.flags & ~BINARY))
    return definition if inner.op == "column" or definition.type not in STRINGS else _text_of_mariadb(definition)


def _room_for_sign(expr: Expr, definition: ColumnDefinition) -> int:
    """How much longer a field is than its expression: by a sign that what is unsigned has not, -1 for that which minus
    a decimal has twice. EXTRACT has one for the parts that a TIME may have below zero."""
    while expr.op in ("round", "agreed"):
        expr = expr.args[0]
    if expr.op == "negate" and definition.type == FieldType.NEWDECIMAL:
        return 0 if expr.args[0].type.unsigned else -1
    has_sign = expr.op in _TIME_PARTS and definition.length in _EXTRACTED
    return int((expr.op in UNSIGNED_PARTS or expr.op == "months_joined") and not has_sign)


def _text_of_mariadb(definition: ColumnDefinition) -> ColumnDefinition:
    character = 1 if definition.charset == _BYTES else _CHARACTER
    if definition.type in LONG_TEXTS or definition.length > _WIDEST * character:
        size = next(size for size in _SIZES if definition.length // character <= size)
        length, flags = min(size * character, _LONGEST), definition.flags | _BLOB
        return replace(definition, type=int(FieldType.BLOB), length=length, decimals=0, flags=flags)
    kind = FieldType.VAR_STRING if definition.length else FieldType.STRING
    return replace(definition, type=int(kind), decimals=0)


def _keeps_sums(block: Block) -> bool:
    """Tell whether MariaDB's table has the sums: it has no groups yet where its rows are sorted to be grouped, unless
    they are put in an order of sums behind that."""
    return not _groups_sorted(block) or any(part.op in _SUMS for item in block.order for part in walk(item.expr))


def _groups_sorted(block: Block) -> bool:
    """Tell whether MariaDB sorts rows to group them: for lists, and for what is computed of distinct values."""
    shown = [*(output.expr for output in block.outputs), *([] if block.having is None else [block.having])]
    parts = [part for expr in shown for part in walk(expr)]
    return any(part.op in _LISTS or part.op.endswith("_distinct") for part in parts)


def _is_reference(expr: Expr, block: Block) -> bool:
    """Tell whether MIN or MAX is of a column of a derived table that is merged: of a reference, and not of a field
    whose type its own has (`Item_sum_min_max::create_tmp_field` in sql/sql_select.cc)."""
    wrapped = expr.args[0]
    inner = wrapped.args[0] if wrapped.op in (*TEXTS_OF_LISTED, "plain_zero") else wrapped
    return merged_output(inner, block, dict(block.ctes)) is not None


def _width(expr: Expr, side: Source | None) -> int:
    """The digits that a number's column of a stored table is declared to show, which its copy keeps; 0 for all else."""
    if expr.op != "column" or not is_stored(expr) or not isinstance(expr.value, tuple):
        return 0
    alias, name = expr.value
    tables = (leaf for leaf in leaves(side) if isinstance(leaf, TableSource) and leaf.alias == alias)
    types = (column.column_type for leaf in tables for column in leaf.columns if column.name == name)
    found = next((declared for type_ in types if (declared := _DECLARED.match(type_))), None)
    return int(found[1]) if found else 0


def _sum_of_mariadb(expr: Expr, definition: ColumnDefinition, block: Block) -> ColumnDefinition:
    if expr.op in EXTREMES and definition.type in STRINGS and _is_reference(expr, block):
        return _text_of_mariadb(definition)
    if definition.type in NUMBERS:
        plain = expr.args[0].args[0] if expr.args and expr.args[0].op == "plain_zero" else None
        family = expr.type.family
        is_extreme = expr.op in EXTREMES and family in STORED_LENGTHS and plain is not None and plain.op == "column"
        of_column = is_extreme and is_field(plain or expr, block, dict(block.ctes)) and not _is_reference(expr, block)
        length = STORED_LENGTHS[family] if of_column else definition.length
        if expr.op in EXTREMES:
            declared = _width(plain or expr.args[0], block.source)
            length = 1 if _is_truth(source(expr.args[0], block)) else declared or length
        flags = definition.flags & ~BINARY if expr.op in STORED["mariadb"] else definition.flags
        return _capped(replace(definition, length=length, flags=flags))
    if definition.type not in STRINGS or expr.op not in EXTREMES | _LISTS:
        return definition
    if expr.op in EXTREMES and expr.args[0].op in TEXTS_OF_LISTED and expr.args[0].args[0].op == "column":
        return replace(definition, type=int(FieldType.STRING))
    if expr.op in EXTREMES and expr.args[0].op == "column":
        if definition.type not in LONG_TEXTS:
            return replace(definition, decimals=0)
        length, flags = _column_length(expr, definition), definition.flags | _BLOB
        return replace(definition, type=int(FieldType.BLOB), decimals=0, length=length, flags=flags)
    return _text_of_mariadb(definition)
