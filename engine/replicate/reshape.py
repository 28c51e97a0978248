"""Whether a copy can take another definition in place, and how: from the statement, the old and the new definition.

A copy's columns are kept, renamed, cast to a wider type or filled with a constant. Anything else is a reason to load
the table again. The new definition is read from the server after the statement, so it is the right one only when no
other statement has changed the table up to where it was read: the applier keeps the table out of service until then.
"""

import math
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from engine.layout import carried_columns, pack_columns, reason_left_out, reason_not_loadable
from engine.replicate.alter import Alteration, Default
from engine.store.reshape import Constant, Reshape, Source
from statements.schema import STRING_TYPES, Column, Table


def plan_reshape(old: Table, new: Table, alteration: Alteration) -> Reshape | str:
    """Plan the change in place, or give the reason why the table has to be loaded again."""
    if reason := reason_not_loadable(new):
        return reason
    origins = _origins(old, alteration)
    packed = (name for name, column in origins.items() if column.packed)
    new = pack_columns(new, frozenset(packed))
    names = {column.name.casefold() for column in new.columns}
    if names != origins.keys() | {name.casefold() for name in alteration.added} or len(names) != len(new.columns):
        return "its definition changed again"
    redefined = {name.casefold() for name in alteration.redefined}
    if any(c.generated for c in carried_columns(old)) and (redefined or alteration.converts):
        return "its definition changed under a generated column"
    added = {name.casefold(): default for name, default in alteration.added.items()}
    sources, not_null = [], []
    for column in carried_columns(new):
        folded = column.name.casefold()
        if folded in added:
            found = _constant(column, added[folded])
            if isinstance(found, Unfilled):
                return f"column {column.name} came with {found.reason}"
            sources.append(Source(column, None, found))
            continue
        before = origins[folded]
        if reason_left_out(before):
            return f"column {column.name} was not carried"
        if not _keeps_values(before, column, folded in redefined or alteration.converts):
            return f"column {column.name} changed from {before.column_type} to {column.column_type}"
        if before.nullable and not column.nullable:
            not_null.append(before.name)
        sources.append(Source(column, before))
    return Reshape(old, new, tuple(sources), tuple(not_null))


def _origins(old: Table, alteration: Alteration) -> dict[str, Column]:
    """The old columns by the folded names they have afterwards."""
    renamed = {before.casefold(): after.casefold() for before, after in alteration.renamed.items()}
    dropped = {name.casefold() for name in alteration.dropped}
    origins = {}
    for column in old.columns:
        folded = column.name.casefold()
        if folded not in dropped:
            origins[renamed.get(folded, folded)] = column
    return origins


def _keeps_values(old: Column, new: Column, redefined: bool) -> bool:
    """Whether every value stays the same, and its form in the store at most becomes wider."""
    if _same(old, new):
        return True
    return redefined and any(keeps(old, new) for keeps in _WIDENINGS)


def _same(old: Column, new: Column) -> bool:
    """Equal but for name, place, and what does not concern the values that are there."""
    return new == replace(
        old,
        name=new.name,
        ordinal=new.ordinal,
        nullable=new.nullable,
        invisible=new.invisible,
        not_secondary=new.not_secondary,
        default=new.default,
        computed_default=new.computed_default,
    )


def _wider_integer(old: Column, new: Column) -> bool:
    if old.type not in _BITS or new.type not in _BITS or _differ(old, new):
        return False
    grown = _BITS[new.type] - _BITS[old.type]
    if old.unsigned == new.unsigned:
        return grown >= 0
    return old.unsigned and grown > 0


MOST_DIGITS = 38  # of a number in the store; wider ones are text there
_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}


def _wider_decimal(old: Column, new: Column) -> bool:
    if old.type != "decimal" or new.type != "decimal" or _differ(old, new) or old.unsigned != new.unsigned:
        return False
    fraction = (new.scale or 0) - (old.scale or 0)
    grown = (new.precision or 0) - (old.precision or 0)
    return 0 <= fraction <= grown and (new.precision or 0) <= MOST_DIGITS


