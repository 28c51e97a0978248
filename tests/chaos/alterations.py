"""Random definitions one after the other, with random changes of rows between them, on one connection.

What columns and keys there are is asked of the server each time, so any statement may fail, or do something unforeseen.
"""

from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import pymysql

SCHEMAS = ("alter_a", "alter_b")
_AWAY = f"{SCHEMAS[0]}.away"
_TABLES = 6  # names in each schema
_COLUMNS = (
    *("INT DEFAULT 7", "INT", "INT NOT NULL", "INT NOT NULL DEFAULT -3", "BIGINT UNSIGNED DEFAULT 9", "BIGINT"),
    *("VARCHAR(20) DEFAULT 'é'", "VARCHAR(30) CHARACTER SET latin1 DEFAULT 'abc'", "VARCHAR(10) NOT NULL"),
    *("VARCHAR(25) CHARACTER SET utf8mb3", "CHAR(6) DEFAULT 'x '", "CHAR(3) NOT NULL"),
    *("DECIMAL(8,2) DEFAULT 1.5", "DECIMAL(12,4) NOT NULL", "DECIMAL(6,0)", "DOUBLE DEFAULT 0.5", "FLOAT"),
    *("DATETIME", "DATETIME(3) DEFAULT '2020-01-02 03:04:05'", "DATE", "DATE NOT NULL", "TIMESTAMP NULL", "TIME(2)"),
    *("DATETIME DEFAULT CURRENT_TIMESTAMP", "YEAR", "BIT(5) DEFAULT 3", "TEXT", "MEDIUMTEXT NOT NULL", "BLOB"),
    *("VARBINARY(9) DEFAULT 'b'", "ENUM('a','b','c')", "ENUM('a','b','c','d') NOT NULL", "SET('x','y')", "JSON"),
)
_KEYS = ("", "", ", PRIMARY KEY (id)", ", PRIMARY KEY (id)", ", PRIMARY KEY (k, id)", ", PRIMARY KEY (k(3), id)")
_KEYS += (", UNIQUE KEY (id)",)
_VALUES = {  # by how the type begins
    ("date", "timestamp"): ("'2021-03-04 05:06:07.891'", "'2000-02-29'", "'1999-12-31 23:59:59'", "'0000-00-00'"),
    ("time",): ("'01:02:03.45'", "'-10:00:00'"),
    ("enum",): ("'a'", "'b'", "'c'", "'d'"),
    ("set",): ("'x'", "'x,y'", "''"),
    ("json",): ("'{\"a\": 1}'", "'[1, 2.5]'"),
    ("bit",): ("0", "17", "31"),
    ("year",): ("1901", "2155", "2000"),
    ("char", "varchar", "text", "mediumtext", "longtext", "blob", "varb", "binary"): (
        *("'a'", "'b '", "''", "'été'", "'zz'", "'12'"),
    ),
}
_NUMBERS = ("0", "1", "-5", "77", "1234.567", "99", "3")
Name = tuple[str, str]


