"""Transcripts of both servers to batches: rows, positions, GTIDs, failures; large files and savepoints by hand."""

import datetime
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from engine.changes.batch import Batch
from engine.changes.position import Position
from engine.replicate.assemble import Assembler
from statements.schema import Column, Table

COLUMNS = (
    Column("id", 0, "int", "int unsigned", nullable=False, unsigned=True),
    Column("name", 1, "varchar", "varchar(20)", nullable=False, length=20, charset="utf8mb4"),
    Column("price", 2, "decimal", "decimal(10,2)", precision=10, scale=2),
    Column("kind", 3, "enum", "enum('a','b')", charset="utf8mb4", members=("a", "b")),
    Column("made", 4, "datetime", "datetime(3)", fsp=3),
    Column("note", 5, "char", "char(10)", length=10, charset="latin1"),
    Column("t", 6, "time", "time(6)", fsp=6),
)
ITEMS = Table("shop", "items", COLUMNS, ("id",))
KINDS = ("mysql", "mariadb")


def split(kind: str) -> list[bytes]:
    data = (Path(__file__).parents[1] / "wire" / "transcripts" / f"{kind}.binlog").read_bytes()
    events = []
    while data:
        size = int.from_bytes(data[9:13], "little")
        events.append(data[:size])
        data = data[size:]
    return events


def run(kind: str, table: Table | None, each: Callable[[Assembler], None] = lambda _: None) -> list[Batch]:
    assembler = Assembler(Position("s", "binlog.000004", 100), lambda *_: table, kind == "mariadb")
    batches: list[Batch] = []
    for event in split(kind):
        assembler.feed(event)
        each(assembler)
        batches.extend(assembler.ready)
        assembler.ready.clear()
    if last := assembler.flush():
        batches.append(last)
    return batches


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_the_transcript(kind: str) -> None:
    batches = run(kind, ITEMS)
    assert [f for b in batches for f in b.failures] == []
    made = next(b for b in batches if b.changes)
    assert [(p.kind, p.tables) for p in made.prepared] == [("prepare", {("shop", "items")})]
    decided = next(b for b in batches if b.prepared and b is not made)
    assert [(p.kind, p.xid) for p in decided.prepared] == [("commit", made.prepared[0].xid)]
    assert decided.changes == []


@pytest.mark.parametrize("kind", KINDS)
def test_rows_before_the_xa_transaction(kind: str) -> None:
    seen: list[Batch] = []

    def flush(assembler: Assembler) -> None:
        if batch := assembler.flush():
            seen.append(batch)

    run(kind, ITEMS, flush)
    changes = [c for b in seen for c in b.changes]
    rows = [(int(k), row) for c in changes for k, row in zip(c.kinds, c.rows.to_pylist(), strict=True)]
    assert [(k, row["id"], row["name"], row["price"]) for k, row in rows] == [
        (1, 1, "pen", Decimal("-1.50")),
        (1, 2, "Tisch", None),
        (0, 1, "pen", Decimal("-1.50")),
        (1, 1, "pen", Decimal("99999999.99")),
        (0, 2, "Tisch", None),
        (1, 3, "x" * 20, None),
        (1, 4, "y", None),
        (0, 4, "y", None),
    ]
    first = rows[0][1]
    assert list(first) == ["id", "name", "price", "kind", "made", "note", "t"]
    assert first["made"] == datetime.datetime(2024, 2, 29, 12, 34, 56, 789000)
    assert first["note"] == "é"
    assert first["t"] == -(3723 * 1_000_000 + 4)


@pytest.mark.parametrize("kind", KINDS)
def test_batches_end_around_ddl_with_positions_and_gtids(kind: str) -> None:
    batches = run(kind, None)
    assert [[e.kind for e in b.events] for b in batches if b.events] == [["create"], ["truncate"]]
    assert all(not b.failures or b.failures[0].schema == "shop" for b in batches)
    assert [b.position for b in batches] == sorted([b.position for b in batches], key=lambda p: p.key)
    last = batches[-1].position
    if kind == "mysql":
        assert (last.file, last.offset) == ("binlog.000006", 244)
        assert last.gtids.endswith(":359-366:blue:1")
        assert sum(b.transactions for b in batches) == 9
    else:
        assert (last.file, last.offset, last.gtids) == ("binlog.000005", 3044, "0-12-340")
        assert sum(b.transactions for b in batches) == 9


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_stream_gives_whole_transactions_only(kind: str) -> None:
    events = split(kind)
    for cut in range(len(events)):
        assembler = Assembler(Position("s", "binlog.000004", 100), lambda *_: ITEMS, kind == "mariadb")
        for event in events[:cut]:
            assembler.feed(event)
        first = list(assembler.ready)
        if batch := assembler.flush():
            first.append(batch)
        # The server goes on from the GTIDs we name: it sends again what was not whole.
        assembler.reconnected("s")
        assembler.ready.clear()
        done = sum(b.transactions for b in first)
        assembler.feed(events[1])
        for event in after_transactions(kind, events, done):
            assembler.feed(event)
        rest = list(assembler.ready)
        if batch := assembler.flush():
            rest.append(batch)
        assert done + sum(b.transactions for b in rest) == 9
        assert rest == [] or rest[-1].position.gtids == assembler.gtids


