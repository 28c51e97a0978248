"""What do queries on files where they lie cost, against DuckDB alone on the same files?

TPC-H as Parquet: the 22 queries through the wire on lake tables, then plain DuckDB SQL on the same files in a DuckDB of
its own; alternating rounds, medians. Then what a selective query reads of a full scan, as counted. The files lie on a
local disk, or with --s3 in a server of the S3 protocol (moto's), which DuckDB reads with its httpfs; then requests are
counted as well.

moto reads the whole object for every part of it that is asked for, so that a column of one file of 200 MB with 53 row
groups costs 53 times 200 MB. Tables are therefore files of some 20 MB there; of few row groups while times are taken,
and of DuckDB's own 122,880 rows when only bytes are counted: of a column no less than a row group's part is read.

    python -m bench.lakehouse --scale 1 --rounds 5
    python -m bench.lakehouse --scale 1 --rounds 1 --s3
"""

import argparse
import contextlib
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import duckdb
import pyarrow.parquet as pq
import sqlglot
from pymysql.cursors import SSCursor

from bench import report
from bench.instance import Instance, running
from bench.tpch import QUERIES, alone, through_wire, timed
from engine.lake.reach import extension
from tests.live.object_store import REGION, ObjectStore, object_store
from warmfront.tpch_data import TABLES

_SCHEMA = "lake_tpch"
_PART = 20 << 20  # bytes of a file in a store
_GROUP, _TIMED_GROUP = 122_880, 500_000  # rows of a row group
_SELECTIVE = "SELECT SUM(l_extendedprice) FROM lineitem WHERE l_orderkey BETWEEN 1000 AND 2000"
_FULL = "SELECT SUM(l_extendedprice), MAX(l_orderkey) FROM lineitem WHERE l_orderkey > 0"


def make_files(folder: pathlib.Path, scale: float) -> None:
    """Make the eight tables as Parquet files, unless they are there."""
    if not (folder / "region.parquet").exists():
        program = pathlib.Path(sys.executable).with_name("tpchgen-cli")
        subprocess.run([program, "parquet", "-s", str(scale), "--output-dir", str(folder)], check=True)


