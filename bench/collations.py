"""What comparing by collation costs in DuckDB: bare columns, case folds and weight keys over a million rows.

python bench/collations.py [--rows N] [--threads N]
"""

import argparse
import time

import duckdb
import numpy as np
import pyarrow as pa

from engine.collate import keys
from engine.collate.weights import Weights

POINTS = (*range(0x20, 0x7F), *range(0xC0, 0x180), *range(0x391, 0x3CA), *range(0x410, 0x450))


def make_weights(levels: int, pad: bool) -> Weights:
    """Make weights of the shape of utf8mb4_0900_ai_ci (one level) and _as_cs (three)."""
    table = {point: tuple((0x200 + point).to_bytes(2, "big") for _ in range(levels)) for point in POINTS}
    name = f"bench_{levels}_{'pad' if pad else 'nopad'}"
    return Weights.of_table(name, "utf8mb4", pad, levels, table)


def make_column(rows: int, distinct: int, accented: bool) -> pa.Array:
    """Make texts of 12 to 27 characters."""
    chance = np.random.default_rng(1)
    tail = "äöüßéλж" if accented else "abcdefg"
    texts = [f"Customer {tail[i % 7]}{i:03d} {'Street of nothing'[: i % 16]}x" for i in range(distinct)]
    return pa.array(texts).take(pa.array(chance.integers(0, distinct, rows)))


def best_of(connection: duckdb.DuckDBPyConnection, query: str, runs: int = 3) -> float:
    """Seconds of the fastest run."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        connection.execute(query).fetchall()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    connection = duckdb.connect(config={"threads": options.threads})
    forms = [("bare", "c"), ("lower", "lower(c)"), ("rtrim", "rtrim(c, ' ')")]
    for levels, pad, label in (
        (1, False, "weights"),
        (1, True, "weights, PAD SPACE"),
        (3, False, "weights, 3 levels"),
    ):
        weights = make_weights(levels, pad)
        keys.register(connection, weights)
        forms.append((label, f"{weights.function}(c)"))
    print(f"{options.rows:,} rows, {options.threads} threads, seconds")
    print(f"{'data':22}{'key':22}{'GROUP BY':>10}{'=':>10}{'ORDER BY':>10}{'LIKE':>10}")
    for accented in (False, True):
        for distinct in (1_000, 100_000):
            column = make_column(options.rows, distinct, accented)
            connection.register("source", pa.table({"c": column}))
            connection.execute("CREATE OR REPLACE TABLE t AS SELECT c FROM source")
            for label, key in forms:
                _print_line(connection, f"{'accented' if accented else 'ascii'}, {distinct:,} kinds", label, key)


def _print_line(connection: duckdb.DuckDBPyConnection, data: str, label: str, key: str) -> None:
    literal = connection.execute(f"SELECT {key} FROM t LIMIT 1").fetchone()[0]  # type: ignore[index]
    written = f"'{literal}'" if isinstance(literal, str) else "'" + "".join(f"\\x{b:02X}" for b in literal) + "'::BLOB"
    queries = [
        f"SELECT count(*) FROM (SELECT any_value(c), count(*) FROM t GROUP BY {key})",
        f"SELECT count(*) FROM t WHERE {key} = {written}",
        f"SELECT c FROM t ORDER BY {key} LIMIT 1 OFFSET 500000",
    ]
    if isinstance(literal, str):
        queries.append(f"SELECT count(*) FROM t WHERE {key} LIKE '%street%x'")
    cells = "".join(f"{best_of(connection, query):10.3f}" for query in queries)
    print(f"{data:22}{label:22}{cells}", flush=True)


if __name__ == "__main__":
    main()
