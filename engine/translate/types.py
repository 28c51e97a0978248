"""MySQL types of expressions, as far as values depend on them; nothing here knows the engine."""

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from engine.collate.presence import ANYTHING, EMPTY, Presence, is_ascii, union
from engine.translate.refusal import Refused, refuse
from statements.schema import (
    ADDRESS_TYPES,
    BINARY_TYPES,
    INTEGER_TYPES,
    SPATIAL_TYPES,
    STRING_TYPES,
    WIDEST_DECIMAL,
    Column,
)

MAX_SCALE = 30  # of MySQL decimals


class Family(Enum):
    """Kinds of values that MySQL treats alike."""

    BOOL = "truth value"
    INT = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    DOUBLE = "double"
    STRING = "string"
    BINARY = "binary string"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    YEAR = "year"
    JSON = "JSON"
    ENUM = "enum"
    SET = "set"
    BIT = "bit"
    ADDRESS = "uuid or network address"
    SPATIAL = "geometry"

    __hash__ = object.__hash__  # an Enum's own is Python code, and a translation asks for thousands
    VECTOR = "vector"
    OTHER_TEXT = "string in another character set"
    PACKED_DATE = "date that may be zero"
    PACKED_DATETIME = "datetime that may be zero"
    LONG_DECIMAL = "decimal of more than 38 digits"
    ANSWER = "answer of a model"  # the server that it is for is in `charset`
    NULL = "NULL"


EXACT = frozenset({Family.BOOL, Family.INT, Family.DECIMAL, Family.YEAR})
WHOLE = frozenset({Family.BOOL, Family.INT, Family.YEAR})
_SHORT = WHOLE | {Family.FLOAT}
APPROXIMATE = frozenset({Family.FLOAT, Family.DOUBLE})
NUMERIC = EXACT | APPROXIMATE
UTF8 = frozenset({"utf8mb4", "utf8mb3", "utf8"})  # character sets whose texts have the bytes that the engine has
TEMPORAL = frozenset({Family.DATE, Family.DATETIME, Family.TIME})
SHOWN_ONLY = frozenset({Family.OTHER_TEXT, Family.JSON, Family.SPATIAL, Family.VECTOR})

# Of these it is known what a character is in bytes, and which are equal.
COMPARED_CHARSETS = frozenset({"utf8mb4", "utf8mb3", "utf8", "ascii", "latin1"})
# Digits of an integer column's type -> bits of its values; any other is at least an INT.
STORED_BITS = {3: 8, 5: 16, 8: 24, 20: 64}
_UNICODE = ("utf8mb4", "utf8mb3", "utf8")  # from the widest on
_PAIR = 2
_DIGITS_OF_FLOAT = 7  # of integers that a FLOAT surely holds: all up to 2^24
_DIGITS = {"tinyint": 3, "smallint": 5, "mediumint": 8, "int": 10, "bigint": 20}


@dataclass(frozen=True, slots=True)
class Type:
    """The type of an expression.

    `digits` and `scale` are MySQL's precision and decimals. `frac` is how many decimals a value really
    carries before it is shown or stored: a quotient has more than its `scale`. `vague` says that `frac`
    differs from row to row (not counting zeros), `unpadded` that MySQL shows each value with its own decimals, `fixed`
    that a double has a fixed number of decimals, as text too, and MariaDB rounds it once more when it stores it.
    `presence` says which bytes may occur in a string; `coercible` strings (literals) take the collation of
    what they are compared with, `explicit` ones (COLLATE) give theirs; of `mixed` ones, made of others of two
    collations, it is not known what they are compared by. `yielding` ones, of documents, give way to a column's
    collation on MySQL, not to a literal's, which is of the same coercibility. `members` are an ENUM's or SET's; which
    address it is, is in `charset`; `required` is a packed date's that is NOT NULL.
    `zerofill` columns have zeros before them as text. `characters` is how many a stored text column may have, 0 where
    that is not known; it holds for columns only, not for what is computed from them. Of an integer it is how many
    MariaDB has for it as a text where values may have more (see few_digits.py). `positive` decimals are columns
    declared UNSIGNED, or values of these, and so are TIMESTAMP columns; no two types differ by it. `room` is how many
    digits MySQL has for an integer where values may have one more, 0 where it has enough (see signed_room.py). `single`
    doubles are made of FLOATs and integers, and may be FLOATs to the server. `chosen` ones are chosen among doubles and
    decimals by CASE or IF: MySQL writes the decimal as a text.
    """

    family: Family
    unsigned: bool = False
    digits: int = 0
    scale: int = 0
    frac: int = 0
    vague: bool = False
    unpadded: bool = False
    fixed: bool = False
    fsp: int = 0
    collation: str | None = None
    charset: str | None = None
    presence: Presence = EMPTY
    coercible: bool = False
    explicit: bool = False
    mixed: bool = field(default=False, compare=False)
    yielding: bool = field(default=False, compare=False)
    members: tuple[str, ...] = ()
    required: bool = False
    zerofill: bool = False
    characters: int = 0
    positive: bool = field(default=False, compare=False)
    room: int = field(default=0, compare=False)
    single: bool = field(default=False, compare=False)
    chosen: bool = field(default=False, compare=False)