def upload(store: ObjectStore, folder: pathlib.Path, group: int) -> str:
    """Put the tables into a bucket, each as a folder of files with row groups of `group` rows; give its address."""
    client, own = store.client(), duckdb.connect()
    client.create_bucket(Bucket="tpch")
    for table in TABLES:
        whole = folder / f"{table}.parquet"
        parts, rows = -(-whole.stat().st_size // _PART), pq.ParquetFile(whole).metadata.num_rows
        each = -(-rows // parts)
        for number in range(parts):
            part = folder / "uploaded.parquet"
            source = f"FROM read_parquet('{whole}', file_row_number = true)"
            chosen = f"WHERE file_row_number BETWEEN {number * each} AND {number * each + each - 1}"
            given = f"SELECT * EXCLUDE (file_row_number) {source} {chosen}"
            own.execute(f"COPY ({given}) TO '{part}' (FORMAT parquet, ROW_GROUP_SIZE {group})")
            client.upload_file(str(part), "tpch", f"{table}/{number}.parquet")
            part.unlink()
    own.close()
    return "s3://tpch"


def plain_duckdb(arguments: argparse.Namespace, where: str, store: ObjectStore | None) -> duckdb.DuckDBPyConnection:
    """A DuckDB of its own with a view over each file."""
    own = duckdb.connect(config={"threads": arguments.threads} if arguments.threads else {})
    if store:
        own.execute(f"LOAD '{extension('httpfs')}'")
        # Its cache of remote files trusts times of whole seconds; warmfront does without it, and is compared so.
        own.execute("SET enable_external_file_cache = false")
        own.execute(
            f"CREATE SECRET (TYPE s3, KEY_ID '{store.access_key}', SECRET '{store.secret_key}', REGION '{REGION}', "
            f"ENDPOINT '{store.endpoint.partition('//')[2]}', URL_STYLE 'path', USE_SSL false)"
        )
    for table in TABLES:
        files = f"{where}/{table}/*.parquet" if store else f"{where}/{table}.parquet"
        own.execute(f"CREATE VIEW {table} AS SELECT * FROM '{files}'")
    return own


def make_tables(instance: Instance, where: str, ending: str) -> None:
    """Make a lake table over each table's files, with the demo's columns and primary keys."""
    schema = (QUERIES / "schema.sql").read_text()
    connection = instance.connect()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {_SCHEMA}")
        cursor.execute(f"CREATE SCHEMA {_SCHEMA}")
        for table in TABLES:
            found = re.search(rf"CREATE TABLE {table} \((.*?)\n\);", schema, re.DOTALL)
            assert found
            columns = re.sub(r",\s*KEY \w+ \([^)]*\)", "", found[1])
            attribute = {"dialect": {"format": "parquet"}, "file": [{"uri": f"{where}/{table}{ending}"}]}
            options = f"ENGINE=lakehouse ENGINE_ATTRIBUTE='{json.dumps(attribute)}'"
            cursor.execute(f"CREATE TABLE {_SCHEMA}.{table} ({columns}) {options}")
    connection.close()


def bytes_of(instance: Instance, text: str, schema: str = _SCHEMA) -> int:
    """Run a query and give the bytes of files that it read."""
    connection = instance.connect(database=schema)
    with connection.cursor() as cursor:
        cursor.execute(text)
        cursor.execute(
            "SELECT QEXEC_TEXT FROM performance_schema.rpd_query_stats WHERE QUERY_TEXT = %s ORDER BY QUERY_ID DESC",
            (text,),
        )
        (shown,) = cursor.fetchone() or ("{}",)
    connection.close()
    return int(json.loads(shown).get("bytesRead", 0))


def measure(
    instance: Instance, own: duckdb.DuckDBPyConnection, arguments: argparse.Namespace, store: ObjectStore | None
) -> None:
    """Run all rounds and print the table; with the requests of the last round."""
    texts = {path.stem: path.read_text().rstrip().rstrip(";") for path in sorted(QUERIES.glob("q*.sql"))}
    if arguments.queries:
        texts = {name: text for name, text in texts.items() if name in arguments.queries}
    plain = {name: sqlglot.transpile(text, read="mysql", write="duckdb")[0] for name, text in texts.items()}
    client = instance.connect(database=_SCHEMA, cursorclass=SSCursor)
    cursor = client.cursor()
    wire: dict[str, list[float]] = {name: [] for name in texts}
    duck: dict[str, list[float]] = {name: [] for name in texts}
    asked: dict[str, tuple[int, int]] = {}
    begun = time.perf_counter()
    for round_ in range(arguments.rounds + 1):  # the first round looks at the values, warms both up and is dropped
        for name in texts:
            before = requests(store)
            wire[name].append(timed(lambda n=name: through_wire(cursor, texts[n])))  # type: ignore[misc]
            between = requests(store)
            duck[name].append(timed(lambda n=name: alone(own, plain[n])))  # type: ignore[misc]
            asked[name] = between - before, requests(store) - between
        if not round_:
            report.console.print(f"first round, in which values are looked at: {time.perf_counter() - begun:.1f} s")
    rows = []
    for name in texts:
        here, there = statistics.median(wire[name][1:]), statistics.median(duck[name][1:])
        rows.append([name, wire[name][0], here, there, here / there, *(asked[name] if store else ())])
    total = [sum(row[i] for row in rows) for i in (1, 2, 3)]
    counted = [sum(row[i] for row in rows) for i in (5, 6)] if store else []
    rows.append(["total", *total, total[1] / total[2], *counted])
    heads = ["", "first s", "warmfront s", "DuckDB alone s", "to DuckDB"]
    report.table([*heads, *(["requests", "DuckDB's"] if store else [])], rows)
    client.close()


def requests(store: ObjectStore | None) -> int:
    """How many requests a store has answered, one a line of its log."""
    return store.log.read_text().count(" HTTP/1.1") if store else 0


def measure_bytes(instance: Instance) -> None:
    """Print what a selective query reads of what a scan does."""
    few, all_ = bytes_of(instance, _SELECTIVE), bytes_of(instance, _FULL)
    report.console.print(f"bytes read by a selective query: {few:,} of {all_:,} ({few / max(all_, 1):.1%})")


def main() -> None:
    """Parse arguments, start an instance, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, help="threads of the DuckDB beside it; default: as many as cores")
    parser.add_argument("--queries", nargs="*", help="only these, as q06")
    parser.add_argument("--only-bytes", action="store_true", help="only what a selective query reads of a full scan")
    parser.add_argument("--s3", action="store_true", help="put the files into a server of the S3 protocol")
    parser.add_argument("--folder", help="keep the files here for the next run")
    parser.add_argument("--backend", help="mysql://… ; default: the embedded one")
    arguments = parser.parse_args()
    report.head(f"TPC-H at scale {arguments.scale:g} as Parquet: warmfront in place, DuckDB alone on the same files")
    with contextlib.ExitStack() as stack:
        temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix="warmfront-lake-"))
        folder = pathlib.Path(arguments.folder or temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        make_files(folder, arguments.scale)
        where, ending, store, options = str(folder), ".parquet", None, ["--lakehouse-paths", str(folder)]
        if arguments.s3:
            store = stack.enter_context(object_store(pathlib.Path(temporary)))
            where = upload(store, folder, _GROUP if arguments.only_bytes else _TIMED_GROUP)
            ending, secrets = "/", pathlib.Path(temporary) / "secrets.toml"
            secrets.touch(0o600)
            secrets.write_text(store.secret("s3://tpch/"))
            options = ["--lakehouse-secrets", str(secrets)]
        instance = stack.enter_context(running(backend=arguments.backend, options=options))
        make_tables(instance, where, ending)
        if not arguments.only_bytes:
            measure(instance, plain_duckdb(arguments, where, store), arguments, store)
        measure_bytes(instance)


if __name__ == "__main__":
    main()
