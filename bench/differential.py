"""Random statements over random tables, on MySQL and MariaDB and, translated, on a copy: equal, refused, or a fault.

python -m bench.differential [--seed S] [--queries N] [--kind mysql|mariadb] [--batch B]
    [--extremes|--forms|--nests] [--keys]

Each batch has tables and a session of its own, made from the seed and the batch's number: the batch that showed a fault
is run again by `--seed S --first NUMBER --queries B`. A fault is shown with the smallest statement that has it.
With `--extremes` the tables hold the bounds of every type, and the statements keep rows in tables (`bench.extremes`).
With `--nests` statements are built of blocks (`bench.nests`). `--keys` gives the tables indexes and other keys.
"""

import argparse
import pathlib
import random
import re
import secrets
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pymysql

from base.settings import Settings
from bench import report
from bench.expressions import Expressions
from bench.extremes import Extremes
from bench.forms import Forms
from bench.forms import session as forms_session
from bench.nests import Nests
from bench.schemas import Schemas
from bench.shrink import shrink
from bench.statements import Statements
from bench.table_kinds import RandomTable
from engine.collate.store import Collations
from tests.semantics.harness import Bench, Outcome
from tests.semantics.other_literals import fault
from tests.semantics.zones import load_zones
from warmfront.embedded import EmbeddedServer, Folders, make_data, write_first_start
from warmfront.servers import fetched, installed

_SCHEMA = "wf_random"
_SHOWN = 25
_FAULTS = frozenset({"different", "raised"})
_QUIET = frozenset({"warned", "answered"})
_BINARY = 0.15  # share of the statements that run in the binary protocol
# The session of a batch: mostly the defaults.
_SESSIONS = (
    "SET div_precision_increment = {0}", "SET time_zone = '{1}'", "SET default_week_format = {0}",
    "SET group_concat_max_len = 60", "SET sql_mode = ''",
    "SET sql_mode = 'ERROR_FOR_DIVISION_BY_ZERO,ONLY_FULL_GROUP_BY'",
)  # fmt: skip
# In these orders no two rows are tied.
_ORDERED = re.compile(r" ORDER BY t\.id(, u\.id)?$|GROUP BY (?P<keys>[^()]+|.*\)) ORDER BY (?P=keys)$")
_LAST = re.compile(r"(?<!\w)i0( LIMIT [\d, ]+)?( OFFSET \d+)?$|\bt\.id( LIMIT [\d, ]+)?$")  # tells rows apart
_PATIENCE = 10  # seconds that a side may take for a statement
_TEMPLATED = 0.25  # share of the equal statements that are tried with other literals
_SHRINKING = 60  # seconds for finding a smaller statement with the same fault
LIMITS = {"mysql": f"SET max_execution_time = {_PATIENCE * 1000}", "mariadb": f"SET max_statement_time = {_PATIENCE}"}
# So that a plan does not hang on which pages are in memory when: EXPLAIN comes behind the statement.
_STEADY = {
    "mysql": (
        "UPDATE mysql.engine_cost SET cost_value = 0.25 WHERE cost_name = 'io_block_read_cost'",
        "COMMIT",
        "FLUSH OPTIMIZER_COSTS",
    ),
    "mariadb": (),
}
_ZONES = ("+00:00", "-05:30", "+13:00", "SYSTEM")


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
    connection = begin(server)
    load_zones(connection)
    return server, connection


def begin(server: EmbeddedServer) -> "pymysql.connections.Connection[bytes]":
    """Start the server and connect to it."""
    up = server.start()
    return pymysql.connect(
        unix_socket=str(up.socket),
        user=up.user,
        password=up.password,
        autocommit=True,
        charset="utf8mb4",
        ssl_disabled=True,
        read_timeout=6 * _PATIENCE,  # MariaDB 10.11 has loops that max_statement_time does not end
    )


class ServerEndedError(Exception):
    """The server ended at a statement, its text the argument, or never answers it: nothing to compare with."""


@dataclass
class Found:
    """What became of statements: outcomes, reasons of refusals, differences of column definitions, faults.

    `ended` are the statements that the server itself did not survive. `shortest` has for each difference that is no
    fault (of a definition, or an error or a warning that the engine's answer has not) the shortest statement with it.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    columns: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    shortest: dict[str, str] = field(default_factory=dict)

    def note(self, difference: str, statement: str) -> None:
        """Keep the statement where none that is as short has this difference."""
        if len(statement) < len(self.shortest.get(difference, statement + " ")):
            self.shortest[difference] = statement


def make_tables(connection: "pymysql.connections.Connection[Any]", schemas: Schemas, tables: list[RandomTable]) -> None:
    """Make tables and their rows, in a schema of their own."""
    charset, collation = schemas.main
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {_SCHEMA}")
        cursor.execute(f"CREATE SCHEMA {_SCHEMA} CHARACTER SET {charset} COLLATE {collation}")
        cursor.execute(f"USE {_SCHEMA}")
        cursor.execute("SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00', autocommit = 0")
        for table in tables:
            for statement in table.statements:
                cursor.execute(statement)
        cursor.execute("COMMIT")
        # So that they do not change while the batch runs.
        cursor.execute("SET GLOBAL innodb_stats_auto_recalc = OFF")
        cursor.execute("ANALYZE TABLE " + ", ".join(table.name for table in tables))
        cursor.execute("SET sql_mode = DEFAULT, time_zone = DEFAULT, autocommit = 1")


def batch_settings(chance: random.Random, schemas: Schemas) -> list[str]:
    """The SET statements of a batch's session."""
    charset, collation = schemas.main
    settings = [f"SET NAMES utf8mb4 COLLATE {collation}"] if charset == "utf8mb4" else []
    if chance.random() < 0.5:
        chosen = chance.choice(_SESSIONS)
        settings.append(chosen.format(chance.choice((0, 1, 2, 6)), chance.choice(_ZONES)))
    return settings