BOOL = Type(Family.BOOL, digits=1)
BIGINT = Type(Family.INT, digits=20)
INT = Type(Family.INT, digits=11)
UBIGINT = Type(Family.INT, unsigned=True, digits=20)
YEAR_NUMBER = Type(Family.INT, unsigned=True, digits=4)  # what YEAR() gives on MySQL; EXTRACT() gives a signed one
DOUBLE = Type(Family.DOUBLE, digits=17)
DATE = Type(Family.DATE)
NULL = Type(Family.NULL)


def decimal(digits: int, scale: int, frac: int | None = None, vague: bool = False) -> Type:
    """Make a DECIMAL type; raises Refused past MySQL's largest scale."""
    if scale > MAX_SCALE:
        refuse("a decimal has more than 30 decimals")
    return Type(Family.DECIMAL, digits=min(digits, 65), scale=scale, frac=scale if frac is None else frac, vague=vague)


def datetime_type(fsp: int) -> Type:
    """Make a DATETIME type."""
    return Type(Family.DATETIME, fsp=fsp)


def column_type(column: Column, presence: Presence | None) -> Type:
    """Give the type of a stored column; raises Refused when the store does not carry it."""
    kind = column.type
    if kind in INTEGER_TYPES:
        filled = "zerofill" in column.column_type.lower()
        return Type(Family.INT, unsigned=column.unsigned, digits=_DIGITS[kind], zerofill=filled)
    if kind == "decimal" and column.precision is not None:
        scale = column.scale or 0
        if column.precision > WIDEST_DECIMAL:
            return Type(Family.LONG_DECIMAL, digits=column.precision, scale=scale, frac=scale)
        filled = "zerofill" in column.column_type.lower()
        return replace(decimal(column.precision, scale), zerofill=filled, positive=column.unsigned)
    if kind in ("float", "double"):
        return Type(Family(kind), digits=17, fixed=column.scale is not None)
    if kind in STRING_TYPES and column.charset not in COMPARED_CHARSETS:
        return Type(Family.OTHER_TEXT)
    if kind == "char" and "nopad" in (column.collation or ""):
        return Type(Family.OTHER_TEXT)  # MariaDB sorts it with the spaces that it is stored with
    if kind in STRING_TYPES:
        length = (column.length or 0) if kind in ("char", "varchar") else 0
        held = presence or ANYTHING
        return Type(Family.STRING, collation=column.collation, charset=column.charset, presence=held, characters=length)
    if kind in BINARY_TYPES:
        return Type(Family.BINARY)
    if kind == "date":
        return DATE
    if kind in ("datetime", "timestamp"):
        return replace(datetime_type(column.fsp), positive=kind == "timestamp")
    if kind == "time":
        return Type(Family.TIME, fsp=column.fsp)
    if kind == "year":
        return Type(Family.YEAR, unsigned=True, digits=4)
    if kind == "json":
        return Type(Family.JSON)
    if kind == "bit":
        return Type(Family.BIT, unsigned=True, digits=len(str(2 ** (column.precision or 64))))
    if kind in ADDRESS_TYPES:
        return Type(Family.ADDRESS, charset=kind)
    if kind in SPATIAL_TYPES or kind == "vector":
        return Type(Family.VECTOR if kind == "vector" else Family.SPATIAL)
    raise Refused(f"column {column.name} of type {column.column_type} is not carried by the engine")


