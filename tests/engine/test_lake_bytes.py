"""What statements read is counted apart, and the log of it does not grow as long as one of them always runs."""

from contextlib import ExitStack
from pathlib import Path

import duckdb
import pytest

from engine.lake import bytes_read
from engine.lake.bytes_read import ByteCounter


def test_the_log_is_cleared_beside_statements_that_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id\n" + "1\n" * 500)
    size = path.stat().st_size
    monkeypatch.setattr(bytes_read, "_MOST_ENTRIES", 0)
    with duckdb.connect() as root, ExitStack() as stack:
        counter = ByteCounter(root)
        long, query = (
            root.cursor(),
            f"SELECT count(*) FROM read_csv('{path}', auto_detect = false, columns = {{'a': 'INT'}})",
        )
        first = stack.enter_context(counter.counting(long, True))
        watched = stack.enter_context(counter.watching([long]))
        long.execute(query).fetchall()
        for _ in range(3):
            short = root.cursor()
            with counter.counting(short, True) as counted:
                short.execute(query).fetchall()
            assert counted.bytes >= size
            assert root.execute("SELECT count(*) FROM duckdb_logs WHERE type = 'FileSystem'").fetchall() == [(0,)]
        assert not watched.is_whole
        assert watched.tags() == {}
        long.execute(query).fetchall()
        stack.close()
        assert first.bytes == 2 * counted.bytes
