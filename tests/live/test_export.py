"""SELECT … INTO OUTFILE URI: the files hold what MySQL shows, and there are all of them or none."""

import contextlib
import gzip
import json
import os
import re
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pymysql
import pytest

from tests.live.conftest import Instance, start_instance
from tests.live.object_store import ObjectStore, object_store
from tests.live.servers import KINDS, Backend, program_of, start_backend

pytestmark = pytest.mark.live

ROWS = 20000
COLUMNS = (
    "id INT PRIMARY KEY, ti TINYINT UNSIGNED, bi BIGINT UNSIGNED, v DECIMAL(10,2), big DECIMAL(50,3), d DATE, "
    "dt DATETIME(3), ts TIMESTAMP NULL, tm TIME(1), y YEAR, f DOUBLE, fl FLOAT, s VARCHAR(60), tx TEXT, "
    "b VARBINARY(20), bt BIT(9), e ENUM('x','y\"z'), st SET('p','q'), z INT(6) ZEROFILL"
)
ALL = "id, ti, bi, v, big, d, dt, ts, tm, y, f, fl, s, tx, b, bt, e, st, z"


@dataclass(frozen=True)
class Site:
    """An instance that may export, a folder and a store."""

    backend: Backend
    instance: Instance
    folder: Path
    store: ObjectStore

    def files(self, name: str) -> list[Path]:
        found = [path for path in (self.folder / name).rglob("*") if path.is_file()]
        return sorted(found, key=lambda path: (path.parent, len(path.name), path.name))

    def export(self, statement: str, **options: Any) -> tuple[int, Any]:
        """Run an export and give the number of rows answered, and what is remembered of it."""
        with self.instance.connect(database="ex", **options) as connection, connection.cursor() as cursor:
            rows = cursor.execute(statement)
            cursor.execute("SELECT ROW_COUNT()")
            assert cursor.fetchone() == (rows,)
            cursor.execute(
                "SELECT EXPORT_FILE_PREFIX FROM performance_schema.rpd_query_stats "
                "WHERE EXPORT_FILE_PREFIX IS NOT NULL ORDER BY QUERY_ID DESC LIMIT 1"
            )
            return rows, cursor.fetchone()[0]


@pytest.fixture(scope="module", params=KINDS)
def site(request: pytest.FixtureRequest, live_folder: Path) -> Iterator[Site]:
    base = Path(tempfile.mkdtemp(prefix="x-", dir=live_folder))
    backend = start_backend(program_of(request.param), base / "b", ("--secure-file-priv=",))
    folder = base / "lake"
    folder.mkdir()
    with object_store(base) as store:
        store.client().create_bucket(Bucket="lake")
        secrets = base / "secrets.toml"
        secrets.write_text(store.secret("s3://lake/"))
        secrets.chmod(0o600)
        fill(backend)
        options = ("--lakehouse-paths", str(folder), "--lakehouse-secrets", str(secrets))
        instance = start_instance(
            backend,
            base / "i",
            *options,
            *("--lakehouse-exporters", "root,named@localhost", "--lakehouse-export-chunk", "1M", "--workers", "1"),
        )
        try:
            for name in ("t", "odd"):
                instance.wait_until_loaded("ex", name)
            yield Site(backend, instance, folder, store)
        finally:
            instance.stop()
            backend.kill()
            shutil.rmtree(base, ignore_errors=True)


def fill(backend: Backend) -> None:
    backend.run("CREATE DATABASE ex CHARACTER SET utf8mb4")
    backend.run(f"CREATE TABLE ex.t ({COLUMNS})")
    rows = []
    for i in range(ROWS):
        text = f'a,{i};"q"\\ \t\n\r|é日😀\'' if i % 3 else "plain"
        values: list[Any] = [
            *(i, i % 256, 18446744073709551615 - i, f"{i / 3:.2f}", f"{'9' * 30}{i}.123"),
            *(f"2024-02-{1 + i % 28:02d}", f"2024-02-{1 + i % 28:02d} 10:11:12.{i % 1000:03d}", "2024-01-01 00:00:01"),
            *(f"{'-' if i % 2 else ''}{i % 800}:10:11.5", 2000 + i % 50, i / 7 * 10 ** (i % 12 - 3), 1.5 * i),
            *(text, text * 3, bytes((i % 256, 0, 39, 92, 10, 34)), i % 512, ("x", 'y"z')[i % 2], "p,q", i),
        ]
        rows.append([None if i % 11 == 0 and j else value for j, value in enumerate(values)])
    with backend.connect(database="ex", charset="utf8mb4") as connection, connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        marks = ",".join(["%s"] * len(rows[0]))
        cursor.executemany(f"INSERT INTO t VALUES ({marks})", rows)
        cursor.execute("CREATE TABLE odd (id INT PRIMARY KEY, d DATE, g POINT)")
        cursor.execute("SET sql_mode = ''")
        cursor.execute("INSERT INTO odd VALUES (1, '0000-00-00', NULL), (2, '2024-01-02', NULL)")


