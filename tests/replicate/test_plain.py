"""Plain transactions are read at once, and give exactly what the parser gives event by event."""

import random
import zlib
from typing import Any

import pytest

from engine.changes.batch import Batch
from engine.changes.position import Position
from engine.replicate.assemble import Assembler
from engine.replicate.plain import Log, PlainScanner
from tests.replicate.test_assemble import ITEMS, KINDS, split
from wire.binlog_events import ChecksumMismatch

_GTIDS = (33, 42, 162)


def plain_log(kind: str, copies: int = 60) -> list[bytes]:
    """The transcript, and its transactions of rows many times more, each under a number and a place of its own."""
    events = split(kind)
    starts = [i for i, event in enumerate(events) if event[4] in _GTIDS]
    groups = [events[a:b] for a, b in zip(starts, [*starts[1:], len(events)], strict=True)]
    rows = [g for g in groups if g[0][4] != 42 and g[-1][4] == 16 and any(e[4] == 19 for e in g)]
    assert len(rows) >= 2
    number, place = 100_000, 1 << 20
    for group in rows * copies:
        number += 1
        for event in group:
            place += len(event)
            changed = bytearray(event)
            changed[13:17] = place.to_bytes(4, "little")
            if event[4] == 33:
                changed[36:44] = number.to_bytes(8, "little")
            elif event[4] == 162:
                changed[19:27] = number.to_bytes(8, "little")
            changed[-4:] = zlib.crc32(changed[:-4]).to_bytes(4, "little")
            events.append(bytes(changed))
    return events


def collect(assembler: Assembler, batches: list[Batch]) -> dict[str, Any]:
    """All that a run has given."""
    batches = [*batches, *assembler.ready]
    if last := assembler.flush():
        batches.append(last)
    changes = [(c.name, piece) for batch in batches for c in batch.changes for piece in c.read()]
    return {
        "rows": [(n, int(k), row) for n, p in changes for k, row in zip(p.kinds, p.rows.to_pylist(), strict=True)],
        "transactions": sum(batch.transactions for batch in batches),
        "position": batches[-1].position,
        "timestamp": batches[-1].commit_timestamp,
        "events": [event for batch in batches for event in batch.events],
        "failures": [failure for batch in batches for failure in batch.failures],
    }


def fresh(kind: str) -> Assembler:
    return Assembler(Position("s", "binlog.000004", 100), lambda *_: ITEMS, kind == "mariadb")


def feed(assembler: Assembler, events: list[bytes]) -> None:
    for _ in assembler.feed_all(events):
        assert assembler.ready


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(6))
def test_it_is_what_the_parser_gives(kind: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    events = plain_log(kind)
    slow = fresh(kind)
    for event in events:
        slow.feed(event)
    at_once = []
    take = Assembler._take_stretch

    def counted(self: Assembler, stretch: Any, end: bytes) -> None:
        at_once.append(len(stretch.numbers))
        take(self, stretch, end)

    monkeypatch.setattr(Assembler, "_take_stretch", counted)
    quick, dice, at = fresh(kind), random.Random(seed), len(split(kind))
    feed(quick, events[:at])
    while at < len(events):
        size = dice.choice((1, 3, 7, 40, 200))
        feed(quick, events[at : at + size])
        at += size
    assert collect(quick, []) == collect(slow, [])
    assert sum(at_once) > 50


@pytest.mark.parametrize("kind", KINDS)
def test_a_byte_that_is_wrong_is_found(kind: str) -> None:
    events = plain_log(kind, 2)
    whole = fresh(kind)
    feed(whole, events[: len(split(kind))])
    broken = bytearray(events[-2])
    broken[-6] ^= 1
    with pytest.raises(ChecksumMismatch):
        feed(whole, [*events[len(split(kind)) : -2], bytes(broken), events[-1]])


def test_nothing_is_found_before_anything_is_known() -> None:
    scanner, log = PlainScanner(mariadb=False), Log(plain_log("mysql"))
    assert list(scanner.find(log, True)) == []
    assert scanner.find_rows(log, 0, len(log.events), True, ()) is None


def one_transaction(kind: str, new_id_at: int | None = None) -> list[bytes]:
    """The log's rows events as those of one transaction; the table has another id from a certain event on."""
    events = plain_log(kind)
    begin = len(split(kind))
    opening = next(i for i in range(begin, len(events)) if events[i][4] == 19)
    inner = [event for event in events[opening:] if event[4] not in (*_GTIDS, 2, 16)]
    if new_id_at is not None:
        inner[new_id_at:] = [with_table_id(event, 4711) for event in inner[new_id_at:]]
    return [*events[:opening], *inner, events[-1]]


def with_table_id(event: bytes, number: int) -> bytes:
    """A table map or rows event of another table id."""
    if event[4] not in (19, 23, 24, 25, 30, 31, 32):
        return event
    changed = event[:19] + number.to_bytes(6, "little") + event[25:-4]
    return changed + zlib.crc32(changed).to_bytes(4, "little")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("new_id_at", [None, 50, 51])
@pytest.mark.parametrize("seed", range(3))
def test_a_transaction_in_pieces_is_what_the_parser_gives(
    kind: str, new_id_at: int | None, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = one_transaction(kind, new_id_at)
    slow = fresh(kind)
    for event in events:
        slow.feed(event)
    at_once = []
    take = Assembler._take_piece

    def counted(self: Assembler, transaction: Any, log: Log, at: int, stop: int) -> int:
        at_once.append(take(self, transaction, log, at, stop) - at)
        return at + at_once[-1]

    monkeypatch.setattr(Assembler, "_take_piece", counted)
    quick, dice, at = fresh(kind), random.Random(seed), 0
    while at < len(events):
        size = dice.choice((1, 3, 7, 40, 200))
        feed(quick, events[at : at + size])
        at += size
    assert collect(quick, []) == collect(slow, [])
    assert sum(at_once) > 50
