"""The column definitions of a cursor: the rows wait in a temporary table, whose fields are told.

Read off MySQL 9.7 and MariaDB 10.11 by preparing some 5,600 statements and executing them with a cursor. MySQL
describes the fields whatever the plan is; MariaDB those of the executed statement. Where a field's width cannot be told
from the definition, the cursor is the backend's.
"""

from collections.abc import Sequence
from dataclasses import replace

from engine.translate.columns.behind import UNSIGNED_PARTS
from engine.translate.columns.definitions import GROUPED, INDEXED, INTEGERS, NUMBERS, STRINGS, kept
from engine.translate.columns.executed import executed
from engine.translate.refusal import refuse
from engine.translate.tree import Block, Expr, Query
from wire.constants import FieldType
from wire.responses import ColumnDefinition

_BINARY_COLLATION = 63
_BINARY, _BLOB = 0x80, 0x10  # flags of a definition
_EXTREMES = frozenset({"min", "max"})
_LISTS = frozenset({"group_concat", "group_concat_apart", "group_concat_distinct"})
_LONG_TEXTS = frozenset({FieldType.BLOB, FieldType.MEDIUM_BLOB, FieldType.LONG_BLOB})
_NAMED = frozenset({FieldType.ENUM, FieldType.SET})
_WIDEST = 512  # characters of a text expression that becomes a VARCHAR: CONVERT_IF_BIGGER_TO_BLOB
_CHARACTER = 4  # bytes of one in the character set of the results
_MEDIUM, _LONG = (1 << 24) - 1, (1 << 32) - 1  # bytes of a MEDIUMTEXT and of a LONGTEXT
_SIGNED = frozenset({("date_part", 3), ("date_part", 7)})  # EXTRACT's seconds: room for a sign on MariaDB already
_STORED_LENGTHS = {int(FieldType.DOUBLE): 22, int(FieldType.FLOAT): 12}  # MariaDB's fields of MIN and MAX
_TIME = 10  # length of a TIME without parts of a second


def materialised(query: Query, definitions: Sequence[ColumnDefinition], backend: str) -> list[ColumnDefinition]:
    """Give the definitions as a cursor of the statement has them. Raises Refused where they are not known."""
    told = list(definitions) if backend == "mysql" else executed(query, definitions, backend)
    if not isinstance(query, Block):
        return [_of_union(definition) for definition in told]
    field = _mysql_field if backend == "mysql" else _mariadb_field
    return [
        _column(now, bool(query.ctes)) if now.org_name and before.org_name else field(output.expr, before, now)
        for output, before, now in zip(query.outputs, definitions, told, strict=True)
    ]


def _column(definition: ColumnDefinition, of_cte: bool) -> ColumnDefinition:
    """A column of a table, or of a derived table."""
    table = definition.org_table or (definition.table if of_cte else "")
    out = replace(definition, flags=definition.flags & ~INDEXED, org_name=definition.name, org_table=table)
    if definition.type == FieldType.JSON and definition.charset != _BINARY_COLLATION:
        return _json(out)
    if definition.flags & _BINARY and definition.type in NUMBERS:
        narrow = kept(out) if definition.type == FieldType.LONGLONG else out
        return replace(narrow, flags=out.flags & ~_BINARY)
    return replace(out, decimals=0) if definition.type in STRINGS else out


def _of_union(definition: ColumnDefinition) -> ColumnDefinition:
    """A column of a set operation, whose rows are fields already."""
    out = replace(definition, org_name=definition.name)
    if out.type in _LONG_TEXTS:
        refuse("a cursor has a long text made by a set operation")
    if out.type in STRINGS:
        return replace(out, decimals=0)
    return replace(out, flags=out.flags & ~_BINARY) if out.type in NUMBERS else out


def _json(definition: ColumnDefinition) -> ColumnDefinition:
    length, flags = definition.length | 3, definition.flags | _BLOB
    return replace(definition, length=length, charset=_BINARY_COLLATION, decimals=0, flags=flags)


def _mysql_field(expr: Expr, _: ColumnDefinition, definition: ColumnDefinition) -> ColumnDefinition:
    out = replace(definition, org_name=definition.name)
    is_extreme = expr.op in _EXTREMES
    if out.type in NUMBERS:
        out = replace(out, flags=out.flags & ~_BINARY)
        return kept(out) if out.type in INTEGERS and not is_extreme else out
    if out.type == FieldType.JSON:
        return _json(out)
    if out.type in _LONG_TEXTS:
        times = 1 if out.charset == _BINARY_COLLATION or not (is_extreme or expr.op in _LISTS) else _CHARACTER
        return _long_text(out, out.length // times)
    if out.type == FieldType.TIME:
        return replace(out, length=_TIME + (1 + out.decimals if out.decimals else 0))
    if out.type == FieldType.NULL or out.type in _NAMED:
        return replace(out, type=int(FieldType.VAR_STRING), decimals=0)
    if out.type in STRINGS:
        if out.length > _WIDEST * _CHARACTER:
            refuse("a cursor has a long text made by an expression")
        return replace(out, type=int(out.type if is_extreme else FieldType.VAR_STRING), decimals=0)
    return out


def _mariadb_field(expr: Expr, before: ColumnDefinition, definition: ColumnDefinition) -> ColumnDefinition:
    out = replace(definition, org_name=definition.name, flags=definition.flags & ~GROUPED)
    if out.type in NUMBERS:
        signed = expr.op in UNSIGNED_PARTS and out.length == before.length and (expr.op, out.length) not in _SIGNED
        if expr.op in _EXTREMES and out.length == before.length:
            out = replace(out, length=_STORED_LENGTHS.get(out.type, out.length))
        return replace(out, flags=out.flags & ~_BINARY, length=out.length + signed)
    if out.type in _LONG_TEXTS:
        if expr.op in _LISTS:
            times = 1 if out.charset == _BINARY_COLLATION else _CHARACTER
            return _long_text(out, min(out.length, _MEDIUM) * times)
        if out.type == FieldType.MEDIUM_BLOB and out.charset != _BINARY_COLLATION:
            return _long_text(out, _MEDIUM * _CHARACTER)
        return _long_text(out, out.length if out.length < _MEDIUM else _LONG)
    if out.type == FieldType.NULL:
        return replace(out, type=int(FieldType.STRING))
    if out.type in STRINGS:
        if out.length > _WIDEST * _CHARACTER:
            refuse("a cursor has a long text made by an expression")
        if not out.length:
            return replace(out, type=int(FieldType.STRING), decimals=0)
        return replace(out, type=int(out.type if expr.op in _EXTREMES else FieldType.VAR_STRING), decimals=0)
    return out


def _long_text(definition: ColumnDefinition, length: int) -> ColumnDefinition:
    return replace(definition, type=int(FieldType.BLOB), length=length, decimals=0, flags=definition.flags | _BLOB)
