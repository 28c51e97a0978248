"""Formats of lake tables: what is in the files is what is read, or an error with the place."""

import bz2
import codecs
import datetime
import gzip
import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from engine.lake.reach import extension
from tests.lakehouse.test_snappy import framed, hadoop
from tests.live.conftest import Instance
from tests.live.lake_kit import data, instance, lake, refused
from tests.live.servers import Backend

__all__ = ["data", "instance"]
pytestmark = pytest.mark.live


def test_new_and_changed_files_are_seen_at_once(instance: Instance, data: Path):
    (data / "grow").mkdir()
    (data / "grow" / "a.csv").write_text("1\n")
    instance.run(f"CREATE TABLE lake.growing {lake('id INT', f'{data}/grow/')}")
    assert instance.run("SELECT SUM(id) FROM lake.growing") == [(1,)]
    (data / "grow" / "b.csv").write_text("10\n")
    assert instance.run("SELECT SUM(id) FROM lake.growing") == [(11,)]
    (data / "grow" / "a.csv").write_text("7\n")
    assert instance.run("SELECT SUM(id) FROM lake.growing") == [(17,)]
    (data / "grow" / "a.csv").unlink()
    assert instance.run("SELECT SUM(id) FROM lake.growing") == [(10,)]
    (data / "grow" / "b.csv").unlink()
    assert "has no file" in refused(instance, "SELECT SUM(id) FROM lake.growing")


