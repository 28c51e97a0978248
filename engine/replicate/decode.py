"""Row events of one table to columnar changes: check the logged shape against the table, walk, read the columns."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.replicate import kernels, plain
from engine.replicate.changes import Changes
from engine.replicate.columns import INTEGER_WIDTHS, Cells, Reader, Undecodable, choose_reader
from engine.store.layout import carried_columns
from statements.schema import ADDRESS_TYPES, BINARY_TYPES, DATE_TYPES, SPATIAL_TYPES, STRING_TYPES, Column, Table
from wire.binlog_table_map import BLOB_COMPRESSED, VARCHAR_COMPRESSED, MapColumn, TableMap
from wire.constants import BINARY_CHARSET, FieldType

MOST_ROWS = 1 << 16  # of one RecordBatch
MOST_BYTES = 256 << 20  # of row images in one RecordBatch, unless a single row is larger

KINDS = {"write": kernels.WRITE, "update": kernels.UPDATE, "delete": kernels.DELETE}

# Types that a column of INFORMATION_SCHEMA's type may have in the log.
_LOGGED: dict[str, tuple[int, ...]] = {
    "tinyint": (FieldType.TINY,),
    "smallint": (FieldType.SHORT,),
    "mediumint": (FieldType.INT24,),
    "int": (FieldType.LONG,),
    "bigint": (FieldType.LONGLONG,),
    "decimal": (FieldType.NEWDECIMAL,),
    "float": (FieldType.FLOAT,),
    "double": (FieldType.DOUBLE,),
    "char": (FieldType.STRING,),
    "binary": (FieldType.STRING,),
    "varchar": (FieldType.VARCHAR, FieldType.VAR_STRING),
    "varbinary": (FieldType.VARCHAR, FieldType.VAR_STRING),
    "date": (FieldType.DATE, FieldType.NEWDATE),
    "datetime": (FieldType.DATETIME2, FieldType.DATETIME),
    "timestamp": (FieldType.TIMESTAMP2, FieldType.TIMESTAMP),
    "time": (FieldType.TIME2, FieldType.TIME),
    "year": (FieldType.YEAR,),
    "json": (FieldType.JSON,),
    "bit": (FieldType.BIT,),
    "enum": (FieldType.ENUM,),
    "set": (FieldType.SET,),
    "vector": (FieldType.VECTOR,),
    **dict.fromkeys(SPATIAL_TYPES, (FieldType.GEOMETRY,)),
    **dict.fromkeys(ADDRESS_TYPES, (FieldType.STRING,)),
}
# What the metadata of a logged column must be, by type.
_METAS: dict[str, Callable[[Column], int]] = {
    "decimal": lambda c: (c.precision or 0) << 8 | (c.scale or 0),
    "bit": lambda c: (c.precision or 0) >> 3 << 8 | (c.precision or 0) & 7,
    "enum": lambda c: 1 if len(c.members) < 256 else 2,
    "set": lambda c: 8 if len(c.members) > 32 else (len(c.members) + 7) // 8,
    "uuid": lambda c: 16,
    "inet6": lambda c: 16,
    "inet4": lambda c: 4,
}
_BLOB_WIDTHS = {"tiny": 1, "": 2, "medium": 3, "long": 4}
_LOGGED |= {f"{size}{kind}": (FieldType.BLOB,) for size in _BLOB_WIDTHS for kind in ("text", "blob")}

_FIXED: dict[int, int] = {
    **INTEGER_WIDTHS,
    FieldType.NULL: 0,
    FieldType.YEAR: 1,
    FieldType.DATE: 3,
    FieldType.NEWDATE: 3,
    FieldType.TIME: 3,
    FieldType.TIMESTAMP: 4,
    FieldType.DATETIME: 8,
}
_FRACTIONAL: dict[int, int] = {FieldType.TIME2: 3, FieldType.TIMESTAMP2: 4, FieldType.DATETIME2: 5}
_BLOBS = frozenset(
    {FieldType.BLOB, FieldType.JSON, FieldType.GEOMETRY, FieldType.VECTOR, BLOB_COMPRESSED}
    | {FieldType.TINY_BLOB, FieldType.MEDIUM_BLOB, FieldType.LONG_BLOB}
)
_TEXTS = frozenset({FieldType.STRING, FieldType.VARCHAR, FieldType.VAR_STRING, VARCHAR_COMPRESSED})


@dataclass(slots=True)
class Run:
    """Successive row events of one table with the same logged shape. `present` is the bitmap of columns logged."""

    shape: TableMap
    present: bytes
    kinds: list[int] = field(default_factory=list)
    images: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plan:
    """How to read the rows of a logged shape into a table's carried columns."""

    present: npt.NDArray[np.uint8]
    fixed: npt.NDArray[np.int32]
    slots: npt.NDArray[np.int32]
    readers: tuple[Reader, ...]
    names: tuple[str, ...]
    shortest: int  # bytes of the shortest row there can be


