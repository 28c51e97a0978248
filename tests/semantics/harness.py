"""Runs a statement on a backend and, translated, on a copy in DuckDB, and compares the text cells."""

import functools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pymysql

from base.errors import SecondaryEngineError
from engine import zones
from engine.backend.describe import describe_schema
from engine.catalog import CatalogView, LoadedTable, State
from engine.collate import presence
from engine.collate.cases import Cases, fetch_cases
from engine.collate.fetch import fetch_facts
from engine.collate.presence import Presence
from engine.collate.store import Collations
from engine.collate.weights import Weights
from engine.layout import arrow_schema, carried_columns, create_statement, left_out, pack_columns, quote
from engine.load.select import select_value
from engine.results.encoder import RowEncoder
from engine.store.optimizers import DISABLED
from engine.translate.lower.doubles import BY_KEY
from engine.translate.refusal import Refusal
from engine.translate.translator import Translation, translate
from engine.translating.failed import OVERFLOW, Failed
from engine.translating.spellings import read_single
from engine.translating.translation import register
from engine.zones import ZoneTable
from proxy.routing.warned import TOLD
from statements.context import SessionContext
from statements.derived_columns import DerivedColumn, derived_questions
from statements.facts import statement_facts
from statements.plans import read_plan, stages
from statements.reads import reads
from statements.schema import DATE_TYPES, STRING_TYPES, WIDEST_DECIMAL, Column, Table
from statements.session_values import question, read_values
from statements.spelled import has_names_in_quotes, plain_modes, spelled
from tests.live.compare import packed
from wire.constants import Command
from wire.integers import read_lenenc, read_lenenc_bytes
from wire.responses import ColumnDefinition, parse_column_definition

CLOCK = "1709210096.987654"  # 2024-02-29 12:34:56.987654 UTC
# User variables of each session.
VARIABLES = """@whole = 3, @unsigned = CAST(7 AS UNSIGNED), @double = 1.5e0, @decimal = 1.25, @text = 'abc',
    @air = 'air', @pattern = 'a%', @day = '2024-01-31', @moment = '2023-02-28 12:34:56', @number_day = 20240131,
    @year = 2024, @codes = '%M', @bytes = x'00ff', @digits = '5', @zone = '+02:00'"""
_FOLDED = ("lower(", "upper(", "rtrim(", "weight_key_")  # what keys of texts are made with
_LIMIT = re.compile(r"\sLIMIT \d+$", re.IGNORECASE)
_STATE = {
    "sql_mode": "@@sql_mode",
    "time_zone": "@@time_zone",
    "system_time_zone": "@@system_time_zone",
    "collation_connection": "@@collation_connection",
    "default_collation": "COLLATION(_utf8mb4'')",
    "div_precision_increment": "@@div_precision_increment",
    "group_concat_max_len": "@@group_concat_max_len",
    "sql_select_limit": "@@sql_select_limit",
    "default_week_format": "@@default_week_format",
    "lc_time_names": "@@lc_time_names",
    "now": "CAST(NOW(6) AS CHAR)",
    "utc_now": "CAST(UTC_TIMESTAMP(6) AS CHAR)",
}


@dataclass(frozen=True)
class Outcome:
    """What became of it: "equal", "refused", "failed" (in the engine, before any row), "different", "warned" or more.

    A "warned" answer is equal, but the backend's has warnings and the engine's has none. "rejected" is what the
    backend does not prepare; where it fails at run time, the engine must not answer either: "error", or "answered".

    `columns` are the differences between the definitions told and those that the executed statement has.
    """

    kind: str
    detail: str = ""
    columns: tuple[str, ...] = ()


