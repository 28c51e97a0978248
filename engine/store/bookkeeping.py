"""What the store notes of itself, in its own schema: position, tables, presence. Read and written in transactions."""

import duckdb

from engine.catalog import Key, LoadedTable, State
from engine.changes.position import Position
from engine.layout import (
    BOOKKEEPING,
    CATALOG,
    TABLES,
    left_out,
    store_name,
    table_from_json,
    table_to_json,
)

FORMAT = 6  # raise it when the meaning of the file changes: an older file is then thrown away
_AT = f"{CATALOG}.{BOOKKEEPING}"
NOWHERE = Position("", "", 0, "")

_CREATE = (
    f"CREATE SCHEMA {_AT}",
    f"CREATE SCHEMA {CATALOG}.{TABLES}",
    f"CREATE TABLE {_AT}.format(number INTEGER)",
    f"INSERT INTO {_AT}.format VALUES ({FORMAT})",
    f"""CREATE TABLE {_AT}.position(server VARCHAR, file VARCHAR, log_offset BIGINT, gtids VARCHAR, born BIGINT,
        version BIGINT)""",
    f"INSERT INTO {_AT}.position VALUES ('', '', 0, '', 0, 0)",
    f"""CREATE TABLE {_AT}.tables(id BIGINT, schema_name VARCHAR, table_name VARCHAR, definition VARCHAR,
        state VARCHAR, reason VARCHAR, load_type VARCHAR, load_started DOUBLE, load_ended DOUBLE)""",
    f"CREATE TABLE {_AT}.presence(id BIGINT, column_name VARCHAR, bits BLOB)",
    f"CREATE TABLE {_AT}.verified(id BIGINT, moment DOUBLE, row_count BIGINT, log_position VARCHAR)",
    f"""CREATE TABLE {_AT}.prepared(xid VARCHAR, schema_name VARCHAR, table_name VARCHAR, definition VARCHAR,
        place BIGINT, changes BLOB)""",
)


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the bookkeeping tables of an empty store."""
    for statement in _CREATE:
        connection.execute(statement)


def is_ours(connection: duckdb.DuckDBPyConnection) -> bool:
    """Tell whether the file has bookkeeping of this format. Raises duckdb.Error."""
    found = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = ? AND schema_name = ? AND table_name = 'format'",
        [CATALOG, BOOKKEEPING],
    ).fetchone()
    if not found or not found[0]:
        return False
    return connection.execute(f"SELECT number FROM {_AT}.format").fetchall() == [(FORMAT,)]


def read_position(connection: duckdb.DuckDBPyConnection) -> tuple[Position, int]:
    """The position and the number of the state in this connection's snapshot."""
    row = connection.execute(f"SELECT server, file, log_offset, gtids, born, version FROM {_AT}.position").fetchone()
    if row is None:
        raise duckdb.InternalException("the store has no position")
    return Position(row[0], row[1], row[2], row[3], row[4]), row[5]


def write_position(connection: duckdb.DuckDBPyConnection, position: Position, version: int) -> None:
    """Note the position that the data of this transaction is at, and the number of its state (`version`)."""
    # Literals: with parameters each call looks for pandas on the disk, which costs as much as the update.
    texts = [value.replace("'", "''") for value in (position.server, position.file, position.gtids)]
    connection.execute(
        f"UPDATE {_AT}.position SET server = '{texts[0]}', file = '{texts[1]}', log_offset = {position.offset}, "
        f"gtids = '{texts[2]}', born = {position.born}, version = {version}"
    )


def write_table(connection: duckdb.DuckDBPyConnection, entry: LoadedTable) -> None:
    """Note a table's entry, in place of the one it had."""
    forget_table(connection, entry.id)
    connection.execute(
        f"INSERT INTO {_AT}.tables VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            entry.id,
            entry.table.schema,
            entry.table.name,
            table_to_json(entry.table),
            str(entry.state),
            entry.reason,
            entry.load_type,
            entry.load_started,
            entry.load_ended,
        ],
    )
    write_presence(connection, entry)


def write_presence(connection: duckdb.DuckDBPyConnection, entry: LoadedTable) -> None:
    """Note the presence of a table's string columns, in place of what it was."""
    connection.execute(f"DELETE FROM {_AT}.presence WHERE id = ?", [entry.id])
    if entry.presence:
        rows = [[entry.id, column, bits] for column, bits in entry.presence.items()]
        connection.executemany(f"INSERT INTO {_AT}.presence VALUES (?, ?, ?)", rows)


def forget_table(connection: duckdb.DuckDBPyConnection, table_id: int) -> None:
    """Remove a table's entry."""
    connection.execute(f"DELETE FROM {_AT}.tables WHERE id = ?", [table_id])
    connection.execute(f"DELETE FROM {_AT}.presence WHERE id = ?", [table_id])


def read_tables(connection: duckdb.DuckDBPyConnection) -> dict[Key, LoadedTable]:
    """All entries as noted, rows counted where the table is there."""
    presence: dict[int, dict[str, bytes]] = {}
    for table_id, column, bits in connection.execute(f"SELECT * FROM {_AT}.presence").fetchall():
        presence.setdefault(table_id, {})[column] = bits
    tables: dict[Key, LoadedTable] = {}
    for row in connection.execute(f"SELECT * FROM {_AT}.tables").fetchall():
        table_id, schema, name, definition, state, reason, load_type, started, ended = row
        table = table_from_json(definition)
        tables[schema, name] = LoadedTable(
            id=table_id,
            table=table,
            store_name=store_name(table_id),
            state=State(state),
            reason=reason,
            presence=presence.get(table_id, {}),
            left_out=left_out(table),
            load_type=load_type,
            progress=100.0 if state == State.AVAILABLE else 0.0,
            load_started=started,
            load_ended=ended,
        )
    return tables


def write_verified(connection: duckdb.DuckDBPyConnection, table_id: int, moment: float, rows: int, at: str) -> None:
    """Note when a copy was last found equal to its source, `moment` in seconds since the epoch."""
    connection.execute(f"DELETE FROM {_AT}.verified WHERE id = {table_id}")
    connection.execute(f"INSERT INTO {_AT}.verified VALUES (?, ?, ?, ?)", [table_id, moment, rows, at])


def read_verified(connection: duckdb.DuckDBPyConnection) -> dict[int, tuple[float, int, str]]:
    """When each copy was last found equal to its source, with the rows compared and the log position."""
    found = connection.execute(f"SELECT id, moment, row_count, log_position FROM {_AT}.verified").fetchall()
    return {number: (moment, rows, at) for number, moment, rows, at in found}


def holds_copy(connection: duckdb.DuckDBPyConnection, entry: LoadedTable) -> bool:
    """Tell whether this connection's snapshot has this very copy in service, under this name and definition."""
    found = connection.execute(
        f"SELECT schema_name, table_name, definition, state FROM {_AT}.tables WHERE id = {entry.id}"
    ).fetchall()
    table = entry.table
    return found == [(table.schema, table.name, table_to_json(table), str(State.AVAILABLE))]


def pending_name(table_id: int) -> str:
    """Name of the table that keeps a table's changes while it is loaded."""
    return f"{_AT}.pending_{table_id}"


def table_names(connection: duckdb.DuckDBPyConnection) -> set[Key]:
    """Schema and name of every table in the file."""
    rows = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ?", [CATALOG]
    ).fetchall()
    return {(schema, name) for schema, name in rows}
