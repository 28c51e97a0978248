"""Lake tables in an object store, read where they lie by the S3 protocol: a real server of it checks the signatures."""

import gzip
import io
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
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


@pytest.mark.parametrize("uri", ["s3://closed/x.csv", "s3://nowhere-at-all/x.csv", "s3://lake/missing.csv"])
def test_what_may_not_be_read_is_an_error_without_keys(site: Site, uri: str):
    site.instance.run("DROP TABLE IF EXISTS lakes3.denied")
    site.instance.run(f"CREATE TABLE lakes3.denied {lake('id INT', uri)}")
    said = refused(site.instance, "SELECT id FROM lakes3.denied")
    assert site.store.access_key not in said
    assert "of another user" not in said
