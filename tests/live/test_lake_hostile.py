"""Lake tables over places that are not as they should be: an error that says what is wrong, and nothing given away."""

import bz2
import gzip
import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pymysql
import pytest
import zstandard

from tests.live.conftest import Instance, start_instance
from tests.live.object_store import ObjectStore, object_store
from tests.live.servers import Backend

pytestmark = pytest.mark.live

REFUSED = 3889
SIGNATURE = "deadbeefcafe"


@dataclass(frozen=True)
class Site:
    """An instance, a folder that it may read, and a store."""

    instance: Instance
    folder: Path
    store: ObjectStore
    secrets: Path

    def define(self, name: str, columns: str, uri: str, **dialect: Any) -> None:
        attribute = json.dumps({"dialect": dialect, "file": [{"uri": uri}]})
        self.instance.run(f"DROP TABLE IF EXISTS hostile.{name}")
        self.instance.run(
            f"CREATE TABLE hostile.{name} ({columns}) ENGINE=lakehouse SECONDARY_ENGINE=rapid "
            f"ENGINE_ATTRIBUTE='{attribute}'"
        )

    def fails(self, statement: str) -> str:
        """Run a statement that must be refused, and give the text; the engine is there afterwards."""
        with pytest.raises(pymysql.err.Error) as caught:
            self.instance.run(statement)
        assert caught.value.args[0] == REFUSED, caught.value
        assert self.instance.run("SELECT COUNT(*) FROM hostile.good") == [(2,)]
        return str(caught.value.args[1])

    def give_keys(self, **change: str) -> None:
        """Write the secrets file anew."""
        self.secrets.write_text(self.store.secret("s3://lake/", **change) + self.store.secret("s3://nowhere/"))
        self.secrets.chmod(0o600)


@pytest.fixture(scope="module")
def site(backend: Backend, live_folder: Path) -> Iterator[Site]:
    base = Path(tempfile.mkdtemp(prefix="o-", dir=live_folder))
    folder = base / "lake"
    folder.mkdir()
    backend.run("DROP DATABASE IF EXISTS hostile")
    backend.run("CREATE DATABASE hostile")
    with object_store(base) as store:
        store.client().create_bucket(Bucket="lake")
        secrets = base / "secrets.toml"
        options = ("--lakehouse-paths", str(folder), "--lakehouse-secrets", str(secrets), "--workers", "1")
        instance = start_instance(backend, base / "i", *options)
        made = Site(instance, folder, store, secrets)
        made.give_keys()
        try:
            (folder / "good.csv").write_text("1|a\n2|b\n")
            made.define("good", "a INT, b VARCHAR(5)", f"{folder}/good.csv")
            yield made
            logs = "".join(path.read_text(errors="replace") for path in (instance.data_dir / "logs").glob("*"))
            for secret in (store.secret_key, SIGNATURE):
                assert secret not in logs
        finally:
            instance.stop()
            backend.run("DROP DATABASE IF EXISTS hostile")
            shutil.rmtree(base, ignore_errors=True)


def test_paths_outside_are_refused_whatever_their_form(site: Site) -> None:
    outside = site.folder.parent / "secret.csv"
    outside.write_text("1|secret\n")
    (site.folder / "link.csv").symlink_to(outside)
    (site.folder / "up").symlink_to("..")
    for number, uri in enumerate(
        (
            str(outside),
            f"{site.folder}/link.csv",
            f"{site.folder}/up/secret.csv",
            f"{site.folder}/../secret.csv",
            f"file://{site.folder}/%2E%2E/secret.csv",
            f"{site.folder.parent}/*.csv",
            f"{site.folder}*/../secret.csv",
            "/etc/passwd",
            "/proc/self/environ",
        )
    ):
        name = f"escape{number}"
        site.define(name, "a VARCHAR(200), b VARCHAR(200)", uri)
        told = site.fails(f"SELECT * FROM hostile.{name}")
        assert "lakehouse_paths" in told or ".." in told, told
        site.instance.run(f"DROP TABLE hostile.{name}")
    (site.folder / "link.csv").unlink()
    (site.folder / "up").unlink()


