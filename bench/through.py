"""Random statements through warmfront and on the server itself: prepared with values of every type, over views of
views, with user variables, into tables (CREATE TABLE and INSERT … SELECT), and what the session tells of them
afterwards (FOUND_ROWS, ROW_COUNT, warnings).

python -m bench.through [--seed S] [--queries N] [--first BATCH] [--forms|--nests] [--keys] [--mysqld PROGRAM]

Both connections have the same settings and clock. A statement is executed twice when it is prepared: the second time
without types. What differs is printed with what was bound; 1 is the exit code then. Rows whose order nothing settles
are compared as multisets, and those that a LIMIT chooses among equals by their number.
"""

import argparse
import random
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pymysql

from bench import report
from bench.differential import LIMITS, batch_settings, make_tables
from bench.forms import Forms
from bench.forms import session as forms_session
from bench.instance import Instance, running
from bench.nests import Nests
from bench.parameters import Bound, bound, likely, with_placeholders, with_variables
from bench.schemas import Schemas
from bench.statements import Statements
from bench.table_kinds import Field, RandomTable
from tests.semantics.harness import CLOCK
from tests.semantics.zones import load_zones
from wire.constants import Command, FieldType
from wire.responses import is_eof, parse_column_definition, parse_ok

_BATCH = 250
_SHOWN = 25
_WAIT = 60  # seconds for an answer: servers have loops that their limit of time does not end
_LOST = (0, 2006, 2013)
_TIMED_OUT = frozenset({1969, 3024})
_REFUSED = 3889
_FALLING_BACK = 0.2  # share of the batches whose refused statements run on the server, as by default
_SETTLED = re.compile(r" ORDER BY t\.id(, u\.id)?( LIMIT [\d, ]+)?( OFFSET \d+)?$")
_WRAPPED = frozenset({"integer", "text"})  # kinds of columns that views may compute
_STORED = 0.1  # share of the statements whose rows are stored
_VIEWS = 0.4  # share of the tables of a statement that are read through a view of a view
_COUNTS = ("SELECT FOUND_ROWS()", "SELECT ROW_COUNT()", "SELECT FOUND_ROWS() AS n, ROW_COUNT()")
_STALE = "WHERE FALSE"  # behind an aggregate of no rows MariaDB tells the FOUND_ROWS() of the statement before
_WARNINGS = ("SELECT @@warning_count", "SHOW COUNT(*) WARNINGS", "SELECT @@error_count")
_PREFIX = "Secondary engine operation failed. "
_Answer = tuple[str, Any, tuple[str, ...]]  # "rows" or "error", rows or the number, names and types or a refusal


class LostError(Exception):
    """A side does not answer a statement, or has closed the connection."""


