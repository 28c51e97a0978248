"""sqlglot with our settings: one MySQL statement to one tree, or a reason why not."""

import re

from sqlglot import exp
from sqlglot.dialects.mysql import MySQL
from sqlglot.errors import SqlglotError
from sqlglot.parsers.mysql import MySQLParser

from statements.comparisons import has_misread_row
from statements.joins import with_kinds
from statements.json_paths import has_rootless_path
from statements.json_table import read_json_tables
from statements.modifiers import WORDS, with_distinct_first
from statements.nesting import PASSED_OVER, is_too_deep
from statements.odbc import as_literals

# A longer statement costs more to read than the engine can win, and while one is read no other session is served.
MAX_LENGTH = 1 << 16  # characters
TOO_LONG = "the statement is longer than the engine reads"
# sqlglot's time doubles with every join that still waits for its condition.
_MAX_OPEN_JOINS = 8
_JOINS = re.compile(
    PASSED_OVER
    + r"""| \bas\s+\w+
      | (?<![\w$@.])(?:(?:cross|natural)\s+(?:\w+\s+){0,2}join
                     | (?P<open>(?:straight_)?join) | (?P<on>on|using))(?![\w$])""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_HEX = re.compile(r"\bhex\s*\(", re.IGNORECASE)
_WORDS = re.compile("|".join(sorted(WORDS)), re.IGNORECASE)
_INTERVALS = re.compile(r"\binterval\s*\(", re.IGNORECASE)
# MySQL has no lambdas: the arrow in SUM(document->'$.a' > 1) cuts a part out of a column. Only here is MySQL parsed.
MySQLParser.LAMBDAS = {}
_DIALECT = MySQL()
read_json_tables()


class NotParsed(Exception):
    """The text cannot be read, or not with certainty as MySQL reads it; `str()` is the reason."""


def _open_joins(statement: str) -> int:
    """Count how many joins wait for an ON or USING at once; 0 when there are too few to matter."""
    if statement.lower().count("join") <= _MAX_OPEN_JOINS:
        return 0
    waiting = most = 0
    for found in _JOINS.finditer(statement):
        if found.lastgroup == "open":
            waiting += 1
            most = max(most, waiting)
        elif found.lastgroup == "on":
            waiting = max(0, waiting - 1)
    return most


def parse_statement(statement: str) -> exp.Expression:
    """Parse one statement of the MySQL dialect; raises NotParsed."""
    if len(statement) > MAX_LENGTH:
        raise NotParsed(TOO_LONG)
    if _open_joins(statement) > _MAX_OPEN_JOINS:
        raise NotParsed("too many joins without a condition")
    try:
        tokens = _DIALECT.tokenize(statement)
        if is_too_deep(tokens):
            raise NotParsed("the statement is nested too deeply")
        if ("->" in statement or "json" in statement.lower()) and has_rootless_path(tokens):
            raise NotParsed("a JSON path does not begin with $")
        if "<=>" in statement and has_misread_row(tokens):
            raise NotParsed("comparisons in a row without parentheses are not certain to be read alike")
        if "{" in statement:
            tokens = as_literals(tokens)
        if "join" in statement.lower():
            tokens = with_kinds(tokens)
        if _WORDS.search(statement):
            tokens = with_distinct_first(tokens)
        trees = [tree for tree in _DIALECT.parser().parse(tokens, statement) if tree is not None]
    except (SqlglotError, RecursionError, ValueError, TypeError, AttributeError, KeyError, IndexError) as problem:
        raise NotParsed("the statement's syntax is not known to the engine") from problem
    if len(trees) != 1 or not isinstance(trees[0], exp.Expression):
        raise NotParsed("the text is not one statement")
    if _INTERVALS.search(statement):
        _name_intervals(trees[0])
    if _HEX.search(statement):
        _part_hex(trees[0])
    return trees[0]


def _part_hex(tree: exp.Expression) -> None:
    """Make two functions again of LOWER(HEX(…)), which the parser takes for one."""
    for node in list(tree.find_all(exp.LowerHex)):
        node.replace(exp.Lower(this=exp.Hex(this=node.this)))


def _name_intervals(tree: exp.Expression) -> None:
    """Make a name again of what stands behind INTERVAL(a, b, …), and was taken for a unit."""
    for node in list(tree.find_all(exp.Interval)):
        unit, chosen = node.args.get("unit"), isinstance(node.parent, exp.Select) and node.arg_key == "expressions"
        if chosen and isinstance(node.this, exp.Tuple) and isinstance(unit, exp.Var):
            node.set("unit", None)
            node.replace(exp.alias_(node.copy(), unit.name))