def whole_digits(type_: Type) -> int:
    """Count the digits before the point."""
    return type_.digits - type_.scale


def unify(types: list[Type], what: str) -> Type:
    """Give the type MySQL makes of several alternatives (CASE, IF, COALESCE, UNION); raises Refused."""
    kinds = [t for t in types if t.family is not Family.NULL]
    if not kinds:
        return NULL
    families = {t.family for t in kinds}
    if len(families) == 1 and families <= {Family.DATE, Family.BOOL, Family.BINARY, Family.DOUBLE, Family.ANSWER}:
        return kinds[0]
    if Family.FLOAT in families and families <= _SHORT and not any(t.fixed for t in kinds):
        return kinds[0] if families == {Family.FLOAT} else _unify_floats(kinds, what)
    if families <= EXACT:
        return _unify_exact(kinds, what)
    if families <= NUMERIC:
        return DOUBLE
    if families == {Family.STRING}:
        return unify_strings(kinds, what, made=True)
    if families <= {Family.DATE, Family.DATETIME}:
        return datetime_type(max(t.fsp for t in kinds))
    raise Refused(f"{what} mixes {' and '.join(sorted(f.value for f in families))} values")


def _unify_floats(kinds: list[Type], what: str) -> Type:
    """A FLOAT beside integers is a FLOAT to MySQL, but beside an INT; to MariaDB beside short ones only."""
    if any(t.family in WHOLE and t.digits > _DIGITS_OF_FLOAT for t in kinds):
        refuse(f"{what} mixes FLOAT and integers of more digits than it has")
    return replace(DOUBLE, single=True)


def _unify_exact(kinds: list[Type], what: str) -> Type:
    if all(t.family in WHOLE for t in kinds):
        if any(t.family is Family.YEAR for t in kinds) and any(_is_short_unsigned(t) for t in kinds):
            refuse(f"{what} mixes YEAR and TINYINT UNSIGNED")  # which MariaDB keeps as one of these, 2024 as 255
        if len({t.unsigned for t in kinds if t.family is not Family.BOOL}) > 1:
            if any(t.unsigned and t.digits > _DIGITS["int"] for t in kinds):
                return decimal(max(t.digits for t in kinds), 0)  # no integer type holds them all
            return Type(Family.INT, digits=max(t.digits for t in kinds))  # a signed type holds them all
        return Type(Family.INT, unsigned=any(t.unsigned for t in kinds), digits=max(t.digits for t in kinds))
    scale = max(t.scale for t in kinds)
    frac = max(t.frac for t in kinds)
    return decimal(max(whole_digits(t) for t in kinds) + scale, scale, frac, any(t.vague for t in kinds))


def _is_short_unsigned(type_: Type) -> bool:
    return type_.family is Family.INT and type_.unsigned and type_.digits <= _DIGITS["tinyint"]


def unify_strings(kinds: list[Type], what: str, made: bool = False) -> Type:
    """Give the collation strings have together: a column's wins over a literal's; raises Refused.

    `made` is of one text that is made of them, which both servers allow for more collations than a comparison.
    """
    explicit = any(t.explicit for t in kinds)
    _require_no_yielding(kinds, what)
    fixed = {(t.collation, t.charset) for t in kinds if not t.coercible and t.explicit == explicit}
    mixed = any(t.mixed for t in kinds)
    if mixed and not made:
        refuse(f"{what} has a text made of strings of different collations")
    if made and not explicit and _is_literals_own(kinds):
        refuse(f"{what} has a text made of strings of different collations beside a literal")
    if made and len(fixed) > 1 and not explicit:
        fixed, own = _prevailing(fixed), fixed
        mixed = mixed or not fixed <= own
    if len(fixed) > 1:
        refuse(f"{what} mixes strings of different collations")
    loose = [t for t in kinds if t.coercible]
    presence = union(*(t.presence for t in kinds))
    if not fixed:
        if any(t.collation != loose[0].collation for t in loose):  # of a view's literals, or behind introducers
            refuse(f"{what} mixes literals of different collations")
        return replace(loose[0], presence=presence)
    collation, charset = next(iter(fixed))
    if not made and any(t.charset != charset and not t.coercible for t in kinds):
        refuse(f"{what} mixes strings of different character sets")
    if charset not in _UNICODE and any(not is_ascii(t.presence) for t in loose):
        refuse(f"{what} compares a {charset} string with other characters")
    yielding = all(t.yielding or t.coercible for t in kinds)
    return Type(
        Family.STRING,
        collation=collation,
        charset=charset,
        presence=presence,
        explicit=explicit,
        mixed=mixed,
        yielding=yielding,
    )


