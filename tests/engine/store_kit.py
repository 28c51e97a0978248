"""Small tables, batches and stores for the tests of the column store."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from engine.catalog import Key
from engine.changes.batch import Batch, TableEvent
from engine.changes.changes import Changes
from engine.changes.position import Position
from engine.layout import arrow_schema
from engine.replicate.apply import Applier
from engine.store.copies import Copies
from engine.store.database import Store
from statements.schema import Column, Table

KEYED = Table(
    "shop",
    "orders",
    (
        Column("id", 0, "int", "int", nullable=False),
        Column("part", 1, "varchar", "varchar(9)", nullable=False, charset="utf8mb4"),
        Column("note", 2, "varchar", "varchar(20)", charset="utf8mb4"),
    ),
    ("id", "part"),
)
KEYLESS = Table(
    "shop",
    "log",
    (Column("n", 0, "int", "int"), Column("text", 1, "varchar", "varchar(9)", charset="utf8mb4")),
)


def at(offset: int) -> Position:
    """A position of the one server of these tests."""
    return Position("server", "log.000001", offset, f"server:1-{offset}")


def changes(table: Table, images: list[tuple[int, tuple[Any, ...]]]) -> Changes:
    """Row images: (kind, values)."""
    schema = arrow_schema(table)
    columns = [pa.array([row[i] for _, row in images], field.type) for i, field in enumerate(schema)]
    kinds = np.array([kind for kind, _ in images], np.int8)
    return Changes(table.schema, table.name, kinds, pa.RecordBatch.from_arrays(columns, schema=schema))


def batch(offset: int, *parts: Changes, events: tuple[TableEvent, ...] = ()) -> Batch:
    """One transaction that ends at a position."""
    return Batch(at(offset), list(parts), list(events), transactions=1)


class Requests:
    """Notes what the applier asks of the loader."""

    def __init__(self) -> None:
        self.reloads: list[tuple[Key, str]] = []
        self.creations: list[tuple[Key, str]] = []

    def reload(self, key: Key, reason: str) -> None:
        self.reloads.append((key, reason))

    def created(self, key: Key, load_type: str = "SELF") -> None:
        self.creations.append((key, load_type))


class Kit:
    """A store with an applier, and tables loaded without a backend."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open()

    def open(self) -> None:
        self.store = Store(self.path, 1 << 28, 1)
        self.copies = Copies(self.store)
        self.requests = Requests()
        self.applier = Applier(self.store, self.copies, self.requests)

    def crash(self) -> None:
        """Go on with the file as it is on the disk now."""
        there = self.path.read_bytes()
        self.store.close()
        self.path.write_bytes(there)
        self.open()

    def load(self, table: Table, position: int = 0) -> None:
        """Put an empty table into service."""
        if not self.store.position.server:
            with self.store.write() as transaction:
                transaction.set_position(at(position))
        position = self.store.position
        self.copies.finish(self.copies.begin(table, "USER", since=position), position)

    def rows(self, table: Table) -> list[tuple[Any, ...]]:
        """What a reader sees now, in order."""
        with self.store.snapshot() as snapshot:
            found = snapshot.view.table(table.schema, table.name)
            assert not isinstance(found, str), found
            rows = snapshot.connection.execute(f"SELECT * FROM {found.store_name}").fetchall()
            assert found.rows == len(rows)
            return sorted(rows, key=repr)
