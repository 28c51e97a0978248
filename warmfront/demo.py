"""The queries of a benchmark, offloaded and on InnoDB: every cell compared, every second shown."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pymysql
from pymysql.converters import conversions
from rich.console import Console
from rich.table import Table

from base.errors import WarmfrontError
from base.settings import Settings
from warmfront import demo_data, instance
from warmfront.compare import Answer, Column, difference
from warmfront.ordering import ordering

INNODB_LIMIT = 300.0  # seconds; a query that InnoDB has not finished by then counts as this
_FIRST_USE = 120.0  # seconds that reading a collation's weights may take
_NOT_YET = "or not yet"  # in the engine's reason while it reads them
_TIMEOUT_ERRORS = (3024, 1969, 1317)  # MySQL, MariaDB, killed
_STRINGS = (15, 249, 250, 251, 252, 253, 254)  # VARCHAR, the BLOBs, VAR_STRING, STRING
# Only decoders make Python objects; without them every value stays the server's text.
_NO_DECODERS = {key: value for key, value in conversions.items() if not isinstance(key, int)}


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A schema and its queries. `folder` of the package holds schema.sql; `small_scale` is where a query that InnoDB
    does not finish is compared instead; `text` gives query n at a scale for a backend of this kind. At least
    `least` of the queries are offloaded."""

    name: str
    folder: str
    queries: int
    least: int
    small_scale: float
    tables: Sequence[str]
    ensure: Callable[[Any, float, demo_data.Progress], None]
    text: Callable[[int, float, str], str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One query on both engines. `problem` is empty for the same answer; `refused`: why MySQL answers."""

    number: int
    rows: int
    innodb: float
    warmfront: float
    problem: str
    note: str = ""
    refused: bool = False

    @property
    def speed_up(self) -> float:
        """How many times faster than InnoDB."""
        return self.innodb / max(self.warmfront, 1e-6)


def demonstrate(
    benchmark: Benchmark, settings: Settings, scale: float, console: Console, progress: demo_data.Progress
) -> bool:
    """Make data, run all queries on both engines, print the table; True when enough were equal and none differed."""
    demo = _Demo(benchmark, settings, scale, progress)
    demo.prepare(scale)
    before = demo.offloaded()
    outcomes = []
    for number in range(1, benchmark.queries + 1):
        progress(f"query {number}", number - 1, benchmark.queries)
        outcomes.append(demo.compare(number))
    progress("queries", benchmark.queries, benchmark.queries)
    _print(benchmark, outcomes, scale, console)
    equal = sum(not outcome.problem for outcome in outcomes)
    if demo.offloaded() - before < equal:
        console.print("[red]the engine counted fewer queries than were run: not all were offloaded")
        return False
    return not any(outcome.problem and not outcome.refused for outcome in outcomes) and equal >= benchmark.least


class _Demo:
    def __init__(self, benchmark: Benchmark, settings: Settings, scale: float, progress: demo_data.Progress) -> None:
        self._benchmark = benchmark
        self._settings = settings
        self._scale = scale
        self._progress = progress
        self._connection = self._connect()
        self._prepared: set[float] = set()

    def _connect(self) -> Any:
        return instance.connect(self._settings, conv=_NO_DECODERS, local_infile=True, charset="utf8mb4")

    def prepare(self, scale: float) -> None:
        """Have data and copies of a scale."""
        schema = demo_data.schema_name(self._benchmark.folder, scale)
        if scale not in self._prepared:
            self._benchmark.ensure(self._connection, scale, self._progress)
            tables = self._benchmark.tables
            demo_data.wait_for_copies(self._connection, schema, tables, self._settings.autoload, self._progress)
            self._prepared.add(scale)
        self._connection.select_db(schema)

    def offloaded(self) -> int:
        """Queries that the engine has answered so far."""
        with self._connection.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'rapid_query_offload_count'")
            rows = cursor.fetchall()
        return int(rows[0][1]) if rows else 0

    def _text(self, number: int, scale: float) -> str:
        return self._benchmark.text(number, scale, self._settings.server.kind)

    def compare(self, number: int) -> Outcome:
        """Run one query on both engines."""
        try:
            fast = self._offloaded(number)
        except WarmfrontError as error:
            return Outcome(number, 0, 0.0, 0.0, f"not offloaded: {error}", refused=True)
        try:
            slow = self._ask(number, self._scale, "OFF")
        except _TookTooLong:
            return self._compare_small(number, fast)
        problem = difference(fast, slow, *ordering(self._text(number, self._scale))) or ""
        return Outcome(number, len(fast.rows), slow.seconds, fast.seconds, problem)

    def _offloaded(self, number: int) -> Answer:
        """Run one query on the engine, which reads a collation's weights at first use."""
        deadline = time.monotonic() + _FIRST_USE
        while True:
            try:
                return self._ask(number, self._scale, "FORCED")
            except WarmfrontError as error:
                if _NOT_YET not in str(error) or time.monotonic() > deadline:
                    raise
            time.sleep(0.5)

    def _compare_small(self, number: int, fast: Answer) -> Outcome:
        """InnoDB was too slow at this scale: compare at a small one, and count its limit as its time."""
        small = min(self._benchmark.small_scale, self._scale)
        self.prepare(small)
        try:
            ours, theirs = self._ask(number, small, "FORCED"), self._ask(number, small, "OFF")
            problem = difference(ours, theirs, *ordering(self._text(number, small))) or ""
        except WarmfrontError as error:
            problem = f"at scale {small:g}: {error}"
        self.prepare(self._scale)
        note = f"InnoDB stopped after {INNODB_LIMIT:g} s; compared at scale {small:g}"
        return Outcome(number, len(fast.rows), INNODB_LIMIT, fast.seconds, problem, note)

    def _ask(self, number: int, scale: float, mode: str) -> Answer:
        limit = "max_statement_time" if self._settings.server.is_mariadb else "max_execution_time"
        seconds = INNODB_LIMIT if mode == "OFF" else 0
        value = f"{seconds:g}" if self._settings.server.is_mariadb else f"{seconds * 1000:g}"
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(f"SET SESSION use_secondary_engine = {mode}")
                cursor.execute(f"SET SESSION {limit} = {value}")
                began = time.perf_counter()
                cursor.execute(self._text(number, scale))
                rows = tuple(cursor.fetchall())
                seconds = time.perf_counter() - began
                return Answer(_columns(cursor), rows, seconds)
        except pymysql.err.MySQLError as error:
            if error.args[0] in _TIMEOUT_ERRORS and mode == "OFF":
                raise _TookTooLong from error
            raise WarmfrontError(f"{error.args[0]}: {error.args[-1]}") from error


class _TookTooLong(WarmfrontError):
    """InnoDB reached the limit."""


def _columns(cursor: Any) -> tuple[Column, ...]:
    fields = cursor._result.fields  # the cursor's description leaves charset and decimals out
    return tuple(
        # A string has no decimals: 31 ("not fixed") or 0, as the server's plan has it.
        Column(field.name, field.type_code, field.charsetnr, 0 if field.type_code in _STRINGS else field.scale)
        for field in fields
    )


def _print(benchmark: Benchmark, outcomes: list[Outcome], scale: float, console: Console) -> None:
    table = Table(
        "query", "rows", "InnoDB s", "warmfront s", "speed-up", "", title=f"{benchmark.name}, scale {scale:g}"
    )
    for name in ("rows", "InnoDB s", "warmfront s", "speed-up"):
        next(column for column in table.columns if column.header == name).justify = "right"
    for outcome in outcomes:
        colour = "yellow" if outcome.refused else "red"
        state = f"[{colour}]{_escape(outcome.problem)}" if outcome.problem else f"[green]equal[/] {outcome.note}"
        table.add_row(f"Q{outcome.number}", f"{outcome.rows:,}", *_times(outcome.innodb, outcome.warmfront), state)
    table.add_section()
    done = [outcome for outcome in outcomes if outcome.warmfront > 0 and outcome.innodb > 0]
    total = _times(sum(outcome.innodb for outcome in done), sum(outcome.warmfront for outcome in done))
    equal = sum(not outcome.problem for outcome in outcomes)
    table.add_row("total", "", *total, f"{equal} of {len(outcomes)} offloaded and equal")
    if done:
        mean = math.exp(sum(math.log(outcome.speed_up) for outcome in done) / len(done))
        table.add_row("geometric mean", "", "", "", f"{mean:.1f} x", "")
    console.print(table)


def _times(innodb: float, warmfront: float) -> tuple[str, str, str]:
    ratio = f"{innodb / warmfront:.1f} x" if warmfront else "-"
    return f"{innodb:.3f}", f"{warmfront:.3f}", ratio


def _escape(text: str) -> str:
    return text.replace("[", "\\[")