def after_transactions(kind: str, events: list[bytes], done: int) -> list[bytes]:
    """The events from the GTID event of transaction number `done` on."""
    starts = [i for i, e in enumerate(events) if e[4] in (33, 42, 162)]
    return events[starts[done] :] if done < len(starts) else []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"columns": COLUMNS[:-1]}, "shape differs: 7 columns in the log, 6 in the table"),
        ({"columns": (Column("id", 0, "int", "int"), *COLUMNS[1:])}, "shape differs: column id differs in sign"),
        ({"columns": (*COLUMNS[:6], Column("t", 6, "time", "time(3)", fsp=3))}, "differs in fractional seconds"),
        ({"columns": (*COLUMNS[:6], Column("u", 6, "time", "time(6)", fsp=6))}, "is named t"),
        ({"columns": (COLUMNS[0], Column("name", 1, "varbinary", "varbinary(20)"), *COLUMNS[2:])}, "character set"),
        (
            {"columns": (COLUMNS[0], Column("name", 1, "text", "text", charset="utf8mb4"), *COLUMNS[2:])},
            "binlog type 15",
        ),
        (
            {"columns": (*COLUMNS[:2], Column("price", 2, "decimal", "d", precision=10, scale=3), *COLUMNS[3:])},
            "differs in precision",
        ),
        (
            {"columns": (*COLUMNS[:5], Column("note", 5, "char", "char(10)", charset="ascii"), COLUMNS[6])},
            "character set ascii of column note",
        ),
    ],
)
def test_another_shape_is_a_failure_with_its_reason(change: dict[str, tuple[Column, ...]], reason: str) -> None:
    table = Table("shop", "items", change["columns"], ("id",))
    seen = []

    def flush(assembler: Assembler) -> None:
        if batch := assembler.flush():
            seen.append(batch)

    run("mysql", table, flush)
    failure = next(f for b in seen for f in b.failures)
    assert reason in failure.reason


def test_an_unknown_event_fails_every_table() -> None:
    assembler = Assembler(Position("s", "binlog.000004", 100), lambda *_: ITEMS, False)
    assembler.feed(bytes(4) + bytes((200,)) + bytes(4) + (19).to_bytes(4, "little") + bytes(6))
    batch = assembler.flush()
    assert batch is not None
    assert [(f.schema, f.name, f.reason) for f in batch.failures] == [("", "", "Unknown binlog event type 200")]


def test_offsets_go_on_past_four_gigabytes() -> None:
    assembler = Assembler(Position("s", "b.000001", (1 << 32) - 10), lambda *_: ITEMS, True)
    raw = bytes(4) + bytes((163,)) + bytes(4) + (19).to_bytes(4, "little") + (90).to_bytes(4, "little") + bytes(2)
    assembler.feed(raw)
    assert assembler.position.offset == (1 << 32) + 90
    rotate = (4).to_bytes(8, "little") + b"b.000002"
    assembler.feed(bytes(4) + bytes((4,)) + bytes(4) + (19 + len(rotate)).to_bytes(4, "little") + bytes(6) + rotate)
    assert assembler.position == Position("s", "b.000002", 4)


def test_another_server_starts_its_own_positions() -> None:
    assembler = Assembler(Position("one", "binlog.000900", 100), lambda *_: ITEMS, False)
    assembler.reconnected("two")
    for event in split("mysql"):
        assembler.feed(event)
    assert (assembler.position.server, assembler.position.file) == ("two", "binlog.000006")


def test_a_transaction_without_an_end_fails_every_table() -> None:
    assembler = Assembler(Position("s", "binlog.000004", 100), lambda *_: ITEMS, False)
    events = split("mysql")
    begin = next(i for i, e in enumerate(events) if e[4] == 30) - 3
    assembler.feed(events[1])
    for event in [*events[begin : begin + 4], events[begin]]:
        assembler.feed(event)
    batch = assembler.flush()
    assert batch is not None
    assert batch.changes == []
    assert [(f.schema, f.reason) for f in batch.failures] == [("", "a transaction in the log has no end")]


def test_a_transaction_cut_off_by_a_crash_never_was() -> None:
    assembler = Assembler(Position("s", "binlog.000004", 100), lambda *_: ITEMS, False)
    events = split("mysql")
    begin = next(i for i, e in enumerate(events) if e[4] == 30) - 3
    for event in [events[1], *events[begin : begin + 4], events[1], *events[begin : begin + 5]]:
        assembler.feed(event)
    batch = assembler.flush()
    assert batch is not None
    assert batch.failures == []
    assert [c.rows.num_rows for c in batch.changes] == [2]
