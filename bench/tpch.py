"""How near is warmfront to DuckDB alone on the same store file, and how far from InnoDB?

The 22 TPC-H queries through the wire (PyMySQL's unbuffered cursor, every row fetched), then the very SQL that the
translator made and plain DuckDB SQL on a copy of the store file, in DuckDB alone; alternating rounds, best of each
query's medians. InnoDB's times once, each at most --innodb-limit seconds.

    python -m bench.tpch --scale 1 --rounds 5
"""

import argparse
import contextlib
import math
import pathlib
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable

import duckdb
import pymysql
import sqlglot
from pymysql.cursors import SSCursor

from bench import report
from bench.instance import Instance, running
from engine.layout import CATALOG
from engine.store.bookkeeping import read_tables
from warmfront import tpch_data
from warmfront.tpch_data import schema_name

_COPIES = 30  # of the store file, until one has all rows

QUERIES = pathlib.Path(__file__).parents[1] / "warmfront" / "tpch"


def prepare(instance: Instance, scale: float) -> None:
    """Make the demo's data, unless a kept data dir has it, and wait for the copies."""
    connection = instance.connect(direct=True)
    tpch_data.ensure(connection, scale, lambda text, done, of: None)
    connection.close()
    instance.wait_loaded(
        schema_name(scale),
        {"region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"},
    )


def through_wire(cursor: SSCursor, text: str) -> int:
    """Run one statement and fetch every row."""
    cursor.execute(text)
    return len(cursor.fetchall())


def alone(connection: duckdb.DuckDBPyConnection, text: str) -> int:
    """Run one statement in DuckDB and fetch every row as Arrow."""
    return int(connection.execute(text).to_arrow_table().num_rows)


def timed(run: Callable[[], int]) -> float:
    """Seconds that a call takes."""
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def innodb_times(instance: Instance, scale: float, texts: dict[str, str], limit: int) -> dict[str, float]:
    """Seconds of each query on the backend; the limit where it did not finish."""
    times = {}
    for name, text in texts.items():
        connection = instance.connect(direct=True, database=schema_name(scale))
        with connection.cursor() as cursor:
            if instance.kind == "mariadb":
                cursor.execute("SET max_statement_time = %s", (limit,))
            else:
                cursor.execute("SET max_execution_time = %s", (limit * 1000,))
            begun = time.perf_counter()
            with contextlib.suppress(pymysql.err.OperationalError):
                cursor.execute(text)
            times[name] = min(time.perf_counter() - begun, float(limit))
        connection.close()
    return times


def whole_copy(
    instance: Instance, cursor: SSCursor, folder: str, schema: str, threads: int | None
) -> duckdb.DuckDBPyConnection:
    """Give a DuckDB of its own that has a schema's tables, from a copy of the store file, under their names.

    A copy that was made while the engine checkpoints has fewer rows in some tables, and its queries are faster for it:
    it is made anew until each table has as many rows as the engine counts. `cursor` is of a session in the engine.
    Raises SystemExit after a minute.
    """
    wanted: dict[str, int] = {}
    for _ in range(_COPIES):
        own = duckdb.connect(config={"threads": threads} if threads else {})
        show_tables(own, _store_copy(instance, folder), schema)
        names = [name for (name,) in own.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()]
        if not wanted:
            wanted = {name: _count(cursor, name) for name in names}
        if wanted == {name: own.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in names}:
            return own
        own.close()
        time.sleep(2)
    raise SystemExit("the copy of the store file has other rows than the engine")


def _count(cursor: SSCursor, name: str) -> int:
    cursor.execute(f"SELECT COUNT(*) FROM `{name}`")
    return int(cursor.fetchall()[0][0])


def _store_copy(instance: Instance, folder: str) -> str:
    source = instance.data_dir / "store"
    for path in pathlib.Path(folder).glob("store.duckdb*"):
        path.unlink()
    for path in source.glob("store.duckdb*"):
        if path.is_file():
            shutil.copy(path, folder)
    return str(pathlib.Path(folder) / "store.duckdb")


def show_tables(connection: duckdb.DuckDBPyConnection, file: str, schema: str) -> None:
    """Give the tables of a store's file their names: in it they have numbers."""
    connection.execute(f"ATTACH '{file}' AS {CATALOG} (READ_ONLY)")
    for (of, name), entry in read_tables(connection).items():
        if of == schema:
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {entry.store_name}")


def measure(instance: Instance, arguments: argparse.Namespace) -> None:
    """Run all rounds and print the table."""
    texts = {path.stem: path.read_text().rstrip().rstrip(";") for path in sorted(QUERIES.glob("q*.sql"))}
    plain = {name: sqlglot.transpile(text, read="mysql", write="duckdb")[0] for name, text in texts.items()}
    schema = schema_name(arguments.scale)
    wire: dict[str, list[float]] = {name: [] for name in texts}
    duck: dict[str, list[float]] = {name: [] for name in texts}
    client = instance.connect(database=schema, cursorclass=SSCursor)
    cursor = client.cursor()
    cursor.execute("SET use_secondary_engine = FORCED")
    time.sleep(2)  # background checkpoints after the load
    with tempfile.TemporaryDirectory(dir=arguments.data_dir) as folder:
        own = whole_copy(instance, cursor, folder, schema, arguments.threads)
        for _ in range(arguments.rounds + 1):  # the first round warms both up and is dropped
            for name in texts:
                wire[name].append(timed(lambda n=name: through_wire(cursor, texts[n])))  # type: ignore[misc]
                duck[name].append(timed(lambda n=name: alone(own, plain[n])))  # type: ignore[misc]
        own.close()
    client.close()
    inno = innodb_times(instance, arguments.scale, texts, arguments.innodb_limit) if arguments.innodb_limit else {}
    rows = []
    for name in texts:
        here, there = statistics.median(wire[name][1:]), statistics.median(duck[name][1:])
        rows.append([name, inno.get(name, math.nan), here, there, here / there, inno.get(name, math.nan) / here])
    total = [sum(row[i] for row in rows) for i in (1, 2, 3)]
    geometric = math.exp(statistics.fmean(math.log(row[5]) for row in rows)) if inno else math.nan
    rows.append(["total", *total, total[1] / total[2], total[0] / total[1]])
    columns = ["", "InnoDB s", "warmfront s", "DuckDB alone s", "to DuckDB", "speed-up"]
    shown = range(6) if inno else (0, 2, 3, 4)
    report.table([columns[i] for i in shown], [[row[i] for i in shown] for row in rows])
    if inno:
        report.console.print(f"geometric mean of the speed-ups over InnoDB: {geometric:,.1f}")


def main() -> None:
    """Parse arguments, start an instance, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, help="threads of the DuckDB beside it; default: as many as cores")
    parser.add_argument("--innodb-limit", type=int, default=300, help="seconds for one query on InnoDB; 0: not run")
    parser.add_argument("--data-dir", help="keep the instance and its data here for the next run")
    parser.add_argument("--backend", help="mysql://… ; default: the embedded one")
    arguments = parser.parse_args()
    report.head(f"TPC-H at scale {arguments.scale:g}: InnoDB, warmfront, DuckDB alone on the same store file")
    with running(backend=arguments.backend, data_dir=arguments.data_dir) as instance:
        prepare(instance, arguments.scale)
        measure(instance, arguments)


if __name__ == "__main__":
    main()
