"""Find plain transactions in a stretch of log in compiled code: rows of known tables between a GTID and a commit.

What an OLTP server writes is nearly all such transactions, of a row or a few each, and to parse their events one by one
costs more than to decode and store their rows. Everything else, and whatever differs in a byte, is left to the parser.
"""

import itertools
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numba
import numpy as np
import numpy.typing as npt

from engine.images.kernels import DELETE, UPDATE, WRITE
from wire.binlog_table_map import TableMap
from wire.binlog_types import EventType

Numbers = npt.NDArray[Any]

_compiled: Callable[[Any], Any] = numba.njit(cache=True, nogil=True)

_HEADER = 19
_MOST_MAPS = 64  # tables known at once; with more, all are forgotten and met again
_MARIADB_ODD = 1 | 64 | 128  # flags of MariaDB's GTID: a statement of its own, XA prepared, XA completed
# Of a GTID event's body: flag and UUID, number, then a logical clock, then the time of the commit.
_GTID_LENGTH = 1 + 16 + 8
_CLOCK = 17

_GTID, _MARIADB_GTID, _QUERY = int(EventType.GTID), int(EventType.MARIADB_GTID), int(EventType.QUERY)
_MAP, _XID = int(EventType.TABLE_MAP), int(EventType.XID)
_NOTE, _ANNOTATION = int(EventType.ROWS_QUERY), int(EventType.ANNOTATE_ROWS)
_FIRST_V1, _FIRST_V2 = int(EventType.WRITE_ROWS_V1), int(EventType.WRITE_ROWS)
_ORDER = np.array([WRITE, UPDATE, DELETE], np.int8)  # of the event types of either version
_STATEMENT_END = 1  # flag of a rows event
ROWS = frozenset({*range(_FIRST_V1, _FIRST_V1 + 3), *range(_FIRST_V2, _FIRST_V2 + 3)})  # types of rows events
PIECES = ROWS | {_MAP}  # types of events that a piece may begin with


def _make_crc_tables() -> npt.NDArray[np.uint32]:
    """Eight tables for CRC-32 of eight bytes at once."""
    tables = np.zeros((8, 256), np.uint32)
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
        tables[0, byte] = value
    for k in range(1, 8):
        tables[k] = tables[0][tables[k - 1] & 0xFF] ^ tables[k - 1] >> 8
    return tables


_CRC = _make_crc_tables()


@_compiled
def _number(data: Any, at: int, width: int) -> Any:
    value = np.int64(0)
    for i in range(width):
        value |= np.int64(data[at + i]) << (8 * i)
    return value


@_compiled
def _crc_fits(data: Any, start: int, end: int) -> Any:
    """Whether the last four bytes are the CRC-32 of those before."""
    crc = np.int64(0xFFFFFFFF)
    at = start
    last = end - 4
    while at + 8 <= last:
        low = crc ^ _number(data, at, 4)
        high = _number(data, at + 4, 4)
        crc = np.int64(
            _CRC[7, low & 255] ^ _CRC[6, low >> 8 & 255] ^ _CRC[5, low >> 16 & 255] ^ _CRC[4, low >> 24]
            ^ _CRC[3, high & 255] ^ _CRC[2, high >> 8 & 255] ^ _CRC[1, high >> 16 & 255] ^ _CRC[0, high >> 24]
        )  # fmt: skip
        at += 8
    while at < last:
        crc = np.int64(_CRC[0, (crc ^ np.int64(data[at])) & 255]) ^ crc >> 8
        at += 1
    return crc ^ np.int64(0xFFFFFFFF) == _number(data, last, 4)


@_compiled
def _same(left: Any, at: int, right: Any, start: int, length: int) -> Any:
    different = 0
    for i in range(length):
        different |= left[at + i] ^ right[start + i]
    return different == 0


@_compiled
def _is_begin(data: Any, body: int, end: int) -> Any:
    """Whether a QUERY event says BEGIN and ended well."""
    if end - body < 18 or _number(data, body + 9, 2) != 0:
        return False
    text = body + 13 + _number(data, body + 11, 2) + np.int64(data[body + 8]) + 1
    return (
        end - text == 5
        and data[text] == 66  # B
        and data[text + 1] == 69
        and data[text + 2] == 71
        and data[text + 3] == 73
        and data[text + 4] == 78
    )


