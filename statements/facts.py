"""What a statement is: its kind, tables, variables, functions and locks, read once and decided on many times."""

import re
from dataclasses import dataclass, field

from sqlglot import exp

from statements.context import ViewDefinition
from statements.digest import digest
from statements.functions import BARE_CALLS, SESSION, VOLATILE
from statements.hints import max_execution_time, refused_hint, set_vars
from statements.nesting import PASSED_OVER
from statements.parse import MAX_LENGTH, TOO_LONG, NotParsed, parse_statement
from statements.session_values import ASKED, CALLS, session_value
from statements.sqlmode import refused_mode

# What HeatWave's engine adds to MySQL.
_EXTRAS: dict[type[exp.Expression], str] = {
    exp.Qualify: "QUALIFY is not MySQL",
    exp.TableSample: "TABLESAMPLE is not MySQL",
    exp.Cube: "CUBE is not MySQL",
    exp.Hll: "HLL is not MySQL",
}
_NOT_MYSQL: dict[type[exp.Expression], str] = {
    exp.ILike: "ILIKE is not MySQL",
    exp.Filter: "FILTER is not MySQL",
    exp.Command: "the statement's syntax is not known to the engine",
}

_WORDLESS = frozenset(
    {exp.Identifier, exp.Literal, exp.Boolean, exp.Null}
)  # half of all nodes, of which nothing is noted

# With white space before the parenthesis, and without IGNORE_SPACE, these are calls of stored functions.
# Source: "Function Name Parsing and Resolution" of the MySQL manual.
_SPACED = re.compile(r"(?<![\w$@.`])(\w+)(?:\s|/\*)\s*[(/]")
_PASSED_OVER = re.compile(PASSED_OVER, re.VERBOSE | re.DOTALL)
_UNSPACED = frozenset(
    {
        "adddate", "bit_and", "bit_or", "bit_xor", "cast", "count", "curdate", "curtime", "date_add", "date_sub",
        "extract", "group_concat", "max", "mid", "min", "now", "position", "session_user", "std", "stddev",
        "stddev_pop", "stddev_samp", "subdate", "substr", "substring", "sum", "sysdate", "system_user", "trim",
        "variance", "var_pop", "var_samp",
    }
)  # fmt: skip


_LIST = re.compile(
    r"(?<=\()(?:(\s*-?\d+)\s*,){20}(?:\s*-?\d+\s*,)*\s*-?\d+\s*(?=\))"
    r"|(?<=\()(?:(\s*'[^'\\]*')\s*,){20}(?:\s*'[^'\\]*'\s*,)*\s*'[^'\\]*'\s*(?=\))"
)
_WRITES_FILE = re.compile(r"\bINTO\s+(?:OUTFILE|DUMPFILE)\s*\?s", re.IGNORECASE)
_WORTH_IT = 2048  # characters


@dataclass(frozen=True, slots=True)
class StatementFacts:
    """Facts of one statement. `reason` says why it cannot be offloaded whatever the session; None if it may.

    `kind` is "select", "explain", "insert_select", "create_select" or "other". `tables` holds (schema, name)
    as written, schema "" for the session's own, without names of common table expressions. `functions` are
    upper-case names. `set_vars` are the SET_VAR hints, `max_execution_time` milliseconds of that hint.
    `session_values` are what the backend is asked for: see `statements.session_values`.
    `views` are definitions that somebody has asked for: then `tables` are the ones under them. `lake` are those of the
    tables that somebody has found to be lake tables. `unquoted` is not None where these are the facts of the statement
    with names in double quotes: then it is the reason against the one with texts.
    """

    kind: str
    tables: frozenset[tuple[str, str]] = frozenset()
    has_into: bool = False
    locking: bool = False
    user_variables: frozenset[str] = frozenset()
    assigns_variables: bool = False
    system_variables: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    volatile: bool = False
    parameters: int = 0
    set_vars: dict[str, str] = field(default_factory=dict)
    max_execution_time: int | None = None
    reason: str | None = None
    session_values: tuple[str, ...] = ()
    limited: bool = False  # the query itself has a LIMIT
    ordered: bool = False  # … and an ORDER BY
    views: tuple[ViewDefinition, ...] = ()
    lake: frozenset[tuple[str, str]] = frozenset()
    unquoted: str | None = None


