"""What a comparison of one table found."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

NAMED = 100  # differing rows that are named; all are counted


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that differs: `kind` is missing, extra or changed, `row` its key or its values."""

    kind: str
    row: str
    columns: tuple[str, ...] = ()  # the ones that differ in a changed row


@dataclass(slots=True)
class Outcome:
    """Counts over one table. `position` is the place in the backend's log that the last piece was compared at.

    `unsettled` rows were changed each time they were looked at. `action` is what was done: empty, "repaired" or
    "reloaded". `error` says why the comparison was not finished. Times are in seconds.
    """

    schema: str
    name: str
    rows: int = 0
    pieces: int = 0
    missing: int = 0
    extra: int = 0
    changed: int = 0
    unsettled: int = 0
    differences: list[Difference] = field(default_factory=list)
    position: str = ""
    action: str = ""
    error: str = ""
    began: float = 0.0  # since the epoch
    seconds: float = 0.0

    @property
    def wrong(self) -> int:
        """How many rows differ."""
        return self.missing + self.extra + self.changed

    @property
    def reason(self) -> str:
        """One sentence of what differs; empty when nothing does."""
        if not self.wrong:
            return ""
        counts = ((self.missing, "missing"), (self.extra, "extra"), (self.changed, "changed"))
        told = ", ".join(f"{count} {kind}" for count, kind in counts if count)
        first = f", such as {self.differences[0].row}" if self.differences else ""
        return f"verification found rows that differ from the source: {told}{first}"

    def name_rows(self, found: Sequence[Difference]) -> None:
        """Add rows to those that are named."""
        self.differences += found[: max(NAMED - len(self.differences), 0)]

    def details(self) -> str:
        """The named rows as JSON."""
        return json.dumps([{"kind": d.kind, "row": d.row, "columns": list(d.columns)} for d in self.differences])


_ANSWER = pa.schema(
    [
        ("SCHEMA_NAME", pa.string()),
        ("TABLE_NAME", pa.string()),
        ("ROWS_COMPARED", pa.uint64()),
        ("ROWS_MISSING", pa.uint64()),
        ("ROWS_EXTRA", pa.uint64()),
        ("ROWS_CHANGED", pa.uint64()),
        ("ROWS_UNSETTLED", pa.uint64()),
        ("ACTION", pa.string()),
        ("LOG_POSITION", pa.string()),
        ("SECONDS", pa.float64()),
        ("REASON", pa.string()),
        ("DETAILS", pa.string()),
    ]
)


def as_answer(found: Outcome) -> pa.Table:
    """The one row that CHECK TABLE … SECONDARY answers with."""
    row = (
        *(found.schema, found.name, found.rows, found.missing, found.extra, found.changed, found.unsettled),
        *(found.action, found.position, found.seconds, found.error or found.reason, found.details()),
    )
    return pa.table([[value] for value in row], schema=_ANSWER)
