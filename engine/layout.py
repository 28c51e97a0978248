"""How a backend table lies in the store: types, carried columns, names. docs/internals.md, "Store types"."""

import json
from dataclasses import asdict, replace

import pyarrow as pa

from statements.schema import (
    ADDRESS_TYPES,
    BINARY_TYPES,
    DATE_TYPES,
    SPATIAL_TYPES,
    STRING_TYPES,
    WIDE_CHARSETS,
    WIDEST_DECIMAL,
    Column,
    Index,
    Partition,
    Table,
)

# Rows of a row group: a change reads the whole groups that may hold its keys, so fewer than DuckDB's 122,880.
ROW_GROUP = 30720
CATALOG = "_store"  # the name the database file is attached under
BOOKKEEPING = "_warmfront"
TABLES = "_tables"  # the schema that has all copies, under their numbers: names change, differ in case, are exchanged
# Character sets that the change decoder can turn into UTF-8 by itself, as the server does.
CARRIED_CHARSETS = frozenset({"utf8mb4", "utf8mb3", "utf8", "ascii", "latin1"})

_INTEGERS: dict[tuple[str, bool], tuple[str, pa.DataType]] = {
    ("tinyint", False): ("TINYINT", pa.int8()),
    ("smallint", False): ("SMALLINT", pa.int16()),
    ("mediumint", False): ("INTEGER", pa.int32()),
    ("int", False): ("INTEGER", pa.int32()),
    ("bigint", False): ("BIGINT", pa.int64()),
    ("tinyint", True): ("UTINYINT", pa.uint8()),
    ("smallint", True): ("USMALLINT", pa.uint16()),
    ("mediumint", True): ("UINTEGER", pa.uint32()),
    ("int", True): ("UINTEGER", pa.uint32()),
    ("bigint", True): ("UBIGINT", pa.uint64()),
}
_PLAIN: dict[str, tuple[str, pa.DataType]] = {
    "float": ("FLOAT", pa.float32()),
    "double": ("DOUBLE", pa.float64()),
    "date": ("DATE", pa.date32()),
    "datetime": ("TIMESTAMP", pa.timestamp("us")),
    "timestamp": ("TIMESTAMP", pa.timestamp("us")),
    "time": ("BIGINT", pa.int64()),
    "year": ("USMALLINT", pa.uint16()),
    "bit": ("UBIGINT", pa.uint64()),
    "enum": ("USMALLINT", pa.uint16()),  # the member's number, 0 for the '' of a value that was none
    "set": ("UBIGINT", pa.uint64()),  # a bit per member
    "vector": ("BLOB", pa.binary()),
}
_TEXTS = STRING_TYPES | ADDRESS_TYPES | {"json"}
_BYTES = BINARY_TYPES | SPATIAL_TYPES


def _types(column: Column) -> tuple[str, pa.DataType] | None:
    if column.packed:
        return "BIGINT", pa.int64()
    if found := _INTEGERS.get((column.type, column.unsigned)):
        return found
    if found := _PLAIN.get(column.type):
        return found
    if column.type in _TEXTS:
        return "VARCHAR", pa.string()
    if column.type in _BYTES:
        return "BLOB", pa.binary()
    if column.type == "decimal" and column.precision is not None:
        scale = column.scale or 0
        if column.precision > WIDEST_DECIMAL:
            return "VARCHAR", pa.string()
        return f"DECIMAL({column.precision},{scale})", pa.decimal128(column.precision, scale)
    return None


def reason_left_out(column: Column) -> str | None:
    """Why a column is not carried; None when it is."""
    if column.not_secondary:
        return "declared NOT SECONDARY"
    if column.generated == "virtual" and (column.unsteady or not column.expression):
        return f"virtual generated column {column.unsteady}".rstrip()
    if _types(column) is None:
        return f"type {column.type}"
    is_read = column.charset in CARRIED_CHARSETS | WIDE_CHARSETS or column.characters
    if column.type in STRING_TYPES and not is_read:
        return f"character set {column.charset}"
    if column.column_type == "year(2)":
        return "type year(2), whose years have two digits"
    if column.type == "uuid" and column.column_type != "uuid":
        return f"type {column.column_type}, whose bytes are in the order of before MariaDB 10.11.5"
    return None


def carried_columns(table: Table) -> tuple[Column, ...]:
    """The columns that the store keeps, in the table's order."""
    return tuple(c for c in table.columns if reason_left_out(c) is None)