MISTAKES = [
    ("1,2024-02-30\n", "line 1, column d: '2024-02-30' is not a value of DATE"),
    ("1,2024-02-28\n\nx,2024-02-28\n", "column a: 'x' is not a value of INT"),
    ("99999999999,2024-02-28\n", "column a: '99999999999'"),
    ("1\n", "Expected Number of Columns: 2 Found: 1"),
    ("1,2024-02-28\n2,2024-02-28,3\n", "line 2: Expected Number of Columns: 2 Found: 3"),
    ('1,"2024-02-28\n', "line 1"),
    ("1_000,2024-02-28\n", "'1_000'"),
    ("1e3,2024-02-28\n", "'1e3'"),
    (",2024-02-28\n", "column a: ''"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_what_cannot_be_read_exactly_is_an_error(instance: Instance, data: Path, text: str, message: str):
    (data / "wrong.csv").write_text(text)
    instance.run(f"CREATE TABLE lake.wrong {lake('a INT, d DATE', data / 'wrong.csv', field_delimiter=',')}")
    try:
        said = refused(instance, "SELECT a, d FROM lake.wrong")
        assert message in said
        assert f"file://{data}/wrong.csv" in said
    finally:
        instance.run("DROP TABLE lake.wrong")


def test_without_strictness_what_is_wrong_is_null(instance: Instance, data: Path):
    (data / "loose.csv").write_text("1,2024-02-30,abcdef\nx,2024-02-28,é\n3\n4,2024-02-28,b,c\n")
    columns = "a INT NOT NULL, d DATE, s VARCHAR(3)"
    instance.run(
        f"CREATE TABLE lake.loose {lake(columns, data / 'loose.csv', is_strict_mode=False, field_delimiter=',')}"
    )
    rows = [
        (0, "2024-02-28", "é"),
        (1, None, "abc"),
        (3, None, None),
        (4, "2024-02-28", "b"),
    ]
    assert instance.run("SELECT a, CAST(d AS CHAR), s FROM lake.loose ORDER BY a") == rows
    instance.run("DROP TABLE lake.loose")


def test_parquet_is_pruned_and_typed(instance: Instance, data: Path):
    number = pa.array(range(100_000), pa.int64())
    table = pa.table(
        {
            "id": number,
            "name": pa.array([f"n{i}" for i in range(100_000)]),
            "price": pa.array(range(100_000), pa.decimal128(12, 0)).cast(pa.decimal128(14, 2)),
            "at": pa.array([i * 1_000_000 for i in range(100_000)], pa.timestamp("us")),
            "ratio": pa.array([i / 4 for i in range(100_000)]),
            "ok": pa.array([i % 2 == 0 for i in range(100_000)]),
            "tags": pa.array([["a", str(i)] for i in range(100_000)]),
        }
    )
    pq.write_table(table, data / "big.parquet", row_group_size=5_000)
    columns = (
        "id INT NOT NULL PRIMARY KEY, name VARCHAR(10), price DECIMAL(14,2), at DATETIME, ratio DOUBLE, "
        "ok TINYINT(1), tags TEXT"
    )
    instance.run(f"CREATE TABLE lake.big {lake(columns, data / 'big.parquet', format='parquet')}")
    assert instance.run("SELECT COUNT(*), SUM(id), SUM(price), MAX(at), SUM(ok) FROM lake.big") == [
        (100_000, 4999950000, 4999950000, time_of(99_999), 50_000)
    ]
    assert instance.run("SELECT name, ratio, tags FROM lake.big WHERE id = 4321") == [
        ("n4321", 1080.25, '["a","4321"]')
    ]
    assert instance.run("SELECT COUNT(*) FROM lake.big WHERE name = 'N77'") == [(1,)]


def time_of(seconds: int) -> Any:
    """A moment so many seconds after the epoch."""
    return datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)


def test_of_a_file_only_what_is_needed_is_read(instance: Instance, data: Path):
    numbers = [(i * 2654435761) % 1_000_003 for i in range(400_000)]
    table = pa.table({"id": pa.array(range(400_000), pa.int32()), "v": pa.array(numbers, pa.int32())})
    pq.write_table(table, data / "wide.parquet", row_group_size=4_000, use_dictionary=False)
    instance.run(f"CREATE TABLE lake.wide {lake('id INT, v INT', data / 'wide.parquet', format='parquet')}")
    full, few = "SELECT SUM(v), MIN(id) FROM lake.wide WHERE id >= 0", "SELECT SUM(v) FROM lake.wide WHERE id = 77"
    assert instance.run(full) == [(sum(numbers), 0)]
    assert instance.run(few) == [(numbers[77],)]
    read = {}
    for text in (full, few):
        seen = "SELECT QEXEC_TEXT FROM performance_schema.rpd_query_stats WHERE QUERY_TEXT = %s ORDER BY QUERY_ID DESC"
        ((shown,), *_) = instance.run(seen, text)
        read[text] = json.loads(shown)["bytesRead"]
    assert read[full] > 1_500_000
    assert read[few] < read[full] / 20


JSON = '{"Id": 1, "name": "Ann", "info": {"a": [1, 2]}}\n{"Id": 2, "name": null}\n'


def test_json_members_are_columns(instance: Instance, data: Path):
    (data / "lines.json").write_text(JSON)
    (data / "array.json").write_text("[" + JSON.replace("}\n{", "},\n{").rstrip() + "]")
    columns = "id INT NOT NULL, name VARCHAR(9), info TEXT"
    for name in ("lines", "array"):
        instance.run(f"CREATE TABLE lake.{name} {lake(columns, data / f'{name}.json', format='json')}")
        assert instance.run(f"SELECT * FROM lake.{name} ORDER BY id") == [(1, "Ann", '{"a":[1,2]}'), (2, None, None)]
    (data / "array.json").write_text("[" + JSON.replace("}\n{", "},\n{").rstrip() + ",")
    assert "cut short" in refused(instance, "SELECT id FROM lake.array")
    (data / "lines.json").write_text(JSON + '{"Id": 0.5\n')
    assert "lines.json" in refused(instance, "SELECT id FROM lake.lines")
    (data / "lines.json").write_text(JSON + '{"Id": "x"}\n')
    assert "line 3, column id: 'x'" in refused(instance, "SELECT id FROM lake.lines")


def test_numbers_of_json_keep_their_digits_or_are_refused(instance: Instance, data: Path):
    (data / "numbers.json").write_text('{"n": 12345678901234567.25}\n')
    instance.run(f"CREATE TABLE lake.numbers {lake('n DECIMAL(30,2)', data / 'numbers.json', format='json')}")
    assert "column n" in refused(instance, "SELECT n FROM lake.numbers")
    (data / "numbers.json").write_text('{"n": 1234567890123.25}\n{"n": 123456789012345678901234}\n{"n": "0.05"}\n')
    rows = [(Decimal("0.05"),), (Decimal("1234567890123.25"),), (Decimal("123456789012345678901234.00"),)]
    assert instance.run("SELECT n FROM lake.numbers ORDER BY n") == rows


PACKED = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "zst": lambda raw: zstandard.ZstdCompressor().compress(raw),
    "snappy": lambda raw: hadoop([raw]),
    "sz": lambda raw: framed([raw]),
}