def statement_facts(statement: str, sql_mode: str = "", extras: bool = False) -> StatementFacts:
    """Read one statement; never raises: what cannot be read has kind "other" and a reason.

    `extras` allows QUALIFY, CUBE, TABLESAMPLE and HLL, which MySQL has in HeatWave only.
    """
    return read_statement(_without_long_lists(statement), sql_mode, extras)[1]


def _without_long_lists(statement: str) -> str:
    """Shorten lists of literals: no fact depends on them, and reading ten thousand numbers keeps others waiting."""
    if not _WORTH_IT < len(statement) <= MAX_LENGTH:
        return statement

    def shortened(found: re.Match[str]) -> str:
        in_a_name = statement.count("`", 0, found.start()) % 2
        return found[0] if in_a_name else found[1] or found[2]

    return _LIST.sub(shortened, statement)


def read_statement(
    statement: str, sql_mode: str = "", extras: bool = False
) -> tuple[exp.Expression | None, StatementFacts]:
    """Give the tree as well: None for a statement that cannot be read."""
    if len(statement) > MAX_LENGTH:
        return None, StatementFacts("other", reason=TOO_LONG)
    digested = digest(statement)
    if digested.refuse:
        return None, StatementFacts("other", reason=digested.refuse)
    if _WRITES_FILE.search(digested.key):
        return None, StatementFacts(
            "other", has_into=True, reason="INTO OUTFILE and INTO DUMPFILE write files of the backend"
        )
    try:
        tree = parse_statement(statement)
        gathered = _Gathered(extras)
        gathered.visit(tree, frozenset())
    except NotParsed as problem:
        return None, StatementFacts("other", reason=str(problem))
    except RecursionError:
        return None, StatementFacts("other", reason="the statement is nested too deeply")
    return tree, StatementFacts(
        kind=_kind(tree),
        tables=frozenset(gathered.tables),
        has_into=gathered.has_into,
        locking=gathered.locking,
        user_variables=frozenset(gathered.user_variables),
        assigns_variables=gathered.assigns,
        system_variables=frozenset(gathered.system_variables),
        functions=frozenset(gathered.functions),
        volatile=bool(gathered.functions & VOLATILE),
        parameters=gathered.parameters,
        set_vars=set_vars(statement),
        max_execution_time=max_execution_time(statement),
        reason=gathered.reason or _reason(gathered, statement, sql_mode),
        session_values=tuple(sorted(gathered.session_values)),
        limited=tree.args.get("limit") is not None,
        ordered=bool(tree.args.get("order")),
    )


def _kind(tree: exp.Expression) -> str:
    if isinstance(tree, exp.Query | exp.Values):
        return "select"
    if isinstance(tree, exp.Describe):
        return "explain"
    if isinstance(tree, exp.Insert) and isinstance(tree.args.get("expression"), exp.Query):
        return "insert_select"
    if isinstance(tree, exp.Create) and isinstance(tree.args.get("expression"), exp.Query):
        return "create_select"
    return "other"


def _reason(gathered: "_Gathered", statement: str, sql_mode: str) -> str | None:
    """Give the first reason that holds for the whole statement."""
    if mode := refused_mode(sql_mode):
        return f"SQL mode {mode} is not supported"
    if hint := refused_hint(statement):
        return f"the hint SET_VAR({hint}) is not supported"
    if spaced := next((name for name in _spaced(statement) if name.lower() in _UNSPACED), None):
        return f"white space between {spaced.upper()} and its parenthesis is not supported"
    if gathered.has_into:
        return "SELECT ... INTO is not supported"
    if gathered.locking:
        return "locking reads are not supported"
    if gathered.assigns:
        return "user variables that are assigned are not supported"
    if found := min(gathered.functions & (VOLATILE | SESSION), default=None):
        return f"function {found} is not supported"
    return None