def _longer_string(old: Column, new: Column) -> bool:
    """VARCHAR and TEXT that hold all they held; a wider character set of the same bytes in the store."""
    if old.type not in STRING_TYPES or _differ(old, new):
        return False
    if old.charset != new.charset and (old.charset not in _WITHIN_UTF8MB4 or new.charset != "utf8mb4"):
        return False
    if old.type == new.type:
        return (new.length or 0) >= (old.length or 0) or old.type.endswith("text")
    return old.type in _TEXTS and new.type in _TEXTS and _TEXTS.index(new.type) > _TEXTS.index(old.type)


_WITHIN_UTF8MB4 = frozenset({"ascii", "utf8", "utf8mb3"})
_TEXTS = ("varchar", "text", "mediumtext", "longtext")


def _longer_bytes(old: Column, new: Column) -> bool:
    if _differ(old, new):
        return False
    if old.type == new.type == "varbinary":
        return (new.length or 0) >= (old.length or 0)
    return old.type in _BLOBS and new.type in _BLOBS and _BLOBS.index(new.type) > _BLOBS.index(old.type)


_BLOBS = ("varbinary", "blob", "mediumblob", "longblob")


def _finer_time(old: Column, new: Column) -> bool:
    temporal = old.type == new.type and old.type in ("time", "datetime", "timestamp")
    return temporal and new.fsp >= old.fsp and not _differ(old, new)


def _more_members(old: Column, new: Column) -> bool:
    """ENUM and SET whose members keep their numbers."""
    if old.type != new.type or old.type not in ("enum", "set") or _differ(old, new) or old.charset != new.charset:
        return False
    return new.column_type == old.column_type or new.column_type.startswith(old.column_type[:-1] + ",")


def _differ(old: Column, new: Column) -> bool:
    return bool(old.generated or new.generated)


_WIDENINGS = (_wider_integer, _wider_decimal, _longer_string, _longer_bytes, _finer_time, _more_members)


@dataclass(frozen=True, slots=True)
class Unfilled:
    """Why the value that an added column has in the rows that are there is not known."""

    reason: str


def _constant(column: Column, default: Default) -> Constant | Unfilled:
    """The value of an added column in the rows that are there, as the server fills it."""
    if default.kind == "other" or column.generated:
        return Unfilled("values that the server computes")
    if default.kind == "null" or (default.kind == "none" and column.nullable):
        return None if column.nullable else Unfilled("a default that is not read")
    if default.kind == "none":
        return _IMPLICIT.get(column.type, Unfilled("an implicit default"))
    reader = next((read for types, read in _LITERALS if column.type in types), None)
    found = reader(column, default) if reader else None
    return Unfilled("a default that is not read") if found is None else found


_IMPLICIT: dict[str, int | str] = {**dict.fromkeys((*_BITS, "decimal", "float", "double"), 0)}
_IMPLICIT |= dict.fromkeys((*_TEXTS, "tinytext", "char"), "")


def _integer(column: Column, default: Default) -> int | None:
    text = default.text
    if not text.removeprefix("-").isdigit() or not text.isascii():
        return None
    bits, value = _BITS[column.type], int(text)
    low, high = (0, (1 << bits) - 1) if column.unsigned else (-(1 << bits - 1), (1 << bits - 1) - 1)
    return value if low <= value <= high else None


def _decimal(column: Column, default: Default) -> Decimal | None:
    if not set(default.text) <= set("-.0123456789"):
        return None
    try:
        value = Decimal(default.text)
    except InvalidOperation:
        return None
    digits = -int(value.as_tuple().exponent)
    return value if digits <= (column.scale or 0) else None


def _double(column: Column, default: Default) -> float | None:
    value = _decimal(replace(column, scale=30), default)
    found = None if value is None else float(value)
    # Declared with digits it is rounded to them.
    return found if found is not None and math.isfinite(found) and column.scale is None else None


def _text(column: Column, default: Default) -> str | None:
    text = default.text
    if default.kind != "text" or not text.isascii() or len(text) > (column.length or 0):
        return None
    return text.rstrip(" ") if column.type == "char" else text


_LITERALS = (
    (frozenset(_BITS), _integer),
    (frozenset({"decimal"}), _decimal),
    (frozenset({"double"}), _double),
    (frozenset({"varchar", "char"}), _text),
)
