"""What machine learning in SQL costs where models are used: rows and tables, through the wire.

ML_PREDICT_ROW against a SELECT 1 on the same connection; ML_PREDICT_ROW over a table in one SELECT; ML_PREDICT_TABLE
into InnoDB, and what the backend alone needs to copy the table that was made. Two models: LightGBM, and a linear one.

    python -m bench.ml_serving --rows 200000
"""

import argparse
import time
from dataclasses import dataclass

import pymysql

from bench import report
from bench.freshness import quantiles
from bench.instance import Instance, running
from bench.latency import times

MODELS = {
    "trees": "JSON_OBJECT('task', 'classification', 'model_list', JSON_ARRAY('LGBMClassifier'), 'max_seconds', 30)",
    "linear": "JSON_OBJECT('task', 'regression', 'model_list', JSON_ARRAY('LinearRegression'), 'max_seconds', 10)",
}
TARGETS = {"trees": "churn", "linear": "income"}
ROW = "JSON_OBJECT('age', 33, 'visits', 12, 'income', 2500.5, 'city', 'Oslo', 'churn', 'no')"
COLUMNS = "JSON_OBJECT('age', age, 'visits', visits, 'income', income, 'city', city, 'churn', churn)"


@dataclass(frozen=True)
class Rate:
    """Rows and the seconds that they took."""

    rows: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.rows / self.seconds:,.0f}"


def fill(cursor: pymysql.cursors.Cursor, rows: int) -> None:
    """Make the table: a class that follows from the columns, with noise."""
    cursor.execute("DROP DATABASE IF EXISTS serving_ten")
    cursor.execute("CREATE DATABASE serving_ten")
    cursor.execute("USE serving_ten")
    cursor.execute("CREATE TABLE ten (n INT PRIMARY KEY)")
    cursor.execute("INSERT INTO ten VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)")
    cursor.execute("DROP DATABASE IF EXISTS serving")
    cursor.execute("CREATE DATABASE serving")
    cursor.execute(
        "CREATE TABLE serving.people (id INT PRIMARY KEY, age INT, visits INT, income DOUBLE, city VARCHAR(10),"
        " churn VARCHAR(3))"
    )
    step = 50_000
    for start in range(0, rows, step):
        cursor.execute(
            "INSERT INTO serving.people"
            " SELECT i, 18 + i * 7919 MOD 63, i * 104729 MOD 100, 1000 + i * 15485863 MOD 8000,"
            " ELT(1 + i MOD 4, 'Rome', 'Oslo', 'Paris', 'Bonn'),"
            " IF(i * 7919 MOD 63 + i * 104729 MOD 40 + i * 32452843 MOD 20 < 50, 'yes', 'no')"
            f" FROM (SELECT {start} + a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n AS i"
            " FROM ten a, ten b, ten c, ten d, ten e) s WHERE i < %s",
            (min(start + step, rows),),
        )


def measure(instance: Instance, rows: int, runs: int) -> None:
    """Train both models, use them, print what it took."""
    connection = instance.connect(charset="utf8mb4")
    with connection.cursor() as cursor:
        fill(cursor, rows)
        instance.wait_loaded("serving", {"people"})
        lines: list[list[object]] = []
        for name, options in MODELS.items():
            cursor.execute("SET @m = NULL")
            cursor.execute(f"CALL sys.ML_TRAIN('serving.people', '{TARGETS[name]}', {options}, @m)")
            single = f"SELECT sys.ML_PREDICT_ROW({ROW}, @m, NULL)"
            times(cursor, single, 20)
            alone, asked = [], []
            for _ in range(runs):  # in turns, so that both see the same machine
                alone += times(cursor, "SELECT 1", 1)
                asked += times(cursor, single, 1)
            added = quantiles(asked)[0] - quantiles(alone)[0]
            lines.append(
                [name, *(f"{value:.3f}" for value in quantiles(asked)[:2]), f"{added:.3f}", *rates(cursor, rows)]
            )
        rates_of = ("SELECT rows/s", "table into InnoDB rows/s", "the backend's own copy of it rows/s")
        names = ("model", "row p50 ms", "row p99 ms", "added p50 ms", *rates_of)
        report.table(names, lines)
    connection.close()
    report.console.print(f"{'MariaDB' if instance.kind == 'mariadb' else 'MySQL'} {instance.version}, {rows:,} rows")


def rates(cursor: pymysql.cursors.Cursor, rows: int) -> list[Rate]:
    """Rows a second of one SELECT over the table, of a table of predictions, and of a copy of that."""
    few = min(rows, 50_000)
    found = []
    for table in ("predicted", "copied"):
        cursor.execute(f"DROP TABLE IF EXISTS serving.{table}")
    for statement, count in (
        (f"SELECT id, sys.ML_PREDICT_ROW({COLUMNS}, @m, NULL) FROM serving.people WHERE id < {few}", few),
        ("CALL sys.ML_PREDICT_TABLE('serving.people', @m, 'serving.predicted', NULL)", rows),
        # FOR UPDATE: by the backend, whatever is loaded
        ("INSERT INTO serving.copied SELECT * FROM serving.predicted FOR UPDATE", rows),
    ):
        if "copied" in statement:
            cursor.execute("CREATE TABLE serving.copied LIKE serving.predicted")
        began = time.perf_counter()
        cursor.execute(statement)
        cursor.fetchall()
        found.append(Rate(count, time.perf_counter() - began))
    return found


def main() -> None:
    """Parse arguments, start an instance, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--backend", help="mysql://… ; default: the embedded one")
    parser.add_argument("--mysqld", help="server program of the embedded backend")
    arguments = parser.parse_args()
    report.head("Machine learning in SQL: models in use")
    options = ["--mysqld", arguments.mysqld] if arguments.mysqld else []
    with running(arguments.backend, options=options) as instance:
        measure(instance, arguments.rows, arguments.runs)


if __name__ == "__main__":
    main()
