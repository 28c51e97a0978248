"""What the backend says of its schemas and tables: columns, keys, what its log does not say of them."""

import re
from dataclasses import replace
from typing import Any

from base.errors import BackendError
from engine.backend.cascades import find_causes, unlogged_actions
from engine.backend.connection import Connection
from statements.generated import unsteady
from statements.lake import quoted, stored_attribute
from statements.schema import BYTE_CHARSETS, MEMBER_TYPES, Column, Index, Partition, Table, parse_members

LAKE_ENGINE = "lakehouse"  # of a table whose rows are files: the backend says InnoDB, as of every shadow
SYSTEM_SCHEMAS = frozenset({"mysql", "information_schema", "performance_schema", "sys"})

_COLUMNS = """
SELECT TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION, LOWER(DATA_TYPE), COLUMN_TYPE, IS_NULLABLE, NUMERIC_PRECISION,
 NUMERIC_SCALE, CHARACTER_MAXIMUM_LENGTH, CHARACTER_OCTET_LENGTH, DATETIME_PRECISION, CHARACTER_SET_NAME,
 COLLATION_NAME, EXTRA, {expression}, COLUMN_DEFAULT FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s {name}
 ORDER BY TABLE_NAME, ORDINAL_POSITION
"""
_TABLES = """
SELECT TABLE_NAME, ENGINE, TABLE_COLLATION, TABLE_ROWS, TABLE_TYPE, CREATE_OPTIONS FROM information_schema.TABLES
 WHERE TABLE_SCHEMA = %s AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') {name}
"""
_EMPTY = """
SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES
 WHERE ENGINE = 'InnoDB' AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND COALESCE(TABLE_ROWS, 0) = 0
"""
_INDEXES = """
SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, NULLABLE, NON_UNIQUE = 0,
 INDEX_TYPE = 'BTREE' AND COLLATION = 'A' AND SUB_PART IS NULL FROM information_schema.STATISTICS
 WHERE TABLE_SCHEMA = %s {name}
 ORDER BY TABLE_NAME, INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX
"""
_PARTITIONS = """
SELECT PARTITION_NAME, PARTITION_METHOD, PARTITION_EXPRESSION, PARTITION_DESCRIPTION FROM information_schema.PARTITIONS
 WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND PARTITION_NAME IS NOT NULL ORDER BY PARTITION_ORDINAL_POSITION
"""


def describe_schema(connection: Connection, schema: str, name: str | None = None) -> list[Table]:
    """Describe the base tables of a schema, or the one named. Raises BackendError.

    A table without a primary key is given its first unique key of columns that cannot be NULL, as InnoDB does.
    """
    only = "AND TABLE_NAME = %s" if name is not None else ""
    parameters = (schema,) if name is None else (schema, name)
    expression = "GENERATION_EXPRESSION" if connection.is_mariadb else "CAST(GENERATION_EXPRESSION AS CHAR)"
    tables = connection.query(_TABLES.format(name=only), parameters)
    columns: dict[str, list[Column]] = {}
    for row in connection.query(_COLUMNS.format(name=only, expression=expression), parameters):
        columns.setdefault(row[0], []).append(_column(row, connection.is_mariadb))
    columns = {table: _complete(connection, found) for table, found in columns.items()}
    index_parts = connection.query(_INDEXES.format(name=only), parameters)
    keys, indexes = _keys(index_parts), _indexes(index_parts)
    unlogged = unlogged_actions(connection, schema, [table for table, *_ in tables], name is None)
    causes = {}
    for table in unlogged.keys() & keys.keys():
        causes[table] = find_causes(connection, schema, table)
        if causes[table]:
            del unlogged[table]
    lake = {table for table, _, _, rows, *_ in tables if not rows and _is_lake(connection, schema, table)}
    return [
        Table(
            schema,
            table,
            tuple(columns.get(table, ())),
            keys.get(table, ()),
            LAKE_ENGINE if table in lake else engine or "",
            collation,
            unlogged.get(table, ""),
            causes.get(table, ()),
            _partitions(connection, schema, table) if "partitioned" in (options or "") else (),
            tuple(indexes.get(table, ())),
        )
        for table, engine, collation, _, kind, options in tables
        if kind == "BASE TABLE" or table in lake  # MariaDB's tables with a history are not copied; shadows are such
    ]


def _partitions(connection: Connection, schema: str, table: str) -> tuple[Partition, ...]:
    """The partitions of a table; those that are divided again come once."""
    found: dict[str, Partition] = {}
    for name, method, expression, bound in connection.query(_PARTITIONS, (schema, table)):
        found.setdefault(name, Partition(name, method, _text(expression), _text(bound)))
    return tuple(found.values())