def _spaced(statement: str) -> list[str]:
    """Give the words that white space separates from a parenthesis, outside of texts and quoted names."""
    if not any(name.lower() in _UNSPACED for name in _SPACED.findall(statement)):
        return []
    plain = _PASSED_OVER.sub(lambda found: "?" if found[0][0] in "'\"`" else found[0], statement)
    return _SPACED.findall(plain)


class _Gathered:
    """One walk over the tree, with the names of common table expressions in scope."""

    def __init__(self, extras: bool) -> None:
        self._refused = _NOT_MYSQL if extras else {**_NOT_MYSQL, **_EXTRAS}
        self.tables: set[tuple[str, str]] = set()
        self.functions: set[str] = set()
        self.user_variables: set[str] = set()
        self.system_variables: set[str] = set()
        self.session_values: set[str] = set()
        self.assigns = self.locking = self.has_into = False
        self.parameters = 0
        self.reason: str | None = None

    def visit(self, node: exp.Expression, names: frozenset[str]) -> None:
        """Gather the facts of a node and all below it."""
        clause = node.args.get("with_")
        if isinstance(clause, exp.With):
            names = self._common_tables(clause, names)
        self._note(node, names)
        for key, value in node.args.items():
            if key == "with_":
                continue
            for child in value if type(value) is list else (value,):
                if isinstance(child, exp.Expression) and type(child) not in _WORDLESS:
                    self.visit(child, names)

    def _common_tables(self, clause: exp.With, names: frozenset[str]) -> frozenset[str]:
        """Visit each body with the names it can see; give the names that the main query sees."""
        recursive = bool(clause.args.get("recursive"))
        for cte in clause.expressions:
            seen = names | {cte.alias.casefold()}
            self.visit(cte.this, seen if recursive else names)
            names = seen
        return names

    def _note(self, node: exp.Expression, names: frozenset[str]) -> None:
        kind = type(node)
        asked = session_value(node) if kind in ASKED else None
        if asked is not None:
            self.session_values.add(asked)
        if kind in self._refused:
            self.reason = self.reason or self._refused[kind]
        if kind is exp.Table:
            self._table(node, names)
        elif kind is exp.Column:
            self._column(node)
        elif isinstance(node, exp.Anonymous):
            name = str(node.this).upper()
            self.functions.add(name)
            if name in CALLS:
                self._require(asked, f"function {name} with arguments is not supported")
        elif isinstance(node, exp.Func):
            self.functions.add(node.sql_name().upper())
        elif kind is exp.Parameter:
            self.user_variables.add(node.name)
            self._require(asked, "this user variable is not supported")
        elif kind is exp.SessionParameter:
            self.system_variables.add(node.name.lower())
            self._require(asked, f"the system variable {node.name} is not supported")
        elif kind is exp.PropertyEQ:
            self.assigns = True
        elif kind is exp.Placeholder:
            self.parameters += 1
        elif kind is exp.Lock:
            self.locking = True
        elif kind is exp.Into:
            self.has_into = True
        elif kind is exp.Interval and node.args.get("unit") is None and not isinstance(node.this, exp.Tuple):
            self.reason = self.reason or "an interval without a unit is not supported"
        elif kind is exp.Dot:
            self.reason = self.reason or "stored functions are not supported"

    def _require(self, asked: str | None, reason: str) -> None:
        if asked is None:
            self.reason = self.reason or reason

    def _table(self, node: exp.Expression, names: frozenset[str]) -> None:
        name, schema = node.name, node.text("db")
        if isinstance(node.this, exp.JSONTable):
            return
        if not isinstance(node.this, exp.Identifier):
            self.reason = self.reason or "table functions are not supported"
        elif schema or name.casefold() not in names:
            self.tables.add((schema, name))

    def _column(self, node: exp.Expression) -> None:
        name = node.this
        if isinstance(name, exp.Identifier) and not name.quoted and not node.text("table"):
            upper = name.this.upper()
            if upper in BARE_CALLS:
                self.functions.add(upper)
                self.reason = self.reason or f"{upper} without parentheses is not supported"