def width_of(column: MapColumn) -> int:
    """Bytes a value takes in a row image, or minus the bytes of its length prefix; raises Undecodable."""
    if column.type in _FIXED:
        return _FIXED[column.type]
    if column.type in _FRACTIONAL:
        return _FRACTIONAL[column.type] + (column.meta + 1) // 2
    if column.type in _BLOBS and 1 <= column.meta <= 4:
        return -column.meta
    if column.type in _TEXTS:
        return -1 if column.meta <= 255 else -2
    if column.type == FieldType.NEWDECIMAL:
        return decimal_width(column.meta >> 8, column.meta & 0xFF)
    if column.type in (FieldType.ENUM, FieldType.SET):
        return column.meta & 0xFF
    if column.type == FieldType.BIT:
        return (column.meta >> 8) + (1 if column.meta & 0xFF else 0)
    raise Undecodable(f"binlog column type {column.type}")


def decimal_width(precision: int, scale: int) -> int:
    """Bytes of a NEWDECIMAL."""
    left = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)
    whole = precision - scale
    return whole // 9 * 4 + left[whole % 9] + scale // 9 * 4 + left[scale % 9]


def _difference(column: Column, logged: MapColumn) -> str | None:
    """What is not the same in a column of the table and in the log; None when nothing is."""
    if logged.name is not None and logged.name.casefold() != column.name.casefold():
        return f"is named {logged.name}"
    if logged.type not in _LOGGED[column.type]:
        return f"has binlog type {logged.type}"
    if logged.unsigned is not None and column.type in _SIGNED and logged.unsigned != column.unsigned:
        return "differs in sign"
    if column.type in _METAS and logged.meta != _METAS[column.type](column):
        return "differs in precision" if column.type == "decimal" else "differs in size"
    if logged.members and len(logged.members) != len(column.members):
        return "has other members"
    if logged.type == FieldType.BLOB and logged.meta != _blob_width(column.type):
        return "differs in length"
    if logged.type in _FRACTIONAL and logged.meta != column.fsp:
        return "differs in fractional seconds"
    if logged.type in (FieldType.DATETIME, FieldType.TIMESTAMP, FieldType.TIME) and column.fsp:
        return "has fractional seconds in the format of before 5.6"
    if logged.charset is not None:
        is_binary = logged.charset == BINARY_CHARSET
        if (column.type in STRING_TYPES and is_binary) or (column.type in BINARY_TYPES and not is_binary):
            return "differs in character set"
    return None


_SIGNED = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})


def _blob_width(kind: str) -> int:
    return _BLOB_WIDTHS[kind.removesuffix("text").removesuffix("blob")]


def _bit_list(bitmap: bytes, count: int) -> npt.NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(bitmap, np.uint8), bitorder="little")[:count]


def make_plan(table: Table, shape: TableMap, present: bytes) -> Plan:
    """Check a logged shape against the table as it was loaded; raises Undecodable with the difference."""
    if len(shape.columns) != len(table.columns):
        raise Undecodable(f"shape differs: {len(shape.columns)} columns in the log, {len(table.columns)} in the table")
    bits = _bit_list(present, len(shape.columns))
    slots = np.full(len(shape.columns), -1, np.int32)
    readers: list[Reader] = []
    names: list[str] = []
    for slot, column in enumerate(carried_columns(table)):
        logged = shape.columns[column.ordinal]
        if difference := _difference(column, logged):
            raise Undecodable(f"shape differs: column {column.name} {difference} in the log")
        if not bits[column.ordinal]:
            raise Undecodable(f"row image without column {column.name}: binlog_row_image must be FULL")
        slots[column.ordinal] = slot
        readers.append(choose_reader(column, logged))
        names.append(column.name)
    # Only what is in the row has to be understood.
    fixed = np.array([width_of(c) if bits[i] else 0 for i, c in enumerate(shape.columns)], np.int32)
    shortest = (int(bits.sum()) + 7) // 8
    shortest += sum(abs(int(w)) for w, c, b in zip(fixed, shape.columns, bits, strict=True) if b and not c.nullable)
    return Plan(bits, fixed, slots, tuple(readers), tuple(names), shortest)


