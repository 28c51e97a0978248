"""The report of a long call: sections as result sets of one column under their name, and rows of a report table.

Source of the form: what HeatWave's manual and users show of sys.heatwave_load; the command line draws the boxes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from wire.constants import Capability, FieldType, Status
from wire.framing import build_packets
from wire.responses import ColumnDefinition, Ok, build_column_definition, build_end_of_rows, build_ok, build_text_row

_WIDEST = 1024


@dataclass(slots=True)
class Report:
    """Sections in the order of the work, and what is kept of it: rows of type, stage and log."""

    sections: list[tuple[str, list[str]]] = field(default_factory=list)
    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def section(self, title: str, lines: Sequence[str]) -> None:
        """Add a section, and its lines to the report table."""
        self.sections.append((title, list(lines)))
        self.rows += [("info", title, json.dumps({"message": line})) for line in lines if line.strip()]

    def note(self, kind: str, stage: str, **log: Any) -> None:
        """Add a row of type "sql", "error" or "warn" to the report table."""
        self.rows.append((kind, stage, json.dumps(log, ensure_ascii=False)))

    def scripts(self) -> list[str]:
        """The commands of the script."""
        return [json.loads(log)["sql"] for kind, _, log in self.rows if kind == "sql"]


def table_lines(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay a small table out as lines."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    laid = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (heads, *rows)]
    return [laid[0], "  ".join("-" * width for width in widths), *laid[1:]]


def build_sections(sections: Sequence[tuple[str, list[str]]], status: Status, capabilities: int) -> bytes:
    """The answer of a CALL: a result set for each section, and OK, as packets from sequence 1."""
    payloads: list[bytes] = []
    more = status | Status.MORE_RESULTS_EXISTS
    for title, lines in sections:
        extended = b"" if capabilities & Capability.MARIADB_EXTENDED_METADATA else None
        definition = ColumnDefinition(title, FieldType.VAR_STRING, 255, _WIDEST * 4, extended=extended)
        payloads += [_count(capabilities), build_column_definition(definition)]
        end = build_end_of_rows(more, 0, capabilities)
        if not capabilities & Capability.DEPRECATE_EOF:
            payloads.append(end)
        payloads += [build_text_row([line.encode()]) for line in lines]
        payloads.append(end)
    payloads.append(build_ok(Ok(status=status)))
    return b"".join(build_packets(payload, number & 0xFF) for number, payload in enumerate(payloads, 1))


def _count(capabilities: int) -> bytes:
    head = b"\x01\x01" if capabilities & Capability.OPTIONAL_RESULTSET_METADATA else b"\x01"
    return head + (b"\x01" if capabilities & Capability.MARIADB_CACHE_METADATA else b"")