def test_numbered_types_are_what_the_server_stores(instance: Instance, backend: Backend, data: Path):
    columns = "id INT PRIMARY KEY, flags SET('a','B','c d'), state ENUM('on','off'), bits BIT(3), yes BIT(1)"
    values = {"flags": ["a,c d", "", None, "c d,a,a"], "state": ["off", "on", None, "off"]}
    numbers = {"bits": pa.array([5, 0, None, 7], pa.int32()), "yes": pa.array([True, False, None, True])}
    made = {"id": pa.array([1, 2, 3, 4], pa.int32()), **values, **numbers}
    pq.write_table(pa.table(made), data / "numbered.parquet")
    instance.run(f"CREATE TABLE lake.numbered {lake(columns, data / 'numbered.parquet', format='parquet')}")
    backend.run(f"CREATE TABLE lake.stored_numbers ({columns})")
    rows = zip(
        *(column.to_pylist() if isinstance(column, pa.Array) else column for column in made.values()), strict=True
    )
    for row in rows:
        backend.run("INSERT INTO lake.stored_numbers VALUES (%s, %s, %s, %s, %s)", *row)
    query = "SELECT * FROM lake.{} ORDER BY id"
    assert instance.run(query.format("numbered")) == backend.run(query.format("stored_numbers"))
    backend.run("DROP TABLE lake.stored_numbers")
    instance.run("DROP TABLE lake.numbered")


def document(made: random.Random, depth: int = 0) -> Any:
    """Some JSON value."""
    kind = made.randrange(8 if depth < 4 else 6)
    words = ["", "a", "b", "aa", "ab", "é", "日本", "😀", '"', "\\", "/", "\n\t", "\x1f", "true", "1"]
    if kind < 2:
        return made.choice(words)
    if kind == 2:
        return made.choice([0, 1, -7, 10**18, 2**63 - 1, -(2**63), True, False, None])
    if kind < 6:
        return made.choice([0.5, -12.25, 100.0, 3.14159, 0.001, 123456789.125, -0.0001])
    if kind == 6:
        return [document(made, depth + 1) for _ in range(made.randrange(4))]
    return {made.choice(["a", "b", "aa", "B", "é", "key", "k y"]): document(made, depth + 1) for _ in range(5)}


def test_documents_are_shown_as_the_server_shows_them(instance: Instance, backend: Backend, data: Path):
    made = random.Random(7)
    texts = [json.dumps(document(made), ensure_ascii=at % 2 == 0) for at in range(400)]
    texts += ['{"b":1,"b" : [ ],"a":{}}', "  [1 ,\t2]\n", '"\\/\\u0041\\u00ff"', "null", "9999999999999999999"]
    pq.write_table(pa.table({"id": pa.array(range(len(texts)), pa.int32()), "doc": texts}), data / "docs.parquet")
    instance.run(
        f"CREATE TABLE lake.docs {lake('id INT PRIMARY KEY, doc JSON', data / 'docs.parquet', format='parquet')}"
    )
    backend.run("CREATE TABLE lake.stored_docs (id INT PRIMARY KEY, doc JSON)")
    given = [value for pair in enumerate(texts) for value in pair]
    backend.run(f"INSERT INTO lake.stored_docs VALUES {', '.join(['(%s, %s)'] * len(texts))}", *given)
    query = "SELECT * FROM lake.{} ORDER BY id"
    assert instance.run(query.format("docs")) == backend.run(query.format("stored_docs"))
    backend.run("DROP TABLE lake.stored_docs")
    (data / "docs.json").write_text(
        '{"id": 1, "doc": "1"}\n{"id": 2, "doc": 1}\n{"id": 3, "doc": {"b": [], "a": null}}\n'
    )
    instance.run("DROP TABLE lake.docs")
    instance.run(f"CREATE TABLE lake.docs {lake('id INT, doc JSON', data / 'docs.json', format='json')}")
    shown = [doc for (doc,) in instance.run("SELECT doc FROM lake.docs ORDER BY id")]
    assert shown == (["1", "1", '{"b":[],"a":null}'] if backend.is_mariadb else ['"1"', "1", '{"a": null, "b": []}'])
    instance.run("DROP TABLE lake.docs")
    if not backend.is_mariadb:
        (data / "docs.csv").write_text("1e5\n")
        instance.run(f"CREATE TABLE lake.docs {lake('doc JSON', data / 'docs.csv')}")
        assert "line 1, column doc: '1e5'" in refused(instance, "SELECT doc FROM lake.docs")
        instance.run("DROP TABLE lake.docs")


