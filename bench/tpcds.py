"""How near is warmfront to DuckDB alone on the same store file, over the queries of TPC-DS?

The 99 queries as the demo writes them for the backend, through the wire (PyMySQL, unbuffered, every row fetched),
and the same texts put into DuckDB's dialect, without MySQL's digits and collations, on a copy of the store file;
alternating rounds, medians. What either side does not run is left out of the totals and named.

    python -m bench.tpcds --scale 1 --rounds 3
"""

import argparse
import re
import statistics
import tempfile
import time

import duckdb
import pymysql
import sqlglot
from pymysql.cursors import SSCursor

from bench import report
from bench.instance import Instance, running
from bench.tpch import alone, through_wire, timed, whole_copy
from warmfront import tpcds_data
from warmfront.demo_tpcds import query_text

_SLOWEST = 12  # queries that are shown one by one
_SHOWN = 110  # characters of a reason
_ROLLUP = re.compile(r"GROUP BY\s+((?:(?!GROUP BY).)*?)\s+WITH ROLLUP", re.DOTALL)


def prepare(instance: Instance, scale: float) -> str:
    """Make the demo's data, unless a kept data dir has it, and wait for the copies; gives the schema."""
    connection = instance.connect(direct=True)
    tpcds_data.ensure(connection, scale, lambda text, done, of: None)
    connection.close()
    schema = tpcds_data.schema_name(scale)
    instance.wait_loaded(schema, set(tpcds_data.TABLES), seconds=3600)
    return schema


def in_duckdb(text: str) -> str:
    """Put a query into DuckDB's dialect, where ROLLUP stands around the keys."""
    return _ROLLUP.sub(r"GROUP BY ROLLUP (\1)", sqlglot.transpile(text, read="mysql", write="duckdb")[0])


def runs_on_both(cursor: SSCursor, own: duckdb.DuckDBPyConnection, text: str, plain: str) -> str:
    """Run a query once on both sides; gives why one of them does not, "" when both do."""
    try:
        through_wire(cursor, text)
    except pymysql.err.MySQLError as problem:
        return f"not offloaded: {str(problem.args[1])[:_SHOWN]}"
    try:
        alone(own, plain)
    except duckdb.Error as problem:
        return f"not DuckDB's: {str(problem).splitlines()[0][:_SHOWN]}"
    return ""


def measure(instance: Instance, schema: str, arguments: argparse.Namespace) -> None:
    """Run all rounds and print the totals, the queries that are the furthest behind, and what was left out."""
    texts = {number: query_text(number, arguments.scale, instance.kind).rstrip(";") for number in range(1, 100)}
    plain = {number: in_duckdb(text) for number, text in texts.items()}
    client = instance.connect(database=schema, cursorclass=SSCursor)
    cursor = client.cursor()
    cursor.execute("SET use_secondary_engine = FORCED")
    time.sleep(2)  # background checkpoints after the load
    with tempfile.TemporaryDirectory(dir=arguments.data_dir) as folder:
        own = whole_copy(instance, cursor, folder, schema, arguments.threads)
        problems = {n: why for n in texts if (why := runs_on_both(cursor, own, texts[n], plain[n]))}
        both = [number for number in texts if number not in problems]
        wire: dict[int, list[float]] = {number: [] for number in both}
        duck: dict[int, list[float]] = {number: [] for number in both}
        for _ in range(arguments.rounds):
            for n in both:
                wire[n].append(timed(lambda n=n: through_wire(cursor, texts[n])))  # type: ignore[misc]
                duck[n].append(timed(lambda n=n: alone(own, plain[n])))  # type: ignore[misc]
        own.close()
    client.close()
    rows = [(f"q{n:02}", statistics.median(wire[n]), statistics.median(duck[n])) for n in both]
    rows.sort(key=lambda row: row[2] - row[1])
    shown = [[name, here, there, here / there] for name, here, there in rows[:_SLOWEST]]
    here, there = sum(row[1] for row in rows), sum(row[2] for row in rows)
    shown.append([f"total of {len(rows)}", here, there, here / there])
    report.table(["", "warmfront s", "DuckDB alone s", "to DuckDB"], shown)
    report.table(["left out", "because"], [[f"q{n:02}", why] for n, why in problems.items()])


def main() -> None:
    """Parse arguments, start an instance, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, help="threads of the DuckDB beside it; default: as many as cores")
    parser.add_argument("--data-dir", help="keep the instance and its data here for the next run")
    parser.add_argument("--mysqld", help="server program of the private backend; default: what is found")
    arguments = parser.parse_args()
    report.head(f"TPC-DS at scale {arguments.scale:g}: warmfront, DuckDB alone on the same store file")
    options = ["--mysqld", arguments.mysqld] if arguments.mysqld else []
    with running(data_dir=arguments.data_dir, options=options) as instance:
        measure(instance, prepare(instance, arguments.scale), arguments)


if __name__ == "__main__":
    main()
