"""What the backend is asked about a statement before it is offloaded, on the user's own connection, in one write.

The session's variables give the statement its meaning; the PREPARE checks syntax, names and grants and gives the
exact column definitions; what only this session knows (`@x`, DATABASE()) is asked for; SHOW CREATE TABLE shows whether
a temporary table or a view hides a table that is loaded; EXPLAIN gives the cost, and what the rows pass on their way
out, by which the executed statement describes its columns. Pure: bytes out, bytes in.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from base.errors import MalformedPacket
from proxy.backend.answers import Answer, AnswerReader
from proxy.reasons import Reason, Refusal
from statements.context import SessionContext, ViewDefinition
from statements.derived_columns import DerivedColumn, Question, derived_questions
from statements.facts import StatementFacts
from statements.lake import mark_of, stored_attribute
from statements.plans import read_plan, stages
from statements.reads import reads
from statements.session_values import question, read_values
from statements.spelled import has_names_in_quotes
from wire.constants import Capability, Command
from wire.framing import build_packets
from wire.parameters import BLOBS, STRINGS
from wire.responses import build_query_attributes, parse_column_definition

_WHO = ("CONNECTION_ID()", "HEX(DATABASE())")
_FOUND_ROWS = "FOUND_ROWS()"  # of the query before, which the questions make the backend forget
# Switches that decide as a mode does: none is a mode that is known to be harmless.
_SWITCHES = (
    "@@sql_mode, IF(@@sql_auto_is_null, ',SQL_AUTO_IS_NULL', ''), IF(@@sql_big_selects, '', ',MAX_JOIN_SIZE'),"
    " IF(@@max_sort_length < 1024, ',MAX_SORT_LENGTH', '')"
)
_MODES = {
    "mysql": f"CONCAT({_SWITCHES})",
    # What patterns of REGEXP mean: EXTENDED leaves spaces out of them, UNGREEDY finds the shortest text.
    "mariadb": f"CONCAT({_SWITCHES}, IF(@@default_regex_flags = '', '', ',DEFAULT_REGEX_FLAGS'))",
}
_VARIABLES = (
    "@@time_zone",
    "@@system_time_zone",
    "@@collation_connection",
    "@@character_set_client",
    "@@character_set_results",
    "@@div_precision_increment",
    "@@group_concat_max_len",
    "@@sql_select_limit",
    "@@lower_case_table_names",
    "@@default_week_format",
    "@@lc_time_names",
    "NOW(6)",
    "UTC_TIMESTAMP(6)",
    "@@max_error_count",
    "COLLATION(_utf8mb4'')",
)
_TIMEOUT = {"mysql": "@@max_execution_time", "mariadb": "ROUND(@@max_statement_time * 1000)"}
_RECURSION = {"mysql": "@@cte_max_recursion_depth", "mariadb": "@@max_recursive_iterations"}
_SERVER = {"mysql": "@@server_uuid", "mariadb": "CONCAT('mariadb-', @@server_id)"}  # as engine/backend names it
DENIED = 1142  # ER_TABLEACCESSDENIED_ERROR
_BYTES = 63  # the character set of what is none
_UTF8MB4 = "utf8mb4_"
_COST_PER_ROW = 0.1  # MySQL's row_evaluate_cost: MariaDB 10.11 shows rows, not costs


def build_query(text: bytes, capabilities: int) -> bytes:
    """Frame a COM_QUERY of our own for a connection with these capabilities."""
    attributes = build_query_attributes({}) if capabilities & Capability.QUERY_ATTRIBUTES else b""
    return build_packets(bytes((Command.QUERY,)) + attributes + text, 0)


def build_prepare(text: bytes) -> bytes:
    """Frame a COM_STMT_PREPARE."""
    return build_packets(bytes((Command.STMT_PREPARE,)) + text, 0)


def build_execute(statement_id: int, cursor: bool = False) -> bytes:
    """Frame a COM_STMT_EXECUTE of a statement without parameters."""
    flags, iterations = bytes((cursor,)), (1).to_bytes(4, "little")
    return build_packets(bytes((Command.STMT_EXECUTE,)) + statement_id.to_bytes(4, "little") + flags + iterations, 0)


def build_close(statement_id: int) -> bytes:
    """Frame a COM_STMT_CLOSE."""
    return build_packets(bytes((Command.STMT_CLOSE,)) + statement_id.to_bytes(4, "little"), 0)


def quote_name(name: str) -> str:
    """Quote an identifier with backticks."""
    return "`" + name.replace("`", "``") + "`"


def context_query(kind: str) -> bytes:
    """The SELECT that reads the session's variables."""
    asked = (*_WHO, _MODES[kind], *_VARIABLES, _TIMEOUT[kind], _RECURSION[kind], _SERVER[kind], _FOUND_ROWS)
    return ("SELECT " + ", ".join(asked)).encode()