@pytest.mark.parametrize("ending", PACKED)
def test_compressed_text_is_read(instance: Instance, data: Path, ending: str):
    (data / f"packed.csv.{ending}").write_bytes(PACKED[ending](b'1,Ann\n2,"B, b"\n'))
    (data / f"packed.json.{ending}").write_bytes(PACKED[ending](b'{"id": 3, "name": "C"}\n'))
    for kind, rows in (("csv", [(1, "Ann"), (2, "B, b")]), ("json", [(3, "C")])):
        instance.run("DROP TABLE IF EXISTS lake.packed")
        instance.run(
            f"CREATE TABLE lake.packed {lake('id INT, name VARCHAR(9)', data / f'packed.{kind}.{ending}', format=kind)}"
        )
        assert instance.run("SELECT * FROM lake.packed ORDER BY id") == rows
    whole = (data / f"packed.csv.{ending}").read_bytes()
    (data / f"packed.csv.{ending}").write_bytes(whole[:-6])
    instance.run("DROP TABLE lake.packed")
    instance.run(f"CREATE TABLE lake.packed {lake('id INT, name VARCHAR(9)', data / f'packed.csv.{ending}')}")
    refused(instance, "SELECT id FROM lake.packed")


def test_manifests_name_the_files(instance: Instance, data: Path):
    """As SELECT … INTO OUTFILE S3 of Aurora and UNLOAD of Redshift leave them."""
    folder = data / "unloaded"
    folder.mkdir()
    (folder / "t.part_00000").write_text("1\tAnn\n")
    (folder / "t.part_00001").write_text("2\t\\N\n")
    (folder / "t.part_00002").write_text("3\tof another export\n")
    urls = [f"file://{folder}/t.part_0000{part}" for part in (0, 1)]
    (folder / "t.manifest").write_text(json.dumps({"entries": [{"url": url, "mandatory": True} for url in urls]}))
    attribute = {"dialect": {"field_delimiter": "\t"}, "manifest": True, "file": [{"uri": f"{folder}/t.manifest"}]}
    text = json.dumps(attribute).replace("\\", "\\\\")
    instance.run(f"CREATE TABLE lake.aurora (id INT, name VARCHAR(20)) ENGINE=lakehouse ENGINE_ATTRIBUTE='{text}'")
    assert instance.run("SELECT * FROM lake.aurora ORDER BY id") == [(1, "Ann"), (2, None)]
    entry = {"url": urls[0], "meta": {"content_length": 99}}
    (folder / "t.manifest").write_text(json.dumps({"entries": [entry]}))
    assert "99 by its manifest" in refused(instance, "SELECT * FROM lake.aurora")


def test_avro_is_read_by_name(instance: Instance, data: Path):
    rows = "SELECT 1::INT AS id, 'Ann' AS name, 1.5::DOUBLE AS ratio, [1, 2] AS list"
    rows += " UNION ALL SELECT 2, NULL, NULL, NULL"
    with duckdb.connect() as own:
        own.execute(f"LOAD '{extension('avro')}'")
        own.execute(f"COPY ({rows}) TO '{data}/x.avro' (FORMAT avro)")
    columns = "list TEXT, NAME VARCHAR(9), id INT NOT NULL, ratio DOUBLE"
    instance.run(f"CREATE TABLE lake.avro {lake(columns, data / 'x.avro', format='avro')}")
    assert instance.run("SELECT * FROM lake.avro ORDER BY id") == [("[1,2]", "Ann", 1, 1.5), (None, None, 2, None)]
    assert instance.run("SELECT id FROM lake.avro WHERE name = 'ANN'") == [(1,)]
    whole = (data / "x.avro").read_bytes()
    (data / "x.avro").write_bytes(whole[:-9])
    assert "cut short" in refused(instance, "SELECT * FROM lake.avro")
    (data / "x.avro").write_bytes(b"1,2,3\n")
    assert "no Avro file" in refused(instance, "SELECT * FROM lake.avro")


