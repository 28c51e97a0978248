"""Lake tables in an object store, read where they lie by the S3 protocol: a real server of it checks the signatures."""

import datetime
import gzip
import io
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.live.conftest import Instance, start_instance
from tests.live.iceberg_kit import catalog, delete_equal
from tests.live.lake_kit import lake, refused
from tests.live.object_store import ObjectStore, object_store
from tests.live.servers import Backend

pytestmark = pytest.mark.live


@dataclass(frozen=True)
class Site:
    """An instance with keys for one bucket, and wrong ones for another."""

    instance: Instance
    store: ObjectStore

    def put(self, key: str, body: bytes) -> None:
        """Write an object."""
        self.store.client().put_object(Bucket="lake", Key=key, Body=body)


@pytest.fixture(scope="module")
def site(backend: Backend, live_folder: Path) -> Iterator[Site]:
    """A store with two buckets, and an instance that may read one of them."""
    base = Path(tempfile.mkdtemp(prefix="s3-", dir=live_folder))
    with object_store(base) as store:
        for bucket in ("lake", "closed"):
            store.client().create_bucket(Bucket=bucket)
        secrets = base / "secrets.toml"
        secrets.touch(0o600)
        secrets.write_text(store.secret("s3://lake/") + store.secret("s3://closed/", secret_key="of another user"))
        made = start_instance(backend, base / "wf", "--lakehouse-secrets", str(secrets), "--workers", "1")
        made.run("DROP SCHEMA IF EXISTS lakes3")
        made.run("CREATE SCHEMA lakes3")
        try:
            yield Site(made, store)
        finally:
            made.stop()


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    """A Parquet file's bytes."""
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, **options)
    return out.getvalue()


def test_partitions_below_a_prefix_are_read_and_pruned(site: Site):
    for year in (2023, 2024):
        ids = pa.array(range(year * 1000, year * 1000 + 50_000), pa.int32())
        site.put(f"sales/year={year}/part-0.parquet", parquet({"id": ids}, row_group_size=5_000, use_dictionary=False))
    site.put("sales/_SUCCESS", b"")
    site.instance.run(f"CREATE TABLE lakes3.sales {lake('id INT, year INT', 's3://lake/sales/', format='parquet')}")
    assert site.instance.run("SELECT COUNT(*), MIN(id), MAX(year) FROM lakes3.sales") == [(100_000, 2_023_000, 2024)]
    few, full = (
        "SELECT COUNT(*) FROM lakes3.sales WHERE id = 2024001 AND year = 2024",
        "SELECT SUM(id) FROM lakes3.sales",
    )
    assert site.instance.run(few) == [(1,)]
    site.instance.run(full)
    seen = "SELECT QEXEC_TEXT FROM performance_schema.rpd_query_stats WHERE QUERY_TEXT = %s ORDER BY QUERY_ID DESC"
    read = [json.loads(site.instance.run(seen, text)[0][0])["bytesRead"] for text in (few, full)]
    assert 0 < read[0] < read[1]


def test_text_objects_are_read(site: Site):
    site.put("people.csv.gz", gzip.compress(b'1,Ann\n2,"B, b"\n'))
    site.instance.run(f"CREATE TABLE lakes3.people {lake('id INT, name VARCHAR(9)', 's3://lake/people.csv.gz')}")
    assert site.instance.run("SELECT * FROM lakes3.people ORDER BY id") == [(1, "Ann"), (2, "B, b")]
    site.put("people.csv.gz", gzip.compress(b"3,C\n"))
    assert site.instance.run("SELECT * FROM lakes3.people") == [(3, "C")]


def test_a_delta_table_in_a_bucket(site: Site):
    fields = [{"name": "id", "type": "integer", "nullable": True, "metadata": {}}]
    meta = {
        "schemaString": json.dumps({"type": "struct", "fields": fields}),
        "partitionColumns": [],
        "configuration": {},
    }
    actions = [{"metaData": meta}, {"add": {"path": "a.parquet", "partitionValues": {}, "size": 1}}]
    site.put("delta/a.parquet", parquet({"id": pa.array([7], pa.int32())}))
    site.put("delta/b.parquet", parquet({"id": pa.array([8], pa.int32())}))
    site.put("delta/_delta_log/00000000000000000000.json", "\n".join(map(json.dumps, actions)).encode())
    site.instance.run(f"CREATE TABLE lakes3.delta {lake('id INT', 's3://lake/delta/', format='delta')}")
    assert site.instance.run("SELECT id FROM lakes3.delta") == [(7,)]


def test_an_iceberg_table_in_a_bucket(site: Site, live_folder: Path):
    keys = {"s3.access-key-id": site.store.access_key, "s3.secret-access-key": site.store.secret_key}
    made = catalog(live_folder / "s3-catalog", "s3://lake/ice", **{"s3.endpoint": site.store.endpoint, **keys})
    table = made.create_table("db.t", pa.schema([("id", pa.int32()), ("name", pa.string())]))
    for at in range(20):
        table.append(pa.table({"id": pa.array([at], pa.int32()), "name": pa.array([f"n{at}"])}))
    delete_equal(table, {"name": ["n3"]})
    uri = f"{table.location()}/"
    columns = "id INT, name VARCHAR(9)"
    site.instance.run(f"CREATE TABLE lakes3.ice {lake(columns, uri, format='iceberg', newest_metadata=True)}")
    assert site.instance.run("SELECT COUNT(*), SUM(id), MAX(name) FROM lakes3.ice") == [(19, 187, "n9")]
    assert site.instance.run("SELECT name FROM lakes3.ice WHERE id BETWEEN 3 AND 4") == [("n4",)]