DIALECTS = [
    ("", "FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"'"),
    ("FIELDS TERMINATED BY '\\t' ENCLOSED BY '\\''", "FIELDS TERMINATED BY '\\t' ENCLOSED BY '\\''"),
    (
        "FIELDS TERMINATED BY '||' OPTIONALLY ENCLOSED BY '' LINES STARTING BY '>>' TERMINATED BY '\\r\\n'",
        "FIELDS TERMINATED BY '||' OPTIONALLY ENCLOSED BY '' LINES STARTING BY '>>' TERMINATED BY '\\r\\n'",
    ),
    ("FIELDS ESCAPED BY '' TERMINATED BY ';'", "FIELDS ESCAPED BY '' TERMINATED BY ';' OPTIONALLY ENCLOSED BY '\"'"),
    ("FIELDS ESCAPED BY '!'", "FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '!'"),
]


@pytest.mark.parametrize(("ours", "theirs"), DIALECTS)
def test_csv_is_the_servers_own_outfile_byte_for_byte(site: Site, ours: str, theirs: str) -> None:
    own = site.folder / f"own-{time.monotonic_ns()}.txt"
    os.chmod(site.folder, 0o777)
    # The servers write BIT as bare bytes that nothing can take apart again.
    statement = f"SELECT {ALL.replace(', bt', '')} {{}} FROM t ORDER BY id"
    with site.backend.connect(database="ex") as connection, connection.cursor() as cursor:
        cursor.execute(statement.format(f"INTO OUTFILE '{own}' {theirs}"))
    name = f"csv-{time.monotonic_ns()}"
    rows, prefix = site.export(statement.format(f"INTO OUTFILE URI 'file://{site.folder}/{name}/' FORMAT CSV {ours}"))
    files = site.files(name)
    assert rows == ROWS
    assert prefix == f"file://{files[0].parent}/"
    assert [path.name for path in files] == [f"n1-t1-c{n}.csv" for n in range(1, len(files) + 1)]
    assert len(files) > 1
    found, expected = b"".join(path.read_bytes() for path in files), own.read_bytes()
    differs = next((at for at, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b), None)
    if differs is not None:
        context = slice(max(differs - 60, 0), differs + 40)
        assert found[context] == expected[context]
    assert found == expected


def shown(site: Site, columns: str) -> list[tuple[str | None, ...]]:
    """Every value in the text that the server shows."""
    with site.backend.connect(database="ex", conv={}, charset="utf8mb4") as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM t ORDER BY id")
        return [tuple(v if v is None or isinstance(v, str) else v.decode() for v in row) for row in cursor.fetchall()]


def test_json_holds_numbers_as_numbers_and_the_rest_as_text(site: Site) -> None:
    columns = "id, ti, bi, v, big, d, dt, ts, tm, y, f, fl, s, tx, e, st, z"
    target = f"INTO OUTFILE URI '{site.folder}/json/' FORMAT JSON COMPRESSION 'zstd'"
    rows, _ = site.export(f"SELECT {columns} {target} FROM t ORDER BY id")
    lines = []
    for path in site.files("json"):
        assert path.name.endswith(".zst.json")
        with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as stream:
            lines += stream.read().decode().splitlines()
    assert rows == len(lines) == ROWS
    numbers = {"id", "ti", "bi", "v", "big", "y", "f", "fl", "z"}
    names = columns.split(", ")
    for line, row in zip(lines, shown(site, columns), strict=True):
        found = json.loads(line, parse_float=str, parse_int=str)
        assert list(found) == names
        for name, value in zip(names, row, strict=True):
            if name == "z" and value is not None:
                value = str(int(value))
            assert found[name] == value
        bare = json.loads(line)
        assert all(isinstance(bare[n], (int, float)) for n in numbers if bare[n] is not None)


def test_parquet_has_types(site: Site) -> None:
    with_parameters = json.dumps(
        {"file": [{"uri": f"{site.folder}/parquet/"}], "dialect": {"format": "parquet", "compression": "zstd"}}
    )
    rows, _ = site.export(f"SELECT {ALL} INTO OUTFILE WITH PARAMETERS '{with_parameters}' FROM t ORDER BY id")
    files = site.files("parquet")
    table = pa.concat_tables(pq.read_table(path) for path in files)
    assert rows == table.num_rows == ROWS
    types = {field.name: str(field.type) for field in table.schema}
    expected = {
        "id": "int32",
        "ti": "uint8",
        "bi": "uint64",
        "v": "decimal128(10, 2)",
        "big": "string",
        "d": "date32[day]",
        "dt": "timestamp[us]",
        "ts": "timestamp[us]",
        "tm": "string",
        "y": "uint16",
        "f": "double",
        "fl": "float",
        "s": "string",
        "tx": "string",
        "b": "binary",
        "bt": "uint64",
        "e": "string",
        "st": "string",
        "z": "int32" if site.backend.is_mariadb else "uint32",
    }
    expected["z"] = "uint32"  # ZEROFILL is UNSIGNED
    assert types == expected
    with site.backend.connect(database="ex", charset="utf8mb4") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, ti, bi, v, d, dt, ts, y, f, s, tx, b, bt+0, e, st, z FROM t ORDER BY id")
        plain = table.drop_columns(["big", "tm", "fl"]).to_pylist()
        assert [tuple(row.values()) for row in plain] == list(cursor.fetchall())
    text = shown(site, "big, tm")
    assert [(r["big"], r["tm"]) for r in table.select(["big", "tm"]).to_pylist()] == text


def test_a_store_gets_the_same_files(site: Site) -> None:
    target = "INTO OUTFILE URL 's3://lake/out/' FORMAT CSV COMPRESSION 'gzip' HEADER ON FIELDS NULL AS 'nil'"
    rows, prefix = site.export(f'SELECT id, s AS `na"me` {target} FROM t ORDER BY id')
    client = site.store.client()
    listed = client.list_objects_v2(Bucket="lake", Prefix="out/")["Contents"]
    keys = sorted((one["Key"] for one in listed), key=lambda key: int(re.findall(r"-c(\d+)", key)[0]))
    assert rows == ROWS
    assert all(f"s3://lake/{key}".startswith(prefix) and key.endswith(".gz.csv") for key in keys)
    lines = [gzip.decompress(client.get_object(Bucket="lake", Key=key)["Body"].read()) for key in keys]
    assert all(part.startswith(b'"id","na\\"me"\n') for part in lines)
    assert lines[0].split(b"\n")[1] == b"0,nil"
    description = {"file": [{"bucket": "lake", "prefix": "pq/"}], "dialect": {"format": "parquet"}}
    target = f"INTO OUTFILE WITH PARAMETERS '{json.dumps(description)}'"
    assert site.export(f"SELECT id {target} FROM t")[0] == ROWS
    (found,) = client.list_objects_v2(Bucket="lake", Prefix="pq/")["Contents"]
    body = client.get_object(Bucket="lake", Key=found["Key"])["Body"].read()
    assert pq.read_table(pa.BufferReader(body)).num_rows == ROWS


def test_a_delta_table_is_made_once(site: Site) -> None:
    for place in (f"{site.folder}/delta/", "s3://lake/delta/"):
        statement = f"SELECT {ALL} INTO OUTFILE URI '{place}' FORMAT DELTA FROM t ORDER BY id"
        assert site.export(statement)[0] == ROWS
        with pytest.raises(pymysql.err.Error, match="Delta table already"):
            site.export(statement)
    steps = [json.loads(line) for line in (site.folder / "delta/_delta_log/00000000000000000000.json").open()]
    added = [step["add"] for step in steps if "add" in step]
    assert sum(json.loads(one["stats"])["numRecords"] for one in added) == ROWS
    assert {site.folder / "delta" / one["path"] for one in added} == {
        path for path in site.files("delta") if path.suffix == ".parquet"
    }
    assert all((site.folder / "delta" / one["path"]).stat().st_size == one["size"] for one in added)
    keys = [one["Key"] for one in site.store.client().list_objects_v2(Bucket="lake", Prefix="delta/")["Contents"]]
    assert len(keys) == 1 + len(added)


def test_an_empty_answer_is_a_file_without_rows(site: Site) -> None:
    rows, _ = site.export(f"SELECT id, s INTO OUTFILE URI '{site.folder}/none/' FORMAT PARQUET FROM t WHERE id < 0")
    (path,) = site.files("none")
    assert (rows, pq.read_table(path).num_rows, pq.read_schema(path).names) == (0, 0, ["id", "s"])


def refused(site: Site, statement: str, number: int, words: str = "", **options: Any) -> None:
    before = site.files("")
    with pytest.raises(pymysql.err.Error, match=words) as caught:
        site.export(statement, **options)
    assert caught.value.args[0] == number, caught.value
    assert site.files("") == before


def test_only_who_may_exports(site: Site) -> None:
    role = "CREATE ROLE IF NOT EXISTS EXPORT_QUERY_RESULTS"
    for statement in (
        role,
        *(f"DROP USER IF EXISTS {name}" for name in ("nobody@localhost", "roled@localhost", "named@localhost")),
        *(f"CREATE USER {name}@localhost IDENTIFIED BY 'pw'" for name in ("nobody", "roled", "named")),
        *(f"GRANT SELECT ON ex.t TO {name}@localhost" for name in ("nobody", "roled", "named")),
        "GRANT EXPORT_QUERY_RESULTS TO roled@localhost",
    ):
        site.backend.run(statement)
    statement = f"SELECT id INTO OUTFILE URI '{site.folder}/who/' FROM t"
    for user in ("nobody", "roled"):  # a role that is granted and not active gives nothing
        refused(site, statement, 1227, "EXPORT_QUERY_RESULTS privilege", user=user, password="pw")
    with site.instance.connect(user="roled", password="pw", database="ex") as connection, connection.cursor() as cursor:
        cursor.execute("SET ROLE EXPORT_QUERY_RESULTS")
        assert cursor.execute(statement) == ROWS
    with site.instance.connect(user="named", password="pw", database="ex") as connection, connection.cursor() as cursor:
        assert cursor.execute(statement) == ROWS
        with pytest.raises(pymysql.err.Error) as caught:
            cursor.execute(statement.replace("FROM t", "FROM odd"))
        assert caught.value.args[0] == 1142  # the backend's own


def test_what_cannot_be_exported_says_why(site: Site) -> None:
    to = f"INTO OUTFILE URI '{site.folder}/bad/'"
    for statement, number, words in (
        (f"SELECT nowhere {to} FROM t", 1054, "nowhere"),
        (f"SELECT 1 {to}", 3889, "reads no table"),
        (f"SELECT SLEEP(id) {to} FROM t", 3889, "(?i)sleep"),
        (f"SELECT id {to} FROM t WHERE id = ?", 3889, "parameter markers"),
        (f"SELECT id, id {to} FORMAT PARQUET FROM t", 3889, "one name"),
        (f"SELECT id, id {to} FORMAT JSON FROM t", 3889, "one name"),
        (f"SELECT b {to} FORMAT JSON FROM t", 3889, "TO_BASE64"),
        (f"SELECT d {to} FORMAT PARQUET FROM odd", 3889, "dates that are none"),
        (f"SELECT id {to} FORMAT ORC FROM t", 3889, "format"),
        (f"SELECT id {to} COMPRESSION 'snappy' FROM t", 3889, "compression"),
        (f"SELECT id {to} HEADER MAYBE FROM t", 1064, "MAYBE"),
        (f"SELECT id {to} FIELDS FROM t", 1064, "FROM"),
        (f"SELECT id {to} FORMAT PARQUET HEADER ON FROM t", 3889, "has_header"),
        ("SELECT id INTO OUTFILE WITH PARAMETERS '{}' FROM t", 3889, "file"),
        ("SELECT id INTO OUTFILE WITH PARAMETERS '[1' FROM t", 1064, "JSON"),
        ("SELECT id INTO OUTFILE URI '/etc/x/' FROM t", 3889, "lakehouse_paths"),
        (f"SELECT id INTO OUTFILE URI '{site.folder}/../x/' FROM t", 3889, r"\.\."),
        (f"SELECT id INTO OUTFILE URI '{site.folder}/x' FROM t", 3889, "ends in /"),
        ("SELECT id INTO OUTFILE URI 'https://h/x/' FROM t", 3889, "web server"),
        ("SELECT id INTO OUTFILE URI 's3://nowhere/x/' FROM t", 3889, "s3://nowhere"),
    ):
        refused(site, statement, number, words)
    assert not (site.folder / "bad").exists()
    with site.instance.connect(database="ex") as connection, connection.cursor() as cursor:
        cursor.execute("SET use_secondary_engine = OFF")
        with pytest.raises(pymysql.err.Error, match="OFF"):
            cursor.execute(f"SELECT id {to} FROM t")
        cursor.execute("SET use_secondary_engine = ON")
        cursor.execute("BEGIN")
        with pytest.raises(pymysql.err.Error, match="open transaction"):
            cursor.execute(f"SELECT id {to} FROM t")
    outside = site.folder.parent / "outside"
    outside.mkdir(exist_ok=True)
    (site.folder / "link").symlink_to(outside)
    refused(site, f"SELECT id INTO OUTFILE URI '{site.folder}/link/' FROM t", 3889, "lakehouse_paths")
    assert list(outside.iterdir()) == []
    (site.folder / "link").unlink()


SLOW = "SELECT a.id, b.s, c.tx INTO OUTFILE URI '{}' FROM t a JOIN t b ON a.id <> b.id JOIN t c ON c.id <> b.id"


def begun(site: Site, place: str) -> None:
    """Wait until something is written."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if place.startswith("s3"):
            if "Uploads" in site.store.client().list_multipart_uploads(Bucket="lake"):
                return
        elif list(site.folder.glob("slow*/.*/n1-t1-c2*")):
            return
        time.sleep(0.05)
    raise AssertionError("the export did not begin")


def left(site: Site) -> list[Any]:
    """What an export has left behind."""
    client = site.store.client()
    return [
        *site.folder.glob("slow*"),
        *client.list_multipart_uploads(Bucket="lake").get("Uploads", []),
        *client.list_objects_v2(Bucket="lake", Prefix="slow/").get("Contents", []),
        *(site.instance.data_dir / "store" / "exports").glob("*"),
    ]


def wait_until_nothing_is_left(site: Site, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while found := left(site):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def disturb(site: Site) -> None:
    """Take away what an export has written so far: behind its back, as an operator does."""
    for folder in site.folder.glob("slow*"):
        shutil.rmtree(folder, ignore_errors=True)  # the export removes it as well


@pytest.mark.parametrize(
    ("kind", "way"),
    [*((kind, way) for kind in ("file", "s3") for way in ("kill", "leave", "time")), ("file", "place")],
)
def test_a_stopped_export_leaves_nothing(site: Site, way: str, kind: str) -> None:
    place = f"{site.folder}/slow/" if kind == "file" else "s3://lake/slow/"
    seen: list[Any] = []
    client = site.instance.connect(database="ex")

    def export() -> None:
        try:
            with client.cursor() as cursor:
                if way == "time":
                    name = "max_statement_time = 3" if site.backend.is_mariadb else "max_execution_time = 3000"
                    cursor.execute(f"SET SESSION {name}")
                cursor.execute(SLOW.format(place))
        except Exception as error:
            seen.append(error)

    thread = threading.Thread(target=export)
    thread.start()
    begun(site, place)
    if way == "kill":
        site.instance.run(f"KILL QUERY {client.thread_id()}")
    elif way == "leave":
        client._sock.shutdown(2)
    while way == "place" and thread.is_alive():  # what it is writing now, not what it has written already
        disturb(site)
        thread.join(0.1)
    thread.join(60)
    assert len(seen) == 1
    if way in ("kill", "place"):
        assert seen[0].args[0] == (1317 if way == "kill" else 3889), seen
    wait_until_nothing_is_left(site)
    with contextlib.suppress(Exception):
        client.close()


@pytest.mark.parametrize("kind", ["file", "s3"])
def test_an_engine_that_dies_leaves_nothing_when_it_is_back(site: Site, kind: str) -> None:
    place = f"{site.folder}/slow/" if kind == "file" else "s3://lake/slow/"
    seen: list[Any] = []

    def export() -> None:
        try:
            site.export(SLOW.format(place))
        except Exception as error:
            seen.append(error)

    thread = threading.Thread(target=export)
    thread.start()
    begun(site, place)
    (engine,) = [p for p in psutil.Process(site.instance.process.pid).children() if "engine" in p.cmdline()]
    engine.send_signal(signal.SIGKILL)
    thread.join(60)
    assert seen[0].args[0] == 3889
    deadline = time.monotonic() + 60
    while [p for p in left(site) if not (isinstance(p, Path) and p.name == "slow" and not any(p.iterdir()))]:
        assert time.monotonic() < deadline, left(site)
        time.sleep(0.1)
    shutil.rmtree(site.folder / "slow", ignore_errors=True)
    site.instance.wait_until_loaded("ex", "t")


@pytest.mark.parametrize(
    ("format", "compression"),
    [
        *(("csv", name) for name in ("gzip", "zstd", "bzip2", "brotli", "lz4")),
        *(("parquet", name) for name in ("uncompressed", "snappy", "gzip", "zstd", "brotli", "lz4")),
    ],
)
def test_every_compression_is_read_back(site: Site, format: str, compression: str) -> None:
    name = f"z-{format}-{compression}"
    target = f"INTO OUTFILE URI '{site.folder}/{name}/' FORMAT {format} COMPRESSION '{compression}'"
    assert site.export(f"SELECT id, ti {target} FROM t WHERE id < 5000 ORDER BY id")[0] == 5000
    (path,) = site.files(name)
    if format == "parquet":
        assert pq.read_table(path)["id"].to_pylist() == list(range(5000))
        return
    codec = {"bzip2": "bz2"}.get(compression, compression)
    with pa.CompressedInputStream(pa.OSFile(str(path)), codec) as stream:
        lines = stream.read().decode().splitlines()
    assert [int(line.split(",")[0]) for line in lines] == list(range(5000))


BACK = [
    ("{folder}/back-quoted/", "", {"field_delimiter": ","}),
    ("s3://lake/back-tabs/", "FIELDS TERMINATED BY '\\t' ENCLOSED BY ''", {"quotation_marks": ""}),
    ("s3://lake/back-ends/", "LINES TERMINATED BY '\\r\\n'", {"record_delimiter": "\r\n"}),
]


@pytest.mark.parametrize(("place", "clauses", "dialect"), BACK)
def test_texts_come_back_from_csv(site: Site, place: str, clauses: str, dialect: dict[str, str]) -> None:
    uri = place.format(folder=site.folder)
    site.export(f"SELECT id, s INTO OUTFILE URI '{uri}' FORMAT CSV {clauses} FROM t ORDER BY id")
    attribute = {"dialect": {"format": "csv", **dialect}, "file": [{"uri": uri}]}
    given = json.dumps([{"db_name": "ex", "tables": [{"table_name": "back", "engine_attribute": attribute}]}])
    site.instance.run(f"CALL sys.heatwave_load('{pymysql.converters.escape_string(given)}', NULL)")
    expected = site.backend.run("SELECT id, s FROM ex.t ORDER BY id")
    assert site.instance.run("SELECT * FROM ex.back ORDER BY 1") == expected
    site.instance.run("DROP TABLE ex.back")


def test_a_lake_table_is_exported_again(site: Site) -> None:
    """What was exported is a table, and a query over it and InnoDB is exported to the store."""
    site.export(f"SELECT id, v, s INTO OUTFILE URI '{site.folder}/again/' FORMAT PARQUET FROM t")
    attribute = json.dumps({"dialect": {"format": "parquet"}, "file": [{"uri": f"{site.folder}/again/"}]})
    site.instance.run(
        "CREATE TABLE ex.again (id INT, v DECIMAL(10,2), s VARCHAR(60) COLLATE utf8mb4_bin) "
        f"ENGINE=lakehouse SECONDARY_ENGINE=rapid ENGINE_ATTRIBUTE='{attribute}'"
    )
    joined = "FROM again JOIN t USING (id) ORDER BY id"
    rows, prefix = site.export(f"SELECT id, again.v INTO OUTFILE URI 's3://lake/joined/' {joined}")
    assert rows == ROWS
    assert prefix.startswith("s3://lake/joined/")
    body = b""
    for one in site.store.client().list_objects_v2(Bucket="lake", Prefix="joined/")["Contents"]:
        body += site.store.client().get_object(Bucket="lake", Key=one["Key"])["Body"].read()
    expected = site.backend.run("SELECT id, v FROM ex.t ORDER BY id")
    null = "\\N"
    assert body.decode().splitlines() == [f"{i},{null if v is None else v}" for i, v in expected]
    site.instance.run("DROP TABLE ex.again")