def test_folders_are_columns(instance: Instance, data: Path):
    for year, part in ((2023, "a"), (2024, "b")):
        folder = data / "parts" / f"year={year}" / f"kind={part}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"id": pa.array([year], pa.int32())}), folder / "x.parquet")
    instance.run(
        f"CREATE TABLE lake.parts {lake('id INT, year INT, kind CHAR(1)', f'{data}/parts/', format='parquet')}"
    )
    assert instance.run("SELECT id, year, kind FROM lake.parts ORDER BY id") == [(2023, 2023, "a"), (2024, 2024, "b")]
    assert instance.run("SELECT id FROM lake.parts WHERE year = 2024 AND kind = 'B'") == [(2024,)]


def test_keys_are_checked(instance: Instance, data: Path):
    (data / "twice.csv").write_text("1\n2\n1\n")
    instance.run(f"CREATE TABLE lake.twice {lake('id INT PRIMARY KEY', data / 'twice.csv')}")
    assert "twice" in refused(instance, "SELECT COUNT(*) FROM lake.twice")
    instance.run("DROP TABLE lake.twice")
    (data / "twice.csv").write_text("1\n2\n01\n")  # the values are compared, not their texts
    instance.run(f"CREATE TABLE lake.twice {lake('id INT PRIMARY KEY', data / 'twice.csv')}")
    assert "twice" in refused(instance, "SELECT COUNT(*) FROM lake.twice")
    instance.run("DROP TABLE lake.twice")
    instance.run(f"CREATE TABLE lake.twice {lake('id INT PRIMARY KEY', data / 'twice.csv', check_constraints=False)}")
    assert instance.run("SELECT COUNT(*) FROM lake.twice") == [(3,)]
    instance.run("DROP TABLE lake.twice")
    (data / "twice.csv").write_text("1,5,\\N\n2,5,\\N\n3,5,1\n")  # NULL is no value that comes twice
    columns = "id INT PRIMARY KEY, a INT, b INT, UNIQUE KEY both_of (a, b), UNIQUE (b)"
    instance.run(f"CREATE TABLE lake.twice {lake(columns, data / 'twice.csv')}")
    assert instance.run("SELECT COUNT(*) FROM lake.twice") == [(3,)]
    (data / "twice.csv").write_text("1,5,2\n2,6,2\n")
    assert "the key (b)" in refused(instance, "SELECT COUNT(*) FROM lake.twice")


def warned(instance: Instance, statement: str, most: int | None = None) -> tuple[int, list[tuple[Any, ...]]]:
    """Run a statement; gives what its answer says of warnings, and SHOW WARNINGS."""
    with instance.connect() as connection, connection.cursor() as cursor:
        if most is not None:
            cursor.execute(f"SET max_error_count = {most}")
        cursor.execute(statement)
        cursor.fetchall()
        count = cursor.warning_count
        cursor.execute("SHOW COUNT(*) WARNINGS")
        assert cursor.fetchall() == ((count,),)
        cursor.execute("SHOW WARNINGS")
        return count, list(cursor.fetchall())