def test_web_addresses_of_private_networks_are_refused(site: Site) -> None:
    port = site.store.endpoint.rpartition(":")[2]
    for number, host in enumerate(("127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1", "0")):
        name = f"web{number}"
        site.define(name, "a INT", f"https://{host}:{port}/x.csv?X-Amz-Signature={SIGNATURE}")
        told = site.fails(f"SELECT * FROM hostile.{name}")
        assert "open internet" in told or "not known" in told, told
        assert SIGNATURE not in told
        site.instance.run(f"DROP TABLE hostile.{name}")


def test_keys_that_are_wrong_missing_or_new(site: Site) -> None:
    site.store.client().put_object(Bucket="lake", Key="k/a.csv", Body=b"1|a\n2|b\n")
    site.define("keyed", "a INT, b VARCHAR(5)", "s3://lake/k/")
    count = "SELECT COUNT(*) FROM hostile.keyed"
    assert site.instance.run(count) == [(2,)]
    for change, words in (
        ({"secret_key": "n" * 40}, "secret key is not right"),
        ({"access_key": "AKIAUNKNOWN"}, "does not know the access key"),
        ({"session_token": "expired"}, "s3://lake/k/"),
        ({"endpoint": "http://127.0.0.1:9"}, "cannot be reached"),
    ):
        site.give_keys(**change)
        told = site.fails(count)
        assert words in told
        assert not any(value in told for value in (site.store.secret_key, site.store.access_key, "n" * 40))
    site.secrets.write_text("[broken\nsecret_key = 'abc123'")
    told = site.fails(count)
    assert "no valid TOML" in told
    assert "abc123" not in told
    site.give_keys()  # taken up without a restart
    assert site.instance.run(count) == [(2,)]
    site.secrets.chmod(0o644)
    site.secrets.write_text(site.secrets.read_text() + "\n")
    assert "can be read by others" in site.fails(count)
    site.give_keys()
    site.instance.run("DROP TABLE hostile.keyed")


def test_missing_buckets_and_objects(site: Site) -> None:
    for number, (uri, words) in enumerate(
        (
            ("s3://nowhere/a.csv", "no such object or bucket"),
            ("s3://nowhere/a/", "no such bucket"),
            ("s3://lake/none.csv", "no such object"),
            ("s3://lake/none/", "has no file"),
            (f"{site.folder}/none.csv", "does not exist"),
        )
    ):
        site.define(f"missing{number}", "a INT", uri)
        assert words in site.fails(f"SELECT COUNT(*) FROM hostile.missing{number}")
        site.instance.run(f"DROP TABLE hostile.missing{number}")


