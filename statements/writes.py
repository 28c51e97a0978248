"""INSERT … SELECT taken apart: where the rows go, and the query that they come from, both as written.

Only the plain form is read. What else may stand in such a statement (IGNORE, priorities, PARTITION, ON DUPLICATE KEY
UPDATE, RETURNING, comments in its head) gives other writes or another answer, and is left whole.
"""

import re
from dataclasses import dataclass

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


def leaves_rows_open(query: str) -> str:
    """Say why it is not settled which rows a query gives; "" when it is. Raises NotParsed."""
    tree = parse_statement(query)
    if tree.args.get("limit") and not tree.args.get("order"):
        return "LIMIT without ORDER BY leaves open which rows are written"
    return ""


def unquoted(name: str) -> str:
    """Take the back ticks off an identifier."""
    return name[1:-1].replace("``", "`") if name.startswith("`") else name
