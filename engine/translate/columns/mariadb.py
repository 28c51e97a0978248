"""Fields of MariaDB's temporary tables, by the plan's stages."""

import re
from dataclasses import replace

from engine.translate.columns.behind import (
    COMPUTED,
    EXTREMES,
    KEYS,
    LISTS,
    STORED,
    SUMS,
    UNSIGNED_PARTS,
    base_table,
    is_constant,
    is_field,
    is_reference,
    is_truth,
    is_window,
    source,
)
from engine.translate.columns.definitions import (
    BINARY,
    BLOB,
    BYTES,
    CHARACTER,
    GROUPED,
    INDEXED,
    INT,
    LONG_TEXTS,
    LONGEST,
    NOT_NULL,
    NUMBERS,
    SIZES,
    STORED_LENGTHS,
    STRINGS,
    UNSET_DECIMALS,
    UNSIGNED,
    WIDEST,
    capped,
    column_length,
    named,
)
from engine.translate.members import TEXTS_OF_LISTED
from engine.translate.tree import WINDOW, Block, Expr, Source, TableSource, is_stored, required_columns, walk
from engine.translate.walks import leaves
from statements.plans import TEMPORARY
from statements.plans import WINDOW as WINDOWED
from wire.constants import FieldType
from wire.responses import ColumnDefinition

_QUERIES = frozenset({"in_query", "any_query", "all_query", "exists"})
_LISTED = 0x0100 | 0x0800  # ENUM_FLAG, SET_FLAG
_DECLARED = re.compile(r"(?:\w*int|float|double)\((\d+)[,)]", re.IGNORECASE)
_TIME_PARTS, _EXTRACTED = frozenset({"date_part", "time_part"}), frozenset({3, 7})  # characters, with a sign


def of_mariadb(expr: Expr, definition: ColumnDefinition, block: Block, plan: tuple[str, ...]) -> ColumnDefinition:
    """Give the definition of an output that passes the tables of a plan."""
    windows = any(part.op == WINDOW for part in walk(expr))
    if windows and (block.grouped or is_window(expr)):
        return definition
    if expr.op in SUMS and block.rollup:
        return definition
    if expr.op in SUMS:
        told = _sum(expr, definition, block) if WINDOWED in plan or keeps_sums(block) else definition
        # In a second table it is what fits.
        is_again = plan.count(TEMPORARY) > 1 and expr.op in EXTREMES and not is_constant(expr.args[0])
        return replace(told, type=int(FieldType.LONG)) if is_again and _fits_int(told) else told
    if not windows and any(part.op in COMPUTED for part in walk(expr)):
        return definition
    behind = source(expr, block)
    told = _field(behind, definition, behind is not expr)
    told = replace(told, flags=told.flags & ~INDEXED)
    if not block.grouped:
        return named(told)
    if not _is_stored(expr):
        told = _of_derived(told, behind, base_table(expr, block))
    if block.rollup:
        return _rolled(told) if _is_required(expr, block) else told
    # The table groups by what may be NULL with a byte of its own, and says so.
    in_table = expr.op in KEYS and not told.flags & NOT_NULL and not _groups_sorted(block)
    return replace(told, flags=told.flags | GROUPED) if in_table else told


def _is_stored(expr: Expr) -> bool:
    inner = expr.args[0] if expr.op in KEYS else expr
    return inner.op != "column" or is_stored(inner)


def _is_required(expr: Expr, block: Block) -> bool:
    """Tell whether a key is a column that is never NULL: MariaDB's ROLLUP makes a function of it, that may be."""
    column = expr.args[0] if expr.op in KEYS else expr
    return column.op == "column" and column.value in required_columns(block.source)


def _rolled(definition: ColumnDefinition) -> ColumnDefinition:
    flags = definition.flags & (BLOB | UNSIGNED | BINARY)
    told = replace(definition, org_table="", flags=flags)
    if definition.type not in STRINGS:
        return told
    of_column = definition.type in LONG_TEXTS and definition.charset != BYTES  # its bytes are taken for characters
    return _text(replace(told, length=definition.length * CHARACTER) if of_column else told)


def constant_key(definition: ColumnDefinition) -> ColumnDefinition:
    """A key of ROLLUP over one row that is found by its own key, or over none: a function of a constant."""
    told = replace(definition, schema="", table="", org_table="", org_name="")
    if definition.type not in STRINGS:
        return replace(told, flags=definition.flags & UNSIGNED | BINARY)
    if definition.flags & _LISTED:
        return replace(told, type=int(FieldType.VAR_STRING), flags=0)
    wide = definition.type in LONG_TEXTS and definition.charset != BYTES
    length = min(definition.length * CHARACTER, LONGEST) if wide else definition.length
    flags, decimals = definition.flags & BINARY, UNSET_DECIMALS["mariadb"]
    return replace(told, length=length, decimals=decimals, flags=flags)


def _fits_int(definition: ColumnDefinition) -> bool:
    return definition.type == FieldType.LONGLONG and definition.length <= INT