def left_out(table: Table) -> dict[str, str]:
    """Reason per column that the store does not keep."""
    return {c.name: reason for c in table.columns if (reason := reason_left_out(c))}


def reason_not_loadable(table: Table) -> str | None:
    """Why a table cannot be copied at all; None when it can."""
    if table.engine == "lakehouse":
        return "its rows are files: it is a lake table"
    if table.engine.lower() != "innodb":
        return f"storage engine {table.engine}"
    if table.unlogged:
        return table.unlogged
    carried = {c.name for c in carried_columns(table)}
    if not carried:
        return "no column of a type that is carried"
    if missing := [name for name in table.primary_key if name not in carried]:
        return f"primary key column {missing[0]} is not carried"
    if not table.primary_key and len(carried) < len(table.columns):
        return "no primary key, and a column is not carried"
    folded = [c.name.casefold() for c in table.columns]
    if len(set(folded)) < len(folded):
        return "two columns whose names differ in case only"
    return None


_UNFIT_DATE = "zero or partial date in column {}"


def unfit_date(column: Column) -> str:
    """The reason for a table to leave service when a column turns out to hold what is no date."""
    return _UNFIT_DATE.format(column.name)


def packed_columns(table: Table, reason: str) -> frozenset[str]:
    """Columns whose dates have to be kept packed: those that are, and the one that the reason names."""
    return frozenset(c.name for c in table.columns if c.packed or (c.type in DATE_TYPES and reason == unfit_date(c)))


def pack_columns(table: Table, names: frozenset[str]) -> Table:
    """The table with these columns' dates kept packed."""
    folded = {name.casefold() for name in names}
    packed = (c.type in DATE_TYPES and c.name.casefold() in folded for c in table.columns)
    columns = tuple(replace(c, packed=is_packed) for c, is_packed in zip(table.columns, packed, strict=True))
    return replace(table, columns=columns)


def quote(name: str) -> str:
    """Quote an identifier for the store's SQL."""
    return '"' + name.replace('"', '""') + '"'


def local_name(table_id: int) -> str:
    """The name of a table's data within its schema of the store."""
    return f"t{table_id}"


def store_name(table_id: int) -> str:
    """The full name of a table's data in the store."""
    return f"{CATALOG}.{TABLES}.{local_name(table_id)}"


TWIN = "twin_"


def twin_name(number: int) -> str:
    """The full name of a table that is to take another's place."""
    return f"{CATALOG}.{TABLES}.{TWIN}{number}"


def store_type(column: Column) -> str:
    """The store's type of a carried column. Raises ValueError for one that is not carried."""
    found = _types(column)
    if found is None:
        raise ValueError(f"column {column.name} is not carried")
    return found[0]


def arrow_type(column: Column) -> pa.DataType:
    """The Arrow type of a carried column in motion. Raises ValueError for one that is not carried."""
    found = _types(column)
    if found is None:
        raise ValueError(f"column {column.name} is not carried")
    return found[1]


def arrow_schema(table: Table) -> pa.Schema:
    """The Arrow schema of a table's carried columns."""
    return pa.schema([pa.field(c.name, arrow_type(c)) for c in carried_columns(table)])


def create_statement(table: Table, name: str) -> str:
    """The CREATE TABLE of a table's copy; no keys: see DESIGN on what an index costs."""
    columns = ", ".join(f"{quote(c.name)} {store_type(c)}" for c in carried_columns(table))
    return f"CREATE TABLE {name} ({columns})"


def table_to_json(table: Table) -> str:
    """Write a definition as JSON text."""
    return json.dumps(asdict(table), separators=(",", ":"))


def table_from_json(text: str) -> Table:
    """Read what `table_to_json` wrote."""
    raw = json.loads(text)
    columns = tuple(Column(**{**c, "members": tuple(c.get("members", ()))}) for c in raw.pop("columns"))
    key = tuple(raw.pop("primary_key"))
    causes = tuple((schema, name, kinds) for schema, name, kinds in raw.pop("causes", ()))
    partitions = tuple(Partition(**part) for part in raw.pop("partitions", ()))
    indexes = tuple(Index(index["name"], tuple(index["columns"])) for index in raw.pop("indexes", ()))
    return Table(columns=columns, primary_key=key, causes=causes, partitions=partitions, indexes=indexes, **raw)
