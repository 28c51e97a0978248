"""Changes of an open transaction that grows too large for memory, in a file that has no name.

The file is gone when nobody holds it any more: after a rollback, a disconnect, a batch applied, or a kill.
"""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import pyarrow as pa

from base import faults
from engine.changes.changes import Changes, ChangeSource
from engine.changes.frames import from_batch, to_batch
from statements.schema import Table


@dataclass(frozen=True, slots=True)
class Spilled:
    """Changes of one table in log order, in a file from `start` on. One thread may read a file's at a time."""

    schema: str
    name: str
    images: int
    file: IO[bytes]
    start: int
    table: Table | None = None

    def read(self) -> Iterator[Changes]:
        """Give them again, piece by piece. Raises OSError."""
        self.file.seek(self.start)
        with pa.ipc.open_stream(self.file) as stream:
            for batch in stream:
                yield replace(from_batch(self.schema, self.name, batch), table=self.table)


class SpillFile:
    """Where one transaction's changes go."""

    def __init__(self, folder: Path) -> None:
        """Make the file. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        # Spilled changes hold it open as long as they are needed.
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115

    def keep(self, sources: Iterable[ChangeSource]) -> Iterator[Spilled]:
        """Write down what is not written yet; the order within a table stays. Raises OSError."""
        for source in sources:
            if isinstance(source, Spilled):
                yield source
            else:
                for changes in source.read():
                    yield self._write(changes)

    def _write(self, changes: Changes) -> Spilled:
        faults.point("before", "spill")
        start = self._file.seek(0, 2)
        rows = to_batch(changes)
        try:
            with pa.ipc.new_stream(self._file, rows.schema) as stream:
                stream.write_batch(rows)
            self._file.flush()
        except OSError as error:
            what = f"rows of a large transaction could not be put in a file: {error.strerror or error}"
            raise OSError(error.errno or 0, what, str(self._folder)) from error
        faults.point("after", "spill")
        return Spilled(changes.schema, changes.name, changes.images, self._file, start, changes.table)
