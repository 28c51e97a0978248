"""Row events of one table to columnar changes: check the logged shape against the table, walk, read the columns."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.changes.changes import DEFAULT, DIFFERENCE, VALUE, Changes, Missing
from engine.images import kernels
from engine.images.columns import INTEGER_WIDTHS, Cells, Reader, Undecodable, choose_reader, read_bytes
from engine.layout import carried_columns
from engine.replicate import plain
from engine.replicate.defaults import default_value
from statements.schema import ADDRESS_TYPES, BINARY_TYPES, DATE_TYPES, SPATIAL_TYPES, STRING_TYPES, Column, Table
from wire.binlog_table_map import BLOB_COMPRESSED, VARCHAR_COMPRESSED, MapColumn, TableMap
from wire.constants import BINARY_CHARSET, FieldType

MOST_ROWS = 1 << 16  # of one RecordBatch
MOST_BYTES = 256 << 20  # of row images in one RecordBatch, unless a single row is larger

KINDS = {
    "write": kernels.WRITE,
    "update": kernels.UPDATE,
    "delete": kernels.DELETE,
    "partial": kernels.PARTIAL,
}

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
    "varchar": (FieldType.VARCHAR, FieldType.VAR_STRING, VARCHAR_COMPRESSED),
    "varbinary": (FieldType.VARCHAR, FieldType.VAR_STRING, VARCHAR_COMPRESSED),
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
_LOGGED |= {f"{size}{kind}": (FieldType.BLOB, BLOB_COMPRESSED) for size in _BLOB_WIDTHS for kind in ("text", "blob")}

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
    """Successive row events of one table with the same logged shape.

    `patterns` numbers the bitmaps of columns logged, `logged` has those of an event's before and after images.
    """

    shape: TableMap
    patterns: dict[bytes, int] = field(default_factory=dict)
    kinds: list[int] = field(default_factory=list)
    logged: list[tuple[int, int]] = field(default_factory=list)
    images: list[bytes] = field(default_factory=list)

    def add(self, kind: int, before: bytes, after: bytes, images: bytes) -> None:
        """Append an event; a bitmap is empty for the image that a write or a delete does not have."""
        number = self.patterns.setdefault
        patterns = self.patterns
        first = number(before or after, len(patterns))
        second = first if after == before or not after or not before else number(after, len(patterns))
        self.kinds.append(kind)
        self.logged.append((first, second))
        self.images.append(images)

    def add_whole(self, kinds: list[int], images: list[bytes]) -> None:
        """Append events that log all columns."""
        count = len(self.shape.columns)
        present = ((1 << count) - 1).to_bytes((count + 7) // 8, "little")
        number = self.patterns.setdefault(present, len(self.patterns))
        self.kinds.extend(kinds)
        self.logged.extend([(number, number)] * len(kinds))
        self.images.extend(images)

    def extend(self, later: "Run") -> None:
        """Append the events of a run of the same shape."""
        numbers = {
            number: self.patterns.setdefault(bitmap, len(self.patterns)) for bitmap, number in later.patterns.items()
        }
        same = all(number == renamed for number, renamed in numbers.items())
        self.kinds.extend(later.kinds)
        self.logged.extend(later.logged if same else [(numbers[a], numbers[b]) for a, b in later.logged])
        self.images.extend(later.images)


@dataclass(frozen=True, slots=True)
class Plan:
    """How to read the rows of a logged shape into a table's carried columns."""

    fixed: npt.NDArray[np.int32]
    slots: npt.NDArray[np.int32]
    documents: npt.NDArray[np.int32]
    readers: tuple[Reader, ...]
    names: tuple[str, ...]
    shortest: tuple[int, ...]  # bytes that each column takes at least where it is in an image
    unknown: tuple[int, ...]  # columns of types that are not understood


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
    if logged.type in (FieldType.BLOB, BLOB_COMPRESSED) and logged.meta != _blob_width(column.type):
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


def make_plan(table: Table, shape: TableMap) -> Plan:
    """Check a logged shape against the table as it was loaded; raises Undecodable with the difference."""
    if len(shape.columns) != len(table.columns):
        raise Undecodable(f"shape differs: {len(shape.columns)} columns in the log, {len(table.columns)} in the table")
    slots = np.full(len(shape.columns), -1, np.int32)
    readers: list[Reader] = []
    names: list[str] = []
    for slot, column in enumerate(carried_columns(table)):
        logged = shape.columns[column.ordinal]
        if difference := _difference(column, logged):
            raise Undecodable(f"shape differs: column {column.name} {difference} in the log")
        slots[column.ordinal] = slot
        readers.append(choose_reader(column, logged))
        names.append(column.name)
    fixed = np.zeros(len(shape.columns), np.int32)
    unknown: list[int] = []
    for number, shown in enumerate(shape.columns):
        try:
            fixed[number] = width_of(shown)
        except Undecodable:
            unknown.append(number)
    is_document = np.array([c.type == FieldType.JSON for c in shape.columns])
    documents = np.where(is_document, np.cumsum(is_document) - 1, -1).astype(np.int32)
    shortest = tuple(0 if c.nullable else abs(int(w)) for w, c in zip(fixed, shape.columns, strict=True))
    return Plan(fixed, slots, documents, tuple(readers), tuple(names), shortest, tuple(unknown))


