"""An answer as files instead of packets: streamed into an outlet, which lets all of them appear in the end, or none."""

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from base.errors import LakeError
from engine.lake.delta_log import first_entry
from engine.results.lines import LineEncoder
from engine.results.typed import TypedRows
from lakehouse.descriptions.export_spec import ExportSpec
from lakehouse.stores.outlets import Outlet, Stream, open_outlet
from lakehouse.stores.places import Places
from wire.responses import ColumnDefinition

log = logging.getLogger(__name__)

_ROW_GROUP = 32 << 20  # bytes in memory
_GROUP_ROWS = 1 << 18  # at most, of narrow tables: groups are what readers share among processors, and pass over
_AHEAD, _BATCHES_AHEAD = 16 << 20, 16  # bytes and batches that may be read while those before are written
_SAMPLE = 1 << 15  # rows that tell whether a column's values come again


class Exporter:
    """Writes the answers that are exported."""

    def __init__(self, places: Places, journals: Path, chunk: int) -> None:
        """`chunk` is the size in bytes, before compression, from which on another file is begun."""
        self._places = places
        self._journals = journals
        self._chunk = chunk

    def export(
        self,
        spec: ExportSpec,
        definitions: Sequence[ColumnDefinition],
        batches: Iterable[pa.RecordBatch],
        backend: str,
        check: Callable[[], None],
        begun: Callable[[str], None],
    ) -> "Written":
        """Write an answer; its files appear when what is given back is committed.

        `begun` gets the address that the files begin with. `check` raises when the statement was cancelled. Whatever is
        raised, no file is left.
        """
        make = _maker(spec, definitions, backend)
        outlet = open_outlet(self._places, spec.place, self._journals)
        begun(outlet.prefix)
        try:
            files = _Files(outlet, spec, make, self._chunk)
            with closing(_ahead(batches)) as read:
                for batch in read:
                    check()
                    files.write(batch)
            files.close()
            check()
            entry = first_entry(files.schema, files.written, outlet.folder) if spec.format == "delta" else b""
        except BaseException:
            outlet.abort()
            raise
        return Written(outlet, entry, files.rows)


@dataclass(frozen=True, slots=True)
class Written:
    """An export whose files are written and do not appear yet: it has to be committed or aborted."""

    outlet: Outlet
    entry: bytes
    rows: int

    def commit(self) -> None:
        """Let the files appear. Raises LakeError, and then none is left."""
        self.outlet.commit(self.entry)

    def abort(self) -> None:
        """Remove them."""
        self.outlet.abort()