@_compiled
def _images_at(data: Any, body: int, end: int, version: int, bitmaps: int, columns: int) -> Any:
    """Where the images of a rows event begin when it logs all of the table's columns; -1 when not."""
    at = body + 8
    if version == 2:
        if end - at < 2 or _number(data, at, 2) != 2:
            return -1
        at += 2
    width = (columns + 7) // 8
    if columns > 250 or end - at < 1 + bitmaps * width or data[at] != columns:
        return -1
    at += 1
    for _ in range(bitmaps):
        for column in range(columns):
            if not data[at + (column >> 3)] >> (column & 7) & 1:
                return -1
        at += width
    return at


@_compiled
def _is_sound(data: Any, begin: int, stop: int, checksums: bool) -> Any:
    """Whether an event is whole, of a log file, and has the checksum of its bytes."""
    return (
        stop - begin >= _HEADER + (4 if checksums else 0)
        and _number(data, begin + 9, 4) == stop - begin
        and _number(data, begin + 13, 4) != 0
        and not data[begin + 17] & 0x20
        and (not checksums or _crc_fits(data, begin, stop))
    )


@_compiled
def _opening(data: Any, begin: int, end: int, mariadb: bool, origin: Any) -> Any:
    """Number and time of a GTID event of a plain transaction from the origin; -1 when it is none."""
    body = begin + _HEADER
    if mariadb:
        known = end - body >= 13 and _same(data, body + 8, origin, 0, 4) and _same(data, begin + 5, origin, 4, 4)
        if known and not data[body + 12] & _MARIADB_ODD:
            return _number(data, body, 8), np.int64(0)
    elif end - body >= _GTID_LENGTH and _same(data, body + 1, origin, 0, 16):
        time = np.int64(0)
        if end - body >= _GTID_LENGTH + _CLOCK + 7:
            time = _number(data, body + _GTID_LENGTH + _CLOCK, 7) & ((1 << 55) - 1)
        return _number(data, body + 17, 8), time
    return np.int64(-1), np.int64(0)


@_compiled
def _map_of(data: Any, body: int, end: int, ids: Any, maps: Any, map_ends: Any) -> Any:
    """Which of the known maps a TABLE_MAP event is, byte for byte; -1 for another."""
    for i in range(ids.shape[0]):
        before = map_ends[i - 1] if i else 0
        length = map_ends[i] - before
        if end - body == length and _number(data, body, 6) == ids[i] and _same(data, body, maps, before, length):
            return i
    return -1


@_compiled
def _rows_of(data: Any, type_: int, body: int, end: int, ids: Any, columns: Any, met: Any, opened: int) -> Any:
    """Map, kind and place of the images of a rows event; the map is -1 when it is none that logs all columns."""
    version = 1 if _FIRST_V1 <= type_ < _FIRST_V1 + 3 else 2
    which = type_ - (_FIRST_V1 if version == 1 else _FIRST_V2)
    if 0 <= which < 3 and end - body >= 8:
        table = _number(data, body, 6)
        for i in range(ids.shape[0]):
            if ids[i] == table and met[i] == opened:
                bitmaps = 2 if _ORDER[which] == UPDATE else 1
                place = _images_at(data, body, end, version, bitmaps, columns[i])
                return (i if place >= 0 else -1), _ORDER[which], place
    return -1, _ORDER[0], -1


