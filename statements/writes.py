"""INSERT … SELECT and CREATE TABLE … SELECT taken apart: where the rows go, and the query that they come from.

Both are given as written. Only the plain forms are read. What else may stand in such a statement (IGNORE, priorities,
PARTITION, ON DUPLICATE KEY UPDATE, RETURNING, PARTITION BY, strings and comments in its head) gives other writes or
another answer, and is left whole.
"""

import re
from dataclasses import dataclass

from sqlglot import exp

from statements.facts import StatementFacts
from statements.parse import parse_statement

_NAME = r"(?:`(?:[^`]|``)+`|[\w$\u0080-\uffff]+)"
# A list of columns is names only; a query may stand in parentheses as well.
_INSERT = re.compile(
    rf"\s*(?P<head>insert\s+(?:into\s+)?(?:(?P<schema>{_NAME})\s*\.\s*)?(?P<table>{_NAME})"
    rf"(?:\s*\((?P<columns>(?:\s*{_NAME}\s*,)*\s*{_NAME}\s*)\))?)\s*"
    r"(?P<query>(?<![\w$`])(?:(?:\(\s*)*(?:select|with)\b|table\b).*)",
    re.IGNORECASE | re.DOTALL,
)
_BEGINS = re.compile(
    rb"\s*insert\s+(?:into\s+)?[^\s(]+(?:\s*\.\s*[^\s(]+)?\s*(?:\([^()']*\)\s*)?(?:(?:\(\s*)*(?:select|with)\b|table\b)",
    re.IGNORECASE,
)
# What may stand between the name and the query: definitions without strings, and options of a word or a number.
_DEFINED = r"\s*\((?!\s*(?:\(\s*)*(?:select|with)\b)(?:[^()'\"]|\([^()'\"]*\))*\)"
_OPTION = r"(?:(?:default\s+)?(?:engine|charset|character\s+set|collate|row_format)\s*=?\s*\w+\s*,?\s*)"
_CREATE = re.compile(
    rf"\s*(?P<head>create\s+table\s+(?:if\s+not\s+exists\s+)?(?:(?P<schema>{_NAME})\s*\.\s*)?(?P<table>{_NAME})"
    rf"(?:{_DEFINED})?\s*{_OPTION}*)(?<![\w$](?=[\w$]))(?:as\b\s*)?(?P<query>(?:\(\s*)*(?:select|with)\b.*)",
    re.IGNORECASE | re.DOTALL,
)
_MAKES = re.compile(rb"\s*create\s+table\s[^'\"]*?(?:\bas\b|[\s)])\s*(?:\(\s*)*(?:select|with)\b", re.IGNORECASE)
_CUT = re.compile(r"\blimit\s+\d+(?:\s*,\s*\d+|\s+offset\s+\d+)?\s*\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CreateSelect:
    """`head` is the statement up to AS and its query. `schema` is "" for the session's."""

    head: str
    schema: str
    table: str
    query: str


@dataclass(frozen=True, slots=True)
class InsertSelect:
    """`head` is the statement up to its query. `schema` is "" for the session's, `columns` None without a list."""

    head: str
    schema: str
    table: str
    columns: tuple[str, ...] | None
    query: str


def may_insert_query(text: bytes) -> bool:
    """Tell at little cost whether a statement looks like INSERT … SELECT; rows in its text are not looked at."""
    return _BEGINS.match(text) is not None


def read_insert(statement: str) -> InsertSelect | None:
    """Take INSERT … SELECT apart; None when it is something else, or has more to it."""
    found = _INSERT.fullmatch(statement.rstrip("; \t\r\n"))
    if found is None or found["table"].lower() in ("ignore", "into", "select", "with", "table"):
        return None
    columns = None
    if found["columns"] is not None:
        columns = tuple(unquoted(name) for name in re.findall(_NAME, found["columns"]))
    schema, table = unquoted(found["schema"] or ""), unquoted(found["table"])
    return InsertSelect(found["head"], schema, table, columns, found["query"])


def may_create_from_query(text: bytes) -> bool:
    """Tell at little cost whether a statement looks like CREATE TABLE … SELECT."""
    return _MAKES.match(text) is not None


def read_create_select(statement: str) -> CreateSelect | None:
    """Take CREATE TABLE … SELECT apart; None when it is something else, or has more to it."""
    found = _CREATE.fullmatch(statement.rstrip("; \t\r\n"))
    if found is None or found["table"].lower() in ("if", "as", "select", "with", "like"):
        return None
    return CreateSelect(found["head"], unquoted(found["schema"] or ""), unquoted(found["table"]), found["query"])


def without_rows(query: str, facts: StatementFacts) -> str | None:
    """A query that gives no row and the same columns; None when that is not known."""
    if not facts.limited:
        return f"{query}\nLIMIT 0"
    cut, found = _CUT.subn("LIMIT 0", query)
    return cut if found else None


def leaves_rows_open(facts: StatementFacts) -> str:
    """Say why it is not settled which rows a query gives; "" when it is."""
    if facts.limited and not facts.ordered:
        return "LIMIT without ORDER BY leaves open which rows are written"
    return ""


def marked_outputs(query: str) -> frozenset[int]:
    """The places of a query's columns that are a parameter marker alone; none where columns cannot be counted.

    Raises NotParsed.
    """
    tree = parse_statement(query)
    if not isinstance(tree, exp.Select) or tree.find(exp.Star) is not None:
        return frozenset()
    outputs = (output.unalias() for output in tree.expressions)
    return frozenset(place for place, output in enumerate(outputs) if isinstance(output, exp.Placeholder))


def unquoted(name: str) -> str:
    """Take the back ticks off an identifier."""
    return name[1:-1].replace("``", "`") if name.startswith("`") else name