@dataclass(slots=True)
class Preflight:
    """What the backend said. `refusal` None means that the statement may go to the engine."""

    context: SessionContext | None = None
    status: int = 0
    definitions: list[bytes] = field(default_factory=list)
    prepared: list[int] = field(default_factory=list)  # what was prepared for it, to be closed
    cost: float | None = None
    refusal: Refusal | None = None
    lake: dict[tuple[str, str], str] = field(default_factory=dict)  # lake tables as named, and the mark of their text
    only_lake: bool = False  # the statement reads nothing else
    forced: bool = False  # use_secondary_engine is FORCED for it: the backend may not answer
    warned: list[list[bytes | None]] = field(default_factory=list)  # rows of SHOW WARNINGS that hold whoever runs it
    found_rows: int | None = None  # FOUND_ROWS() before the first of the questions
    spelled: bytes | None = None  # the statement without the modes that the session spells it with

    def note_prepared(self, answer: Answer) -> None:
        """Note what is to be closed."""
        if answer.prepared:
            self.prepared.append(answer.prepared.statement_id)


@dataclass(frozen=True, slots=True)
class Questions:
    """The pipelined commands of one preflight."""

    text: bytes
    facts: StatementFacts
    backend: str
    capabilities: int
    with_plan: bool
    is_lake: Callable[[str, str], bool]  # whether a table of a schema is known as a lake table
    prepared: list[bytes] | None = None  # definitions known from the client's own prepare
    warned: int = 0  # warnings of the PREPARE that are known, and do not count against the statement

    def build(self) -> tuple[bytes, list[int]]:
        """Give the bytes to write and the commands in them."""
        parts = [build_query(context_query(self.backend), self.capabilities)]
        commands = [int(Command.QUERY)]
        if self.prepared is None:
            parts.append(build_prepare(self.text))
            commands.append(int(Command.STMT_PREPARE))
        for asked in self._derived():
            parts.append(build_prepare(asked.text.encode()))
            commands.append(int(Command.STMT_PREPARE))
        if self.facts.session_values:
            parts.append(build_query(question(self.facts.session_values).encode(), self.capabilities))
            commands.append(int(Command.QUERY))
        # EXPLAIN leaves a note behind, which what comes after it clears: SHOW WARNINGS must not find it.
        queries = [b"EXPLAIN FORMAT=JSON " + self.text] if self.with_plan else []
        queries += [f"SHOW CREATE TABLE {name}".encode() for name in self._names()]
        for query in queries:
            parts.append(build_query(query, self.capabilities))
            commands.append(int(Command.QUERY))
        return b"".join(parts), commands

    def _derived(self) -> tuple[Question, ...]:
        return derived_questions(self.text.decode("utf-8", "replace"), self.backend) if self.with_plan else ()

    def _names(self) -> list[str]:
        return [
            f"{quote_name(schema)}.{quote_name(name)}" if schema else quote_name(name)
            for schema, name in sorted(self.facts.tables)
        ]

    def read(self, data: bytes) -> Preflight:
        """Judge the answers."""
        out = Preflight()
        answers = AnswerReader(data, self.capabilities)
        try:
            variables = answers.result()
            prepared = answers.prepare() if self.prepared is None else Answer(definitions=self.prepared)
            out.note_prepared(prepared)
            derived = [(one, answers.prepare()) for one in self._derived()]
            for _, answer in derived:
                out.note_prepared(answer)
            asked = answers.result() if self.facts.session_values else None
            explained = answers.result() if self.with_plan else None
            shown = [answers.result() for _ in self.facts.tables]
        except MalformedPacket:
            # MySQL's plan of a row found by its key shows the row, whose values may be of any size.
            out.refusal = Refusal(Reason.LONG_PLAN if out.prepared else Reason.UNKNOWN_SESSION)
            return out
        unread = self._read_context(variables, out)
        out.lake = self._lake(shown, out.context.schema if out.context else "")
        out.only_lake = bool(out.lake) and set(out.lake) == set(self.facts.tables)
        out.definitions = prepared.definitions
        out.status = variables.status
        out.refusal = (
            unread
            or _judge_prepare(prepared, self.warned)
            or self._read_values(asked, out)
            or next((refusal for answer in shown if (refusal := _judge_table(answer))), None)
        )
        if explained and out.context and not out.refusal:
            plan = None if explained.error or len(explained.rows) != 1 else read_plan(explained.rows[0][0])
            out.cost = _cost(plan)
            if self.backend == "mariadb" and has_names_in_quotes(out.context.sql_mode):
                plan = None  # so have its conditions, which MariaDB writes into the JSON as they are
            out.context = replace(
                out.context,
                plan=stages(plan, self.backend),
                reads=reads(plan, self.backend),
                derived=tuple(column for one, answer in derived for column in self._columns(one, answer)),
            )
        return out

    def _columns(self, asked: Question, answer: Answer) -> tuple[DerivedColumn, ...]:
        return asked.columns([parse_column_definition(one, self.capabilities) for one in answer.definitions])

    def _lake(self, shown: list[Answer], schema: str) -> dict[tuple[str, str], str]:
        """Which tables are lake tables. Who may not see a table's text has it from those that are known as such."""
        found = {}
        for name, answer in zip(sorted(self.facts.tables), shown, strict=True):
            text = answer.rows[0][1] if len(answer.rows) == 1 and len(answer.rows[0]) == 2 else None
            if text and stored_attribute(text.decode("utf-8", "replace")) is not None:
                found[name] = mark_of(text)
            elif (
                answer.error
                and answer.error.number == DENIED
                and (name in self.facts.lake or self.is_lake(name[0] or schema, name[1]))
            ):
                found[name] = ""
        return found

    def _read_context(self, answer: Answer, out: Preflight) -> Refusal | None:
        if answer.error or len(answer.rows) != 1:
            return Refusal(Reason.UNKNOWN_SESSION)
        values = [None if value is None else value.decode("utf-8", "replace") for value in answer.rows[0]]
        try:
            out.context = self._context(values)
            out.found_rows = int(values[-1] or 0)
        except (ValueError, TypeError):
            return Refusal(Reason.UNKNOWN_SESSION)
        if not self.text.isascii() and not out.context.character_set_client.startswith("utf8"):
            return Refusal(Reason.NOT_UTF8)
        if not all(_reads_alike(view, out.context) for view in self.facts.views):
            return Refusal(Reason.UNSUPPORTED, "a view was made with another collation_connection")
        return None

    def _read_values(self, answer: Answer | None, out: Preflight) -> Refusal | None:
        if answer is None or out.context is None:
            return None
        if answer.error or len(answer.rows) != 1:
            return Refusal(Reason.UNKNOWN_SESSION)
        definitions = [parse_column_definition(payload, self.capabilities) for payload in answer.definitions]
        texts, results = self.facts.session_values, out.context.character_set_results
        values = read_values(texts, definitions, answer.rows[0], results)
        out.context = replace(out.context, values=values)
        return None

    def _context(self, values: list[str | None]) -> SessionContext:
        text = [value or "" for value in values]
        limit = self.facts.max_execution_time
        return SessionContext(
            connection_id=int(text[0]),
            backend=self.backend,
            schema=bytes.fromhex(text[1]).decode("utf-8"),
            sql_mode=text[2],
            time_zone=text[3],
            system_time_zone=text[4],
            collation_connection=text[5],
            character_set_client=text[6],
            character_set_results=text[7],
            div_precision_increment=int(text[8]),
            group_concat_max_len=int(text[9]),
            sql_select_limit=int(text[10]),
            lower_case_table_names=int(text[11]),
            default_week_format=int(text[12]),
            lc_time_names=text[13],
            now=text[14],
            utc_now=text[15],
            max_error_count=int(text[16]),
            default_collation=text[17],
            max_execution_time=int(float(text[18])) if limit is None else limit,
            recursion_limit=int(text[19]),
            server=text[20],
            capabilities=self.capabilities,
            views=self.facts.views,
        )