@_compiled
def find_plain(
    data: Any, at: Any, checksums: bool, mariadb: bool, origin: Any, ids: Any, maps: Any, map_ends: Any, columns: Any,
    met: Any, first: Any, last: Any, number: Any, time: Any, rows_end: Any, slot: Any, kind: Any, start: Any, end: Any,
) -> Any:  # fmt: skip
    """Note the plain transactions among the events that begin at `at[:-1]`; returns how many there are.

    Of each: its first and last event, its GTID's number, the time of its commit (microseconds, 0 unknown), and the end
    of its rows events in `slot` (which map), `kind`, `start` and `end` (of its images). `origin` is UUID, or domain and
    server id; `met` is scratch.
    """
    events = at.shape[0] - 1
    trailer = 4 if checksums else 0
    opening = _MARIADB_GTID if mariadb else _GTID
    found, rows, event = 0, 0, 0
    while event < events:
        opened, kept = event, rows
        event += 1
        begin, stop = at[opened], at[opened + 1]
        if stop - begin < _HEADER or data[begin + 4] != opening or not _is_sound(data, begin, stop, checksums):
            continue
        number[found], time[found] = _opening(data, begin, stop - trailer, mariadb, origin)
        begun, plain, whole = mariadb, number[found] >= 0, False
        while plain and not whole and event < events:
            begin, stop = at[event], at[event + 1]
            if not _is_sound(data, begin, stop, checksums):
                break
            type_, body, tail = np.int64(data[begin + 4]), begin + _HEADER, stop - trailer
            if not begun:
                begun = plain = type_ == _QUERY and _is_begin(data, body, tail)
            elif type_ == _MAP:
                which = _map_of(data, body, tail, ids, maps, map_ends)
                plain = which >= 0
                if plain:
                    met[which] = opened
            elif type_ == _XID:
                whole = True
            elif type_ != _NOTE and type_ != _ANNOTATION:
                slot[rows], kind[rows], start[rows] = _rows_of(data, type_, body, tail, ids, columns, met, opened)
                end[rows] = tail
                plain = slot[rows] >= 0
                rows += 1
            event += 1
        if whole:
            first[found], last[found], rows_end[found] = opened, event - 1, rows
            found += 1
        else:
            rows, event = kept, opened + 1
    return found


@_compiled
def find_rows(
    data: Any, at: Any, event: int, stop: int, checksums: bool, ids: Any, maps: Any, map_ends: Any, columns: Any,
    met: Any, slot: Any, kind: Any, start: Any, end: Any,
) -> Any:  # fmt: skip
    """Note the rows events from `event` on, up to one that is no part of a plain statement; `met` has 1 per known map.

    Returns how many there are, the event behind them, and the event behind the last end of a statement (or `event`).
    """
    rows, ended = 0, event
    trailer = 4 if checksums else 0
    while event < stop:
        begin, after = at[event], at[event + 1]
        if not _is_sound(data, begin, after, checksums):
            break
        type_, body, tail = np.int64(data[begin + 4]), begin + _HEADER, after - trailer
        if type_ == _MAP:
            which = _map_of(data, body, tail, ids, maps, map_ends)
            if which < 0:
                break
            met[which] = 1
        elif type_ != _NOTE and type_ != _ANNOTATION:
            slot[rows], kind[rows], start[rows] = _rows_of(data, type_, body, tail, ids, columns, met, 1)
            if slot[rows] < 0:
                break
            end[rows] = tail
            rows += 1
            if data[body + 6] & _STATEMENT_END:
                ended = event + 1
        event += 1
    return rows, event, ended


TableRows = tuple[TableMap, list[int], list[bytes]]  # of one table map: kinds of its rows events, and their images


@dataclass(slots=True)
class Stretch:
    """Plain transactions one after another: events `first` to `end` - 1, GTID numbers, time of the last commit.

    `rows` gives what they change: table map, kinds of the events, their images.
    """

    first: int
    end: int
    numbers: npt.NDArray[np.int64]
    time: int
    rows: list[TableRows]


@dataclass(slots=True)
class Piece:
    """Rows events inside a transaction, up to event `end` - 1; their last whole statement ends before `ended`."""

    end: int
    ended: int
    rows: list[TableRows]


class Log:
    """Whole events put together, for compiled code."""

    def __init__(self, events: list[bytes]) -> None:
        self.events = events
        self.joined = b"".join(events)
        self.data = np.frombuffer(self.joined, np.uint8)
        self.at = np.zeros(len(events) + 1, np.int64)
        np.cumsum([len(event) for event in events], out=self.at[1:])

    def rows_of(
        self, maps: list[TableMap], slot: Numbers, kind: Numbers, start: Numbers, end: Numbers
    ) -> list[TableRows]:
        """Rows events by table map; those of a table that has several maps stay in their order."""
        present = np.unique(slot).tolist()
        names = {(maps[which].schema, maps[which].name) for which in present}
        if len(names) == len(present):
            groups = [np.flatnonzero(slot == which) for which in present]
        else:
            groups = np.split(np.arange(len(slot)), np.flatnonzero(slot[1:] != slot[:-1]) + 1)
        joined = self.joined
        return [
            (
                maps[slot[mine[0]]],
                kind[mine].tolist(),
                [joined[a:b] for a, b in zip(start[mine].tolist(), end[mine].tolist(), strict=True)],
            )
            for mine in groups
        ]


