"""The head of every benchmark's output: what machine, when, which versions. And a plain table."""

import datetime
import os
import pathlib
import platform
import subprocess
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

console = Console(width=110)


def head(title: str) -> None:
    """Print what was measured where and when."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    console.print(
        f"{title}\n{datetime.date.today()} · {model} · {os.cpu_count()} cores · {memory:.0f} GiB · "
        f"Python {platform.python_version()} · commit {commit.stdout.strip() or 'none'}"
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under column names; numbers to the right."""
    out = Table(*columns)
    for column in out.columns[1:]:
        column.justify = "right"
    for row in rows:
        out.add_row(*(f"{value:,.3f}" if isinstance(value, float) else str(value) for value in row))
    console.print(out)
