"""Column definitions by their parts: kinds of types, flags, lengths, and the field that is made of one."""

from dataclasses import replace

from engine.translate.tree import Expr
from engine.translate.types import Family
from wire.constants import FieldType
from wire.responses import ColumnDefinition

LONG_TEXTS = frozenset({FieldType.BLOB, FieldType.MEDIUM_BLOB, FieldType.LONG_BLOB})
STRINGS = LONG_TEXTS | {FieldType.VAR_STRING, FieldType.STRING}
INTEGERS = frozenset(
    {FieldType.TINY, FieldType.SHORT, FieldType.INT24, FieldType.LONG, FieldType.LONGLONG, FieldType.YEAR}
)
NUMBERS = INTEGERS | {FieldType.FLOAT, FieldType.DOUBLE, FieldType.NEWDECIMAL}
# Flags of a column definition: BINARY_FLAG, GROUP_FLAG, and those that a field of a temporary table does not have of
# its column: in an index, AUTO_INCREMENT_FLAG, TIMESTAMP_FLAG, ON_UPDATE_NOW_FLAG (Field::new_field).
BINARY, GROUPED, INDEXED = 0x80, 0x8000, 0x0002 | 0x0004 | 0x0008 | 0x4000 | 0x0200 | 0x0400 | 0x2000
NOT_NULL, BLOB, UNSIGNED = 0x01, 0x10, 0x20  # NOT_NULL_FLAG, BLOB_FLAG, UNSIGNED_FLAG
BYTES = 63  # the character set of what is none
CHARACTER = 4  # bytes of one in the character set of the results
TIME = 10  # length of a TIME without parts of a second
WIDEST = 512  # characters of a text expression that becomes a VARCHAR: CONVERT_IF_BIGGER_TO_BLOB on both servers
LONGEST = (1 << 32) - 1  # bytes of a LONGTEXT
# Bytes of MariaDB's kinds of text: TEXT, MEDIUMTEXT, LONGTEXT.
SIZES = ((1 << 16) - 1, (1 << 24) - 1, LONGEST)
INT, BIGINT = 11, 20  # characters of an INT, with its sign, and of a BIGINT
UNSET_DECIMALS = {"mysql": 31, "mariadb": 39}
STORED_LENGTHS = {Family.DOUBLE: 22, Family.FLOAT: 12}  # MariaDB's fields of MIN and MAX of a column
_DIGITS = 65  # of the longest DECIMAL
_FIELD_IS_LONGLONG = 10  # display length from which MySQL makes a BIGINT field of an integer expression
_WIDTHS = {"latin1": 1, "ascii": 1, "utf8mb3": 3, "utf8": 3}  # bytes of a character of other character sets


def kept(definition: ColumnDefinition) -> ColumnDefinition:
    """A value of a temporary table's field on MySQL."""
    if definition.type in INTEGERS:
        wide = definition.length >= _FIELD_IS_LONGLONG
        return replace(definition, type=int(FieldType.LONGLONG if wide else FieldType.LONG))
    if definition.type in STRINGS:
        kind = FieldType.VAR_STRING if definition.type == FieldType.STRING else definition.type
        return replace(definition, type=int(kind), decimals=0)
    return definition


def capped(definition: ColumnDefinition) -> ColumnDefinition:
    """A field has 65 digits of a decimal at most, however many its expression may have."""
    most = _DIGITS + 1 + (definition.decimals > 0)
    is_long = definition.type == FieldType.NEWDECIMAL and definition.length > most
    return replace(definition, length=most) if is_long else definition


def named(definition: ColumnDefinition) -> ColumnDefinition:
    """A field has a name of its own, where its expression has none."""
    return definition if definition.org_name else replace(definition, org_name=definition.name)


def own_width(expr: Expr) -> int:
    """Count the bytes of a character in a text's own character set."""
    return _WIDTHS.get(expr.type.charset or "", CHARACTER)


def column_length(expr: Expr, definition: ColumnDefinition) -> int:
    """The length of MIN or MAX of a long text: PREPARE takes the bytes that a column has for characters."""
    own = own_width(expr)
    is_wide = expr.args[0].op == "column" and definition.length in {size * CHARACTER * own for size in SIZES[:2]}
    return definition.length // own if is_wide else definition.length


def varchar(definition: ColumnDefinition, own: int) -> ColumnDefinition:
    """MySQL's field of a text of a bound, with characters of so many bytes of its own: a BLOB where it may be long,
    told with four times its bytes then."""
    width = 1 if definition.charset == BYTES else CHARACTER
    if definition.length <= WIDEST * width:
        return replace(definition, type=int(FieldType.VAR_STRING), decimals=0)
    length, flags = definition.length * (own if width > 1 else 1), definition.flags | BLOB
    return replace(definition, type=int(FieldType.BLOB), length=length, decimals=0, flags=flags)