def test_without_strictness_what_is_wrong_is_told(instance: Instance, data: Path):
    (data / "warn").mkdir()
    (data / "warn" / "a.csv").write_text("1,2024-02-30,abcdef\nx,2024-02-28,é\n3\n4,2024-02-28,b,c\n")
    (data / "warn" / "b.csv").write_text("5,2024-02-28,\n6,2024-13-01,x\n")
    columns = "a INT NOT NULL, d DATE, s VARCHAR(3)"
    dialect = {"is_strict_mode": False, "field_delimiter": ","}
    instance.run(f"CREATE TABLE lake.told {lake(columns, f'{data}/warn/', **dialect)}")
    count, shown = warned(instance, "SELECT a, d, s FROM lake.told")
    file = f"file://{data}/warn/"
    kind = "INT" if instance.backend.kind == "mysql" else "INT(11)"
    assert shown == [
        ("Warning", 1261, f"{file}a.csv, line 3: Expected Number of Columns: 3 Found: 1"),
        ("Warning", 1262, f"{file}a.csv, line 4: Expected Number of Columns: 3 Found: 4"),
        ("Warning", 1366, f"{file}a.csv, line 2, column a: 'x' is not a value of {kind} NOT NULL"),
        ("Warning", 1366, f"{file}a.csv, line 1, column d: '2024-02-30' is not a value of DATE"),
        ("Warning", 1366, f"{file}b.csv, line 2, column d: '2024-13-01' is not a value of DATE"),
        ("Warning", 1265, f"{file}a.csv, line 1, column s: 'abcdef' is not a value of VARCHAR(3)"),
    ]
    assert count == len(shown) == 6
    assert [len(rows) for rows in (warned(instance, "SELECT d FROM lake.told", most)[1] for most in (2, 0))] == [2, 0]
    assert warned(instance, "SELECT d FROM lake.told", 1)[0] == 4
    instance.run("CREATE TABLE lake.taken (a INT NOT NULL, s VARCHAR(3))")
    count, shown = warned(instance, "INSERT INTO lake.taken SELECT a, s FROM lake.told")
    assert (count, len(shown)) == (4, 4)
    with instance.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT a FROM lake.told")
        cursor.fetchall()
        cursor.execute("SELECT @@warning_count")
        assert cursor.fetchall() == ((3,),)
        cursor.execute("SELECT a FROM lake.told")
        cursor.fetchall()
        cursor.execute("SELECT 1")
        cursor.execute("SHOW WARNINGS")
        assert cursor.fetchall() == ()


