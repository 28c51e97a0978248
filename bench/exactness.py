"""What exactness costs: statements as the translator writes them for DuckDB, beside the plain DuckDB form of each.

python -m bench.exactness [--kind mysql|mariadb] [--rows N]

The plain form is the statement's text itself where DuckDB reads it: the same table, the same answer where nothing is
awkward, but without MySQL's digits, errors and collations. The tables are made in the server for its definitions and
collations, and filled in DuckDB; times are medians of five runs on two threads, without the way to a client.
"""

import argparse
import pathlib
import statistics
import sys
import tempfile
import time
from dataclasses import replace

import duckdb

from bench import report
from bench.differential import start
from engine.translate.refusal import Refusal
from engine.translate.translator import translate
from engine.translating.translation import register
from statements.plans import stages
from statements.reads import reads
from tests.semantics.harness import Bench

_SCHEMA = "wf_exactness"
_RUNS = 5
_TABLE = """CREATE TABLE t (
  id INT NOT NULL PRIMARY KEY, g INT NOT NULL, i INT NOT NULL, q INT NOT NULL, price DECIMAL(12,2) NOT NULL,
  rate DECIMAL(4,2) NOT NULL, x DOUBLE NOT NULL, plain VARCHAR(30) CHARACTER SET utf8mb4 NOT NULL,
  wide VARCHAR(30) CHARACTER SET utf8mb4 NOT NULL, bin VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  d DATE NOT NULL, tm DATETIME NOT NULL, ts TIMESTAMP NOT NULL
)"""
# Columns by the row's number n, in DuckDB. `wide` has letters beyond ASCII in every tenth row.
_FILL = """SELECT n::INTEGER, (n % 1000)::INTEGER, (hash(n) % 1000000)::INTEGER, (1 + hash(n + 1) % 50)::INTEGER,
  ((hash(n + 2) % 1000000) / 100)::DECIMAL(12, 2), ((hash(n + 3) % 100) / 100)::DECIMAL(4, 2),
  (hash(n + 4) % 1000000) / 64, 'Customer ' || lpad((hash(n + 5) % 20000)::VARCHAR, 5, '0'),
  CASE WHEN n % 10 = 0 THEN 'Kündin ' ELSE 'Customer ' END || lpad((hash(n + 5) % 20000)::VARCHAR, 5, '0'),
  'Customer ' || lpad((hash(n + 5) % 20000)::VARCHAR, 5, '0'), DATE '2015-01-01' + (hash(n + 6) % 3650)::INTEGER,
  TIMESTAMP '2015-01-01' + to_seconds((hash(n + 7) % 315360000)::BIGINT),
  TIMESTAMP '2015-01-01' + to_seconds((hash(n + 8) % 315360000)::BIGINT) FROM range({rows}) r(n)"""
_IN_ORDER = "doubles, added up as the server does"
# What is asked, as the server's statement, and as one writes it in DuckDB.
_CASES = [  # (what, the server's statement, as one writes it in DuckDB: "" for the same text)
    ("integers", "SELECT g, SUM(i), COUNT(*) FROM t GROUP BY g", ""),
    ("integers", "SELECT MAX(i * q + 1) FROM t", ""),
    ("decimals", "SELECT g, SUM(price * (1 - rate)) FROM t GROUP BY g", ""),
    ("decimals", "SELECT g, AVG(price) FROM t GROUP BY g", ""),
    ("decimals", "SELECT SUM(ROUND(price * rate, 2)) FROM t", ""),
    ("decimals", "SELECT g, SUM(price) / SUM(q) FROM t GROUP BY g", ""),
    ("doubles", "SELECT g, SUM(x) FROM t GROUP BY g", ""),
    ("doubles", "SELECT g, ROUND(AVG(x), 2) FROM t GROUP BY g", ""),
    (_IN_ORDER, "SELECT SUM(x / 3) FROM t", ""),
    (_IN_ORDER, "SELECT q, SUM(x / 3) FROM t GROUP BY q", ""),
    (_IN_ORDER, "SELECT g, SUM(x / 3) FROM t GROUP BY g", ""),
    (_IN_ORDER, "SELECT plain, SUM(x / 3) FROM t GROUP BY plain", ""),
    *(
        (what, statement.format(column), "")
        for column, what in (("plain", "texts, ASCII"), ("wide", "texts beyond ASCII"), ("bin", "texts, utf8mb4_bin"))
        for statement in (
            "SELECT COUNT(*) FROM t WHERE {0} = 'Customer 00042'",
            "SELECT COUNT(*) FROM t WHERE {0} LIKE 'Cust%7'",
            "SELECT {0}, COUNT(*) FROM t GROUP BY {0}",
            "SELECT COUNT(DISTINCT {0}) FROM t",
            "SELECT {0}, id FROM t ORDER BY {0}, id LIMIT 10",
            "SELECT COUNT(*) FROM t a JOIN (SELECT {0} FROM t WHERE id < 1000) b ON a.{0} = b.{0}",
        )
    ),
    ("dates", "SELECT YEAR(d), MONTH(d), COUNT(*) FROM t GROUP BY YEAR(d), MONTH(d)", ""),
    (
        "dates",
        "SELECT DATE_FORMAT(tm, '%Y-%m') m, COUNT(*) FROM t GROUP BY m",
        "SELECT strftime(tm, '%Y-%m') m, count(*) FROM t GROUP BY m",
    ),
    ("dates", "SELECT MAX(DATEDIFF(tm, d)) FROM t", "SELECT max(date_diff('day', d, tm::DATE)) FROM t"),
    ("dates", "SELECT MAX(d + INTERVAL 1 MONTH) FROM t", ""),
    (
        "dates",
        "SELECT DATE(ts) day, COUNT(*) FROM t GROUP BY day",
        "SELECT ts::DATE AS day, count(*) FROM t GROUP BY day",
    ),
    ("dates", "SELECT COUNT(*) FROM t WHERE tm >= '2020-01-01' AND tm < '2020-02-01'", ""),
]


