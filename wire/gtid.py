"""GTID sets of MySQL (UUID:intervals, tags) and GTID positions of MariaDB (domain-server-sequence). Sans-IO.

Source: "GTID Sets" and "Tagged GTIDs" of the MySQL reference manual, "Global Transaction ID" of MariaDB's.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from uuid import UUID

from base.errors import MalformedPacket, WarmfrontError
from wire.integers import read_bytes, read_int

Sid = tuple[str, str]  # UUID in lower case, tag in lower case ("" when there is none)
NAMELESS = "00000000-0000-0000-0000-000000000000"  # among GTIDs of ours: they do not name every transaction
_MAX_GNO = (1 << 63) - 1
_TAG = re.compile(r"[a-z_][a-z0-9_]{0,31}\Z")
_INTERVAL = re.compile(r"(\d+)(?:-(\d+))?\Z", re.ASCII)
_MARIADB = re.compile(r"(\d+)-(\d+)-(\d+)\Z", re.ASCII)


class MalformedGtid(WarmfrontError):
    """A text is no GTID, GTID set or GTID position."""

    number = 1772  # ER_MALFORMED_GTID_SET_SPECIFICATION

    def __init__(self, text: str) -> None:
        super().__init__(f"Malformed GTID set specification '{text[:200]}'.")


class GtidSet:
    """A set of MySQL GTIDs: per UUID and tag, sorted disjoint half-open intervals of transaction numbers."""

    __slots__ = ("_intervals",)

    def __init__(self, text: str = "") -> None:
        """Parse a set as `@@gtid_executed` shows it; raises MalformedGtid."""
        self._intervals: dict[Sid, list[tuple[int, int]]] = {}
        for part in text.split(","):
            if part.strip():
                self._add_text(part, text)

    def _add_text(self, part: str, whole: str) -> None:
        head, *fields = (field.strip() for field in part.split(":"))
        try:
            uuid = str(UUID(head))
        except ValueError:
            raise MalformedGtid(whole) from None
        tag = ""
        for field in fields:
            if match := _INTERVAL.match(field):
                first = int(match[1])
                last = int(match[2] or first)
                if first < 1 or last >= _MAX_GNO:
                    raise MalformedGtid(whole)
                if first <= last:
                    self.add_interval((uuid, tag), first, last + 1)
            elif _TAG.match(field.lower()):
                tag = field.lower()
            else:
                raise MalformedGtid(whole)

    def add(self, uuid: str, gno: int, tag: str = "") -> None:
        """Put one GTID in; being there already is fine."""
        intervals = self._intervals.get((uuid, tag))
        if intervals and intervals[-1][1] == gno:  # the usual case: the next number of the last interval
            intervals[-1] = (intervals[-1][0], gno + 1)
        else:
            self.add_interval((uuid, tag), gno, gno + 1)

    def add_nameless(self) -> None:
        """Note that there is a transaction without a GTID."""
        self.add(NAMELESS, 1)

    def named(self) -> GtidSet:
        """Make the set that a server knows: without the note of transactions that have no GTID."""
        named = self.copy()
        named._intervals.pop((NAMELESS, ""), None)
        return named

    def add_interval(self, sid: Sid, start: int, end: int) -> None:
        """Put the numbers `start` to `end` - 1 in, joining what touches."""
        intervals = self._intervals.setdefault(sid, [])
        low = bisect_right(intervals, start, key=lambda interval: interval[0])
        if low and intervals[low - 1][1] >= start:
            low -= 1
            start = intervals[low][0]
        high = low
        while high < len(intervals) and intervals[high][0] <= end:
            end = max(end, intervals[high][1])
            high += 1
        intervals[low:high] = [(start, end)]

    def update(self, other: GtidSet) -> None:
        """Put every GTID of another set in."""
        for sid, start, end in other.intervals():
            self.add_interval(sid, start, end)

    def copy(self) -> GtidSet:
        """Make an independent copy."""
        twin = GtidSet()
        twin._intervals = {sid: list(intervals) for sid, intervals in self._intervals.items()}
        return twin

    def intervals(self) -> Iterator[tuple[Sid, int, int]]:
        """Go through (sid, first number, number after the last) in the order of the text form."""
        for sid in sorted(self._intervals):
            for start, end in self._intervals[sid]:
                yield sid, start, end

    def has(self, uuid: str, gno: int, tag: str = "") -> bool:
        """Tell whether one GTID is in the set."""
        intervals = self._intervals.get((uuid, tag), [])
        at = bisect_right(intervals, gno, key=lambda interval: interval[0])
        return bool(at) and gno < intervals[at - 1][1]

    def end(self, uuid: str) -> int:
        """The number after the last one that a UUID has without a tag; 1 when it has none."""
        intervals = self._intervals.get((uuid, ""))
        return intervals[-1][1] if intervals else 1

    def contains(self, other: GtidSet) -> bool:
        """Tell whether every GTID of the other set is in this one."""
        return not other.subtract(self)

    def subtract(self, other: GtidSet) -> GtidSet:
        """Make the set of the GTIDs that are in this set and not in the other."""
        left = GtidSet()
        for sid, start, end in self.intervals():
            for low, high in other._intervals.get(sid, []):
                if high <= start:
                    continue
                if low >= end:
                    break
                if low > start:
                    left.add_interval(sid, start, low)
                start = high
            if start < end:
                left.add_interval(sid, start, end)
        return left

    def __bool__(self) -> bool:
        return bool(self._intervals)

    def __len__(self) -> int:
        return sum(end - start for _, start, end in self.intervals())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GtidSet) and self._intervals == other._intervals

    __hash__ = None  # type: ignore[assignment]  # a set that grows has no hash

    def __repr__(self) -> str:
        return f"GtidSet({str(self)!r})"

    def __str__(self) -> str:
        parts: list[str] = []
        last_uuid = None
        last_tag = ""
        for (uuid, tag), start, end in self.intervals():
            text = f"{start}" if end == start + 1 else f"{start}-{end - 1}"
            if uuid != last_uuid:
                parts.append(f",{uuid}" if parts else uuid)
                last_uuid, last_tag = uuid, ""
            if tag != last_tag:
                parts.append(f":{tag}")
                last_tag = tag
            parts.append(f":{text}")
        return "".join(parts)

    def build(self) -> bytes:
        """Write the set as COM_BINLOG_DUMP_GTID and the previous-GTIDs event hold it."""
        tagged = any(tag for _, tag in self._intervals)
        count = len(self._intervals)
        out = bytearray((count << 8 | 1 | 1 << 56 if tagged else count).to_bytes(8, "little"))
        for uuid, tag in sorted(self._intervals):
            out += UUID(uuid).bytes
            if tagged:
                out.append(len(tag) << 1)  # variable-length integer: at most 32, one byte
                out += tag.encode("ascii")
            intervals = self._intervals[uuid, tag]
            out += len(intervals).to_bytes(8, "little")
            for start, end in intervals:
                out += start.to_bytes(8, "little") + end.to_bytes(8, "little")
        return bytes(out)


def parse_gtid_set(data: bytes, at: int = 0) -> GtidSet:
    """Read a set as the previous-GTIDs event holds it; raises MalformedPacket."""
    gtids = GtidSet()
    head, at = read_int(data, at, 8)
    tagged = head >> 56 == 1
    for _ in range(head >> 8 & 0xFFFFFFFFFFFF if tagged else head):
        raw, at = read_bytes(data, at, 16)
        tag = ""
        if tagged:
            length, at = read_int(data, at, 1)
            name, at = read_bytes(data, at, length >> 1)
            tag = name.decode("ascii", "replace")
        count, at = read_int(data, at, 8)
        for _ in range(count):
            start, at = read_int(data, at, 8)
            end, at = read_int(data, at, 8)
            if not 0 < start < end <= _MAX_GNO:
                raise MalformedPacket("GTID set")
            gtids.add_interval((str(UUID(bytes=raw)), tag), start, end)
    return gtids


class GtidPosition:
    """A MariaDB GTID position: the last (server id, sequence number) of each replication domain.

    It notes, in its text too, when a number has gone back, as it may without gtid_strict_mode: then it names no place.
    """

    __slots__ = ("_domains", "_went_back")

    def __init__(self, text: str = "") -> None:
        """Parse a position as `@@gtid_binlog_pos` shows it; raises MalformedGtid."""
        self._domains: dict[int, tuple[int, int]] = {}
        self._went_back = False
        for part in text.split(","):
            if not part.strip():
                continue
            if part == NAMELESS:
                self._went_back = True
                continue
            match = _MARIADB.match(part.strip())
            if not match:
                raise MalformedGtid(text)
            domain, server, sequence = int(match[1]), int(match[2]), int(match[3])
            if domain >= 1 << 32 or server >= 1 << 32 or sequence >= 1 << 64 or domain in self._domains:
                raise MalformedGtid(text)
            self._domains[domain] = server, sequence

    def add(self, domain: int, server: int, sequence: int) -> None:
        """Advance one domain to this GTID."""
        self._went_back |= self.has(domain, sequence)
        self._domains[domain] = server, sequence

    def has(self, domain: int, sequence: int) -> bool:
        """Tell whether the domain has come to this sequence number or past it."""
        return self._domains.get(domain, (0, -1))[1] >= sequence

    def contains(self, other: GtidPosition) -> bool:
        """Tell whether every domain of the other position has been reached here."""
        return all(self.has(domain, sequence) for domain, (_, sequence) in other._domains.items())

    def subtract(self, other: GtidPosition) -> GtidPosition:
        """Make the position of the domains in which this one is past the other."""
        left = GtidPosition()
        for domain, (server, sequence) in self._domains.items():
            if not other.has(domain, sequence):
                left._domains[domain] = server, sequence
        return left

    def distance(self, other: GtidPosition) -> int:
        """How many transactions this position is past the other: the sequence numbers between, over all domains."""
        reached = {domain: sequence for domain, (_, sequence) in other._domains.items()}
        return sum(max(n - reached.get(domain, 0), 0) for domain, (_, n) in self._domains.items())

    def copy(self) -> GtidPosition:
        """Make an independent copy."""
        twin = GtidPosition()
        twin._domains = dict(self._domains)
        twin._went_back = self._went_back
        return twin

    def __bool__(self) -> bool:
        return bool(self._domains)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GtidPosition) and self._domains == other._domains

    __hash__ = None  # type: ignore[assignment]  # a position that moves has no hash

    def __repr__(self) -> str:
        return f"GtidPosition({str(self)!r})"

    def __str__(self) -> str:
        parts = [f"{d}-{server}-{seq}" for d, (server, seq) in sorted(self._domains.items())]
        return ",".join([*parts, NAMELESS] if self._went_back else parts)

    def named(self) -> GtidPosition:
        """Make the position that a server knows."""
        named = self.copy()
        named._went_back = False
        return named