class Decoder:
    """Decodes runs; keeps the plans of the shapes it has met."""

    def __init__(self) -> None:
        # Keyed by identity, which the kept references make safe: comparing whole shapes costs more than decoding.
        self._plans: dict[tuple[int, int, bytes], tuple[Table, TableMap, Plan]] = {}
        self._at = np.empty(0, np.int64)
        self._lengths = np.empty(0, np.int32)
        self._null = np.empty(0, np.uint8)

    def decode(self, table: Table, run: Run) -> Iterator[Changes]:
        """Give the changes of a run in log order, at most MOST_ROWS rows each; raises Undecodable."""
        plan = self._plan(table, run)
        data = np.frombuffer(b"".join(run.images), np.uint8)
        ends = np.cumsum([len(image) for image in run.images], dtype=np.int64)
        kinds = np.array(run.kinds, np.int8)
        capacity = min(MOST_ROWS, len(data) // max(plan.shortest, 1) + 2)
        cells = len(plan.readers)
        event = place = 0
        while place < len(data):
            at, lengths, null = self._scratch(cells, capacity)
            row_kinds = np.empty(capacity, np.int8)
            rows, event, place, error = kernels.walk(
                data, ends, kinds, event, place, plan.present, plan.fixed, plan.slots, MOST_BYTES,
                at, lengths, null, row_kinds,
            )  # fmt: skip
            if error:
                raise Undecodable("row event is cut short or has another shape than its table map")
            arrays = [
                read(Cells(data, at[slot, :rows], lengths[slot, :rows], null[slot, :rows]))
                for slot, read in enumerate(plan.readers)
            ]
            batch = pa.RecordBatch.from_arrays(arrays, names=list(plan.names))
            yield Changes(table.schema, table.name, row_kinds[:rows].copy(), batch)

    def _scratch(self, cells: int, capacity: int) -> tuple[Any, Any, Any]:
        """Arrays for the places of cells, used again: the readers copy what they keep."""
        size = cells * capacity
        if size > len(self._at):
            self._at = np.empty(size, np.int64)
            self._lengths = np.empty(size, np.int32)
            self._null = np.empty(size, np.uint8)
        shape = cells, capacity
        return (
            self._at[:size].reshape(shape),
            self._lengths[:size].reshape(shape),
            self._null[:size].reshape(shape),
        )

    def _plan(self, table: Table, run: Run) -> Plan:
        key = (id(table), id(run.shape), run.present)
        found = self._plans.get(key)
        if found is None:
            if len(self._plans) >= 4096:
                self._plans.clear()
            found = self._plans[key] = (table, run.shape, make_plan(table, run.shape, run.present))
        return found[2]


def warm_up() -> None:
    """Load the compiled kernels, or compile them where they have never run: seconds that no reader should wait for."""
    logged = {
        "int": MapColumn(FieldType.LONG, 0, True),
        "decimal": MapColumn(FieldType.NEWDECIMAL, 10 << 8, True),
        "date": MapColumn(FieldType.DATE, 0, True),
        "datetime": MapColumn(FieldType.DATETIME2, 0, True),
        "timestamp": MapColumn(FieldType.TIMESTAMP2, 0, True),
        "time": MapColumn(FieldType.TIME2, 0, True),
        "year": MapColumn(FieldType.YEAR, 0, True),
        "binary": MapColumn(FieldType.STRING, 4, True),
        "char": MapColumn(FieldType.STRING, 4, True),
        "json": MapColumn(FieldType.JSON, 4, True),
        "bit": MapColumn(FieldType.BIT, 1 << 8 | 2, True),
        "enum": MapColumn(FieldType.ENUM, 1, True),
        "set": MapColumn(FieldType.SET, 1, True),
        "uuid": MapColumn(FieldType.STRING, 16, True),
        "inet6": MapColumn(FieldType.STRING, 16, True),
        "inet4": MapColumn(FieldType.STRING, 4, True),
    }
    shapes = [(kind, False, 10, shape) for kind, shape in logged.items()]
    shapes.append(("decimal", False, 40, MapColumn(FieldType.NEWDECIMAL, 40 << 8, True)))
    for kind, width in (("tinyint", 1), ("smallint", 2), ("bigint", 8), ("int", 4)):
        code = next(code for code, bytes_ in INTEGER_WIDTHS.items() if bytes_ == width)
        shapes += [(kind, unsigned, 10, MapColumn(code, 0, True)) for unsigned in (False, True)]
    shapes += [(kind, False, 0, shape) for kind, shape in logged.items() if kind in DATE_TYPES]
    shapes.append(("varchar", False, 10, MapColumn(FieldType.VARCHAR, 4, True)))
    columns = tuple(
        Column(
            *(f"c{i}", i, kind, kind),
            unsigned=unsigned,
            precision=precision,
            scale=0,
            charset="ucs2" if kind == "char" else "latin1",
            members=("",),
            packed=not precision,
        )
        for i, (kind, unsigned, precision, _) in enumerate(shapes)
    )
    shape = TableMap(0, "", "", tuple(shape for *_, shape in shapes))
    count = len(shapes)
    # All NULL but the last: a string that has to be converted.
    nulls = ((1 << (count - 1)) - 1).to_bytes((count + 7) // 8, "little")
    run = Run(shape, b"\xff" * ((count + 7) // 8), [kernels.WRITE], [nulls + b"\x01\xe9"])
    for _ in Decoder().decode(Table("", "", columns), run):
        pass
    plain.warm_up()