def _time(duck: duckdb.DuckDBPyConnection, sql: str) -> float:
    """Milliseconds: the median of five runs, after one that warms."""
    times = []
    for _ in range(_RUNS + 1):
        begun = time.perf_counter()
        duck.execute(sql).to_arrow_table()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times[1:])


def _translated(bench: Bench, statement: str, is_ordered: bool) -> str:
    """The translator's SQL, with its functions made; raises SystemExit for what is not offloaded."""
    plan = bench.plan(statement)
    context = replace(bench.context, plan=stages(plan, bench.context.backend), reads=reads(plan, bench.context.backend))
    asked = (bench.view, bench.prepare(statement), bench.weigh, bench.zone, bench.cases)
    made = translate(statement, context, *asked, is_ordered=lambda: is_ordered)
    if isinstance(made, Refusal):
        raise SystemExit(f"{statement} is not offloaded: {made.reason}")
    for called in (*made.weights, *made.zones):
        if called.function not in bench.registered:
            register(bench.duck, called)
            bench.registered.add(called.function)
    return made.sql


def measure(kind: str, folder: pathlib.Path, rows: int) -> list[tuple[object, ...]]:
    """Time every pair on a table of so many rows; one row for each."""
    server, connection = start(kind, folder / kind)
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {_SCHEMA}")
            cursor.execute(f"USE {_SCHEMA}")
            cursor.execute(_TABLE)
            sample = duckdb.sql(_FILL.format(rows=1000)).fetchall()
            cursor.executemany(f"INSERT INTO t VALUES ({', '.join(['%s'] * len(sample[0]))})", sample)
        bench = Bench(connection, kind == "mariadb", _SCHEMA, folder)
        bench.copy_all()
        duck = bench.duck
        duck.execute("SET threads = 2")
        duck.execute(f"USE {_SCHEMA}")
        duck.execute(f"DELETE FROM t; INSERT INTO t {_FILL.format(rows=rows)}")
        found: list[tuple[object, ...]] = []
        for what, statement, plain in _CASES:
            written = _translated(bench, statement, what == _IN_ORDER)
            exact, bare = (_time(duck, sql) for sql in (written, plain or statement))
            found.append((what, statement, round(exact, 1), round(bare, 1), round(exact / bare, 2)))
        return found
    finally:
        server.stop()


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=("mysql", "mariadb"), action="append")
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    report.head(f"The cost of exactness, {arguments.rows} rows")
    with tempfile.TemporaryDirectory(prefix="wf-exactness-", ignore_cleanup_errors=True) as folder:
        for kind in arguments.kind or ("mysql", "mariadb"):
            found = measure(kind, pathlib.Path(folder), arguments.rows)
            report.table((kind, "statement", "exact, ms", "plain, ms", "ratio"), found)
            by_kind: dict[object, list[float]] = {}
            for what, _, exact, bare, _ in found:
                by_kind.setdefault(what, []).append(float(str(exact)) / float(str(bare)))
            report.table(
                (kind, "geometric mean"),
                [(what, round(statistics.geometric_mean(ratios), 2)) for what, ratios in by_kind.items()],
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
