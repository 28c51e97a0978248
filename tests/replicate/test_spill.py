"""Large transactions go through a file: what comes out, and that nothing stays."""

from pathlib import Path
from typing import Any

import pytest

from engine.changes.position import Position
from engine.replicate.assemble import Assembler
from engine.replicate.spill import Spilled
from tests.replicate.test_assemble import ITEMS, KINDS, split


def read(kind: str, folder: Path | None) -> tuple[list[Any], int, set[str]]:
    """Rows of the transcript, batch by batch; how many parts came from a file; names of files seen meanwhile."""
    start = Position("s", "binlog.000004", 100)
    assembler = Assembler(start, lambda *_: ITEMS, kind == "mariadb", early=0, spill_folder=folder)
    rows: list[Any] = []
    spilled, names = 0, set()
    for event in split(kind):
        assembler.feed(event)
        names |= {path.name for path in folder.iterdir()} if folder and folder.exists() else set()
        batch = assembler.flush()
        for source in batch.changes if batch else ():
            spilled += isinstance(source, Spilled)
            for _ in range(2):  # a batch may be tried again
                pieces = list(source.read())
                assert sum(piece.images for piece in pieces) == source.images
            rows += [(source.name, int(k), r) for p in pieces for k, r in zip(p.kinds, p.rows.to_pylist(), strict=True)]
    return rows, spilled, names


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_put_aside_comes_back(kind: str, tmp_path: Path) -> None:
    kept, in_file, names = read(kind, tmp_path)
    plain, none, _ = read(kind, None)
    assert kept == plain
    assert len(kept) == 8
    assert (in_file > 0, none) == (True, 0)
    assert names == set()  # a file without a name is gone with the process


@pytest.mark.parametrize("kind", KINDS)
def test_a_disconnect_gives_up_what_was_put_aside(kind: str, tmp_path: Path) -> None:
    events = split(kind)
    assembler = Assembler(
        Position("s", "binlog.000004", 100), lambda *_: ITEMS, kind == "mariadb", early=0, spill_folder=tmp_path
    )
    for event in events:
        assembler.feed(event)
        transaction = assembler._transaction
        if transaction is not None and transaction.file is not None:
            break
    else:
        pytest.fail("nothing was put aside")
    before = assembler.flush()
    assembler.reconnected("s")
    assert assembler.flush() is None
    assert before is None or not any(source.images for source in before.changes)
