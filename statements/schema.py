"""Tables and columns as the backend defines them: what the store, the decoder and the translator share."""

from dataclasses import dataclass

STRING_TYPES = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
BINARY_TYPES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
DATE_TYPES = frozenset({"date", "datetime", "timestamp"})
INTEGER_TYPES = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})
SPATIAL_TYPES = frozenset(
    {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"}
    | {"geomcollection", "geometrycollection"}
)
ADDRESS_TYPES = frozenset({"uuid", "inet6", "inet4"})  # MariaDB's types that are shown as text and kept as bytes
MEMBER_TYPES = frozenset({"enum", "set"})
# Character sets of one byte a character, of which the server is asked what each byte means.
BYTE_CHARSETS = frozenset(
    {
        "armscii8", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866", "dec8", "geostd8",
        "greek", "hebrew", "hp8", "keybcs2", "koi8r", "koi8u", "latin2", "latin5", "latin7", "macce",
        "macroman", "swe7", "tis620",
    }
)  # fmt: skip
WIDE_CHARSETS = frozenset({"ucs2", "utf16", "utf16le", "utf32"})
NUMBERED_TYPES = MEMBER_TYPES | {"bit"}  # kept as the unsigned integer that they are inside the server
WIDEST_DECIMAL = 38  # digits that the store's decimals hold


@dataclass(frozen=True, slots=True)
class Column:
    """One column, from INFORMATION_SCHEMA.COLUMNS.

    `type` is DATA_TYPE in lower case ("int", "decimal", "varchar", …), `column_type` the whole COLUMN_TYPE.
    `ordinal` counts from 0 over all columns of the table, carried or not: it is the position in a row event.
    `length` is characters for strings and bytes for binary types. `fsp` is the fractional seconds' digits.
    `members` are those of an ENUM or SET in the order of their numbers, from 1 on.
    """

    name: str
    ordinal: int
    type: str
    column_type: str
    nullable: bool = True
    unsigned: bool = False
    precision: int | None = None
    scale: int | None = None
    length: int | None = None
    fsp: int = 0
    charset: str | None = None
    collation: str | None = None
    generated: str = ""  # "", "stored" or "virtual"
    invisible: bool = False
    not_secondary: bool = False  # declared NOT SECONDARY: HeatWave does not load it
    members: tuple[str, ...] = ()
    expression: str = ""  # of a generated column
    unsteady: str = ""  # why a virtual column's value may differ from session to session
    characters: str = ""  # of a character set of one byte: what the server makes of each of the 256 bytes
    packed: bool = False  # a DATE, DATETIME or TIMESTAMP that the store keeps so that it may be zero or partial
    default: str | None = None  # a constant one, as text; None for NULL and for none
    computed_default: bool = False  # the default is an expression, or could not be read


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition, from INFORMATION_SCHEMA.PARTITIONS: `method` is "RANGE", "LIST COLUMNS", "HASH" or the like,
    `expression` what it is by, `bound` the text of its upper end or its list."""

    name: str
    method: str
    expression: str
    bound: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """An index by whose columns, all of them in ascending order and none by a prefix, rows can be read in order."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """One base table. `primary_key` names its columns in key order; empty when there is none.

    `unlogged` says why some changes of its rows are not in the backend's log; empty when all are, or when they come
    with logged changes of other tables only: `causes` has (schema, name, kinds) of those, kinds being "delete",
    "update" or both with a space between.
    """

    schema: str
    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    engine: str = "InnoDB"
    collation: str | None = None
    unlogged: str = ""
    causes: tuple[tuple[str, str, str], ...] = ()
    partitions: tuple[Partition, ...] = ()  # in their order
    indexes: tuple[Index, ...] = ()  # those of them that are known; PRIMARY only where it was declared

    def index(self, name: str) -> Index | None:
        """Find an index by name, case-insensitively as MySQL does; None when none of this name is known."""
        folded = name.casefold()
        return next((index for index in self.indexes if index.name.casefold() == folded), None)

    def column(self, name: str) -> Column | None:
        """Find a column by name, case-insensitively as MySQL does; None when there is no such column."""
        folded = name.casefold()
        return next((c for c in self.columns if c.name.casefold() == folded), None)


_ESCAPES = {"0": "\0", "n": "\n", "r": "\r"}


def parse_members(column_type: str) -> tuple[str, ...]:
    """Read the members out of COLUMN_TYPE, such as enum('a','it''s'); raises ValueError when it is none.

    Source: append_unescaped() of both servers, which writes quotes twice and \\, \\0, \\n and \\r escaped.
    """
    at, members = column_type.index("(") + 1, []
    while column_type[at : at + 1] == "'":
        at += 1
        member = []
        while column_type[at] != "'" or column_type[at + 1] == "'":
            character = column_type[at]
            if character == "\\":
                at += 1
                character = _ESCAPES.get(column_type[at], column_type[at])
            elif character == "'":
                at += 1
            member.append(character)
            at += 1
        members.append("".join(member))
        at += 2 if column_type[at + 1] == "," else 1
    if column_type[at:] != ")":
        raise ValueError(f"members of {column_type}")
    return tuple(members)