class _Ending(threading.Thread):
    """Interrupts the engine again and again once a statement has had its time: at first it may be at no query."""

    def __init__(self, duck: duckdb.DuckDBPyConnection) -> None:
        super().__init__(daemon=True)
        self.duck, self.done = duck, threading.Event()

    def run(self) -> None:
        wait: float = _PATIENCE
        while not self.done.wait(wait):
            self.duck.interrupt()
            wait = 0.5


def is_settled(statement: str) -> bool:
    """Tell whether the statement's own ORDER BY ends with what no two rows have: t.id of t alone, or a block's i0."""
    if _LAST.search(statement) is None or " i1" in statement:
        return False
    depth, outer = 0, ""
    for letter in re.sub(r"'(?:[^'\\]|\\.|'')*'", "x", statement):
        depth += (letter == "(") - (letter == ")")
        outer += letter if depth == 0 or letter == ")" else ""
    alone = " GROUP BY " not in outer and re.search(r" FROM t\d t( WHERE| ORDER| WINDOW|$)", outer) is not None
    after = outer.rpartition(" ORDER BY ")
    plain = not re.search(r" (GROUP BY|WINDOW|UNION|EXCEPT|INTERSECT) ", after[2]) and after[1] != ""
    return plain and (alone or outer.endswith("i0") or "i0 LIMIT" in outer)


def run_one(bench: Bench, statement: str, binary: bool) -> Outcome:
    strict = _ORDERED.search(statement) is not None or is_settled(statement)
    ending = _Ending(bench.duck)
    ending.start()
    try:
        outcome = bench.run(statement, binary=binary and " LIMIT " not in statement, ties=not strict)
        # A row of the binary protocol is as its definitions say.
        return bench.run(statement, ties=not strict) if binary and outcome.columns else outcome
    except (pymysql.err.OperationalError, pymysql.err.InterfaceError) as problem:
        raise ServerEndedError(statement) from problem
    except Exception as problem:  # a fault of the translator: it must not raise
        ended = "INTERRUPT Error" in str(problem)  # as its rows were read
        return Outcome("failed", "Interrupted") if ended else Outcome("raised", repr(problem))
    finally:
        ending.done.set()


def _templated(bench: Bench, statement: str, chance: random.Random) -> str:
    """Tell how the statement differs with other literals when a template gives its translation; "" when it does not."""
    return fault(bench, statement, random.Random(chance.getrandbits(32)))[1] if chance.random() < _TEMPLATED else ""


def _smallest(bench: Bench, statement: str, binary: bool, kind: str) -> str:
    """Shrink a statement with a fault, for at most a minute; a LIMIT stays with its ORDER BY."""
    end = time.monotonic() + _SHRINKING

    def shows(text: str) -> bool:
        settled = " LIMIT " not in text or text.count(" ORDER BY ") == statement.count(" ORDER BY ")
        return time.monotonic() < end and settled and run_one(bench, text, binary).kind == kind

    return shrink(statement, shows)


_MADE = {"statements": Statements, "extremes": Statements, "forms": Forms, "nests": Nests}


def compare(
    bench: Bench, statements: Expressions | Extremes, chance: random.Random, queries: int, found: Found
) -> None:
    """Run statements and note what becomes of them."""
    for _ in range(queries):
        statement, binary = statements.next(), chance.random() < _BINARY
        outcome = run_one(bench, statement, binary)
        found.outcomes[outcome.kind] += 1  # "warned", "answered": in rows that its plan computes although filtered out
        if outcome.kind in ("refused", "rejected"):
            found.reasons[outcome.detail] += 1
        elif outcome.kind == "failed":
            found.reasons[f"fails: {outcome.detail.split(' IN ')[0][:70]}"] += 1
        elif outcome.kind == "equal" and (otherwise := _templated(bench, statement, chance)):
            found.faults.append(f"{statement}\n  by its template {otherwise[:3000]}")
        elif outcome.kind in _FAULTS:
            smallest = _smallest(bench, statement, binary, outcome.kind)
            detail = run_one(bench, smallest, binary).detail
            found.faults.append(
                f"{smallest}\n  from {statement}\n  {'binary ' if binary else ''}{outcome.kind} {detail[:3000]}"
            )
        if outcome.columns and outcome.kind not in _FAULTS:  # see engine/translate/columns/
            found.outcomes["of these, other definitions of columns"] += 1
            for difference in outcome.columns:
                found.columns[difference.split(": ", 1)[1]] += 1
                found.note(difference.split(": ", 1)[1], statement)
        if outcome.kind in _QUIET:
            found.note(f"{outcome.kind} {outcome.detail.split(', n')[0]}", statement)


