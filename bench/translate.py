"""What translating costs in processor time: each query of TPC-H and TPC-DS from its text to DuckDB's SQL.

python -m bench.translate [--rounds N] [--mysqld PROGRAM] [--profile]
"""

import argparse
import cProfile
import pstats
import random
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.backend import connect, private_backend
from bench.report import console, head, table
from engine.translate.given import Trace
from engine.translate.lower.lowering import Weigh
from engine.translate.refusal import Refusal
from engine.translate.translator import Translation, translate
from engine.translating.translations import Find, Tables, Translations
from statements.context import SessionContext
from statements.digest import digest
from tests.semantics.harness import Bench, load
from warmfront.demo_tpcds import query_text
from wire.responses import ColumnDefinition

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
            digest.cache_clear()  # a statement comes to an engine with a digest that is not known there
            began = time.thread_time()
            found = translate(statement, bench.context, bench.view, definitions, weigh, bench.zone, bench.cases)
            seconds.append(time.thread_time() - began)
        refused += isinstance(found, Refusal)
        best.append(min(seconds) * 1000)
    return best, refused


@dataclass
class _Maker:
    """Makes the translation of a text, and counts."""

    text: str
    definitions: list[ColumnDefinition]
    made: int = 0

    def __call__(
        self, session: SessionContext, tables: Tables, ask: dict[str, Find], trace: Trace | None
    ) -> Translation | Refusal:
        self.made += 1
        weigh, zone, cases = ask["weigh"], ask["zone"], ask["cases"]
        return translate(self.text, session, tables, self.definitions, weigh, zone, cases, trace)


def repeat(
    bench: Bench, weigh: Weigh, statements: list[str], rounds: int, changed: Callable[[str], str]
) -> tuple[list[float], int]:
    """Give what a statement costs that came three times before, in milliseconds: the cheapest of `rounds`; `changed` is
    made of its text each time. Gives how many of them were not translated in the last round, too."""
    finds: dict[str, Find] = {"weigh": weigh, "zone": bench.zone, "cases": bench.cases}
    best, served = [], 0
    for statement in statements:
        translations, seconds, made = Translations(), [], 0
        maker = _Maker(statement, bench.prepare(statement))
        for _ in range(rounds + 3):
            maker.text, made = changed(statement), maker.made
            digest.cache_clear()
            began = time.thread_time()
            translations.get(maker.text, bench.context, bench.view, maker.definitions, finds, maker)
            seconds.append(time.thread_time() - began)
        served += maker.made == made
        best.append(min(seconds[3:]) * 1000)
    return best, served


_CHANCE = random.Random(4)


def moved(statement: str) -> str:
    """Give a statement's dates another day of the month, and its whole numbers of several digits another last one."""
    dated = re.sub(r"(?<=\d\d\d\d-\d\d-)[012]\d(?=')", lambda _: f"{_CHANCE.randint(10, 28)}", statement)
    return re.sub(r"(?<![\w'.-])(\d+)\d(?![\w'.-])", lambda found: f"{found[1]}{_CHANCE.randint(0, 9)}", dated)


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
            again, _ = repeat(bench, bench.collations.peek, statements, options.rounds, lambda text: text)
            other, served = repeat(bench, bench.collations.peek, statements, options.rounds, moved)
            cuts = statistics.quantiles(best, n=10)
            rows.append(
                (
                    suite,
                    len(best),
                    refused,
                    statistics.median(best),
                    cuts[8],
                    max(best),
                    statistics.median(again),
                    statistics.median(other),
                    max(other),
                    served,
                )
            )
            if options.profile and suite == "tpcds":
                pstats.Stats(profile).sort_stats("tottime").print_stats(35)
            connection.close()
    table(("suite", "statements", "refused", "p50", "p90", "max", "p50 again", "p50 others", "max", "served"), rows)
    console.print("Again: the same text once more. Others: other dates and numbers in it; served: without translating.")
    console.print(
        "One process, no other statement; the preflight on the backend and the planning in DuckDB are not in it."
    )


if __name__ == "__main__":
    main()
