"""SELECT … INTO @a, @b taken apart: the query, and the variables as written."""

import re

from sqlglot import Token, TokenType, tokenize
from sqlglot.errors import SqlglotError

_INTO = re.compile(rb"\binto\s*@")


def may_set_variables(text: bytes) -> bool:
    """Tell at little cost whether a statement may be SELECT … INTO @variable."""
    lowered = text.lower()
    return b"into" in lowered and _INTO.search(lowered) is not None


def read_into(statement: str) -> tuple[str, list[str]] | None:
    """Give the query without its INTO, and the variables; None when it has none, or stands in another form."""
    try:
        tokens = tokenize(statement, read="mysql")
    except SqlglotError:
        return None
    places = [at for at, token in enumerate(tokens) if token.token_type is TokenType.INTO]
    if len(places) != 1:
        return None
    variables, after = _variables(tokens, places[0] + 1, statement)
    if not variables or (after < len(tokens) and tokens[after].token_type is not TokenType.FROM):
        return None
    end = tokens[after].start if after < len(tokens) else len(statement)
    return statement[: tokens[places[0]].start] + statement[end:], variables


def _variables(tokens: list[Token], at: int, statement: str) -> tuple[list[str], int]:
    """Read `@a, @b` from a token on; gives the place behind, and no variables when something else is there."""
    found: list[str] = []
    while at + 1 < len(tokens) and tokens[at].token_type is TokenType.PARAMETER:
        name = tokens[at + 1]
        if name.start != tokens[at].end + 1:
            return [], at
        found.append(statement[tokens[at].start : name.end + 1])
        at += 2
        if at >= len(tokens) or tokens[at].token_type is not TokenType.COMMA:
            return found, at
        at += 1
    return [], at