def _require_no_yielding(kinds: list[Type], what: str) -> None:
    """Refuse a document's text beside one of another collation that is no literal: it depends on whether that is a
    column's, which wins, or a derived table's of a literal, which does not. Raises Refused."""
    own = {(t.collation, t.charset) for t in kinds if not t.coercible}
    if len(own) > 1 and any(t.yielding for t in kinds) and not any(t.explicit for t in kinds):
        refuse(f"{what} mixes a document's text with strings of other collations")


def of_first(made: Type, first: Type, others: list[Type], what: str, backend: str) -> Type:
    """Give what is made of a first text and others its collation: MySQL 9 takes the first one's, 8.0 and MariaDB what
    all have together (`agg_arg_charsets_for_string_result_with_comparison`). Raises Refused where MySQL's differ."""
    literals = all(other.coercible for other in others)
    if not literals or (first.coercible and any(other.collation != first.collation for other in others)):
        found = unify_strings([first, *others], what)
        if backend == "mysql" and _fixed(found) != _fixed(first):
            refuse(f"the collation of {what} of these texts depends on the version of the server")
        if backend != "mysql":
            return replace(made, **_fixed(found), coercible=found.coercible)
    return replace(made, **_fixed(first), coercible=first.coercible)


def _fixed(type_: Type) -> dict[str, Any]:
    return {name: getattr(type_, name) for name in ("collation", "charset", "explicit", "mixed")}


def _is_literals_own(kinds: list[Type]) -> bool:
    """Tell whether a text is made of strings of two collations and then of a literal, whose collation it takes, for it
    had none before (DTCollation::aggregate of both servers, from left to right)."""
    seen: set[tuple[str | None, str | None]] = set()
    has_none = False
    for type_ in kinds:
        if type_.coercible and has_none:
            return True
        if not type_.coercible:
            seen.add((type_.collation, type_.charset))
            has_none = has_none or type_.mixed or (len(seen) > 1 and not _prevailing(seen) <= seen)
    return any(type_.mixed for type_ in kinds) and kinds[0].coercible


def compared_as(left: Type, right: Type) -> Type:
    """Give the one of two strings' types whose collation compares them: a column's before a literal's, of two columns
    the wider character set's, then the one that goes by code. Raises Refused."""
    own = {(t.collation, t.charset) for t in (left, right)}
    _require_no_yielding([left, right], "a comparison")
    if len(own) == 1 or any(t.coercible or t.explicit or t.mixed for t in (left, right)):
        unify_strings([left, right], "a comparison")
        return right if left.coercible or right.explicit else left
    (kept, *others) = _prevailing(own)
    if others or kept not in own:
        refuse("a comparison mixes strings of different collations")
    return left if (left.collation, left.charset) == kept else right


def _prevailing(fixed: set[tuple[str | None, str | None]]) -> set[tuple[str | None, str | None]]:
    """Give the collation of columns together, or all where that is not known (DTCollation::aggregate of both servers):
    of the wider character set, there the one by code; two others give the character set's own by code."""
    charsets = {charset for _, charset in fixed}
    widest = next((charset for charset in _UNICODE if charset in charsets), None)
    if len(charsets) == 1:
        (widest,) = charsets
    kept = {(collation, charset) for collation, charset in fixed if charset == widest}
    if len(kept) < _PAIR or widest is None:
        return kept or fixed
    by_code = {pair for pair in kept if (pair[0] or "").endswith("_bin")}
    if len(fixed) > _PAIR or len(by_code) == _PAIR or any("0900_bin" in (name or "") for name, _ in by_code):
        return fixed
    return by_code or {(f"{widest}_bin", widest)}
