"""Fields of MySQL's temporary tables, by the plan's stages."""

from dataclasses import replace

from engine.translate.columns.behind import (
    AVERAGES,
    EXTREMES,
    KEYS,
    LISTS,
    STORED,
    SUMS,
    base_table,
    is_constant,
    is_merged,
    is_reference,
    is_truth,
    is_window,
    source,
)
from engine.translate.columns.definitions import (
    BIGINT,
    BINARY,
    BLOB,
    BYTES,
    CHARACTER,
    INDEXED,
    INT,
    INTEGERS,
    LONG_TEXTS,
    LONGEST,
    NUMBERS,
    SIZES,
    STRINGS,
    TIME,
    UNSET_DECIMALS,
    UNSIGNED,
    capped,
    column_length,
    kept,
    named,
    own_width,
    varchar,
)
from engine.translate.members import TEXTS_OF_LISTED
from engine.translate.tree import WINDOW, Block, Expr, is_stored, walk
from statements.plans import GROUPING, GROUPS, TABLES, TEMPORARY
from statements.plans import WINDOW as WINDOWED
from wire.constants import FieldType
from wire.responses import ColumnDefinition

_NO_DEFAULT = 0x1000  # NO_DEFAULT_VALUE_FLAG


def of_mysql(
    views: frozenset[str], expr: Expr, definition: ColumnDefinition, block: Block, plan: tuple[str, ...]
) -> ColumnDefinition:
    """Give the definition of an output that passes the tables of a plan; `views` are the names of those it reads."""
    if any(part.op == WINDOW for part in walk(expr)):
        stays = WINDOWED not in plan or (_uses_aggregate(expr) and not is_window(expr))
        return definition if stays else named(field_of(definition, own_width(expr)))
    if any(part.op in SUMS for part in walk(expr)):
        return _sum(expr, definition, plan, block)
    if block.rollup and not is_outside(plan):
        return definition
    if block.rollup and expr.op in KEYS and expr.args[0].op != "column" and _is_kept_twice(plan):
        definition = _kept_twice(definition)
    told = named(field_of(definition, own_width(expr)))
    lost = INDEXED | _NO_DEFAULT if told.type == FieldType.BIT else INDEXED
    told = replace(told, flags=told.flags & ~lost)
    # A column of a derived table that is no table of its own: MySQL knows its table, and not where that is.
    column = expr.args[0] if expr.op in KEYS else expr
    is_known = is_stored(column) or told.org_table in views or not is_merged(column, block, dict(block.ctes))
    return told if is_known else replace(told, schema="", org_table=base_table(expr, block) or told.org_table)


def _is_kept_twice(plan: tuple[str, ...]) -> bool:
    """Tell whether rows pass a table before they are groups, and these another one."""
    return is_outside(plan) and TEMPORARY in plan[plan.index(GROUPS) :]


def _kept_twice(definition: ColumnDefinition) -> ColumnDefinition:
    """A value that is a field before ROLLUP makes groups and behind that: as wide as the type of the first."""
    if definition.type in LONG_TEXTS and definition.length > SIZES[1]:
        return replace(definition, length=LONGEST)
    if definition.type not in INTEGERS:
        return definition
    unsigned = bool(definition.flags & UNSIGNED)
    is_int = kept(definition).type == FieldType.LONG
    return replace(definition, length=INT - unsigned if is_int else max(definition.length, BIGINT))


def is_outside(plan: tuple[str, ...]) -> bool:
    """Tell whether groups made of sorted rows pass a table."""
    return GROUPS in plan and bool(TABLES.intersection(plan[: plan.index(GROUPS)]))


def _uses_aggregate(expr: Expr) -> bool:
    """Tell whether a value is made of an aggregate, be it in a window; what only orders or parts a window does not."""
    if expr.op == WINDOW:
        return any(_uses_aggregate(arg) for arg in expr.args[0].args)
    return expr.op in SUMS or any(_uses_aggregate(arg) for arg in expr.args)


