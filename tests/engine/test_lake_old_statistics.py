"""Parquet with older statistics of texts and bytes, in the order of signed bytes: no row is passed over."""

import struct
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.lake.old_statistics import without_old_statistics
from engine.lake.reach import quoted
from engine.lake.relations import Relation

TEXTS = ["aaaa", "ééb", "zzzz", None]
KINDS = {"id": ('"id"', "INTEGER"), "s": ('"s"', "VARCHAR"), "new": ('"new"', "VARCHAR")}


def text(value: str, field: bytes) -> bytes:
    """A text as a field of Thrift's compact protocol."""
    return field + bytes([len(value.encode())]) + value.encode()


def made(path: Path, kind: pa.DataType) -> str:
    """A file of columns `id`, `s` with the older statistics, and `new`."""
    table = pa.table({"id": pa.array(range(4), pa.int32()), "s": pa.array(TEXTS, kind), "new": ["1", "2", "3", "4"]})
    pq.write_table(table, path, use_dictionary=False, store_schema=False)
    data = path.read_bytes()
    (size,) = struct.unpack("<I", data[-8:-4])
    foot = data[-8 - size : -8]
    # Fields 3 (one NULL), 5 and 6, both exact, become 1, 2 and 3.
    before = b"\x36\x02" + text("ééb", b"\x28") + text("aaaa", b"\x18")
    at = foot.index(before)
    end = at + len(before)
    while foot[end] in (0x11, 0x12):  # whether they are exact
        end += 1
    after = text("zzzz", b"\x18") + text("ééb", b"\x18") + b"\x16\x02"
    foot = foot[:at] + after + foot[end:]
    path.write_bytes(data[: -8 - size] + foot + struct.pack("<I", len(foot)) + b"PAR1")
    return str(path)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return made(tmp_path / "old.parquet", pa.string())


CONDITIONS = {"{} = 'ééb'": [1], "{} = 'aaaa'": [0], "{} < 'b'": [0], "{} IN ('aaaa', 'q')": [0], "{} > 'zz'": [1, 2]}


def test_duckdb_passes_over_them_by_itself(path: str) -> None:
    """When this fails DuckDB has mended it, and `old_statistics` can go."""
    rows = duckdb.execute(f"SELECT id FROM {quoted(path)} WHERE s = 'ééb'").fetchall()
    assert rows == []


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("names", [{}, {"t": "s"}])
def test_every_row_is_found(path: str, condition: str, names: dict[str, str]) -> None:
    kinds = {"t": KINDS["s"]} if names else KINDS
    given = Relation("read_parquet(", "", kinds)
    connection = duckdb.connect()
    relation = without_old_statistics(connection, given, {"key": path}, {}, names)
    source, kind = relation.kinds["t" if names else "s"]
    assert kind == "VARCHAR"
    named = f"SELECT id, {source} AS s FROM {relation.over([path])}"
    rows = connection.execute(f"SELECT id FROM ({named}) WHERE {condition.format('s')} ORDER BY id").fetchall()
    assert [row[0] for row in rows] == CONDITIONS[condition]
    joined = f"SELECT count(*) FROM ({named}) JOIN (VALUES ('ééb'), ('aaaa'), ('none')) AS o(s) USING (s)"
    assert connection.execute(joined).fetchone() == (2,)
    assert connection.execute(f"SELECT min(s), max(s), count(s) FROM ({named})").fetchone() == ("aaaa", "ééb", 3)


def test_bytes_are_found_as_well(tmp_path: Path) -> None:
    path = made(tmp_path / "bytes.parquet", pa.binary())
    connection = duckdb.connect()
    relation = without_old_statistics(
        connection, Relation("read_parquet(", "", {"s": ('"s"', "BLOB")}), {"key": path}, {}, {}
    )
    named = f"SELECT id, {relation.kinds['s'][0]} AS s FROM {relation.over([path])}"
    rows = connection.execute(f"SELECT id FROM ({named}) WHERE s = encode('ééb')").fetchall()
    assert rows == [(1,)]


def test_columns_with_statistics_in_order_are_read_as_they_are(path: str) -> None:
    given = Relation("read_parquet(", "", KINDS)
    seen: dict[str, frozenset[str]] = {}
    relation = without_old_statistics(duckdb.connect(), given, {"key": path}, seen, {})
    assert relation.kinds == {**KINDS, "s": ('greatest("s", "s")', "VARCHAR")}
    assert without_old_statistics(duckdb.connect(), given, {}, seen, {}) == given


def test_a_file_is_looked_at_once(path: str) -> None:
    given = Relation("read_parquet(", "", KINDS)
    seen: dict[str, frozenset[str]] = {}
    first = without_old_statistics(duckdb.connect(), given, {"key": path}, seen, {})
    assert seen == {"key": frozenset({"s"})}
    assert without_old_statistics(duckdb.connect(), given, {"key": "gone.parquet"}, seen, {}) == first