def test_broken_parquet_names_its_file(site: Site) -> None:
    path = site.folder / "whole.parquet"
    pq.write_table(pa.table({"a": list(range(10_000)), "b": ["x" * 50] * 10_000}), path, compression="none")
    whole = path.read_bytes()
    client = site.store.client()
    footer = int.from_bytes(whole[-8:-4], "little") + 8
    for number, content in enumerate(
        (
            whole[: len(whole) // 2],
            whole[:-4] + b"XXXX",
            whole[:-8] + (1 << 30).to_bytes(4, "little") + b"PAR1",
            whole[:-footer] + bytes(60) + whole[60 - footer :],
            b"PAR1",
            b"not parquet at all",
        )
    ):
        (site.folder / "broken.parquet").write_bytes(content)
        client.put_object(Bucket="lake", Key="b/broken.parquet", Body=content)
        for uri in (f"{site.folder}/broken.parquet", "s3://lake/b/broken.parquet"):
            site.define(f"broken{number}", "a INT, b VARCHAR(60)", uri, format="parquet")
            told = site.fails(f"SELECT SUM(a), MAX(b) FROM hostile.broken{number}")
            assert "broken.parquet" in told, told
            assert "/proc/self" not in told
            site.instance.run(f"DROP TABLE hostile.broken{number}")


def test_a_file_without_rows_is_a_table_without_rows(site: Site) -> None:
    for name, text in (("nothing", ""), ("header", "a,b\n")):
        (site.folder / f"{name}.csv").write_text(text)
        site.define(name, "a INT NOT NULL, b VARCHAR(9)", f"{site.folder}/{name}.csv", has_header=name == "header")
        assert site.instance.run(f"SELECT COUNT(*), SUM(a), MAX(b) FROM hostile.{name}") == [(0, None, None)]
        assert site.instance.run(f"SELECT a, b FROM hostile.{name}") == []
        site.instance.run(f"DROP TABLE hostile.{name}")


def test_bombs_do_not_take_the_memory(site: Site) -> None:
    """One line of 400 MB in 400 kB, and many lines: the first is refused, the others stream."""
    (engine,) = [p for p in psutil.Process(site.instance.process.pid).children() if "engine" in p.cmdline()]
    before = engine.memory_info().rss
    with gzip.open(site.folder / "line.csv.gz", "wb", 1) as file:
        for _ in range(400):
            file.write(b"0" * (1 << 20))
    site.define("line", "a LONGTEXT", f"{site.folder}/line.csv.gz")
    assert "line.csv.gz" in site.fails("SELECT COUNT(*), MAX(a) FROM hostile.line")
    with open(site.folder / "plain.csv", "wb") as plain:
        plain.write(b"x\n")
        for _ in range(150):
            plain.write(b"0" * (1 << 20))
    site.define("plain", "a LONGTEXT", f"{site.folder}/plain.csv")
    assert "plain.csv has a line of more than 16 MB" in site.fails("SELECT COUNT(*) FROM hostile.plain")
    site.instance.run("DROP TABLE hostile.plain")
    for name, text, words in (("line", b"0", "a line of more than 16 MB"), ("many", b"1\n", "becomes more than")):
        packed = bz2.compress(text * (4 << 20), 9)
        (site.folder / f"{name}.csv.bz2").write_bytes(packed * 20)
        site.define("packed", "a LONGTEXT", f"{site.folder}/{name}.csv.bz2")
        assert words in site.fails("SELECT COUNT(*) FROM hostile.packed")
        site.instance.run("DROP TABLE hostile.packed")
    packed = zstandard.compress(b"0" * (64 << 20))
    (site.folder / "line.csv.zst").write_bytes(packed)
    site.define("packed", "a LONGTEXT", f"{site.folder}/line.csv.zst")
    assert "line.csv.zst has a line of more than 16 MB" in site.fails("SELECT COUNT(*) FROM hostile.packed")
    site.instance.run("DROP TABLE hostile.packed")
    assert engine.memory_info().rss - before < 600 << 20
    site.instance.run("DROP TABLE hostile.line")


def test_what_is_wide_or_deep_is_told_at_once(site: Site) -> None:
    """A record of 200,000 columns, which DuckDB writes down once for each when it lists what is wrong; deep JSON."""
    wide, deep = "1," * 200_000 + "1\n", "[" * 50_000 + "]" * 50_000
    manifest = '{"entries": ' + deep + "}"
    texts = {"wide.csv": "1,2\n" + wide, "deep.json": f'{{"a": {deep}}}\n', "deep.manifest": manifest}
    for name, text in texts.items():
        (site.folder / name).write_text(text)
    for strict in (True, False):
        site.define("wide", "a INT, b INT", f"{site.folder}/wide.csv", field_delimiter=",", is_strict_mode=strict)
        assert "wide.csv, line 2: more than 1002 columns" in site.fails("SELECT a FROM hostile.wide")
    site.define("deep", "a TEXT", f"{site.folder}/deep.json", format="json")
    assert "nested too deeply" in site.fails("SELECT a FROM hostile.deep")
    given = json.dumps({"manifest": True, "file": [{"uri": f"{site.folder}/deep.manifest"}]})
    site.instance.run(f"CREATE TABLE hostile.named (a INT) ENGINE=lakehouse ENGINE_ATTRIBUTE='{given}'")
    assert "is no manifest" in site.fails("SELECT a FROM hostile.named")
    site.fails(f"CREATE TABLE hostile.never (a INT) ENGINE=lakehouse ENGINE_ATTRIBUTE='{deep}'")
    for name in ("wide", "deep", "named"):
        site.instance.run(f"DROP TABLE hostile.{name}")


def test_files_made_to_end_their_reader_are_refused(site: Site) -> None:
    """Lists in lists, which DuckDB's counter of levels has no room for, and records of Avro that it passes over."""
    kind, value = pa.int32(), 1
    for _ in range(100):
        kind, value = pa.list_(kind), [value]  # type: ignore[assignment]
    pq.write_table(pa.table({"a": pa.array([value], kind)}), site.folder / "levels.parquet")
    site.define("levels", "a TEXT", f"{site.folder}/levels.parquet", format="parquet")
    assert "nested more than 80 deep" in site.fails("SELECT a FROM hostile.levels")
    whole = avro({"a": "string"}, {"a": "one"}, {"a": "two"})
    (site.folder / "records.avro").write_bytes(whole.replace(b"\x06two", b"\xfe\xff\xff\x0f"))
    site.define("records", "a TEXT", f"{site.folder}/records.avro", format="avro")
    assert "records.avro is damaged" in site.fails("SELECT COUNT(*), MAX(a) FROM hostile.records")
    for name in ("levels", "records"):
        site.instance.run(f"DROP TABLE hostile.{name}")


def test_an_export_to_a_place_that_refuses_leaves_nothing(site: Site) -> None:
    with pytest.raises(pymysql.err.Error) as caught:
        site.instance.run(f"SELECT a INTO OUTFILE URI '{site.folder}/out/' FROM hostile.good")
    assert caught.value.args[0] == 1227  # nobody is named as an exporter here
    assert not (site.folder / "out").exists()


def parquet(**columns: Any) -> bytes:
    """A Parquet file."""
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def avro(kinds: dict[str, str], *rows: dict[str, Any]) -> bytes:
    """An Avro file."""
    out = io.BytesIO()
    fields = [{"name": name, "type": kind} for name, kind in kinds.items()]
    fastavro.writer(out, {"type": "record", "name": "r", "fields": fields}, rows)
    return out.getvalue()


BIG, REAL, WORD = parquet(c=[1 << 53 | 1]), parquet(c=[1.5]), parquet(c=["a"])
SHORT, LONG = parquet(c=pa.array([1], pa.int32())), parquet(c=pa.array([2], pa.int32()), x=["a"])
# Format, columns, files; the rows when it is not strict, or why there are none.
DIFFERING: dict[str, tuple[str, str, list[bytes], object]] = {
    "large and real": ("parquet", "c DECIMAL(20,1)", [BIG, REAL], "do not go together (BIGINT, DOUBLE)"),
    "text and whole": ("parquet", "c VARCHAR(20)", [WORD, BIG], [(str(1 << 53 | 1),), ("a",)]),
    "missing": ("parquet", "c INT, x VARCHAR(3)", [SHORT, LONG], [(1, None), (2, "a")]),
    "missing and needed": ("parquet", "c INT, x VARCHAR(3) NOT NULL", [SHORT, LONG], [(1, ""), (2, "a")]),
    "renamed": ("parquet", "c INT, x VARCHAR(3)", [LONG, parquet(c=[3], y=["b"])], [(2, "a"), (3, None)]),
    "avro, wider": (
        "avro",
        "c INT",
        [avro({"c": "int"}, {"c": 1}), avro({"c": "long"}, {"c": 2})],
        "1 has other columns",
    ),
    "avro, extra": (
        "avro",
        "c INT, x VARCHAR(3)",
        [avro({"c": "int"}, {"c": 1}), avro({"c": "int", "x": "string"}, {"c": 2, "x": "b"})],
        "1 has other columns",
    ),
    "json": ("json", "c INT, x VARCHAR(3)", [b'{"c":1}', b'{"x":"a","c":"2","y":1}'], [(1, None), (2, "a")]),
}


def test_files_of_one_table_may_differ_or_it_is_told(site: Site) -> None:
    for name, (kind, columns, files, expected) in DIFFERING.items():
        folder = site.folder / "differing" / name.replace(" ", "-")
        folder.mkdir(parents=True)
        for number, content in enumerate(files):
            (folder / str(number)).write_bytes(content)
        site.define("differing", columns, f"{folder}/", format=kind, is_strict_mode=False)
        query = "SELECT * FROM hostile.differing ORDER BY 1"
        if isinstance(expected, str):
            assert expected in site.fails(query), name
        else:
            assert site.instance.run(query) == expected, name


def test_a_partition_may_lack_columns(site: Site) -> None:
    for part, content in (("p=1", SHORT), ("p=2", LONG)):
        (site.folder / "lacking" / part).mkdir(parents=True)
        (site.folder / "lacking" / part / "a.parquet").write_bytes(content)
    site.define("lacking", "c BIGINT, x VARCHAR(3), p INT", f"{site.folder}/lacking/", format="parquet")
    assert site.instance.run("SELECT * FROM hostile.lacking ORDER BY c") == [(1, None, 1), (2, "a", 2)]
    assert site.instance.run("SELECT x FROM hostile.lacking WHERE p = 2") == [("a",)]