class PlainScanner:
    """Knows the table maps and the origin of transactions met so far."""

    def __init__(self, mariadb: bool) -> None:
        self._mariadb = mariadb
        self.uuid = ""  # of the transactions that `find` gives
        self.domain = 0, 0  # of those, and server id
        self._origin: npt.NDArray[np.uint8] | None = None
        self._maps: dict[bytes, TableMap] = {}
        self._slots: Any = None

    def learn_uuid(self, uuid: str) -> None:
        """Take the origin of a MySQL transaction."""
        if uuid != self.uuid:
            self.uuid = uuid
            self._origin = np.frombuffer(UUID(uuid).bytes, np.uint8)

    def learn_domain(self, domain: int, server_id: int) -> None:
        """Take the origin of a MariaDB transaction."""
        if (domain, server_id) != self.domain:
            self.domain = domain, server_id
            self._origin = np.frombuffer(struct.pack("<II", domain, server_id), np.uint8)

    def learn_map(self, body: bytes, shape: TableMap) -> None:
        """Take a table map; tables of more than 250 columns and ids that come back are left to the parser."""
        if body in self._maps:
            return
        self._maps = {b: m for b, m in self._maps.items() if m.table_id != shape.table_id}
        if len(self._maps) >= _MOST_MAPS:
            self._maps.clear()
        self._maps[body] = shape
        shapes = list(self._maps.values())
        self._slots = (
            np.array([m.table_id for m in shapes], np.int64),
            np.frombuffer(b"".join(self._maps), np.uint8),
            np.cumsum([len(b) for b in self._maps], dtype=np.int64),
            np.array([len(m.columns) for m in shapes], np.int64),
        )

    def find(self, log: Log, checksums: bool) -> Iterator[Stretch]:
        """Give the stretches of plain transactions among whole events, in order."""
        size = len(log.events)
        if self._origin is None or self._slots is None or size < 4:
            return
        first, last, number, time, rows_end, start, end = np.empty((7, size), np.int64)
        slot, kind = np.empty((2, size), np.int8)
        found = find_plain(
            log.data, log.at, checksums, self._mariadb, self._origin, *self._slots,
            np.full(len(self._maps), -1, np.int64), first, last, number, time, rows_end, slot, kind, start, end,
        )  # fmt: skip
        if not found:
            return
        maps = list(self._maps.values())
        borders = np.flatnonzero(first[1:found] != last[: found - 1] + 1) + 1
        for low, high in itertools.pairwise([0, *borders.tolist(), found]):
            part = slice(int(rows_end[low - 1]) if low else 0, int(rows_end[high - 1]))
            rows = log.rows_of(maps, slot[part], kind[part], start[part], end[part])
            yield Stretch(int(first[low]), int(last[high - 1]) + 1, number[low:high], int(time[high - 1]), rows)

    def find_rows(self, log: Log, event: int, stop: int, checksums: bool, current: Iterable[TableMap]) -> Piece | None:
        """Give the rows events from `event` on inside a transaction, whose tables are mapped already by `current`."""
        if self._slots is None:
            return None
        size = stop - event
        met = np.zeros(len(self._maps), np.int64)
        maps = list(self._maps.values())
        known = {id(shape) for shape in current}
        met[[which for which, shape in enumerate(maps) if id(shape) in known]] = 1
        start, end = np.empty((2, size), np.int64)
        slot, kind = np.empty((2, size), np.int8)
        found, behind, ended = find_rows(
            log.data, log.at, event, stop, checksums, *self._slots, met, slot, kind, start, end
        )
        if not found:
            return None
        return Piece(behind, ended, log.rows_of(maps, slot[:found], kind[:found], start[:found], end[:found]))


def warm_up() -> None:
    """Load the compiled search, or compile it."""
    scanner = PlainScanner(mariadb=False)
    scanner.learn_uuid("00000000-0000-0000-0000-000000000000")
    scanner.learn_map(b"\0" * 8, TableMap(0, "", "", ()))
    log = Log([b"\0" * 19] * 4)
    for _ in scanner.find(log, True):
        pass
    scanner.find_rows(log, 0, 4, True, ())