class _Describer:
    """What `describe_schema` needs of a connection."""

    def __init__(self, raw: Any, is_mariadb: bool) -> None:
        self.raw, self.is_mariadb, self.version = raw, is_mariadb, (0, 0, 0)

    def query(self, statement: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        with self.raw.cursor() as cursor:
            cursor.execute(statement, parameters)
            return list(cursor.fetchall())

    def query_bytes(self, statement: str) -> list[tuple[Any, ...]]:
        self.raw.use_unicode = False
        try:
            return self.query(statement)
        finally:
            self.raw.use_unicode = True


class Bench:
    """A schema on a backend and its copy. `collations`: those that are known already, kept in a folder or here."""

    def __init__(
        self, connection: Any, is_mariadb: bool, schema: str, collations: Collations | Path, **session: Any
    ) -> None:
        self.raw = connection
        self.schema = schema
        self.duck = duckdb.connect(config={"disabled_optimizers": DISABLED})  # as the engine has it
        self.duck.execute("SET preserve_insertion_order = true")
        self.collations = Collations(collations) if isinstance(collations, Path) else collations
        self.view = CatalogView({})
        self.registered: set[str] = set()
        self.known_cases: dict[str, Cases | None] = {}
        self.zones: dict[str, ZoneTable | None] = {}
        self.warnings = self.prepare_warnings = self.kept = 0  # of the last statement on the backend
        self.told = 0  # warnings that it has before it runs, which the proxy tells with the answer
        self.singles = 0  # statements whose SQL may be another for their rows only
        self.session = session
        self.backend = "mariadb" if is_mariadb else "mysql"
        self.describer = _Describer(connection, is_mariadb)
        self.begin()

    def begin(self) -> None:
        """Use the schema, hold the session's clock, and read the session's state."""
        with self.raw.cursor() as cursor:
            cursor.execute(f"USE {self.schema}")
            cursor.execute(f"SET timestamp = {CLOCK}, {VARIABLES}")
        self._read_session()

    def set(self, statement: str) -> None:
        """Run a SET on the backend and read the session's state again."""
        with self.raw.cursor() as cursor:
            cursor.execute(statement)
        self._read_session()

    def _read_session(self) -> None:
        with self.raw.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(_STATE.values())}")
            state = dict(zip(_STATE, cursor.fetchone(), strict=True))
        self.context = SessionContext(1, self.backend, self.schema, **{**state, **self.session})

    def copy_all(self) -> None:
        """Copy every table of the schema."""
        entries = {}
        self.duck.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(self.schema)}")
        for number, table in enumerate(describe_schema(self.describer, self.schema)):  # type: ignore[arg-type]
            entries[(self.schema, table.name)] = self._copy(number, table)
        self.view = CatalogView(entries)

    def _copy(self, number: int, table: Table) -> LoadedTable:
        name = f"{quote(self.schema)}.{quote(table.name)}"
        columns = carried_columns(table)
        listed = ", ".join(_read(c) for c in columns)
        with self.raw.cursor() as cursor:
            cursor.execute("SET @old_zone = @@time_zone, time_zone = '+00:00'")
            cursor.execute(f"SELECT {listed} FROM `{table.name}`")
            rows = cursor.fetchall()
            cursor.execute("SET time_zone = @old_zone")
        # PyMySQL gives what is no date as text.
        none = {
            c.name for at, c in enumerate(columns) if c.type in DATE_TYPES and any(_is_text(row[at]) for row in rows)
        }
        table = pack_columns(table, frozenset(none))
        self.duck.execute(create_statement(table, name))
        arrays = [
            pa.array([packed(row[at]) if field.name in none else _form(row[at]) for row in rows], field.type)
            for at, field in enumerate(arrow_schema(table))
        ]
        data = pa.table(arrays, schema=arrow_schema(table))
        self.duck.register("incoming", data)
        self.duck.execute(f"INSERT INTO {name} SELECT * FROM incoming")
        self.duck.unregister("incoming")
        held = {c.name: presence.of_array(data[c.name]) for c in columns if c.type in STRING_TYPES}
        return LoadedTable(
            number, table, name, State.AVAILABLE, rows=len(rows), presence=held, left_out=left_out(table)
        )

    def weigh(self, collation: str, held: Presence) -> Weights | None:
        """Give the backend's weights."""
        with self.raw.cursor() as cursor:
            return self.collations.get(cursor, collation, held)

    def zone(self, name: str) -> ZoneTable | None:
        """Give the backend's time zone."""
        if name not in self.zones:
            with self.raw.cursor() as cursor:
                self.zones[name] = zones.fetch_zone(cursor, name)
        return self.zones[name]

    def cases(self, collation: str) -> Cases | None:
        """Give what LOWER and UPPER do in a collation of the backend."""
        if collation not in self.known_cases:
            with self.raw.cursor() as cursor:
                facts = fetch_facts(cursor, collation)
                self.known_cases[collation] = None if facts is None else fetch_cases(cursor, facts)
        return self.known_cases[collation]

    def single(self, table: str, column: str, key: str, function: str) -> bool:
        """Tell whether different values of a column have different keys."""
        return (not function or function in self.registered) and read_single(self.duck, table, column, key)

    def prepare(self, statement: str, keep: bool = False) -> list[ColumnDefinition]:
        """Give the backend's column definitions of a statement, which stays prepared when it is to be kept."""
        self.raw._execute_command(Command.STMT_PREPARE, statement)
        first = self.raw._read_packet()._data
        self.prepare_warnings = int.from_bytes(first[10:12], "little")
        columns, parameters = int.from_bytes(first[5:7], "little"), int.from_bytes(first[7:9], "little")
        statement_id = int.from_bytes(first[1:5], "little")
        for _ in range(parameters + bool(parameters)):
            self.raw._read_packet()
        found = [parse_column_definition(bytes(self.raw._read_packet()._data)) for _ in range(columns)]
        if columns:
            self.raw._read_packet()
        self.kept = statement_id
        if not keep:
            self.close_kept()
        return found

    def reconnect(self) -> None:
        """Begin a new session on the backend."""
        self.raw.close()
        self.raw.connect()
        self.begin()

    def close_kept(self) -> None:
        """Close the statement that was prepared last."""
        self.raw._execute_command(Command.STMT_CLOSE, self.kept.to_bytes(4, "little"))

    def backend_rows(self, statement: str | None) -> tuple[list[ColumnDefinition], list[Any]]:
        """Run a statement on the backend, None for the one kept in the binary protocol.

        Gives the column definitions, and of each row the cells as on the wire, or the whole packet of a binary row.
        """
        if statement is None:
            self.raw._execute_command(Command.STMT_EXECUTE, self.kept.to_bytes(4, "little") + b"\0\1\0\0\0")
        else:
            self.raw._execute_command(Command.QUERY, statement)
        count = int(read_lenenc(bytes(self.raw._read_packet()._data), 0)[0] or 0)
        definitions = [parse_column_definition(bytes(self.raw._read_packet()._data)) for _ in range(count)]
        self.raw._read_packet()
        rows: list[Any] = []
        while True:
            payload = bytes(self.raw._read_packet()._data)
            if payload[:1] == b"\xfe" and len(payload) < 9:
                self.warnings = int.from_bytes(payload[1:3], "little")
                return definitions, rows
            rows.append(payload if statement is None else text_row(payload, count))

    def engine_rows(self, sql: str, definitions: list[ColumnDefinition], protocol: str = "text") -> list[Any]:
        """Run translated SQL on the copy; rows are the bytes the results part makes."""
        encoder = RowEncoder(definitions, protocol, "utf8mb4", self.context.backend)
        rows: list[Any] = []
        for batch in self.duck.sql(sql).to_arrow_reader(1000):
            for data, _ in encoder.encode(batch, 0):
                found = packets(bytes(data))
                rows += found if protocol == "binary" else [text_row(one, len(definitions)) for one in found]
        return rows

    def register(self, translation: Translation) -> None:
        """Make the functions that a translation calls."""
        for called in (*translation.weights, *translation.zones, *translation.functions):
            if called.function not in self.registered:
                register(self.duck, called)
                self.registered.add(called.function)

    def _context_of(self, statement: str, protocol: str) -> SessionContext:
        """The session, with the values that only the backend's connection knows."""
        mode = plain_modes(self.context.sql_mode)
        texts = statement_facts(statement).session_values
        context = replace(self.context, protocol=protocol, sql_mode=mode)
        if not texts:
            return context
        definitions, rows = self.backend_rows(question(texts))
        return replace(context, values=read_values(texts, definitions, rows[0], "utf8mb4"))

    def run(self, statement: str, binary: bool = False, ties: bool = False) -> Outcome:
        """Run a statement on both, in the binary protocol when asked for; `ties` lets rows come in any order."""
        try:
            definitions = self.prepare(statement, keep=binary)
        except pymysql.err.MySQLError as problem:
            return Outcome("rejected", error_name(problem))
        described, expected, error = definitions, [], ""
        try:
            is_told = not binary or self.context.backend == "mysql"
            self.told = self._told_before() if self.prepare_warnings and is_told else 0
            if self.prepare_warnings != self.told:
                return Outcome("refused", "Preparing the statement gives warnings")
            if binary:
                self.told = 0  # by the PREPARE
            described, expected = self.backend_rows(None if binary else statement)
        except pymysql.err.MySQLError as problem:
            error = error_name(problem)
        finally:
            if binary:
                self.close_kept()
        warnings = self.warnings
        text = spelled(statement, self.context.sql_mode)
        if text is None:
            return Outcome("refused", f"SQL mode {self.context.sql_mode} is not supported")
        context = self._context_of(text, "binary" if binary else "text")
        plan = None if has_names_in_quotes(self.context.sql_mode) else self.plan(statement)
        context = replace(
            context,
            plan=stages(plan, context.backend),
            reads=reads(plan, context.backend),
            derived=self.derived(text),
        )
        widened, ordered = Failed(OVERFLOW), Failed(BY_KEY)
        while True:
            asked = (self.view, definitions, self.weigh, self.zone, self.cases)
            is_wide, is_ordered = (functools.partial(failed.has, text) for failed in (widened, ordered))
            translation = translate(text, context, *asked, is_wide=is_wide, is_ordered=is_ordered)
            if isinstance(translation, Refusal):
                return Outcome("refused", translation.reason)
            self.register(translation)
            try:
                found = self.engine_rows(translation.sql, list(translation.definitions), context.protocol)
                break
            except (duckdb.Error, pa.ArrowException, OSError, SecondaryEngineError) as problem:  # OSError: of a stream
                if widened.note(text, problem) or ordered.note(text, problem):
                    continue
                first = f"{str(problem).splitlines()[0]} IN {translation.sql}"
                return Outcome("error", f"{error} and {first}") if error else Outcome("failed", first)
        self.warnings = warnings
        if error:
            return Outcome("answered", f"the backend fails with {error}, not {translation.sql}")
        outcome = self._judged(statement, described, translation, expected, found, ties)
        if binary and outcome.columns:  # a row is as its definitions say
            return outcome
        return self._of_single(text, context, definitions, translation, expected, ties) or outcome

    def plan(self, statement: str) -> Any:
        """The backend's plan of a statement, None where it gives none."""
        try:
            (plan,), *_ = self.backend_rows(f"EXPLAIN FORMAT=JSON {statement}")[1]
        except pymysql.err.MySQLError as problem:
            error_name(problem)
            return None
        return read_plan(plan)

    def derived(self, statement: str) -> tuple[DerivedColumn, ...]:
        """What the backend tells of columns that the statement shows MIN or MAX of, or that are a side's."""
        found: list[DerivedColumn] = []
        for asked in derived_questions(statement, self.context.backend):
            try:
                found += asked.columns(self.prepare(asked.text))
            except pymysql.err.MySQLError as problem:
                error_name(problem)
        return tuple(found)

    def _told_before(self) -> int:
        """How many warnings the statement that was just prepared has whoever runs it."""
        return sum(row[1] in TOLD for row in self.backend_rows("SHOW WARNINGS")[1])

    def _of_single(
        self,
        statement: str,
        context: SessionContext,
        definitions: list[ColumnDefinition],
        careful: Translation,
        expected: list[Any],
        ties: bool,
    ) -> Outcome | None:
        """Judge the SQL that holds for these rows only, where there is such; None where it is as good."""
        if not any(word in careful.sql for word in _FOLDED):
            return None
        asked = (self.view, definitions, self.weigh, self.zone, self.cases)
        made = translate(statement, context, *asked, are_single=self.single)
        if isinstance(made, Refusal):
            return Outcome("different", f"for its rows only it is refused: {made.reason}")
        if made.sql == careful.sql:
            return None
        self.singles += 1
        try:
            found = self.engine_rows(made.sql, list(made.definitions), context.protocol)
        except duckdb.Error:  # of the groups that a LIMIT leaves, other ones may fail: the backend answers then
            return None
        outcome = self._judged(statement, definitions, made, expected, found, ties)
        return outcome if outcome.kind == "different" else None

    def _judged(
        self,
        statement: str,
        described: list[ColumnDefinition],
        translation: Translation,
        expected: list[Any],
        found: list[Any],
        ties: bool,
    ) -> Outcome:
        warnings = self.warnings
        if (cut := _LIMIT.search(statement)) and not _is_ordered(statement) and expected and type(expected[0]) is tuple:
            expected = _any_of(self.backend_rows(statement[: cut.start()])[1], expected, found)
        columns = tuple(_column_differences(described, translation.definitions))
        outcome = replace(
            _compare(_is_ordered(statement) and not ties, expected, found, translation.sql), columns=columns
        )
        if warnings != self.told and outcome.kind == "equal":
            return Outcome(
                "warned", f"the backend gives {warnings} warnings, none come from {translation.sql}", columns
            )
        return outcome


