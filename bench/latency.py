"""What one small offloaded statement takes on an idle instance, part by part.

A table of five rows, one client: what is measured is the way, not the work. The engine's own times are those that
rpd_query_stats records; the rest is the proxy with its questions to the backend.

    python -m bench.latency --runs 500
"""

import argparse
import json
import time

import pymysql

from bench import report
from bench.freshness import quantiles
from bench.instance import Instance, running

STATEMENT = "SELECT COUNT(*) FROM small.five"


def times(cursor: pymysql.cursors.Cursor, statement: str, runs: int) -> list[float]:
    """Seconds that each run of a statement takes at the client."""
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        cursor.execute(statement)
        cursor.fetchall()
        taken.append(time.perf_counter() - began)
    return taken


def engine_times(cursor: pymysql.cursors.Cursor, runs: int) -> dict[str, list[float]]:
    """Seconds that the engine recorded for the last runs of the statement, by part."""
    cursor.execute("SELECT QEXEC_TEXT FROM performance_schema.rpd_query_stats WHERE QUERY_TEXT LIKE '%small.five%'")
    records = [json.loads(text) for (text,) in cursor.fetchall()][-runs:]
    parts = {"of it: wait for freshness": "waitTime", "of it: translation": "translateTime"}
    found = {"in the engine": [record["totalRunTime"] / 1000 for record in records]}
    return found | {name: [record[key] / 1000 for record in records] for name, key in parts.items()}


def measure(instance: Instance, runs: int) -> None:
    """Run the statement on the engine and on the backend; print what each part takes."""
    connection = instance.connect()
    with connection.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS small")
        cursor.execute("CREATE DATABASE small")
        cursor.execute("CREATE TABLE small.five (id INT PRIMARY KEY)")
        cursor.execute("INSERT INTO small.five VALUES (1), (2), (3), (4), (5)")
        instance.wait_loaded("small", {"five"})
        cursor.execute("SET use_secondary_engine = OFF")
        found = {"SELECT 1, relayed": times(cursor, "SELECT 1", runs)}
        found["the statement, relayed"] = times(cursor, STATEMENT, runs)
        cursor.execute("SET use_secondary_engine = FORCED")
        times(cursor, STATEMENT, 20)
        found["the statement, offloaded"] = times(cursor, STATEMENT, runs)
        found |= engine_times(cursor, runs)
    connection.close()
    report.table(["", "p50 ms", "p99 ms", "max ms"], [[name, *quantiles(taken)] for name, taken in found.items()])
    report.console.print(f"{'MariaDB' if instance.kind == 'mariadb' else 'MySQL'} {instance.version}")


def main() -> None:
    """Parse arguments, start an instance, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--backend", help="mysql://… ; default: the embedded one")
    parser.add_argument("--mysqld", help="server program of the embedded backend")
    arguments = parser.parse_args()
    report.head(f"Latency of {STATEMENT} with five rows")
    options = ["--mysqld", arguments.mysqld] if arguments.mysqld else []
    with running(arguments.backend, options=options) as instance:
        measure(instance, arguments.runs)


if __name__ == "__main__":
    main()
