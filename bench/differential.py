"""Random statements on MySQL and MariaDB and, translated, on a copy: equal, refused, or a fault to look into.

python -m bench.differential [--seed S] [--queries N] [--kind mysql|mariadb]
"""

import argparse
import pathlib
import secrets
import sys
import tempfile
from collections import Counter

import pymysql

from base.settings import Settings
from bench import report
from bench.shapes import Shapes
from tests.semantics.harness import Bench, load
from warmfront.embedded import EmbeddedServer, Folders, make_data, write_first_start
from warmfront.servers import fetched, installed

SETUP = pathlib.Path(__file__).parent.parent / "tests" / "semantics" / "setup.sql"
_SHOWN = 25


def start(kind: str, folder: pathlib.Path) -> tuple[EmbeddedServer, "pymysql.connections.Connection[bytes]"]:
    """Start a server of a kind in a folder, with one connection to it; raises SystemExit when there is none."""
    programs = [p for p in (fetched(Settings().mysql_prefix), *installed()) if p is not None and p.kind == kind]
    if not programs:
        raise SystemExit(f"no {kind} server on this machine")
    program, password = programs[0], secrets.token_urlsafe(12)
    folder.mkdir()
    folders = Folders(folder, folder / "error.log")
    make_data(program, folders.data, folder / "log")
    write_first_start(folders, kind, password)
    server = EmbeddedServer(program, folders, password, ())
    up = server.start()
    return server, pymysql.connect(
        unix_socket=str(up.socket), user=up.user, password=password, autocommit=True, charset="utf8mb4"
    )


def compare(bench: Bench, seed: int, queries: int) -> tuple[Counter[str], Counter[str], list[str]]:
    """Run statements; give the counts of outcomes, of reasons for refusals, and the faults."""
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    faults: list[str] = []
    made = Shapes(seed)
    for _ in range(queries):
        statement = made.next()
        try:
            outcome = bench.run(statement)
        except pymysql.err.MySQLError:
            bench.reconnect()
            outcomes["the backend's error"] += 1
            continue
        except Exception as problem:  # a fault of the translator: it must not raise
            bench.reconnect()
            outcomes["raised"] += 1
            faults.append(f"{statement}\n  raised {problem!r}")
            continue
        outcomes[outcome.kind] += 1  # "warned": in rows that its plan computes although they are filtered out
        if outcome.kind == "refused":
            reasons[outcome.detail] += 1
        elif outcome.kind == "failed":
            reasons[f"fails: {outcome.detail.split(' IN SELECT')[0][:70]}"] += 1
        elif outcome.kind == "different":
            faults.append(f"{statement}\n  {outcome.detail}")
        elif outcome.columns:  # a temporary table that the plan has for ORDER BY: see engine/translate/executed.py
            outcomes["of these, other widths of columns"] += 1
    return outcomes, reasons, faults


def main() -> int:
    """Run and print; 1 when there is a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--kind", choices=("mysql", "mariadb"), action="append")
    arguments = parser.parse_args()
    report.head(f"Random statements, seed {arguments.seed}, {arguments.queries} for each server")
    found = 0
    with tempfile.TemporaryDirectory(prefix="wf-differential-", ignore_cleanup_errors=True) as folder:
        for kind in arguments.kind or ("mysql", "mariadb"):
            base = pathlib.Path(folder)
            server, connection = start(kind, base / kind)
            try:
                load(connection, "wf_random", SETUP)
                bench = Bench(connection, kind == "mariadb", "wf_random", base)
                bench.copy_all()
                outcomes, reasons, faults = compare(bench, arguments.seed, arguments.queries)
            finally:
                server.stop()
            report.table((kind, "statements"), outcomes.most_common())
            report.table(("refused because", "statements"), reasons.most_common(_SHOWN))
            for fault in faults[:_SHOWN]:
                print(fault)
            found += len(faults)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