def error_name(problem: pymysql.err.MySQLError) -> str:
    """Name an error by its number; raises it again when the connection is lost."""
    if problem.args[0] in (0, 2006, 2013):  # 0: PyMySQL has given the connection up
        raise problem
    return f"error {problem.args[0]}"


def _any_of(rows: list[Any], expected: list[Any], found: list[Any]) -> list[Any]:
    """Expect what was found where LIMIT without ORDER BY lets any of the rows stay."""
    return found if len(found) == len(expected) and not Counter(found) - Counter(rows) else expected


def _column_differences(expected: Sequence[ColumnDefinition], told: Sequence[ColumnDefinition]) -> Iterator[str]:
    for one, other in zip(expected, told, strict=True):
        for fact in ("name", "type", "length", "decimals", "charset"):
            if getattr(one, fact) != getattr(other, fact):
                yield f"{one.name}: {fact} {getattr(one, fact)} told {getattr(other, fact)}"


def _compare(ordered: bool, expected: list[Any], found: list[Any], sql: str) -> Outcome:
    if expected == found or (not ordered and Counter(expected) == Counter(found)):
        return Outcome("equal")
    missing, extra = Counter(expected) - Counter(found), Counter(found) - Counter(expected)
    return Outcome("different", f"backend {list(missing)[:5]} engine {list(extra)[:5]} by {sql}")


