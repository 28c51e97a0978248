"""What replication hands to the store: positions, columnar changes, table events, whole batches."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from wire.gtid import NAMELESS, GtidPosition, GtidSet

DELETED = 0  # kind of a row that is a before image
INSERTED = 1  # kind of a row that is an after image

TableEventKind = Literal["create", "create if absent", "alter", "drop", "truncate", "rename", "unknown"]


@dataclass(frozen=True, slots=True)
class Position:
    """A place in one server's binary log, after a whole transaction.

    `server` is the server_uuid, or "mariadb-<server_id>". `gtids` is the executed set up to here as text
    (MariaDB: "d-s-n,…"), with `NAMELESS` where they do not name all. Order is by (file number, offset) and means
    something on one server only. `born` is when the file was begun, in seconds since the epoch, 0 when that is not
    known: names may be used again.
    """

    server: str
    file: str
    offset: int
    gtids: str = ""
    born: int = 0

    def covers(self, other: "Position") -> bool:
        """Whether everything up to another place is up to here: both must be of one server."""
        return self.server == other.server and self.key >= other.key

    @property
    def nameless(self) -> bool:
        """Whether the GTIDs do not name all transactions up to here: then it is a place on this server only."""
        return NAMELESS in self.gtids

    @property
    def named(self) -> str:
        """The executed set as the server knows it."""
        if not self.nameless:
            return self.gtids
        kind = GtidPosition if self.server.startswith("mariadb-") else GtidSet
        return str(kind(self.gtids).named())

    @property
    def key(self) -> tuple[int, int]:
        """Number of the log file and offset in it: what two positions of one server compare by."""
        number = self.file.rpartition(".")[2]
        return (int(number) if number.isdigit() else 0), self.offset

    def __lt__(self, other: "Position") -> bool:
        return self.key < other.key

    def __le__(self, other: "Position") -> bool:
        return self.key <= other.key

    def __gt__(self, other: "Position") -> bool:
        return self.key > other.key

    def __ge__(self, other: "Position") -> bool:
        return self.key >= other.key


@dataclass(slots=True)
class Changes:
    """Row images of one table in log order; an UPDATE is a before image followed by its after image.

    `kinds` has DELETED or INSERTED per row of `rows`, whose columns are the table's carried columns by name.
    `missing` is None when the log had all of them, as it has with binlog_row_image=FULL.
    """

    schema: str
    name: str
    kinds: npt.NDArray[np.int8]
    rows: pa.RecordBatch
    missing: "Missing | None" = None

    @property
    def images(self) -> int:
        """Row images in it."""
        return len(self.kinds)

    def read(self) -> Iterator["Changes"]:
        """Give itself: changes that are not in memory come in pieces."""
        yield self


@dataclass(slots=True)
class Missing:
    """What row images lack: `known` has ABSENT, VALUE or DIFFERENCE per column and row (`engine.replicate.kernels`).

    A cell that is no VALUE is NULL in the rows. `differences` holds the binary JSON differences of a column's cells
    that are DIFFERENCE, and NULL elsewhere; only of columns that have some.
    """

    known: npt.NDArray[np.uint8]
    differences: dict[str, pa.Array] = field(default_factory=dict)


def join_changes(group: list[Changes]) -> Changes:
    """Put successive changes of one table together."""
    first = group[0]
    if len(group) == 1:
        return first
    kinds = np.concatenate([changes.kinds for changes in group])
    rows = pa.concat_batches([changes.rows for changes in group])
    return Changes(first.schema, first.name, kinds, rows, _join_missing(group))


def _join_missing(group: list[Changes]) -> Missing | None:
    if all(changes.missing is None for changes in group):
        return None
    columns = group[0].rows.num_columns
    known, differences = [], {}
    for changes in group:
        found = changes.missing
        known.append(np.ones((columns, len(changes.kinds)), np.uint8) if found is None else found.known)
    for name in sorted({name for changes in group if changes.missing for name in changes.missing.differences}):
        parts = [changes.missing.differences.get(name) if changes.missing else None for changes in group]
        filled = [
            pa.nulls(len(changes.kinds), pa.binary()) if part is None else part
            for part, changes in zip(parts, group, strict=True)
        ]
        differences[name] = pa.concat_arrays(filled)
    return Missing(np.concatenate(known, axis=1), differences)


class ChangeSource(Protocol):
    """Changes of one table, in memory or not."""

    @property
    def schema(self) -> str:
        """Schema of the table."""

    @property
    def name(self) -> str:
        """Name of the table."""

    @property
    def images(self) -> int:
        """Row images in it."""

    def read(self) -> Iterator[Changes]:
        """Give them piece by piece, in log order; may be called again. Raises OSError."""


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