def run_batches(
    server: EmbeddedServer,
    connection: "pymysql.connections.Connection[Any]",
    kind: str,
    folder: pathlib.Path,
    seed: int,
    batches: range,
    size: int,
    kind_of: str = "statements",
    keyed: bool = False,
) -> Found:
    """Make the tables and the session of each batch, and run its statements; a server that one of them ended is started
    again for the next batch."""
    found, collations = Found(), Collations(folder)
    with connection.cursor() as cursor:
        for statement in _STEADY[kind]:
            cursor.execute(statement)
    for number in batches:
        before = len(found.faults)
        try:
            chance = random.Random(f"{seed} {number}")
            _run_batch(connection, kind, collations, chance, size, found, kind_of, keyed)
        except ServerEndedError as end:
            found.ended.append(f"batch {number}: {end}")
            server.stop()
            connection = begin(server)
        found.faults[before:] = [f"batch {number}: {fault}" for fault in found.faults[before:]]
        for shown in found.faults[before:]:
            print(shown, flush=True)  # a run of hours shows what it has found
    return found


def _run_batch(
    connection: "pymysql.connections.Connection[Any]",
    kind: str,
    collations: Collations,
    chance: random.Random,
    size: int,
    found: Found,
    kind_of: str,
    keyed: bool,
) -> None:
    connection.close()  # nothing of the session before stays
    connection.connect()
    with connection.cursor() as cursor:
        cursor.execute(LIMITS[kind])
    schemas = Schemas(chance.randrange(1 << 30), kind, keyed)
    bounds = Extremes(chance.randrange(1 << 30)) if kind_of == "extremes" else None
    tables = bounds.tables() if bounds else schemas.tables()
    make_tables(connection, schemas, tables)
    bench = Bench(connection, kind == "mariadb", _SCHEMA, collations)
    bench.copy_all()
    made = _MADE[kind_of]
    for setting in [*batch_settings(chance, schemas), *(() if made is Statements else forms_session(chance, kind))]:
        bench.set(setting)
    statements = bounds or made(chance.randrange(1 << 30), tables, schemas.main[1], kind)
    try:
        compare(bench, statements, chance, size, found)
    finally:
        bench.duck.close()


def main() -> int:
    """Run and print; 1 when there is a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=500, help="statements over the same tables")
    parser.add_argument("--first", type=int, default=0, help="number of the first batch")
    parser.add_argument("--kind", choices=("mysql", "mariadb"), action="append")
    parser.add_argument(
        "--extremes",
        action="store_const",
        const="extremes",
        dest="kind_of",
        default="statements",
        help="bounds of types, in rows that are kept in tables",
    )
    parser.add_argument(
        "--forms",
        action="store_const",
        const="forms",
        dest="kind_of",
        help="further forms, in sessions of many settings",
    )
    parser.add_argument(
        "--nests",
        action="store_const",
        const="nests",
        dest="kind_of",
        help="queries in FROM, WITH and expressions, of blocks",
    )
    parser.add_argument("--keys", action="store_true", help="tables with indexes, other keys and generated columns")
    arguments = parser.parse_args()
    report.head(f"Random statements, seed {arguments.seed}, {arguments.queries} for each server")
    batches = range(arguments.first, arguments.first + -(-arguments.queries // arguments.batch))
    faults = 0
    with tempfile.TemporaryDirectory(prefix="wf-differential-", ignore_cleanup_errors=True) as folder:
        for kind in arguments.kind or ("mysql", "mariadb"):
            base = pathlib.Path(folder)
            server, connection = start(kind, base / kind)
            begun = time.monotonic()
            try:
                made = (batches, arguments.batch, arguments.kind_of, arguments.keys)
                found = run_batches(server, connection, kind, base, arguments.seed, *made)
            finally:
                server.stop()
            rate = sum(found.outcomes.values()) / (time.monotonic() - begun)
            report.table((kind, "statements"), [*found.outcomes.most_common(), ("for each second", round(rate, 1))])
            report.table(("refused because", "statements"), found.reasons.most_common(_SHOWN))
            report.table(("column", "statements"), found.columns.most_common(_SHOWN))
            for difference, statement in sorted(found.shortest.items()):
                print(f"{difference}: {statement}")
            for statement in found.ended:
                print(f"{kind} ended at a statement, and the rest of its batch was left out: {statement}")
            faults += len(found.faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