def _reads_alike(view: ViewDefinition, context: SessionContext) -> bool:
    """Tell whether a view's literals mean in this session what they meant where it was made."""
    if not view.body.isascii() and not context.character_set_results.startswith("utf8"):
        return False
    return "'" not in view.body or view.collation == context.collation_connection or view.collation.startswith(_UTF8MB4)


def _judge_prepare(answer: Answer, known: int) -> Refusal | None:
    if answer.error:
        return Refusal(Reason.BACKEND_ERROR)
    if answer.prepared and answer.prepared.parameters:
        return Refusal(Reason.PARAMETERS)
    if answer.warnings and answer.warnings != known:
        return Refusal(Reason.WARNINGS)
    return None if answer.definitions else Refusal(Reason.RELAYED_SHAPE)


def _judge_table(answer: Answer) -> Refusal | None:
    # Everything is granted on one's own temporary tables: what is denied, to a user with some columns only, is none.
    # And no view: the fence sees the DDL that would have put one in the loaded table's place.
    if answer.error and answer.error.number == DENIED:
        return None
    if answer.error or len(answer.rows) != 1 or len(answer.rows[0]) != 2:
        return Refusal(Reason.HIDDEN_TABLE)
    return None if (answer.rows[0][1] or b"").startswith(b"CREATE TABLE ") else Refusal(Reason.HIDDEN_TABLE)