def _check(plan: Plan, patterns: npt.NDArray[np.uint8], shape: TableMap) -> int:
    """Bytes of the shortest row there can be; raises Undecodable for a column that an image has and nobody can read."""
    for number in plan.unknown:
        if patterns[:, number].any():
            raise Undecodable(f"binlog column type {shape.columns[number].type}")
    return int((patterns @ np.array(plan.shortest, np.int64) + (patterns.sum(axis=1, dtype=np.int64) + 7) // 8).min())


def take_differences(names: tuple[str, ...], cells: list[Cells], known: npt.NDArray[np.uint8]) -> dict[str, pa.Array]:
    """Take the differences of JSON documents out of the cells, where they become NULL."""
    differences: dict[str, pa.Array] = {}
    for name, column, has in zip(names, cells, known, strict=True):
        differs = has == DIFFERENCE
        if differs.any():
            null = np.where(differs, column.null, np.uint8(1))
            differences[name] = read_bytes(Cells(column.data, column.at, column.lengths, null), name)
            column.null = np.where(differs, np.uint8(1), column.null)
    return differences


def _missing(
    table: Table, arrays: list[pa.Array], known: npt.NDArray[np.uint8], differences: dict[str, pa.Array]
) -> Missing | None:
    """Put defaults where an INSERT left them out, and tell what is missing then; None when nothing is."""
    for slot, column in enumerate(carried_columns(table)):
        left_out = known[slot] == DEFAULT
        if left_out.any():
            value = default_value(column)
            if value.is_valid:
                arrays[slot] = pc.if_else(pa.array(left_out), value, arrays[slot])
    known = np.where(known == DEFAULT, np.uint8(VALUE), known)
    return None if bool((known == VALUE).all()) else Missing(known, differences)


class Decoder:
    """Decodes runs; keeps the plans of the shapes it has met."""

    def __init__(self) -> None:
        # Keyed by identity, which the kept references make safe: comparing whole shapes costs more than decoding.
        self._plans: dict[tuple[int, int], tuple[Table, TableMap, Plan]] = {}
        self._at = np.empty(0, np.int64)
        self._lengths = np.empty(0, np.int32)
        self._null = np.empty(0, np.uint8)

    def decode(self, table: Table, run: Run) -> Iterator[Changes]:
        """Give the changes of a run in log order, at most MOST_ROWS rows each; raises Undecodable."""
        plan = self._plan(table, run)
        data = np.frombuffer(b"".join(run.images), np.uint8)
        ends = np.cumsum([len(image) for image in run.images], dtype=np.int64)
        kinds = np.array(run.kinds, np.int8)
        logged = np.array(run.logged, np.int32)
        patterns = np.stack([_bit_list(bitmap, len(run.shape.columns)) for bitmap in run.patterns])
        shortest = _check(plan, patterns, run.shape)
        whole = kernels.PARTIAL not in run.kinds and bool(patterns[:, plan.slots >= 0].all())
        capacity = min(MOST_ROWS, len(data) // max(shortest, 1) + 2)
        cells = len(plan.readers)
        event = place = 0
        while place < len(data):
            at, lengths, null = self._scratch(cells, capacity)
            row_kinds = np.empty(capacity, np.int8)
            known = np.empty((0, 0) if whole else (cells, capacity), np.uint8)
            rows, event, place, error = kernels.walk(
                data, ends, kinds, logged, event, place, patterns, plan.fixed, plan.slots, plan.documents, MOST_BYTES,
                at, lengths, null, row_kinds, known,
            )  # fmt: skip
            if error:
                raise Undecodable("row event is cut short or has another shape than its table map")
            found = [Cells(data, at[slot, :rows], lengths[slot, :rows], null[slot, :rows]) for slot in range(cells)]
            differences = {} if whole else take_differences(plan.names, found, known[:, :rows])
            arrays = [read(column) for read, column in zip(plan.readers, found, strict=True)]
            missing = None if whole else _missing(table, arrays, known[:, :rows], differences)
            batch = pa.RecordBatch.from_arrays(arrays, names=list(plan.names))
            yield Changes(table.schema, table.name, row_kinds[:rows].copy(), batch, missing, table)

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
        key = (id(table), id(run.shape))
        found = self._plans.get(key)
        if found is None:
            if len(self._plans) >= 4096:
                self._plans.clear()
            found = self._plans[key] = (table, run.shape, make_plan(table, run.shape))
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
        "blob": MapColumn(BLOB_COMPRESSED, 2, True),
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
    run = Run(shape)
    run.add(kernels.WRITE, b"", b"\xff" * ((count + 7) // 8), nulls + b"\x01\xe9")
    for _ in Decoder().decode(Table("", "", columns), run):
        pass
    plain.warm_up()
