"""The SELECTs of the servers' own tests, on the server and, translated, on a copy: equal, refused, or a fault.

The tests are files in mysqltest's language, as the servers' packages have them (Debian's mariadb-test-data; mysql-test/
of MySQL's sources). Every other statement runs on the server only; the tables are copied again before the next SELECT.

    python -m bench.server_tests --kind mariadb FOLDER/main/func_*.test
"""

import argparse
import contextlib
import pathlib
import re
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pymysql

from bench import report
from bench.differential import LIMITS, ServerEndedError, begin, run_one, start
from bench.mysqltest import read
from tests.semantics.harness import Bench

_SCHEMA = "test"
_COMPARED = re.compile(r"\(*\s*(?:SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE)
_READS = re.compile(r"(?:SHOW|EXPLAIN|DESC|DESCRIBE|ANALYZE|CHECK|CHECKSUM|DO|PREPARE|DEALLOCATE)\b", re.IGNORECASE)
_SETS = re.compile(r"SET\b(?!\s+STATEMENT)", re.IGNORECASE)  # MariaDB: SET STATEMENT … FOR ALTER TABLE
# What would change the server for other tests, wait, or end it.
_LEFT_OUT = re.compile(
    r"\s*(?:SHUTDOWN|RESTART|KILL|FLUSH|LOCK|UNLOCK|XA|INSTALL|UNINSTALL|SET\s+PASSWORD|GRANT|REVOKE|PURGE|RESET|"
    r"(?:CREATE|ALTER|DROP)\s+(?:USER|ROLE|EVENT|SERVER|TABLESPACE|UNDO|LOGFILE|INSTANCE)|ALTER\s+INSTANCE|CHANGE|"
    r"START\s+(?:SLAVE|REPLICA|GROUP|ALL)|STOP|LOAD|CLONE|BACKUP|IMPORT|HANDLER|DELIMITER|HELP|BINLOG|USE\s)"
    r"|.*\b(?:SLEEP|BENCHMARK|GET_LOCK|MASTER_POS_WAIT|IS_FREE_LOCK|WAIT_FOR\w*)\s*\(|SET\b.*\b(?:GLOBAL|PERSIST\w*)\b"
    r"|.*@@GLOBAL\.\w+\s*=|.*\b(?:DROP|CREATE|ALTER)\s+(?:DATABASE|SCHEMA)\b|.*\bmysql\s*\.|.*\bsys\s*\."
    r"|.*\bINTO\s+(?:OUTFILE|DUMPFILE)|SET\s+.*(?:NAMES|CHARACTER\s+SET|CHARSET|character_set_\w+|debug)",
    re.IGNORECASE | re.DOTALL,
)
_CHANCE = re.compile(
    r"\b(?:RAND|UUID\w*|CONNECTION_ID|RANDOM_BYTES|SYSDATE|LAST_INSERT_ID|FOUND_ROWS|ROW_COUNT)\s*\("
    r"|information_schema|performance_schema|\bINTO\s+@",
    re.IGNORECASE,
)
_FAULTS = frozenset({"different", "raised", "answered"})


@dataclass
class Found:
    """What became of the statements compared: outcomes, reasons, faults."""

    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Playing:
    """One file's statements, played on a connection."""

    def __init__(self, connection: Any, kind: str, folder: pathlib.Path, found: Found) -> None:
        self.connection, self.kind, self.found = connection, kind, found
        self._clear()
        self.bench = Bench(connection, kind == "mariadb", _SCHEMA, folder)
        self.dirty, self.count = True, 0

    def _clear(self) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute("SET SESSION sql_mode = DEFAULT")
            cursor.execute(f"DROP SCHEMA IF EXISTS {_SCHEMA}")
            cursor.execute(f"CREATE SCHEMA {_SCHEMA}")
            cursor.execute(LIMITS[self.kind])

    def play(self, path: pathlib.Path, end: float) -> None:
        """Run every statement of a file that is not left out, until a moment of time.monotonic()."""
        for statement in read(path):
            if time.monotonic() > end:
                break
            if _LEFT_OUT.match(statement) or "$" in statement:
                continue
            if _COMPARED.match(statement) and not _CHANCE.search(statement):
                self._compare(path, statement)
            else:
                self._other(statement)

    def _other(self, statement: str) -> None:
        with contextlib.suppress(pymysql.err.MySQLError, UnicodeError):
            if _SETS.match(statement):
                self.bench.set(statement)
                return
            self.dirty |= not _READS.match(statement)
            with self.connection.cursor() as cursor:
                cursor.execute(statement)
                while cursor.nextset():
                    pass
            if not self.connection.open:
                raise ServerEndedError(statement)

    def _compare(self, path: pathlib.Path, statement: str) -> None:
        if self.dirty:
            self.bench.duck.execute(f"DROP SCHEMA IF EXISTS {_SCHEMA} CASCADE")
            try:
                self.bench.copy_all()
            except Exception as problem:
                self.found.outcomes["not copied"] += 1
                self.found.reasons[f"not copied: {str(problem)[:80]}"] += 1
                if not self.connection.open:
                    raise ServerEndedError(statement) from problem
                return
            self.dirty = False
        self.count += 1
        try:
            outcome = run_one(self.bench, statement, binary=self.count % 5 == 0)
        except ServerEndedError:
            self.connection.ping(reconnect=False)  # raises when it has ended indeed
            self.found.outcomes["not compared"] += 1
            return
        self.found.outcomes[outcome.kind] += 1
        if outcome.kind in ("refused", "failed", "rejected"):
            self.found.reasons[outcome.detail.split(" IN ")[0][:90]] += 1
        elif outcome.kind in _FAULTS:
            self.found.faults.append(f"{path.name}: {outcome.kind}: {statement}\n    {outcome.detail[:1500]}")
            print(self.found.faults[-1], flush=True)


def main() -> int:
    """Play the files and print; 1 when there is a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=pathlib.Path, help="tests, *.test")
    parser.add_argument("--kind", choices=("mysql", "mariadb"), default="mariadb")
    parser.add_argument("--seconds", type=float, default=60, help="most time for a file")
    arguments = parser.parse_args()
    report.head(f"The tests of {arguments.kind}, {len(arguments.files)} files")
    found = Found()
    with tempfile.TemporaryDirectory(prefix="wf-tests-", ignore_cleanup_errors=True) as folder:
        server, connection = start(arguments.kind, pathlib.Path(folder) / "server")
        try:
            for path in arguments.files:
                print(path.name, sum(found.outcomes.values()), flush=True)
                try:
                    playing = Playing(connection, arguments.kind, pathlib.Path(folder), found)
                    try:
                        playing.play(path, time.monotonic() + arguments.seconds)
                    finally:
                        playing.bench.duck.close()
                        connection.rollback() if connection.open else None
                except Exception as end:
                    print(f"{path.name}: left at {repr(end)[:300]}", flush=True)
                    connection = _again(server, connection)
        finally:
            server.stop()
    report.table((arguments.kind, "statements"), found.outcomes.most_common())
    report.table(("refused because", "statements"), found.reasons.most_common(60))
    return 1 if found.faults else 0


def _again(server: Any, connection: Any) -> Any:
    """Connect again, to a server that is started again where it ended."""
    with contextlib.suppress(pymysql.err.MySQLError):
        connection.close()
    server.stop()
    return begin(server)


if __name__ == "__main__":
    sys.exit(main())