def _of_derived(definition: ColumnDefinition, expr: Expr, table: str) -> ColumnDefinition:
    """A column of a derived table that is no table of its own: a field of the table that groups."""
    is_column = (expr.args[0] if expr.op in KEYS else expr).op == "column"
    if is_column:
        return replace(definition, org_table=table or definition.table)
    return replace(definition, org_name="", org_table="")


def _field(expr: Expr, definition: ColumnDefinition, is_reference: bool) -> ColumnDefinition:
    inner = expr.args[0] if expr.op in KEYS else expr
    if definition.type in NUMBERS:
        if not definition.flags & BINARY:
            return definition
        length = definition.length + _room_for_sign(inner, definition, is_reference)
        return capped(replace(definition, length=length, flags=definition.flags & ~BINARY))
    return definition if inner.op == "column" or definition.type not in STRINGS else _text(definition)


def _room_for_sign(expr: Expr, definition: ColumnDefinition, is_reference: bool) -> int:
    """How much longer a field is than its expression: by a sign that what is unsigned has not, -1 for that which minus
    a decimal has twice, unless a derived table gives it. EXTRACT has one for the parts that a TIME may have below
    zero."""
    while expr.op in ("round", "agreed"):
        expr = expr.args[0]
    if expr.op == "negate" and definition.type == FieldType.NEWDECIMAL:
        return -1 if definition.decimals and not (expr.args[0].type.unsigned or is_reference) else 0
    has_sign = expr.op in _TIME_PARTS and definition.length in _EXTRACTED
    return int((expr.op in UNSIGNED_PARTS or expr.op == "months_joined") and not has_sign)


def _text(definition: ColumnDefinition) -> ColumnDefinition:
    character = 1 if definition.charset == BYTES else CHARACTER
    if definition.type in LONG_TEXTS or definition.length > WIDEST * character:
        size = next(size for size in SIZES if definition.length // character <= size)
        length, flags = min(size * character, LONGEST), definition.flags | BLOB
        return replace(definition, type=int(FieldType.BLOB), length=length, decimals=0, flags=flags)
    kind = FieldType.VAR_STRING if definition.length else FieldType.STRING
    return replace(definition, type=int(kind), decimals=0)


def keeps_sums(block: Block) -> bool:
    """Tell whether MariaDB's table has the sums: it has no groups yet where its rows are sorted to be grouped, unless
    they are put in an order of sums behind that."""
    return not _groups_sorted(block) or any(part.op in SUMS for item in block.order for part in walk(item.expr))


def _groups_sorted(block: Block) -> bool:
    """Tell whether MariaDB sorts rows to group them: for lists, and for what is computed of distinct values."""
    shown = [*(output.expr for output in block.outputs), *([] if block.having is None else [block.having])]
    parts = [part for expr in shown for part in walk(expr)]
    return any(part.op in LISTS or part.op.endswith("_distinct") for part in parts)


def _width(expr: Expr, side: Source | None) -> int:
    """The digits that a number's column of a stored table is declared to show, which its copy keeps; 0 for all else."""
    if expr.op != "column" or not is_stored(expr) or not isinstance(expr.value, tuple):
        return 0
    alias, name = expr.value
    tables = (leaf for leaf in leaves(side) if isinstance(leaf, TableSource) and leaf.alias == alias)
    types = (column.column_type for leaf in tables for column in leaf.columns if column.name == name)
    found = next((declared for type_ in types if (declared := _DECLARED.match(type_))), None)
    return int(found[1]) if found else 0


def _sum(expr: Expr, definition: ColumnDefinition, block: Block) -> ColumnDefinition:
    if expr.op in EXTREMES and definition.type in STRINGS and is_reference(expr, block):
        return _text(definition)
    if definition.type in NUMBERS:
        plain = expr.args[0].args[0] if expr.args and expr.args[0].op == "plain_zero" else None
        family = expr.type.family
        is_extreme = expr.op in EXTREMES and family in STORED_LENGTHS and plain is not None and plain.op == "column"
        of_column = is_extreme and is_field(plain or expr, block, dict(block.ctes)) and not is_reference(expr, block)
        length = STORED_LENGTHS[family] if of_column else definition.length
        if expr.op in EXTREMES:
            declared = _width(plain or expr.args[0], block.source)
            behind = source(expr.args[0], block)
            is_plain = not any(part.op in _QUERIES for part in walk(behind))  # x IN (SELECT …) has 21 digits
            length = 1 if is_truth(behind) and is_plain else declared or length
        flags = definition.flags & ~BINARY if expr.op in STORED["mariadb"] else definition.flags
        return capped(replace(definition, length=length, flags=flags))
    if definition.type not in STRINGS or expr.op not in EXTREMES | LISTS:
        return definition
    if expr.op in EXTREMES and expr.args[0].op in TEXTS_OF_LISTED and expr.args[0].args[0].op == "column":
        return replace(definition, type=int(FieldType.STRING))
    if expr.op in EXTREMES and expr.args[0].op == "column":
        if definition.type not in LONG_TEXTS:
            return replace(definition, decimals=0)
        length, flags = column_length(expr, definition), definition.flags | BLOB
        return replace(definition, type=int(FieldType.BLOB), decimals=0, length=length, flags=flags)
    return _text(definition)
