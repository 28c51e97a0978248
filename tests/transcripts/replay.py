"""Read a transcript, and say what it comes to: rows, failures, table events, prepared transactions."""

import datetime
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.changes.batch import Batch
from engine.changes.changes import DELETED, Changes, join_changes
from engine.changes.position import Position
from engine.images.complete import complete
from engine.layout import table_from_json
from engine.replicate.assemble import Assembler
from statements.schema import Table

FOLDER = Path(__file__).parent / "recorded"
SCHEMA = "r"


def split(data: bytes) -> list[bytes]:
    """Events as they stood in the log, one behind the other."""
    events = []
    while data:
        size = int.from_bytes(data[9:13], "little")
        events.append(data[:size])
        data = data[size:]
    return events


def load(kind: str, name: str) -> tuple[list[bytes], dict[str, Any]]:
    """The events of a transcript, and what was noted of it."""
    events = split((FOLDER / f"{kind}-{name}.binlog").read_bytes())
    return events, json.loads((FOLDER / f"{kind}-{name}.json").read_text())


def batches_of(
    events: list[bytes], table: Table | None, start: Position, mariadb: bool, pieces: list[list[bytes]] | None = None
) -> list[Batch]:
    """What the assembler makes of the events, given all at once or in pieces."""
    assembler = Assembler(
        start, lambda schema, name: table if (schema, name) == (SCHEMA, "t") else None, mariadb, early=1 << 30
    )
    batches = []
    for piece in pieces or [events]:
        for _ in assembler.feed_all(piece):
            batches.extend(assembler.ready)
            assembler.ready.clear()
    if last := assembler.flush():
        batches.append(last)
    return batches


def shown(value: Any) -> Any:
    """A value as JSON can hold it, so that two that differ are shown to."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def rows_of(batches: list[Batch], table: Table, before: list[list[Any]]) -> list[list[Any]]:
    """The rows that there are after all changes, XA transactions decided, in the order of their first column."""
    rows = {row[0]: row for row in before}
    parked: dict[str, list[Changes]] = {}
    pieces: list[Changes] = []
    for batch in batches:
        pieces += [piece for source in batch.changes for piece in source.read()]
        for prepared in batch.prepared:
            if prepared.kind == "prepare":
                parked[prepared.xid] = [piece for source in prepared.changes for piece in source.read()]
            else:
                decided = parked.pop(prepared.xid)
                pieces += decided if prepared.kind == "commit" else []
    for kind, row in _images(pieces, table):
        if kind == DELETED:
            del rows[row[0]]
        else:
            assert row[0] not in rows
            rows[row[0]] = row
    assert not parked
    return [rows[key] for key in sorted(rows)]


def _images(pieces: list[Changes], table: Table) -> Iterator[tuple[int, list[Any]]]:
    if not pieces:
        return
    joined = join_changes(pieces)
    rows = joined.rows
    if joined.missing is not None:
        rows, left = complete(table, joined.kinds, rows, joined.missing, None, idempotent=False)
        assert left is None
    for kind, row in zip(joined.kinds, rows.to_pylist(), strict=True):
        yield int(kind), [shown(value) for value in row.values()]


def outcome(batches: list[Batch]) -> dict[str, Any]:
    """What else the batches say, as JSON can hold it."""
    return {
        "position": [batches[-1].position.file, batches[-1].position.offset, batches[-1].position.gtids],
        "transactions": sum(batch.transactions for batch in batches),
        "failures": [[f.schema, f.name, f.reason] for batch in batches for f in batch.failures],
        "events": [[e.kind, e.schema, e.name, *(e.renamed_to or ())] for batch in batches for e in batch.events],
        "prepared": [[p.kind, p.xid, sorted(map(list, p.tables))] for batch in batches for p in batch.prepared],
    }


def table_of(note: dict[str, Any]) -> Table | None:
    """The definition of the table that is followed."""
    return table_from_json(note["table"]) if note["table"] else None
