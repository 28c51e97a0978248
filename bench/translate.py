"""What translating costs in processor time: each query of TPC-H and TPC-DS from its text to DuckDB's SQL.

python -m bench.translate [--rounds N] [--mysqld PROGRAM] [--profile]
"""

import argparse
import cProfile
import pstats
import statistics
import tempfile
import time
from pathlib import Path

from bench.backend import connect, private_backend
from bench.report import console, head, table
from engine.translate.lower import Weigh
from engine.translate.refusal import Refusal
from engine.translate.translator import translate
from engine.translations import Find, Translations
from tests.semantics.harness import Bench, load
from warmfront.demo_tpcds import query_text

DEMOS = Path(__file__).parent.parent / "warmfront"


def texts(suite: str, backend: str) -> list[str]:
    """Give the queries of a suite."""
    if suite == "tpcds":
        return [query_text(number, 1.0, backend) for number in range(1, 100)]
    return [path.read_text().strip().rstrip(";") for path in sorted((DEMOS / suite).glob("q*.sql"))]


def measure(bench: Bench, weigh: Weigh, statements: list[str], rounds: int) -> tuple[list[float], int]:
    """Give the cheapest of `rounds` translations of each statement in milliseconds, and how many are refused."""
    best: list[float] = []
    refused = 0
    for statement in statements:
        definitions = bench.prepare(statement)
        seconds = []
        for _ in range(rounds):
            began = time.thread_time()
            found = translate(statement, bench.context, bench.view, definitions, weigh, bench.zone, bench.cases)
            seconds.append(time.thread_time() - began)
        refused += isinstance(found, Refusal)
        best.append(min(seconds) * 1000)
    return best, refused


def repeat(bench: Bench, weigh: Weigh, statements: list[str], rounds: int) -> list[float]:
    """Give what a statement costs that was translated before, in milliseconds: the cheapest of `rounds`."""
    finds: dict[str, Find] = {"weigh": weigh, "zone": bench.zone, "cases": bench.cases}
    best = []
    for statement in statements:
        definitions = bench.prepare(statement)
        translations, seconds = Translations(), []
        for _ in range(rounds + 1):
            began = time.thread_time()
            translations.get(
                statement,
                bench.context,
                bench.view,
                definitions,
                finds,
                lambda session, tables, ask, text=statement, columns=definitions: translate(
                    text, session, tables, columns, ask["weigh"], ask["zone"], ask["cases"]
                ),
            )
            seconds.append(time.thread_time() - began)
        best.append(min(seconds[1:]) * 1000)
    return best


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mysqld")
    parser.add_argument("--profile", action="store_true", help="print where the time of TPC-DS goes")
    options = parser.parse_args()
    head("Translation, milliseconds of processor time for each statement: the least of its rounds")
    rows = []
    with private_backend(options.mysqld) as upstream, tempfile.TemporaryDirectory() as folder:
        for suite in ("tpch", "tpcds"):
            connection = connect(upstream, charset="utf8mb4")
            load(connection, f"bench_{suite}", DEMOS / suite / "schema.sql")
            bench = Bench(connection, upstream.kind == "mariadb", f"bench_{suite}", Path(folder))
            bench.copy_all()
            statements = texts(suite, bench.context.backend)
            measure(bench, bench.weigh, statements, 1)  # weights are fetched
            profile = cProfile.Profile()
            if options.profile and suite == "tpcds":
                profile.enable()
            best, refused = measure(bench, bench.collations.peek, statements, options.rounds)
            profile.disable()
            again = repeat(bench, bench.collations.peek, statements, options.rounds)
            cuts = statistics.quantiles(best, n=10)
            rows.append(
                (suite, len(best), refused, statistics.median(best), cuts[8], max(best), statistics.median(again))
            )
            if options.profile and suite == "tpcds":
                pstats.Stats(profile).sort_stats("tottime").print_stats(35)
            connection.close()
    table(("suite", "statements", "refused", "p50", "p90", "max", "p50 again"), rows)
    console.print("Again: the same text once more, as the engine does it.")
    console.print(
        "One process, no other statement; the preflight on the backend and the planning in DuckDB are not in it."
    )


if __name__ == "__main__":
    main()