def _ahead(batches: Iterable[pa.RecordBatch]) -> Generator[pa.RecordBatch]:
    """Read further batches in a thread while those before are written."""
    iterator = (batch for batch in batches)  # which has nothing more behind its end, however often it is asked
    thread = ThreadPoolExecutor(1, thread_name_prefix="export")
    try:
        following = deque([thread.submit(next, iterator, None)])
        while (batch := following.popleft().result()) is not None:
            wanted = min(_BATCHES_AHEAD, max(1, _AHEAD // max(1, batch.nbytes)))
            while len(following) < wanted:
                following.append(thread.submit(next, iterator, None))
            yield batch
    finally:
        thread.shutdown(wait=True, cancel_futures=True)  # waits for a batch under way


class _Chunk(Protocol):
    """One file that is being written; `size` is in bytes before compression."""

    size: int

    def write(self, batch: pa.RecordBatch) -> None: ...

    def close(self) -> None: ...


class _Files:
    """The files of one export, one after the other."""

    def __init__(self, outlet: Outlet, spec: ExportSpec, make: Callable[[Stream], _Chunk], chunk: int) -> None:
        self._outlet = outlet
        self._spec = spec
        self._make = make
        self._most = chunk
        self._chunk: _Chunk | None = None
        self._stream: Stream | None = None
        self._name = ""
        self._rows_before = 0
        self.rows = 0
        self.written: list[tuple[str, int, int]] = []  # name, bytes, rows
        self._open()

    @property
    def schema(self) -> pa.Schema:
        return getattr(self._chunk, "schema", None)

    def _open(self) -> None:
        self._name = f"n1-t1-c{len(self.written) + 1}{self._spec.suffix}"
        self._stream = self._outlet.open(self._name)
        self._chunk = self._make(self._stream)
        self._rows_before = self.rows

    def write(self, batch: pa.RecordBatch) -> None:
        assert self._chunk
        if self._chunk.size >= self._most:
            self.close()
            self._open()
        self._chunk.write(batch)
        self.rows += batch.num_rows

    def close(self) -> None:
        assert self._chunk
        assert self._stream
        self._chunk.close()
        self._stream.close()
        self.written.append((self._name, self._stream.written, self.rows - self._rows_before))


def _maker(spec: ExportSpec, definitions: Sequence[ColumnDefinition], backend: str) -> Callable[[Stream], _Chunk]:
    if spec.format in ("parquet", "delta"):
        rows = TypedRows(definitions, signed_only=spec.format == "delta")
        return lambda stream: _ParquetChunk(stream, rows, spec.compression)
    names = [d.name for d in definitions]
    if spec.format == "json" and len(set(names)) < len(names):
        raise LakeError("two columns of the export have one name: give them names by AS")
    encoder = LineEncoder(definitions, spec, backend)
    return lambda stream: _TextChunk(stream, encoder, spec.compression)


class _TextChunk:
    def __init__(self, stream: Stream, encoder: LineEncoder, compression: str) -> None:
        self._encoder = encoder
        self._out: Any = stream
        self._codec = None
        if compression != "uncompressed":
            name = {"bzip2": "bz2"}.get(compression, compression)
            self._codec = pa.CompressedOutputStream(pa.PythonFile(_File(stream), "w"), name)
            self._out = self._codec
        self.size = len(encoder.head)
        if encoder.head:
            self._out.write(encoder.head)

    def write(self, batch: pa.RecordBatch) -> None:
        lines = self._encoder.encode(batch)
        self.size += lines.nbytes
        self._out.write(pa.py_buffer(lines) if self._codec else lines)

    def close(self) -> None:
        if self._codec:
            self._codec.close()


class _ParquetChunk:
    def __init__(self, stream: Stream, rows: TypedRows, compression: str) -> None:
        self._stream = stream
        self._rows = rows
        self.schema = rows.schema
        self._compression = "none" if compression == "uncompressed" else compression
        self._writer: pq.ParquetWriter | None = None  # made when the first rows have told what they are like
        self._waiting: list[pa.RecordBatch] = []
        self._held = self._bytes = 0
        self.size = 0

    def write(self, batch: pa.RecordBatch) -> None:
        typed = self._rows.convert(batch)
        self._waiting.append(typed)
        self._held += typed.num_rows
        self._bytes += typed.nbytes
        self.size += typed.nbytes
        if self._bytes >= _ROW_GROUP or self._held >= _GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        table = pa.Table.from_batches(self._waiting, self.schema)
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                pa.PythonFile(_File(self._stream), "w"),
                self.schema,
                compression=self._compression,
                store_schema=False,
                use_dictionary=[name for name in table.column_names if _comes_again(table[name])],
            )
        if table.num_rows:
            self._writer.write_table(table, row_group_size=table.num_rows)
        self._waiting, self._held, self._bytes = [], 0, 0

    def close(self) -> None:
        if self._waiting or self._writer is None:
            self._flush()
        assert self._writer
        self._writer.close()


def _comes_again(values: pa.ChunkedArray) -> bool:
    """Tell whether a column's values come again, so that a dictionary of them is worth what it takes to make."""
    sample = values.slice(0, _SAMPLE)
    return bool(pc.count_distinct(sample).as_py() <= 0.9 * len(sample))


class _File:
    """A stream as Arrow wants a file; the stream is closed by its owner."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.closed = False

    def write(self, data: Any) -> int:
        self._stream.write(data)
        return memoryview(data).nbytes

    def tell(self) -> int:
        return self._stream.written

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True
