"""What both servers sent for every kind of event and of column, against what they themselves show of the rows.

`python -m tests.transcripts.record` has made the transcripts; tests/transcripts/scenarios.py says what was done.
"""

import itertools
import random
from dataclasses import replace
from typing import Any

import pytest

from engine.changes.position import Position
from engine.replicate import assemble
from tests.transcripts.replay import batches_of, load, outcome, rows_of, table_of
from tests.transcripts.scenarios import scenarios
from wire.binlog_events import EventParser
from wire.binlog_types import EventType, Payload

KINDS = ("mysql", "mariadb")
EVERY = [(kind, name) for kind in KINDS for name in scenarios(kind)]
UNSEEN = {
    # Parts of what neither server writes any more; a group's own events are not in the log of MySQL 9.7.
    EventType.APPEND_BLOCK,
    EventType.DELETE_FILE,
    EventType.IGNORABLE,
    EventType.TRANSACTION_CONTEXT,
    EventType.VIEW_CHANGE,
    EventType.HEARTBEAT,
    EventType.WRITE_ROWS_COMPRESSED,
    EventType.UPDATE_ROWS_COMPRESSED,
    EventType.DELETE_ROWS_COMPRESSED,
}
FAILED = {"statements", "gap"}  # where the log does not say what the rows are


def _start(note: dict[str, Any]) -> Position:
    server, file, offset, gtids = note["start"]
    return Position(server, file, offset, gtids)


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_rows_are_those_that_the_server_shows(kind: str, name: str) -> None:
    events, note = load(kind, name)
    table = table_of(note)
    batches = batches_of(events, table, _start(note), kind == "mariadb")
    found = outcome(batches)
    assert found == note["outcome"]
    assert bool(found["failures"]) is (name in FAILED)
    if table is not None and not found["failures"]:
        assert rows_of(batches, table, note["before"]) == note["rows"]


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_pieces_of_the_stream_come_to_the_same(kind: str, name: str) -> None:
    """However the stream is cut, plain transactions found in compiled code or parsed one by one."""
    events, note = load(kind, name)
    rng = random.Random(name)
    borders = sorted({0, len(events), *(rng.randrange(len(events)) for _ in range(3))})
    pieces = [events[low:high] for low, high in itertools.pairwise(borders)]
    whole = batches_of(events, table_of(note), _start(note), kind == "mariadb")
    parts = batches_of(events, table_of(note), _start(note), kind == "mariadb", pieces)
    assert outcome(parts) == outcome(whole)
    if (table := table_of(note)) is not None and name not in FAILED:
        assert rows_of(parts, table, note["before"]) == note["rows"]


@pytest.mark.parametrize("more", [-1, 1, 9])
@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in ("minimal", "columns", "texts")])
def test_rows_of_another_definition_cost_their_table_alone(kind: str, name: str, more: int) -> None:
    """Such are read where a load has begun after what the log is read from. 16 columns fill the bytes of a bitmap."""
    events, note = load(kind, name)
    table = table_of(note)
    assert table is not None
    added = tuple(replace(table.columns[-1], name=f"more{n}", ordinal=len(table.columns) + n) for n in range(more))
    other = replace(table, columns=(table.columns[:more] if more < 0 else table.columns) + added)
    assembler = assemble.Assembler(_start(note), lambda schema, name: other if name == "t" else None, kind == "mariadb")
    for event in events:  # by themselves: what is found in compiled code is tried in the other tests
        assembler.feed(event)
    last = assembler.flush()
    found = outcome([*assembler.ready, *([last] if last else [])])
    assert found["position"] == note["outcome"]["position"]
    assert "columns in the log" in str(found["failures"])


def test_a_defect_costs_the_table_that_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise IndexError("as it was with 16 columns")

    events, note = load("mariadb", "columns")
    monkeypatch.setattr(assemble, "hidden_values", broken)
    assembler = assemble.Assembler(_start(note), lambda schema, name: table_of(note), mariadb=True)
    for event in events:
        assembler.feed(event)
    last = assembler.flush()
    assert last is not None
    assert last.position.offset == note["outcome"]["position"][1]
    assert [(failure.name, failure.reason) for failure in last.failures] == [
        ("t", "changes cannot be read: IndexError('as it was with 16 columns')")
    ]


@pytest.mark.parametrize("name", [name for name in scenarios("mysql") if name not in ("anonymous", "gap")])
def test_what_was_followed_before_comes_to_nothing(name: str) -> None:
    """From a file and an offset MySQL sends transactions again whose GTIDs are known."""
    events, note = load("mysql", name)
    file, offset, gtids = note["outcome"]["position"]
    start = replace(_start(note), gtids=gtids)
    found = outcome(batches := batches_of(events, table_of(note), start, mariadb=False))
    assert found == {**found, "failures": [], "events": [], "prepared": [], "position": [file, offset, gtids]}
    assert not any(batch.changes for batch in batches)


def test_every_kind_of_event_is_there() -> None:
    seen: set[int] = set()
    for kind, name in EVERY:
        parser = EventParser()
        for raw in load(kind, name)[0]:
            header, event = parser.parse(raw)
            seen.add(header.type)
            if isinstance(event, Payload):
                seen.update(inner.type for inner, _ in parser.parse_payload(event))
    assert {EventType(number).name for number in {*EventType} - UNSEEN - seen} == set()
