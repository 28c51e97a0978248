"""What FOUND_ROWS() tells after a query, from the rows that it gave.

Both servers count the rows that OFFSET passes over, so far as there are any; MariaDB counts all rows of a set operation
with a limit, before the limit is applied (seen on 9.7.4 and 10.11.19).
"""

import re

from sqlglot import exp

from statements.parse import NotParsed, parse_statement

_LIMITS = re.compile(rb"\b(?:limit|offset)\b", re.IGNORECASE)


def found_rows(text: bytes, rows: int, is_mariadb: bool) -> int | None:
    """Give the number for a query that gave so many rows, with no sql_select_limit; None when they do not tell."""
    if not _LIMITS.search(text):
        return rows
    try:
        tree: exp.Expression = parse_statement(text.decode("utf-8"))
    except (NotParsed, UnicodeDecodeError):
        return None
    while isinstance(tree, exp.Subquery) and not (tree.args.get("limit") or tree.args.get("offset")):
        tree = tree.this
    if isinstance(tree, exp.SetOperation):
        if is_mariadb and tree.find(exp.Limit, exp.Offset, exp.Fetch):
            return None
    elif not isinstance(tree, exp.Select):
        return None
    offset = tree.args.get("offset")
    if offset is None:
        return rows
    passed = offset.expression
    if not rows or not isinstance(passed, exp.Literal) or not passed.this.isdigit():
        return None
    return int(passed.this) + rows
