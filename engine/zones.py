"""Time zones by name, as the backend knows them: its own CONVERT_TZ is asked where a zone changes, and checked.

A zone is a list of moments from which an offset holds, between 1970-01-02 and 2038-01-18 (what both servers convert,
whatever their build). The way back, from local time, follows TIME_to_gmt_sec in sql/tztime.cc: what an hour turned
back gives twice is the earlier moment, what an hour turned forward leaves out is the moment of the change.
"""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.collate.fetch import Cursor

FIRST, LAST = 86_400, 2_147_385_600  # seconds in UTC and in local time
_DAY, _HOUR = 86_400, 3_600
_HOURS = (LAST - FIRST) // _HOUR
_PRIME = 1009
_DIGIT = "(SELECT 0 d" + "".join(f" UNION ALL SELECT {n}" for n in range(1, 10)) + ")"
_NUMBERS = (
    f"(SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d + 100000 * f.d n FROM {_DIGIT} a, {_DIGIT} b,"
    f" {_DIGIT} c, {_DIGIT} d, {_DIGIT} e, (SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3"
    " UNION ALL SELECT 4 UNION ALL SELECT 5) f) numbers WHERE n < {count}"
)
_EPOCH = "1970-01-01 00:00:00"
# The offset at a moment of UTC, and the one by which a local time is brought to UTC.
_FROM_UTC = "TIMESTAMPDIFF(SECOND, {0}, CONVERT_TZ({0}, '+00:00', %(zone)s))"
_TO_UTC = "TIMESTAMPDIFF(SECOND, CONVERT_TZ({0}, %(zone)s, '+00:00'), {0})"
_Seconds = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ZoneTable:
    """`offsets[i]` seconds are added to moments of UTC from `starts[i]` on."""

    zone: str
    starts: _Seconds
    offsets: _Seconds

    @property
    def function(self) -> str:
        """Name of the DuckDB function that brings UTC to local time; with "_back" behind it, the other way."""
        digest = hashlib.sha256(self.starts.tobytes() + self.offsets.tobytes()).hexdigest()
        return f"wf_zone_{digest[:24]}"

    def from_utc(self, moments: _Seconds) -> _Seconds:
        """Give the offsets at moments of UTC, in seconds."""
        return self.offsets[np.searchsorted(self.starts, moments, "right") - 1]

    def to_utc(self, local: _Seconds) -> _Seconds:
        """Give the offsets by which local times are brought to UTC, in seconds."""
        begins, gaps = self._local()
        piece = np.searchsorted(begins, local, "right") - 1
        return cast(_Seconds, np.where(local < gaps[piece], local - self.starts[piece], self.offsets[piece]))

    def is_certain(self, local: datetime) -> bool:
        """Tell whether a local time is that of one moment, and of the times that were asked about."""
        second = int((local - datetime(1970, 1, 1)).total_seconds())
        opened, ended = self.starts[1:] + self.offsets[1:], self.starts[1:] + self.offsets[:-1]
        doubtful = (second >= np.minimum(opened, ended)) & (second < np.maximum(opened, ended))
        return FIRST + _DAY <= second < LAST - _DAY and not doubtful.any()

    def is_certain_moment(self, second: int) -> bool:
        """Tell whether the local time of a moment, in seconds of UTC since 1970, is that of no other."""
        if not FIRST <= second < LAST:
            return False
        offset = int(self.from_utc(np.array([second], dtype=np.int64))[0])
        return self.is_certain(datetime(1970, 1, 1) + timedelta(seconds=second + offset))

    def _local(self) -> tuple[_Seconds, _Seconds]:
        """Where each piece begins in local time, and until where it is a gap."""
        opened = self.starts + self.offsets
        ended = np.append(self.starts[1:] + self.offsets[:-1], np.iinfo(np.int64).max)
        seen = np.append(np.iinfo(np.int64).min, np.maximum.accumulate(ended)[:-1])
        begins = np.where(opened > seen, seen, np.minimum(np.maximum(seen, opened), ended))
        return begins, opened


