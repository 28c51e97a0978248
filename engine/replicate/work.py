"""What has been read of a transaction, and of those that wait for their batch: row events per table, then columns."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

from engine.changes.batch import Failure, Prepared, TableEvent
from engine.changes.changes import ChangeSource
from engine.images.columns import Undecodable
from engine.replicate.decode import KINDS, Decoder, Run
from engine.replicate.spill import SpillFile
from statements.schema import Table
from wire.binlog_table_map import TableMap
from wire.binlog_types import Gtid, MariaGtid, Rows

log = logging.getLogger(__name__)

Key = tuple[str, str]


@dataclass(slots=True)
class Work:
    """Row events in log order per table, and what has been decoded of them already."""

    runs: dict[int, tuple[Table, list[Run]]] = field(default_factory=dict)  # by the identity of the table
    changes: list[ChangeSource] = field(default_factory=list)
    events: list[TableEvent] = field(default_factory=list)
    failures: dict[Key, Failure] = field(default_factory=dict)
    prepared: list[Prepared] = field(default_factory=list)
    size: int = 0  # bytes of the row images in `runs`

    def add(self, table: Table, shape: TableMap, event: Rows) -> None:
        """Add a row event."""
        _, runs = self.runs.setdefault(id(table), (table, []))
        if not runs or runs[-1].shape is not shape:
            runs.append(Run(shape))
        runs[-1].add(KINDS[event.kind], event.before, event.after, event.images)
        self.size += len(event.images)

    def add_all(self, table: Table, shape: TableMap, kinds: list[int], images: list[bytes]) -> None:
        """Add row events of one shape that log all columns."""
        _, runs = self.runs.setdefault(id(table), (table, []))
        if not runs or runs[-1].shape is not shape:
            runs.append(Run(shape))
        runs[-1].add_whole(kinds, images)
        self.size += sum(map(len, images))

    def fail(self, schema: str, name: str, reason: str) -> None:
        """Note that a table cannot be followed; the first reason stays."""
        self.failures.setdefault((schema, name), Failure(schema, name, reason))

    def decode(self, decoder: Decoder) -> None:
        """Turn the row events into columns; a table that cannot be decoded becomes a failure."""
        for table, runs in self.runs.values():
            try:
                for run in runs:
                    if (table.schema, table.name) not in self.failures:
                        self.changes.extend(decoder.decode(table, run))
            except Undecodable as reason:
                self.fail(table.schema, table.name, str(reason))
            except Exception as error:  # a defect of ours costs one table, not the stream
                log.exception("changes of %s.%s", table.schema, table.name)
                self.fail(table.schema, table.name, f"changes cannot be decoded: {error!r}")
        self.runs = {}
        self.size = 0

    def take(self, later: "Work", decoder: Decoder) -> None:
        """Append the work of a transaction that has committed."""
        if later.changes:
            self.decode(decoder)
            self.changes.extend(later.changes)
        for identity, (table, runs) in later.runs.items():
            mine = self.runs.setdefault(identity, (table, []))[1]
            for run in runs:
                if mine and mine[-1].shape is run.shape:
                    mine[-1].extend(run)
                else:
                    mine.append(run)
        self.events.extend(later.events)
        self.prepared.extend(later.prepared)
        for failure in later.failures.values():
            self.failures.setdefault((failure.schema, failure.name), failure)
        self.size += later.size


@dataclass(slots=True)
class Transaction:
    """The transaction being read. `groups` are the savepoints: work since each, oldest first."""

    gtid: Gtid | MariaGtid | None = None
    known: bool = False  # followed before
    begun: bool = False
    work: Work = field(default_factory=Work)
    savepoints: list[tuple[str, Work]] = field(default_factory=list)  # work up to there
    touched: set[Key] = field(default_factory=set)
    annotation: str = ""  # the statement that the row events come from
    statement_tables: set[Key] = field(default_factory=set)
    file: SpillFile | None = None

    def spill(self, folder: Path) -> None:
        """Put what has been decoded where it takes no memory. Raises OSError."""
        if self.file is None:
            self.file = SpillFile(folder)
        self.work.changes = list(self.file.keep(self.work.changes))
