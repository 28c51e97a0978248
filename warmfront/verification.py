"""`warmfront verify`: ask the engine to compare copies with their sources, and show what it found."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from base.settings import Settings
from warmfront import instance
from warmfront.copies import LOADED, CopyError, ask, quoted

_LOOK = 0.5  # seconds between two looks at how far it is
_SHOWN = 20  # differing rows shown per table

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Verified:
    """What the engine says of one table; counts are rows. `details` has kind, row and columns of some of them."""

    name: str
    rows: int
    missing: int
    extra: int
    changed: int
    unsettled: int
    action: str
    reason: str
    details: list[dict[str, Any]]

    @property
    def wrong(self) -> int:
        """How many rows differ."""
        return self.missing + self.extra + self.changed

    @property
    def result(self) -> str:
        """The finding in a few words."""
        if self.wrong or self.action:
            return f"differs, {self.action}" if self.action else "differs"
        return f"not verified: {self.reason}" if self.reason else "equal"


def chosen(connection: Any, what: str | None) -> list[tuple[str, str]]:
    """The copies that SCHEMA or SCHEMA.TABLE names; without one all that answer. Raises CopyError for none."""
    schema, _, table = (what or "").partition(".")
    found = ask(
        connection,
        "SELECT i.SCHEMA_NAME, i.TABLE_NAME, t.LOAD_STATUS FROM performance_schema.rpd_table_id i "
        "JOIN performance_schema.rpd_tables t ON t.ID = i.ID ORDER BY 1, 2",
    )
    names = [
        (str(s), str(t))
        for s, t, state in found
        if (table and (s, t) == (schema, table)) or (not table and state == LOADED and schema in ("", s))
    ]
    if not names and what:
        raise CopyError(f"there is no copy of {what}")
    return names


def run(settings: Settings, what: str | None, repair: bool, console: Console, progress: Progress) -> bool:
    """Verify tables one after the other and print the findings; True when all are equal. Raises CopyError."""
    findings = []
    with instance.connect(settings) as connection:
        for schema, table in chosen(connection, what):
            with _Watched(settings, schema, table, progress):
                findings.append(verify(connection, schema, table, repair))
    _print(findings, console)
    return all(not found.wrong and not found.reason for found in findings)


def verify(connection: Any, schema: str, table: str, repair: bool = False) -> Verified:
    """Compare one copy with its source. Raises CopyError."""
    statement = f"CHECK TABLE {quoted(schema)}.{quoted(table)} SECONDARY{' REPAIR' if repair else ''}"
    try:
        row = ask(connection, statement)[0]
    except CopyError as error:
        return Verified(f"{schema}.{table}", 0, 0, 0, 0, 0, "", str(error), [])
    _, _, rows, missing, extra, changed, unsettled, action, _, _, reason, details = row
    return Verified(
        name=f"{schema}.{table}",
        rows=int(rows),
        missing=int(missing),
        extra=int(extra),
        changed=int(changed),
        unsettled=int(unsettled),
        action=str(action),
        reason=str(reason),
        details=json.loads(details),
    )


class _Watched:
    """Shows how far a verification is, from a connection of its own."""

    def __init__(self, settings: Settings, schema: str, table: str, progress: Progress) -> None:
        self._settings = settings
        self._key = (schema, table)
        self._progress = progress
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._show, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _show(self) -> None:
        text = f"verifying {'.'.join(self._key)}"
        statement = (
            "SELECT VERIFY_ROWS, NROWS FROM performance_schema.warmfront_tables WHERE SCHEMA_NAME = %s "
            "AND TABLE_NAME = %s AND VERIFY_STATUS = 'RUNNING'"
        )
        self._progress(text, 0, 1)
        with instance.connect(self._settings) as connection:
            while not self._done.wait(_LOOK):
                for done, of in ask(connection, statement, self._key):
                    self._progress(text, min(int(done), int(of)), max(int(of), 1))


def _print(findings: list[Verified], console: Console) -> None:
    table = Table("table", "rows", "missing", "extra", "changed", "unsettled", "result")
    for found in findings:
        counts = (found.rows, found.missing, found.extra, found.changed, found.unsettled)
        table.add_row(found.name, *(f"{count:,}" for count in counts), found.result)
    console.print(table)
    for found in findings:
        for detail in found.details[:_SHOWN]:
            columns = f" in {', '.join(detail['columns'])}" if detail["columns"] else ""
            console.print(f"{found.name}: {detail['kind']}: {detail['row']}{columns}", markup=False, highlight=False)
        if found.wrong > len(found.details[:_SHOWN]):
            console.print(f"{found.name}: {found.wrong - _SHOWN:,} more", markup=False, highlight=False)