def _is_ordered(statement: str) -> bool:
    return "order by" in statement.lower().rsplit(")", 1)[-1]


def _read(column: Column) -> str:
    if column.type in ("float", "double"):
        return f"CAST(`{column.name}` AS DOUBLE)"  # all digits, where as text it has a number of decimals
    long = column.type == "decimal" and (column.precision or 0) > WIDEST_DECIMAL
    return f"CAST(`{column.name}` AS CHAR)" if long else select_value(column)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _form(value: Any) -> Any:
    if hasattr(value, "total_seconds"):
        return value.days * 86_400_000_000 + value.seconds * 1_000_000 + value.microseconds
    return value


def text_row(payload: bytes, columns: int) -> tuple[bytes | None, ...]:
    """Cut a text protocol row into cells."""
    cells: list[bytes | None] = []
    at = 0
    for _ in range(columns):
        if payload[at] == 0xFB:
            cells.append(None)
            at += 1
            continue
        cell, at = read_lenenc_bytes(payload, at)
        cells.append(None if cell is None else bytes(cell))
    return tuple(cells)


def packets(data: bytes) -> Iterator[bytes]:
    """Cut a buffer into packet payloads."""
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 3], "little")
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


def read_statements(path: Path) -> list[str]:
    """Read statements that end with a semicolon at a line's end; lines that begin with -- are comments."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("--")]
    return [s.strip() for s in "\n".join(lines).replace(";\n", "\0").rstrip(";").split("\0") if s.strip()]


def load(connection: Any, schema: str, *paths: Path) -> None:
    """Make the schema anew on the backend from files of statements."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {schema}")
        cursor.execute(f"CREATE SCHEMA {schema} CHARACTER SET utf8mb4")
        cursor.execute(f"USE {schema}")
        for path in paths:
            for statement in read_statements(path):
                cursor.execute(statement)