def fetch_zone(cursor: Cursor, zone: str) -> ZoneTable | None:
    """Ask the server for a zone; None when it does not know it, or answers otherwise than a list of offsets would."""
    cursor.execute(
        f"SELECT n, {_FROM_UTC.format(_moment('n * 86400'))} FROM {_NUMBERS.format(count=LAST // _DAY)} AND n > 0",
        {"zone": zone},
    )
    days = np.array(sorted(cursor.fetchall()), dtype=object)
    if not len(days) or any(offset is None for offset in days[:, 1]):
        return None
    moments, offsets = days[:, 0].astype(np.int64) * _DAY, days[:, 1].astype(np.int64)
    changed = np.flatnonzero(offsets[1:] != offsets[:-1])
    low, high, before = moments[changed], moments[changed + 1], offsets[changed]
    while len(low) and (high - low).max() > 1:
        middle = (low + high) // 2
        same = _asked(cursor, _FROM_UTC, zone, middle) == before
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    table = ZoneTable(
        zone, np.append(np.int64(-(1 << 62)), high), np.append(offsets[:1], offsets[changed + 1]).astype(np.int64)
    )
    return table if _is_confirmed(cursor, table) else None


def _moment(seconds: str) -> str:
    return f"TIMESTAMPADD(SECOND, {seconds}, '{_EPOCH}')"


def _asked(cursor: Cursor, form: str, zone: str, moments: Iterable[int]) -> _Seconds:
    written = [int(moment) for moment in moments]
    if not written:
        return np.zeros(0, np.int64)
    listed = " UNION ALL ".join(f"SELECT {place} p, {moment} s" for place, moment in enumerate(written))
    cursor.execute(f"SELECT p, {form.format(_moment('s'))} FROM ({listed}) asked", {"zone": zone})
    return np.array([offset for _, offset in sorted(cursor.fetchall())], np.int64)


def _is_confirmed(cursor: Cursor, table: ZoneTable) -> bool:
    """Compare every hour in both directions, and the seconds round each change in local time."""
    hours = np.arange(_HOURS, dtype=np.int64)
    weights, seconds = hours % _PRIME + 1, hours * _HOUR + FIRST
    expected = int((weights * table.from_utc(seconds)).sum()), int((weights * table.to_utc(seconds)).sum())
    at = _moment(f"n * {_HOUR} + {FIRST}")
    sums = ", ".join(f"SUM((n %% {_PRIME} + 1) * {form.format(at)})" for form in (_FROM_UTC, _TO_UTC))
    cursor.execute(f"SELECT {sums} FROM {_NUMBERS.format(count=_HOURS)}", {"zone": table.zone})
    if tuple(int(total) for total in cursor.fetchall()[0]) != expected:
        return False
    edges = np.concatenate([table.starts[1:] + table.offsets[:-1], table.starts[1:] + table.offsets[1:]])
    probes = np.concatenate([edges - 1, edges, edges + 1, edges - 1800, edges + 1800])
    probes = np.unique(probes[(probes > FIRST) & (probes < LAST)])
    return bool((_asked(cursor, _TO_UTC, table.zone, probes) == table.to_utc(probes)).all())


# DuckDB forgets to hold a function when the cursor that made it closes, and crashes at the next call.
_KEPT: dict[str, Callable[[pa.Array | pa.ChunkedArray], pa.Array]] = {}
_KEEPING = threading.Lock()


def register(connection: duckdb.DuckDBPyConnection, table: ZoneTable) -> None:
    """Make a zone's two functions callable on a database, from all its connections."""
    for name, offsets, sign in ((table.function, table.from_utc, 1), (f"{table.function}_back", table.to_utc, -1)):
        with _KEEPING:
            function = _KEPT.setdefault(name, _mover(offsets, sign))
        with contextlib.suppress(duckdb.CatalogException):  # a name stands for its offsets
            connection.create_function(
                name,
                function,
                [duckdb.sqltype("TIMESTAMP")],
                duckdb.sqltype("TIMESTAMP"),
                type=cast(Any, "arrow"),
                null_handling=cast(Any, "special"),
            )


def _mover(offsets: Callable[[_Seconds], _Seconds], sign: int) -> Callable[[pa.Array | pa.ChunkedArray], pa.Array]:
    def move(column: pa.Array | pa.ChunkedArray) -> pa.Array:
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        moments = np.asarray(column.cast(pa.int64()).fill_null(0))
        moved = moments + sign * offsets(moments // 1_000_000) * 1_000_000
        return pa.array(moved, pa.timestamp("us"), mask=np.asarray(column.is_null()))

    return move
