"""Whole transactions as replication hands them to the store: changes, events of tables, and the place after them."""

from dataclasses import dataclass, field
from typing import Literal

from engine.changes.changes import ChangeSource
from engine.changes.position import Position

TableEventKind = Literal["create", "create if absent", "alter", "drop", "truncate", "rename", "unknown"]


@dataclass(frozen=True, slots=True)
class TableEvent:
    """A statement that changes what tables there are or what shape they have.

    `name` is empty when the whole schema is meant (DROP DATABASE) or, with kind "unknown", when the statement
    could not be read: then every table of `schema` (all tables when that is empty too) may have changed.
    """

    schema: str
    name: str
    kind: TableEventKind
    statement: str
    renamed_to: tuple[str, str] | None = None  # (schema, name), kind "rename" only
    sql_mode: int = 0  # the bit mask to read the statement with


@dataclass(frozen=True, slots=True)
class Failure:
    """A table whose changes could not be followed, and why: it has to be quarantined and loaded again."""

    schema: str
    name: str  # empty: every table of the schema; both empty: every table
    reason: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """What becomes of an XA transaction: it is prepared, committed or rolled back.

    `tables` and `changes` are those of one that is prepared: all that it writes to, and what is followed of it.
    """

    kind: Literal["prepare", "commit", "rollback"]
    xid: str
    tables: frozenset[tuple[str, str]] = frozenset()
    changes: tuple[ChangeSource, ...] = ()


@dataclass(slots=True)
class Batch:
    """Whole transactions in log order, with the position after the last of them.

    A batch holds changes, DDL or the commit of a prepared transaction, never two of them. `commit_timestamp` is the
    last transaction's commit, `oldest_commit` the first one's, in seconds since the epoch (MySQL: to the microsecond;
    MariaDB: whole seconds).
    """

    position: Position
    changes: list[ChangeSource] = field(default_factory=list)
    events: list[TableEvent] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    transactions: int = 0
    commit_timestamp: float = 0.0
    oldest_commit: float = 0.0
    prepared: list[Prepared] = field(default_factory=list)
