"""Tables and columns as the backend defines them: what the store, the decoder and the translator share."""

from dataclasses import dataclass

STRING_TYPES = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
BINARY_TYPES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
INTEGER_TYPES = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column, from INFORMATION_SCHEMA.COLUMNS.

    `type` is DATA_TYPE in lower case ("int", "decimal", "varchar", …), `column_type` the whole COLUMN_TYPE.
    `ordinal` counts from 0 over all columns of the table, carried or not: it is the position in a row event.
    `length` is characters for strings and bytes for binary types. `fsp` is the fractional seconds' digits.
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


@dataclass(frozen=True, slots=True)
class Table:
    """One base table. `primary_key` names its columns in key order; empty when there is none.

    `unlogged` says why some changes of its rows are not in the backend's log; empty when all are.
    """

    schema: str
    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    engine: str = "InnoDB"
    collation: str | None = None
    unlogged: str = ""

    def column(self, name: str) -> Column | None:
        """Find a column by name, case-insensitively as MySQL does; None when there is no such column."""
        folded = name.casefold()
        return next((c for c in self.columns if c.name.casefold() == folded), None)