class Side:
    """One connection: statements in, answers as bytes out."""

    def __init__(self, connection: Any, name: str) -> None:
        self.raw, self.name = connection, name

    def told(self, statement: str) -> _Answer:
        """Run a statement in the text protocol."""
        return self._answer(Command.QUERY, statement.encode(), False)

    def prepare(self, statement: str) -> bytes | _Answer:
        """Prepare a statement: its number, or the error."""
        try:
            self.raw._execute_command(Command.STMT_PREPARE, statement.encode())
            head = bytes(self.raw._read_packet()._data)
            columns, parameters = int.from_bytes(head[5:7], "little"), int.from_bytes(head[7:9], "little")
            for _ in range(bool(columns) + bool(parameters)):
                # To the end, not by number: MySQL counts placeholders of GROUP_CONCAT's ORDER BY, and lists none.
                while not is_eof(bytes(self.raw._read_packet()._data)):
                    pass
            return head[1:5]
        except pymysql.err.MySQLError as problem:
            return self._error(problem)

    def execute(self, number: bytes, values: list[Bound], typed: bool) -> _Answer:
        """Execute with values, with their types or as the last time."""
        nulls = bytearray((len(values) + 7) // 8)
        for at, value in enumerate(values):
            nulls[at // 8] |= (value.value is None) << at % 8
        body = number + b"\0" + (1).to_bytes(4, "little")
        if values:
            types = b"".join(value.type for value in values) if typed else b""
            body += bytes(nulls) + bytes((typed,)) + types + b"".join(value.value or b"" for value in values)
        return self._answer(Command.STMT_EXECUTE, body, True)

    def close(self, number: bytes) -> None:
        """Close a prepared statement."""
        self.raw._execute_command(Command.STMT_CLOSE, number)

    def _answer(self, command: int, body: bytes, binary: bool) -> _Answer:
        try:
            self.raw._execute_command(command, body)
            first = bytes(self.raw._read_packet()._data)
            if first[:1] == b"\0":
                told = parse_ok(first)
                return "rows", [(told.affected_rows, told.last_insert_id, told.warnings, told.rest)], ()
            names = []
            for _ in range(first[0]):
                definition = parse_column_definition(bytes(self.raw._read_packet()._data))
                facts = (definition.type, definition.charset, definition.decimals if binary else 0)
                names.append(f"{definition.name} {facts}")
            self.raw._read_packet()
            rows = []
            while not is_eof(packet := bytes(self.raw._read_packet()._data)):
                rows.append(packet)
            return "rows", rows, tuple(names)
        except pymysql.err.MySQLError as problem:
            return self._error(problem)

    def _error(self, problem: pymysql.err.MySQLError) -> _Answer:
        if problem.args[0] in _LOST:
            raise LostError(f"{self.name}: {problem.args[1]}") from problem
        refusal = problem.args[1].removeprefix(_PREFIX) if problem.args[0] == _REFUSED else ""
        return "error", problem.args[0], (refusal,)


@dataclass
class Found:
    """What became of statements, and what differed."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)  # of refusals
    offloaded: int = 0
    quiet: dict[str, str] = field(default_factory=dict)  # a difference that is no fault, with its shortest statement


class Comparison:
    """A batch: both sides, and the statements made for them."""

    def __init__(self, here: Side, there: Side, chance: random.Random, found: Found) -> None:
        self.here, self.there, self.chance, self.found = here, there, chance, found

    def run(self, statement: str) -> None:
        """Run one statement on both sides, in one of the ways of clients."""
        way = self.chance.random()
        if way < _STORED and " LIMIT " not in statement:
            self._stored(statement)
        elif way < 0.5:
            self._prepared(statement)
        elif way < 0.75:
            asked, literals = with_variables(statement, self.chance, 0.5)
            for at, literal in enumerate(literals):
                for side in (self.here, self.there):
                    side.told(f"SET @v{at} = {literal}")
            self._told(asked, f" with {literals}")
        else:
            self._told(statement, "")

    def _told(self, statement: str, note: str) -> None:
        self._judge(statement, note, self.there.told(statement), self.here.told(statement))

    def _stored(self, statement: str) -> None:
        """Make a table of the statement's rows on both sides, and put them into it once more."""
        sides = ((self.there, "made_a"), (self.here, "made_b"))
        self.there.told("DROP TABLE IF EXISTS made_a, made_b")
        for side, _ in sides:
            side.told("SELECT 1 UNION SELECT 2")  # MySQL tells this FOUND_ROWS() behind CREATE TABLE … SELECT
        for way in ("CREATE TABLE {} AS {}", "INSERT INTO {} {}"):
            there, here = (side.told(way.format(name, statement)) for side, name in sides)
            self._judge(statement, f" as {way[:6]}", there, here)
            if there[0] == "error" or here[0] == "error":
                return
            for question in ("SHOW CREATE TABLE {}", "SELECT * FROM {}"):
                there, here = (self.there.told(question.format(name)) for _, name in sides)
                here = (here[0], [row.replace(b"made_b", b"made_a") for row in here[1]], here[2])
                self._judge(statement, f" as {way[:6]}, {question}", there, here, again=False)

    def _prepared(self, statement: str) -> None:
        asked, literals = with_placeholders(statement, self.chance, self.chance.choice((0.2, 0.5, 1.0)))
        numbers = [side.prepare(asked) for side in (self.here, self.there)]
        if not all(isinstance(number, bytes) for number in numbers):
            self._judge(
                asked, " prepared", *[n if not isinstance(n, bytes) else ("rows", [], ()) for n in numbers[::-1]]
            )
            for side, number in zip((self.here, self.there), numbers, strict=True):
                if isinstance(number, bytes):
                    side.close(number)
            return
        values = [likely(self.chance, literal) for literal in literals]
        again = [bound(self.chance, FieldType(value.type[0]), bool(value.type[1])) for value in values]
        for given, typed in ((values, True), (again, False)):
            here, there = (
                side.execute(number, given, typed)  # type: ignore[arg-type]
                for side, number in zip((self.here, self.there), numbers, strict=True)
            )
            self._judge(asked, f" binary{'' if typed else ' again'} with {[v.shown for v in given]}", there, here)
        for side, number in zip((self.here, self.there), numbers, strict=True):
            side.close(number)  # type: ignore[arg-type]

    def _judge(self, statement: str, note: str, expected: _Answer, found: _Answer, again: bool = True) -> None:
        outcome, detail = _outcome(statement, expected, found)
        self.found.outcomes[outcome] += 1
        if outcome == "refused":
            self.found.reasons[detail] += 1
        elif outcome == "different":
            self.found.faults.append(f"{statement}{note}\n  {detail[:1500]}")
        elif outcome not in ("equal", "same error"):
            self._note(f"{outcome} {detail}", statement + note)
        if outcome != "equal" or not again:
            return
        question = self.chance.choice(_WARNINGS if _STALE in statement else (*_COUNTS, *_WARNINGS))
        there, here = self.there.told(question), self.here.told(question)
        if there[:2] == here[:2]:
            return
        if question in _COUNTS:
            self.found.faults.append(f"{statement}{note}\n  {question}: {there[1]} there, {here[1]} here")
        else:  # what the rows give warnings of is not told
            self._note(question, statement + note)

    def _note(self, difference: str, statement: str) -> None:
        if len(statement) < len(self.found.quiet.get(difference, statement + " ")):
            self.found.quiet[difference] = statement


def _outcome(statement: str, expected: _Answer, found: _Answer) -> tuple[str, str]:
    """What became of a statement, and what differs."""
    if expected[0] == "error" or found[0] == "error":
        if found[:2] == ("error", _REFUSED):
            return "refused", found[2][0]
        if expected[:2] == found[:2]:
            return "same error", ""
        if any(kind == "error" and number in _TIMED_OUT for kind, number, _ in (expected, found)):
            return "timed out", ""
        if expected[0] == "error" and found[0] == "rows":
            return "answered", str(expected[1])  # in a row that the server's plan computes although it is filtered out
        return "different", f"{expected[:2]!s:.300} there, {found[:2]!s:.300} here"
    if expected[2] != found[2]:
        pairs = zip(expected[2], found[2], strict=False)
        differing = "; ".join(f"{a.split(' ', 1)[1]} there, {b.split(' ', 1)[1]} here" for a, b in pairs if a != b)
        return "other definitions", differing
    same = expected[1] == found[1] if _SETTLED.search(statement) else Counter(expected[1]) == Counter(found[1])
    if same or (" LIMIT " in statement and len(expected[1]) == len(found[1])):
        return "equal", ""
    missing, extra = Counter(expected[1]) - Counter(found[1]), Counter(found[1]) - Counter(expected[1])
    return "different", f"{list(missing)[:3]} there, {list(extra)[:3]} here"


def make_views(connection: Any, tables: list[RandomTable], chance: random.Random) -> None:
    """Make a view of each table, and a view of that one: w0 of v0 of t0."""
    with connection.cursor() as cursor:
        for number, table in enumerate(tables):
            columns = [field.name for field in table.fields]
            shown = ", ".join(_shown(field, chance) for field in table.fields)
            upper = chance.choice(
                (
                    f"SELECT * FROM v{number}",
                    f"SELECT {', '.join(columns)} FROM v{number} WHERE id > 0",
                    f"SELECT x.* FROM v{number} x JOIN {table.name} y ON x.id = y.id",
                    f"SELECT x.* FROM v{number} x LEFT JOIN v{number} y ON x.id = y.id AND y.id < 0",
                )
            )
            cursor.execute(f"CREATE VIEW v{number} AS SELECT {shown} FROM {table.name}")
            cursor.execute(f"CREATE VIEW w{number} AS {upper}")


def _shown(field: Field, chance: random.Random) -> str:
    """A view's column: the table's, or made of it. DOUBLE(M,D) is, for it passes through nothing that is offloaded."""
    if field.kind == "double" and "(" in field.definition:
        return f"{field.name} * 1e0 {field.name}"
    if field.kind in _WRAPPED and chance.random() < 0.2:
        return f"COALESCE({field.name}, {field.name}) {field.name}"
    return field.name


def _through_views(statement: str, tables: list[RandomTable], chance: random.Random) -> str:
    for number, table in enumerate(tables):
        view = f"{chance.choice('vw')}{number}"
        statement = re.sub(
            rf"\b{table.name}\b(?!\.)", lambda found, v=view: v if chance.random() < _VIEWS else found[0], statement
        )
    return statement


_MADE: dict[str, type[Statements | Forms | Nests]] = {"statements": Statements, "forms": Forms, "nests": Nests}


def run_batch(instance: Instance, chance: random.Random, queries: int, kind_of: str, keyed: bool, found: Found) -> None:
    """Make tables, views and two sessions, and compare statements."""
    kind = instance.kind
    schemas = Schemas(chance.randrange(1 << 30), kind, keyed)
    tables = schemas.tables()
    with instance.connect(True, read_timeout=_WAIT) as direct, instance.connect(read_timeout=_WAIT) as through:
        make_tables(direct, schemas, tables)
        make_views(direct, tables, chance)
        with through.cursor() as cursor:
            cursor.execute("USE wf_random")
            for table in tables:
                try:
                    cursor.execute(f"ALTER TABLE {table.name} SECONDARY_LOAD")
                except pymysql.err.MySQLError as problem:
                    found.outcomes[f"a table was not loaded: {problem.args[0]}"] += 1
        further = forms_session(chance, kind) if kind_of != "statements" else ()
        settings = [LIMITS[kind], *batch_settings(chance, schemas), *further]
        for connection in (direct, through):
            with connection.cursor() as cursor:
                for setting in (*settings, f"SET timestamp = {CLOCK}"):
                    cursor.execute(setting)
        with through.cursor() as cursor:
            cursor.execute("SET secondary_engine_cost_threshold = 0")
            if chance.random() > _FALLING_BACK:
                cursor.execute("SET use_secondary_engine = FORCED")
        statements = _MADE[kind_of](chance.randrange(1 << 30), tables, schemas.main[1], kind)
        comparison = Comparison(Side(through, "warmfront"), Side(direct, "the server"), chance, found)
        for _ in range(queries):
            statement = _through_views(statements.next(), tables, chance)
            try:
                comparison.run(statement)
            except LostError as lost:
                raise LostError(f"{lost} at {statement}") from lost
        found.offloaded += _offloaded(through)


def _await(instance: Instance) -> None:
    """Wait until a server that a statement has ended is there again; raises what connecting does after a while."""
    for left in reversed(range(_WAIT)):
        try:
            instance.connect(direct=True).close()
            return
        except pymysql.err.OperationalError:
            if not left:
                raise
            time.sleep(1)


def _offloaded(connection: Any) -> int:
    """How many statements of this session the engine answered."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW STATUS LIKE 'Secondary_engine_execution_count'")
        return int(cursor.fetchall()[0][1])


def main() -> int:
    """Run and print; 1 when something differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first batch")
    for kind_of, told in (("forms", "further forms, in sessions of many settings"), ("nests", "queries in queries")):
        parser.add_argument(f"--{kind_of}", action="store_const", const=kind_of, dest="kind_of", help=told)
    parser.add_argument("--keys", action="store_true", help="tables with indexes, other keys and generated columns")
    parser.add_argument("--mysqld", help="server program of the embedded backend")
    arguments = parser.parse_args()
    found = Found()
    with running(options=["--mysqld", arguments.mysqld] if arguments.mysqld else []) as instance:
        with instance.connect(direct=True) as direct:
            load_zones(direct)
        report.head(f"Random statements through {instance.kind} {instance.version}, seed {arguments.seed}")
        for number in range(arguments.first, arguments.first + -(-arguments.queries // _BATCH)):
            before = len(found.faults)
            chance = random.Random(f"{arguments.seed} {number}")
            asked = (min(_BATCH, arguments.queries), arguments.kind_of or "statements", arguments.keys)
            try:
                run_batch(instance, chance, *asked, found)
            except LostError as lost:  # most often the server itself does not answer
                found.outcomes["a batch ended"] += 1
                print(f"batch {number} ended: {lost}", flush=True)
                _await(instance)
            for fault in found.faults[before:]:
                print(f"batch {number}: {fault}", flush=True)
        rows = [*found.outcomes.most_common(), ("of these, offloaded", found.offloaded)]
    report.table(("", "statements"), rows)
    report.table(("refused because", "statements"), found.reasons.most_common(_SHOWN))
    for difference, statement in sorted(found.quiet.items()):
        print(f"{difference}: {statement}")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