class Alterations:
    """Gives statements for what there is; `step` runs some and says which were done."""

    def __init__(self, cursor: Any, seed: int, mariadb: bool) -> None:
        self._cursor = cursor
        self._rng = Random(seed)
        self._mariadb = mariadb
        self._made = 0
        cursor.execute("SET SESSION sql_mode = ''")
        for schema in SCHEMAS:
            cursor.execute(f"CREATE DATABASE {schema} CHARACTER SET utf8mb4")

    def step(self) -> list[str]:
        """Change definitions and rows a few times."""
        done: list[str] = []
        for _ in range(self._rng.randrange(1, 4)):
            self._try(self._definition(), done)
            self._try(f"CREATE DATABASE IF NOT EXISTS {SCHEMAS[1]} CHARACTER SET utf8mb4", done)
            tables = self.tables()
            for table in self._rng.sample(tables, k=min(3, len(tables))):
                if self._rng.random() < 0.3:
                    self._try(f"SET SESSION binlog_row_image = {self._pick('FULL', 'FULL', 'MINIMAL', 'NOBLOB')}", done)
                self._try(self._change(table), done)
        return done

    def tables(self) -> list[Name]:
        """The tables that there are."""
        self._cursor.execute(
            "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA IN (%s, %s) "
            "AND TABLE_TYPE = 'BASE TABLE' ORDER BY 1, 2",
            SCHEMAS,
        )
        return list(self._cursor.fetchall())

    def _try(self, statement: str, done: list[str]) -> None:
        with suppress(pymysql.err.Error):
            self._cursor.execute(statement)
            done.append(statement)

    def _pick(self, *choices: Any) -> Any:
        return self._rng.choice(choices)

    def _columns(self, table: Name) -> list[tuple[str, str]]:
        """Names and types of the columns that can be written."""
        self._cursor.execute(
            "SELECT COLUMN_NAME, COLUMN_TYPE, GENERATION_EXPRESSION FROM information_schema.COLUMNS "
            "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION",
            table,
        )
        return [(name, kind) for name, kind, expression in self._cursor.fetchall() if not expression]

    def _new(self) -> str:
        self._made += 1
        return f"n{self._made}"

    def _free(self) -> str:
        """A name that may be taken."""
        return f"{self._pick(*SCHEMAS)}.t{self._rng.randrange(_TABLES)}"

    def _create(self) -> str:
        columns = "".join(f", {self._new()} {self._pick(*_COLUMNS)}" for _ in range(self._rng.randrange(1, 4)))
        key = self._pick(*_KEYS)
        parts = " PARTITION BY HASH (id) PARTITIONS 3" if "KEY (id)" in key and self._rng.random() < 0.3 else ""
        charset = self._pick("", "", " CHARACTER SET latin1")
        return f"CREATE TABLE {self._free()} (id INT, k VARCHAR(12){columns}{key}){charset}{parts}"

    def _definition(self) -> str:
        tables = self.tables()
        if len(tables) < 4 or self._rng.random() < 0.06:
            return self._create()
        one, other, third = (".".join(self._rng.choice(tables)) for _ in range(3))
        choices = [
            f"TRUNCATE TABLE {one}",
            f"DROP TABLE {one}",
            f"DROP TABLE {one}, {other}",
            f"RENAME TABLE {one} TO {self._free()}",
            f"RENAME TABLE {one} TO {_AWAY}, {other} TO {one}, {_AWAY} TO {other}",
            f"RENAME TABLE {one} TO {_AWAY}, {other} TO {_AWAY}2, {_AWAY} TO {other}, {_AWAY}2 TO {one}",
            f"RENAME TABLE {one} TO {_AWAY}, {other} TO {one}, {third} TO {other}, {_AWAY} TO {third}",
            f"CREATE TABLE {self._free()} LIKE {one}",
            f"CREATE TABLE {self._free()} AS SELECT * FROM {one}",
            f"CREATE TABLE {self._free()} (PRIMARY KEY (id)) AS SELECT * FROM {one}",
            f"CREATE {self._pick('', 'UNIQUE')} INDEX {self._new()} ON {one} (id)",
            f"ALTER TABLE {one} PARTITION BY HASH (id) PARTITIONS 2",
            f"ALTER TABLE {one} TRUNCATE PARTITION {self._pick('p0', 'ALL')}",
            f"ALTER TABLE {one} COALESCE PARTITION 1",
            f"ALTER TABLE {one} EXCHANGE PARTITION p0 WITH TABLE {other}",
            f"ALTER TABLE {one} REMOVE PARTITIONING",
            f"ALTER DATABASE {SCHEMAS[0]} CHARACTER SET {self._pick('latin1', 'utf8mb4')}",
        ]
        if self._mariadb:
            choices.append(f"CREATE OR REPLACE TABLE {one} (id INT PRIMARY KEY, k VARCHAR(5))")
            choices.append(f"CREATE OR REPLACE TABLE {one} AS SELECT * FROM {other}")
        if self._rng.random() < 0.1:
            return f"DROP DATABASE {SCHEMAS[1]}"
        return self._pick(*choices) if self._rng.random() < 0.6 else self._alter(self._rng.choice(tables))

    def _alter(self, table: Name) -> str:
        columns = dict(self._columns(table))
        clauses = [self._clause(columns) for _ in range(self._pick(1, 1, 1, 2, 3))]
        how = self._pick("", "", ", ALGORITHM = INSTANT", ", ALGORITHM = COPY")
        return f"ALTER TABLE {table[0]}.{table[1]} {', '.join(clauses)}{how}"

    def _clause(self, columns: dict[str, str]) -> str:
        names = list(columns) or ["id"]
        old, place = self._pick(*names), self._pick("", " FIRST", f" AFTER {self._pick(*names)}")
        kind, new = self._pick(*_COLUMNS), self._new()
        choices: tuple[Callable[[], str], ...] = (
            *(lambda: f"ADD COLUMN {new} {kind}{place}",) * 3,
            lambda: f"ADD COLUMN ({new} {kind}, {new}b {self._pick(*_COLUMNS)})",
            lambda: f"ADD COLUMN {new} INT AS (id * 2) {self._pick('STORED', 'VIRTUAL')}{place}",
            lambda: f"ADD COLUMN {new} INT INVISIBLE",
            lambda: f"ADD COLUMN {new} INT AUTO_INCREMENT UNIQUE",
            *(lambda: f"DROP COLUMN {old}",) * 2,
            lambda: f"RENAME COLUMN {old} TO {self._pick(new, *names)}",
            lambda: f"CHANGE {old} {new} {columns.get(old, kind)}{place}",
            lambda: f"MODIFY {old} {columns.get(old, kind)}{place}",
            *(lambda: f"MODIFY {old} {kind}{place}",) * 2,
            lambda: f"CONVERT TO CHARACTER SET {self._pick('latin1', 'utf8mb4', 'utf8mb3')}",
            lambda: f"DEFAULT CHARACTER SET {self._pick('latin1', 'utf8mb4')}",
            lambda: "DROP PRIMARY KEY",
            lambda: f"DROP PRIMARY KEY, ADD PRIMARY KEY (id, {old})",
            lambda: f"ADD PRIMARY KEY ({self._pick('id', old)})",
            lambda: f"ADD {self._pick('UNIQUE KEY', 'INDEX')} {new} ({self._pick('id', old)})",
            lambda: f"ALTER COLUMN {old} {self._pick('SET DEFAULT 5', 'DROP DEFAULT', 'SET INVISIBLE', 'SET VISIBLE')}",
            lambda: f"RENAME TO {self._free()}",
            lambda: f"ENGINE = {self._pick('InnoDB', 'InnoDB', 'InnoDB', 'MyISAM')}",
            lambda: self._pick("ROW_FORMAT = DYNAMIC", "ORDER BY id", "FORCE", "COMMENT = 'RENAME TO x'"),
        )
        return str(self._rng.choice(choices)())

    def _change(self, table: Name) -> str:
        columns, name = self._columns(table), f"{table[0]}.{table[1]}"
        column, kind = self._pick(*columns) if columns else ("id", "int")
        some = f"WHERE id % {self._rng.randrange(2, 5)} = 0" if "id" in dict(columns) else ""
        rows = ", ".join("(" + ", ".join(self._value(*c) for c in columns) + ")" for _ in range(self._pick(1, 3, 8)))
        into = f"INTO {name} ({', '.join(f'`{c}`' for c, _ in columns)}) VALUES {rows}"
        return str(
            self._pick(
                *(f"INSERT IGNORE {into}",) * 3,
                f"REPLACE {into}",
                *(f"UPDATE IGNORE {name} SET `{column}` = {self._value(column, kind)} {some} LIMIT 4",) * 2,
                f"DELETE FROM {name} LIMIT 1",
            )
        )

    def _value(self, column: str, kind: str) -> str:
        if self._rng.random() < 0.1:
            return "NULL"
        if column == "id":
            return str(self._rng.randrange(25))
        found = next((values for begins, values in _VALUES.items() if kind.startswith(begins)), _NUMBERS)
        return self._rng.choice(found)