def _sum(expr: Expr, definition: ColumnDefinition, plan: tuple[str, ...], block: Block) -> ColumnDefinition:
    """An aggregate is a field with a name where a table follows its groups; what is made of aggregates never is."""
    if not (expr.op in SUMS or _is_average(expr)):
        return definition
    inner = source(expr.args[0], block) if expr.op in EXTREMES else expr
    if is_outside(plan):
        if expr.op in EXTREMES:
            return named(_extreme(expr, definition, inner, block, plan))
        return named(_list(expr, field_of(definition)))
    if GROUPING not in plan or expr.op not in SUMS:
        return definition
    if expr.op in EXTREMES:
        return _extreme(expr, definition, inner, block, plan)
    return replace(definition, flags=definition.flags & ~BINARY) if expr.op in STORED["mysql"] else definition


def _extreme(
    expr: Expr, definition: ColumnDefinition, inner: Expr, block: Block, plan: tuple[str, ...]
) -> ColumnDefinition:
    """MIN and MAX keep the type of a number, and a CHAR."""
    if definition.type in NUMBERS:
        length = 1 if is_truth(inner) else definition.length
        told = replace(definition, flags=definition.flags & ~BINARY, length=length)
        if definition.type not in INTEGERS or (expr.args[0].op == "column" and not is_reference(expr, block)):
            return told
        # A table makes a BIGINT of what is no column (Item_sum::create_tmp_field), a second one what fits.
        again = _is_kept_twice(plan) and not is_constant(expr.args[0])
        return kept(told) if again else replace(told, type=int(FieldType.LONGLONG))
    if definition.type not in STRINGS:
        return field_of(definition)
    if definition.type in LONG_TEXTS:
        length = _list_length(inner) or column_length(expr, definition)
        flags = definition.flags | BLOB
        return replace(definition, type=int(FieldType.BLOB), decimals=0, length=length, flags=flags)
    column = inner.args[0] if inner.op in TEXTS_OF_LISTED else inner
    return replace(definition, decimals=0) if column.op == "column" else varchar(definition, own_width(inner))


def _list_length(inner: Expr) -> int:
    """The length of MIN or MAX of what GROUP_CONCAT gives in a derived table: four times the bytes that a list may
    have; 0 for all else."""
    if inner.op not in LISTS or not isinstance(inner.value, tuple):
        return 0
    return min(int(inner.value[-1]) * own_width(inner) * CHARACTER, LONGEST)


def _list(expr: Expr, definition: ColumnDefinition) -> ColumnDefinition:
    is_long = expr.op in LISTS and definition.type in LONG_TEXTS and definition.charset != BYTES
    return replace(definition, length=definition.length // own_width(expr)) if is_long else definition


def _is_average(expr: Expr) -> bool:
    return expr.op in AVERAGES and expr.args[0].op in (AVERAGES[expr.op], f"{AVERAGES[expr.op]}_distinct")


def field_of(definition: ColumnDefinition, own: int = CHARACTER) -> ColumnDefinition:
    """What MySQL tells of an expression once it is a field, with characters of so many bytes of its own. A field stays
    what it is."""
    if definition.type in NUMBERS:
        if not definition.flags & BINARY:
            return definition
        return capped(replace(kept(definition), flags=definition.flags & ~BINARY))
    if definition.type == FieldType.JSON:
        return replace(definition, length=LONGEST, decimals=0, charset=BYTES, flags=definition.flags | BLOB)
    if definition.type == FieldType.TIME:
        return replace(definition, length=max(definition.length, TIME))
    if definition.type not in STRINGS or definition.decimals != UNSET_DECIMALS["mysql"]:
        return definition
    if definition.type in LONG_TEXTS:
        return replace(definition, type=int(FieldType.BLOB), decimals=0, flags=definition.flags | BLOB)
    return varchar(definition, own)