def _cost(plan: Any) -> float | None:
    """Read the optimizer's cost out of a plan; None when it shows none."""
    costs = list(_find_costs(plan))
    return max(costs) if costs else _cost_from_rows(plan)


def _find_costs(node: Any) -> Any:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("query_cost", "estimated_total_cost"):
                yield float(value)
            else:
                yield from _find_costs(value)
    elif isinstance(node, list):
        for value in node:
            yield from _find_costs(value)


def _cost_from_rows(plan: Any) -> float | None:
    """Estimate MariaDB's cost as rows that a nested-loop join looks at, each at MySQL's cost of a row."""
    total, loop, found = 0.0, 1.0, False
    for rows, filtered in _find_rows(plan):
        found = True
        total += loop * rows
        loop = max(1.0, loop * rows * filtered / 100.0)
    return total * _COST_PER_ROW if found else None


def _find_rows(node: Any) -> Any:
    if isinstance(node, dict):
        if "rows" in node and isinstance(node["rows"], (int, float)):
            yield float(node["rows"]), float(node.get("filtered", 100.0))
        for value in node.values():
            yield from _find_rows(value)
    elif isinstance(node, list):
        for value in node:
            yield from _find_rows(value)


def same_shape(one: list[bytes], other: list[bytes], capabilities: int) -> bool:
    """Tell whether two lists of definitions describe the same columns, whatever the names of expressions."""
    if len(one) != len(other):
        return False
    for left, right in zip(one, other, strict=True):
        a, b = parse_column_definition(left, capabilities), parse_column_definition(right, capabilities)
        if (a.type, a.charset, a.length, a.decimals, a.flags) != (b.type, b.charset, b.length, b.decimals, b.flags):
            return False
        # A column of a table has its own name; that of an expression is its text, with a marker or with a value.
        if a.org_name and (a.name, a.table, a.org_table) != (b.name, b.table, b.org_table):
            return False
        if a.org_name != b.org_name:
            return False
    return True


def gives_bytes(definitions: list[bytes], capabilities: int) -> bool:
    """Tell whether a column is a string of bytes."""
    columns = [parse_column_definition(definition, capabilities) for definition in definitions]
    return any(column.charset == _BYTES and column.type in STRINGS | BLOBS for column in columns)