def attribute(uri: str, **table: Any) -> str:
    """What stands behind the columns, with keys beside "file"."""
    text = json.dumps({**table, "file": [{"uri": uri}]}).replace("\\", "\\\\")
    return f"ENGINE=lakehouse SECONDARY_ENGINE=rapid ENGINE_ATTRIBUTE='{text}'"


def test_a_snapshot_export_of_aurora(site: Site):
    """Folders of parts with marks of success beside them; moments are text, large unsigned numbers decimals."""
    for part, ids in ((1, [1, 2]), (2, [3])):
        columns = {
            "id": pa.array(ids, pa.decimal128(20, 0)),
            "paid": pa.array([Decimal("12.50")] * len(ids), pa.decimal128(8, 2)),
            "seen": pa.array(["2024-01-02 03:04:05.678000"] * len(ids)),
            "born": pa.array(["2000-02-29"] * len(ids)),
            "state": pa.array(["open"] * len(ids)),
        }
        folder = f"export-7/shop/shop.orders/{part}"
        site.put(f"{folder}/part-0000{part}-6b1c.gz.parquet", parquet(columns, compression="gzip"))
        site.put(f"{folder}/_SUCCESS", b"")
    site.put("export-7/export_info_export-7.json", b"{}")
    columns_of = (
        "id BIGINT UNSIGNED PRIMARY KEY, paid DECIMAL(8,2), seen DATETIME(3), born DATE, state ENUM('open','shut')"
    )
    where = attribute("s3://lake/export-7/shop/shop.orders/", dialect={"format": "parquet"})
    site.instance.run(f"CREATE TABLE lakes3.orders ({columns_of}) {where}")
    moment, day = datetime.datetime(2024, 1, 2, 3, 4, 5, 678000), datetime.date(2000, 2, 29)
    rows = [(number, Decimal("12.50"), moment, day, "open") for number in (1, 2, 3)]
    assert site.instance.run("SELECT * FROM lakes3.orders ORDER BY id") == rows


def test_what_aurora_selected_into_s3(site: Site):
    """Text as LOAD DATA reads it, with a manifest of addresses that name their region."""
    site.put("dump/people.part_00000", b"1\tAnn\\tB\n2\t\\N\n")
    site.put("dump/people.part_00001", b"3\tC\\\\D\n")
    site.put("dump/people.part_00002", b"4\tof another export\n")
    entries = [{"url": f"s3-us-east-1://lake/dump/people.part_0000{part}"} for part in (0, 1)]
    site.put("dump/people.manifest", json.dumps({"entries": entries}).encode())
    where = attribute("s3://lake/dump/people.manifest", dialect={"field_delimiter": "\t"}, manifest=True)
    site.instance.run(f"CREATE TABLE lakes3.dumped (id INT, name VARCHAR(20)) {where}")
    assert site.instance.run("SELECT * FROM lakes3.dumped ORDER BY id") == [(1, "Ann\tB"), (2, None), (3, "C\\D")]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_redshift_unloaded(site: Site, kind: str):
    """Slices' files, with a manifest that gives their sizes."""
    made = {
        "csv": [b'id,note\n1,"a ""b"", c"\n2,\n', b"id,note\n3,x\n"],
        "parquet": [
            parquet({"id": pa.array(ids, pa.int32()), "note": pa.array(notes)})
            for ids, notes in (([1, 2], ['a "b", c', None]), ([3], ["x"]))
        ],
    }
    files = {f"unload/{kind}/t_000{n}_part_00{'.parquet' * (kind == 'parquet')}": b for n, b in enumerate(made[kind])}
    for key, body in files.items():
        site.put(key, body)
    entries = [
        {"url": f"s3://lake/{key}", "meta": {"content_length": len(body), "record_count": 2 - n}}
        for n, (key, body) in enumerate(files.items())
    ]
    site.put(f"unload/{kind}/t_manifest", json.dumps({"entries": entries}).encode())
    dialect = {"has_header": True, "field_delimiter": ",", "null_value": ""} if kind == "csv" else {"format": kind}
    where = attribute(f"s3://lake/unload/{kind}/t_manifest", dialect=dialect, manifest=True)
    site.instance.run(f"CREATE TABLE lakes3.unloaded_{kind} (id INT, note VARCHAR(20)) {where}")
    rows = [(1, 'a "b", c'), (2, None), (3, "x")]
    assert site.instance.run(f"SELECT * FROM lakes3.unloaded_{kind} ORDER BY id") == rows
    site.put(next(iter(files)), b"of another size")
    assert "by its manifest" in refused(site.instance, f"SELECT * FROM lakes3.unloaded_{kind}")


@pytest.mark.parametrize("uri", ["s3://closed/x.csv", "s3://nowhere-at-all/x.csv", "s3://lake/missing.csv"])
def test_what_may_not_be_read_is_an_error_without_keys(site: Site, uri: str):
    site.instance.run("DROP TABLE IF EXISTS lakes3.denied")
    site.instance.run(f"CREATE TABLE lakes3.denied {lake('id INT', uri)}")
    said = refused(site.instance, "SELECT id FROM lakes3.denied")
    assert site.store.access_key not in said
    assert "of another user" not in said
