"""The store's file: what is kept over a restart, what is thrown away, and how tables lie in it."""

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from engine import layout
from engine.catalog import State
from engine.changes.position import Position
from engine.store import bookkeeping
from engine.store.database import Store
from statements.schema import Column, Partition, Table
from tests.engine.store_kit import KEYED, KEYLESS, Kit, at, batch, changes


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    kit = Kit(tmp_path / "store.duckdb")
    kit.load(KEYED)
    kit.applier.apply(batch(5, changes(KEYED, [(1, (1, "a", "é"))])))
    entry = kit.store.entries["shop", "orders"]
    kit.store.close()
    kit.open()
    assert kit.store.position == at(5)
    assert kit.rows(KEYED) == [(1, "a", "é")]
    assert kit.store.entries["shop", "orders"] == replace(entry, rows=1)
    kit.store.close()


def test_a_reader_has_the_entries_of_the_rows_that_it_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kit = Kit(tmp_path / "store.duckdb")
    kit.load(KEYED)
    kit.applier.apply(batch(5, changes(KEYED, [(1, (1, "a", "é"))])))
    before = kit.store.snapshot()
    read = bookkeeping.read_position

    def read_and_apply(connection: duckdb.DuckDBPyConnection) -> tuple[Position, int]:
        found = read(connection)
        kit.applier.apply(batch(6, changes(KEYED, [(1, (2, "a", "é"))])))  # commits before the view is looked up
        return found

    monkeypatch.setattr(bookkeeping, "read_position", read_and_apply)
    beside = kit.store.snapshot()
    monkeypatch.setattr(bookkeeping, "read_position", read)
    after = kit.store.snapshot()
    readers = (before, beside, after)
    entries = [one.view.table("shop", "orders") for one in readers]
    name = kit.store.entries["shop", "orders"].store_name
    assert [one.connection.execute(f"SELECT count(*) FROM {name}").fetchone() for one in readers] == [(1,), (1,), (2,)]
    assert entries[0] is entries[1] is not entries[2]
    for one in readers:
        one.close()
    kit.store.close()