def _text(value: str | bytes | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""


def lake_tables(connection: Connection) -> list[tuple[str, str]]:
    """Schema and name of every lake table. Raises BackendError."""
    found = connection.query(_EMPTY)
    return [(s, t) for s, t in found if s.lower() not in SYSTEM_SCHEMAS and _is_lake(connection, s, t)]


def lake_texts(connection: Connection) -> str:
    """What SHOW CREATE TABLE says of every table without rows, of which some are lake tables. Raises BackendError."""
    found = connection.query(_EMPTY)
    return "\n".join(show_create(connection, s, t) for s, t in found if s.lower() not in SYSTEM_SCHEMAS)


def _is_lake(connection: Connection, schema: str, table: str) -> bool:
    """Tell whether a table without rows is the shadow of a lake table."""
    try:
        return stored_attribute(show_create(connection, schema, table)) is not None
    except BackendError:
        return False  # dropped meanwhile, or hidden: who loads it will see


def show_create(connection: Connection, schema: str, name: str) -> str:
    """What SHOW CREATE TABLE says of a table. Raises BackendError."""
    rows = connection.query_bytes(f"SHOW CREATE TABLE {quoted(schema)}.{quoted(name)}")
    return bytes(rows[0][1]).decode("utf-8", "replace") if rows else ""


def _complete(connection: Connection, columns: list[Column]) -> list[Column]:
    """Add what only the other columns, or the server, can tell of a column."""
    zoned = {c.name.lower() for c in columns if c.type == "timestamp"}
    unsigned = {c.name.lower() for c in columns if c.unsigned}
    done = []
    for column in columns:
        if column.generated == "virtual":
            # MySQL shows the expression as the text of a literal.
            plain = column.expression if connection.is_mariadb else re.sub(r"\\(.)", r"\1", column.expression)
            column = replace(column, unsteady=unsteady(plain, zoned, unsigned))
        if column.charset in BYTE_CHARSETS:
            column = replace(column, characters=_characters(connection, column.charset))
        done.append(column)
    return done


def _characters(connection: Connection, charset: str) -> str:
    """What the server makes of each byte of a character set; empty when it is not one character for each."""
    made = str(connection.query(f"SELECT CONVERT(_{charset} X'{bytes(range(256)).hex()}' USING utf8mb4)")[0][0] or "")
    return made if len(made) == 256 else ""


def describe_table(connection: Connection, schema: str, name: str) -> Table | None:
    """Describe one base table; None when there is none of this name. Raises BackendError."""
    found = describe_schema(connection, schema, name)
    return found[0] if found else None


def user_schemas(connection: Connection) -> list[str]:
    """Names of all schemas that are not the server's own. Raises BackendError."""
    rows = connection.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA ORDER BY 1")
    return [name for (name,) in rows if name.lower() not in SYSTEM_SCHEMAS]


def folds_table_names(connection: Connection) -> bool:
    """Tell whether the backend compares table names without case."""
    return bool(connection.query("SELECT @@lower_case_table_names")[0][0])


def estimate_rows(connection: Connection, schema: str, name: str) -> int:
    """The backend's own rough count of a table's rows."""
    statement = "SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
    rows = connection.query(statement, (schema, name))
    return int(rows[0][0] or 0) if rows else 0


def _keys(rows: list[tuple[Any, ...]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, list[tuple[str | None, str]]]] = {}
    for table, index, column, nullable, is_unique, _ in rows:
        if is_unique:
            found.setdefault(table, {}).setdefault(index, []).append((column, nullable))
    keys: dict[str, tuple[str, ...]] = {}
    for table, indexes in found.items():
        for parts in indexes.values():
            # A functional key part has no column name.
            if all(column is not None and nullable != "YES" for column, nullable in parts):
                keys[table] = tuple(str(column) for column, _ in parts)
                break
    return keys


def _indexes(rows: list[tuple[Any, ...]]) -> dict[str, list[Index]]:
    """The indexes of each table by which rows are in the order of its columns."""
    found: dict[tuple[str, str], list[tuple[str | None, Any]]] = {}
    for table, index, column, _, _, is_plain in rows:
        found.setdefault((table, index), []).append((column, is_plain))
    indexes: dict[str, list[Index]] = {}
    for (table, index), parts in found.items():
        if all(column is not None and is_plain for column, is_plain in parts):  # a functional part has no name
            indexes.setdefault(table, []).append(Index(index, tuple(str(column) for column, _ in parts)))
    return indexes


def _column(row: tuple[Any, ...], is_mariadb: bool) -> Column:
    (_, name, ordinal, kind, full, nullable, precision, scale, chars, octets, fsp, charset, collation, *rest) = row
    extra, expr, given = rest
    extra = (extra or "").upper()
    full = full.decode() if isinstance(full, bytes) else full
    default, computed = _default(given, extra, is_mariadb)
    generated = ""
    if "VIRTUAL" in extra and expr:
        generated = "virtual"
    elif ("STORED" in extra or "PERSISTENT" in extra) and expr:
        generated = "stored"
    length = chars if charset else octets
    return Column(
        name=name,
        ordinal=int(ordinal) - 1,
        type=kind,
        column_type=full,
        nullable=nullable == "YES",
        unsigned=bool(re.search(r"\bunsigned\b", full)) and kind not in ("enum", "set"),
        precision=None if precision is None else int(precision),
        scale=None if scale is None else int(scale),
        length=None if length is None else int(length),
        fsp=int(fsp or 0),
        charset=charset,
        collation=collation,
        generated=generated,
        invisible="INVISIBLE" in extra,
        not_secondary="NOT SECONDARY" in extra,
        expression=expr or "" if generated else "",
        members=parse_members(full) if kind in MEMBER_TYPES else (),
        default=default,
        computed_default=computed,
    )


_NUMBER = re.compile(r"-?[0-9.]+(?:e[+-]?[0-9]+)?$", re.IGNORECASE)


def _default(text: str | bytes | None, extra: str, is_mariadb: bool) -> tuple[str | None, bool]:
    """A constant default's text, and whether there is one that is an expression or cannot be read.

    MySQL shows a constant as it is, MariaDB as a literal; NULL is one of those.
    """
    text = text.decode() if isinstance(text, bytes) else text
    if text is None:
        return None, False
    if not is_mariadb:
        unreadable = "DEFAULT_GENERATED" in extra or text.startswith(("b'", "0x"))
        return (None, True) if unreadable else (text, False)
    if text == "NULL":
        return None, False
    if _NUMBER.match(text):
        return text, False
    if len(text) > 1 and text[0] == text[-1] == "'" and "\\" not in text:
        return text[1:-1].replace("''", "'"), False
    return None, True