ODD = {
    "utf16.csv": (codecs.BOM_UTF16_LE + b"1\0,\0a\0\n", "utf16.csv is no UTF-16: it is cut short"),
    "wide.csv": ("1,a\nx,b\n".encode("utf-16"), "wide.csv, line 2, column id: 'x'"),
    "latin.csv": (b"1,ok\n2,\xe4\n", 'latin.csv, line 2: bytes that are no UTF-8; "encoding" names'),
    "ends.csv": (b"1,a\r\n2,b\n3,c\r\n", "ends.csv: its lines end in different ways"),
    "pretty.json": (b'{\n "id": 1\n}\n', "pretty.json, line 1: unexpected end of data; objects are one a line"),
    "third.json": (b'{"id":1}\n{"id":2}\n{"id":x}\n{"id":4}\n', "third.json, line 3: unexpected character; objects"),
    "array.json": (b'[{"id":1},{"id":x}]', "array.json: its array of JSON is not in order: unexpected character"),
    "cut.json": (gzip.compress(b'[{"id":1},'), "cut.json is cut short: its array of JSON has no end"),
    "pieces.json": (bz2.compress(b'[{"id":1},'), "pieces.json is cut short: its array of JSON has no end"),
    "scalar.json": (b'{"id":1}\n2\n', "scalar.json, line 2: Expected OBJECT, but got"),
    "mac.csv": (b'1,a\r2,"\n"\r', "mac.csv: its records end with carriage returns, and there are line feeds"),
    "quote.csv": (b'1,a\n2,"b"c"\n', "quote.csv, line 2: a value in quotes does not end before a delimiter"),
    "json.csv": (b'1,"{""k"": ""b\\""c""}"\n', "json.csv, line 1: a value in quotes does not end before a delimiter"),
    "twice.json": (b'{"id":1,"id":2}\n', "twice.json, line 1: Object"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_is_told_in_plain_words(instance: Instance, data: Path, name: str):
    raw, words = ODD[name]
    (data / name).write_bytes(raw)
    instance.run("DROP TABLE IF EXISTS lake.odd")
    columns = "id INT" if name == "scalar.json" else "id INT, name VARCHAR(9)"
    instance.run(f"CREATE TABLE lake.odd {lake(columns, data / name, format=name.partition('.')[2])}")
    assert words in refused(instance, "SELECT * FROM lake.odd")


def test_text_in_utf16_is_read(instance: Instance, data: Path):
    folder = data / "wide"
    folder.mkdir()
    rows = [(1, "Ann"), (2, "é€"), (3, "😀"), (4, "x\ny")]
    text = "".join(f'{id},"{name}"\n' for id, name in rows)
    (folder / "big.csv").write_bytes(codecs.BOM_UTF16_BE + text.encode("utf-16-be"))
    (folder / "little.csv").write_bytes(codecs.BOM_UTF16_LE + text.encode("utf-16-le"))
    instance.run(f"CREATE TABLE lake.utf16 {lake('id INT, name VARCHAR(9)', f'{folder}/', field_delimiter=',')}")
    assert instance.run("SELECT * FROM lake.utf16 ORDER BY id") == [row for row in rows for _ in range(2)]
    (folder / "other.csv").write_text(text)
    assert "other.csv is no UTF-16: another file" in refused(instance, "SELECT * FROM lake.utf16")
    (data / "wide.json").write_bytes('{"id": 1, "name": "é"}\n'.encode("utf-16"))
    columns = "id INT, name VARCHAR(9)"
    instance.run(f"CREATE TABLE lake.utf16json {lake(columns, data / 'wide.json', format='json')}")
    assert instance.run("SELECT * FROM lake.utf16json") == [(1, "é")]


def test_json_of_other_systems_is_read(instance: Instance, data: Path):
    (data / "mark.json").write_bytes('{"id": 1, "name": "é"}\n'.encode("utf-8-sig"))
    (data / "list.json").write_bytes('[{"id": 1, "name": "é"}]'.encode("utf-8-sig"))
    (data / "latin.json").write_bytes(b'{"id": 1, "name": "\xe9"}\n')
    for name, more in (("mark", {}), ("list", {}), ("latin", {"encoding": "latin1"})):
        made = lake("id INT, name VARCHAR(9)", data / f"{name}.json", format="json", **more)
        instance.run("DROP TABLE IF EXISTS lake.odd")
        instance.run(f"CREATE TABLE lake.odd {made}")
        assert instance.run("SELECT * FROM lake.odd") == [(1, "é")]


def test_what_parquet_holds_is_shown_or_refused(instance: Instance, data: Path):
    """Values in which DuckDB or Arrow differ from what the file has, or are easily written wrongly."""
    values = {
        "early": pa.array([-2208988799000000000, -1], pa.timestamp("ns")),
        "small": pa.array([Decimal("-0.25"), Decimal("0.50")], pa.decimal128(2, 2)),
        "wide": pa.array([Decimal(1), None], pa.decimal256(65, 30)),
        "nanos": pa.array([1, None], pa.time64("ns")),
    }
    pq.write_table(pa.table(values), data / "shown.parquet")
    columns = "early DATETIME(6), small VARCHAR(9), wide DOUBLE, nanos TIME(6)"
    instance.run(f"CREATE TABLE lake.shown {lake(columns, data / 'shown.parquet', format='parquet')}")
    assert instance.run("SELECT early, small FROM lake.shown ORDER BY early") == [
        (datetime.datetime(1900, 1, 1, 0, 0, 1), "-0.25"),
        (datetime.datetime(1970, 1, 1), "0.50"),
    ]
    assert "decimals of more than 38 digits" in refused(instance, "SELECT wide FROM lake.shown")
    assert "times in nanoseconds" in refused(instance, "SELECT nanos FROM lake.shown")


def test_an_array_of_json_may_stand_in_one_line(instance: Instance, data: Path):
    rows = [{"id": at, "name": "x" * (200_000 if at % 10 else 9_000_000)} for at in range(40)]
    text = json.dumps(rows).encode()
    assert len(text) > 40_000_000
    for name, raw in (("line.json", text), ("line.json.gz", gzip.compress(text, 1))):
        (data / name).write_bytes(raw)
        instance.run("DROP TABLE IF EXISTS lake.odd")
        instance.run(f"CREATE TABLE lake.odd {lake('id INT, name LONGTEXT', data / name, format='json')}")
        assert instance.run("SELECT COUNT(*), SUM(id), SUM(CHAR_LENGTH(name)) FROM lake.odd") == [
            (40, 780, sum(len(row["name"]) for row in rows))
        ]
        (data / name).unlink()