def test_moments_are_in_utc_wherever_the_machine_is(tmp_path: Path) -> None:
    script = """
        import sys
        from pathlib import Path
        from engine.store.database import Store
        asked = "SELECT CAST(CAST(TIMESTAMP '2024-01-02 03:04:05' AS TIMESTAMPTZ) AS VARCHAR)"
        print(Store(Path(sys.argv[1]), 1 << 28, 1).cursor().execute(asked).fetchall()[0][0])
    """
    argv = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "store.duckdb")]
    env = {**os.environ, "TZ": "America/New_York"}
    made = subprocess.run(argv, env=env, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert made.stdout == "2024-01-02 03:04:05+00\n"


def test_a_load_cut_short_is_not_trusted(tmp_path: Path) -> None:
    kit = Kit(tmp_path / "store.duckdb")
    kit.load(KEYLESS)
    kit.copies.begin(KEYED, "SELF")
    kit.store.close()
    kit.open()
    assert kit.store.entries["shop", "orders"].state is State.STALE
    assert "cut short" in str(kit.store.view().table("shop", "orders"))
    kit.store.close()


@pytest.mark.parametrize("damage", [b"", b"garbage" * 1000, None])
def test_a_file_that_is_no_store_is_made_anew(tmp_path: Path, damage: bytes | None) -> None:
    path = tmp_path / "store.duckdb"
    if damage is None:  # a real file, broken in the middle
        kit = Kit(path)
        kit.load(KEYED)
        kit.store.checkpoint()
        kit.store.close()
        broken = bytearray(path.read_bytes())
        broken[4096:20000] = os.urandom(20000 - 4096)
        path.write_bytes(broken)
    else:
        path.write_bytes(damage)
    store = Store(path, 1 << 28, 1)
    assert dict(store.entries) == {}
    assert store.position.server == ""
    store.close()


def test_killed_at_any_time_the_file_is_whole_and_has_the_last_checkpoint(tmp_path: Path) -> None:
    script = """
        import sys
        from pathlib import Path
        from tests.engine.store_kit import KEYED, Kit, batch, changes
        kit = Kit(Path(sys.argv[1]))
        if ("shop", "orders") not in kit.store.entries:
            kit.load(KEYED)
        start = kit.store.position.offset
        for n in range(start + 1, start + 100000):
            old = [(0, (n - 1, "k", str(n - 1)))] if n > 1 else []
            kit.applier.apply(batch(n, changes(KEYED, [*old, (1, (n, "k", str(n)))])))
            if n % 3 == 0:
                kit.store.checkpoint()
                print(n, flush=True)
    """
    path = tmp_path / "store.duckdb"
    told = 0
    for lines in (1, 3, 40):
        argv = [sys.executable, "-c", textwrap.dedent(script), str(path)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as process:
            assert process.stdout is not None
            for _ in range(lines):
                told = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
        kit = Kit(path)
        position = kit.store.position.offset
        assert position >= told
        assert kit.rows(KEYED) == [(position, "k", str(position))]
        kit.store.close()


def test_a_file_that_another_process_has_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    kit = Kit(path)
    kit.load(KEYED)
    kit.applier.apply(batch(5, changes(KEYED, [(1, (1, "a", "b"))])))
    script = f"""
        import sys, pathlib, duckdb
        from engine.store.database import Store
        try:
            Store(pathlib.Path({str(path)!r}), 1 << 28, 1)
        except duckdb.Error as error:
            sys.exit(str(error))
    """
    other = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    assert "lock" in other.stderr
    kit.store.close()
    kit.open()
    assert kit.rows(KEYED) == [(1, "a", "b")]
    kit.store.close()


def test_sizes_are_those_of_the_file(tmp_path: Path) -> None:
    kit = Kit(tmp_path / "store.duckdb")
    kit.load(KEYED)
    kit.applier.apply(batch(1, changes(KEYED, [(1, (n, "a", "x")) for n in range(5000)])))
    kit.store.checkpoint()
    assert kit.store.sizes()["shop", "orders"] > 0
    kit.store.close()


def test_names_that_differ_in_case_only_are_two_tables(tmp_path: Path) -> None:
    kit = Kit(tmp_path / "store.duckdb")
    other = replace(KEYED, name="Orders", schema="Shop")
    kit.load(KEYED)
    kit.load(other)
    kit.applier.apply(batch(1, changes(KEYED, [(1, (1, "a", "x"))]), changes(other, [(1, (2, "b", "y"))])))
    kit.store.close()
    kit.open()
    assert kit.rows(KEYED) == [(1, "a", "x")]
    assert kit.rows(other) == [(2, "b", "y")]
    kit.store.close()


@pytest.mark.parametrize("name", ['a"b', "select", "main", "_store", "_warmfront", "ü space", "a.b"])
def test_any_name_can_be_stored(tmp_path: Path, name: str) -> None:
    kit = Kit(tmp_path / "store.duckdb")
    table = replace(KEYLESS, schema=name, name=name, columns=(replace(KEYLESS.columns[0], name=name),))
    kit.load(table)
    kit.applier.apply(batch(1, changes(table, [(1, (3,))])))
    assert kit.rows(table) == [(3,)]
    kit.store.close()


def _column(kind: str, **more: object) -> Column:
    return Column("c", 0, kind, kind, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("column", "stored"),
    [
        (_column("tinyint"), "TINYINT"),
        (_column("mediumint", unsigned=True), "UINTEGER"),
        (_column("bigint", unsigned=True), "UBIGINT"),
        (_column("decimal", precision=38, scale=10), "DECIMAL(38,10)"),
        (_column("time", fsp=6), "BIGINT"),
        (_column("year"), "USMALLINT"),
        (_column("longtext", charset="latin1"), "VARCHAR"),
        (_column("varbinary"), "BLOB"),
        (_column("timestamp"), "TIMESTAMP"),
        (_column("decimal", precision=39, scale=0), "VARCHAR"),
        (_column("enum", charset="utf8mb4"), "USMALLINT"),
        (_column("set"), "UBIGINT"),
        (_column("bit"), "UBIGINT"),
        (_column("multipolygon"), "BLOB"),
    ],
)
def test_store_types(column: Column, stored: str) -> None:
    assert layout.reason_left_out(column) is None
    assert layout.store_type(column) == stored


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (_column("geography"), "type geography"),
        (_column("varchar", charset="sjis"), "character set sjis"),
        (replace(_column("year"), column_type="year(2)"), "type year(2), whose years have two digits"),
        (_column("int", generated="virtual"), "virtual generated column"),
        (_column("int", not_secondary=True), "declared NOT SECONDARY"),
    ],
)
def test_columns_left_out_have_a_reason(column: Column, reason: str) -> None:
    assert layout.reason_left_out(column) == reason


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (replace(KEYED, engine="MyISAM"), "storage engine MyISAM"),
        (replace(KEYED, unlogged="foreign key f has ON DELETE CASCADE"), "foreign key f has ON DELETE CASCADE"),
        (Table("a", "b", (_column("geography"),)), "no column of a type that is carried"),
        (
            Table("a", "b", (_column("varchar", charset="sjis"), KEYED.columns[1]), ("c",)),
            "primary key column c is not carried",
        ),
        (
            Table("a", "b", (_column("varchar", charset="sjis"), KEYED.columns[1])),
            "no primary key, and a column is not carried",
        ),
    ],
)
def test_tables_that_cannot_be_copied_have_a_reason(table: Table, reason: str) -> None:
    assert layout.reason_not_loadable(table) == reason


def test_a_definition_survives_json() -> None:
    divided = (Partition("p", "RANGE", "`a`", "5"), Partition("q", "RANGE", "`a`", "MAXVALUE"))
    table = replace(KEYED, columns=(*KEYED.columns, _column("enum", members=("a", "it's"))), partitions=divided)
    assert layout.table_from_json(layout.table_to_json(table)) == table
