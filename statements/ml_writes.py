"""Statements that write a query's rows, taken apart: INSERT, REPLACE, CREATE TABLE … SELECT, SET @variable = (SELECT).

Everything but the query stays as it is written.
"""

import re
from dataclasses import dataclass

from sqlglot import Token, TokenType

from statements.ml import tokens_of

_NAME = r"(?:`(?:[^`]|``)+`|[\w$\u0080-\uffff]+)"
_CREATED = re.compile(rf"\s*create\s+(?:temporary\s+)?table\s+({_NAME}(?:\s*\.\s*{_NAME})?)", re.IGNORECASE)
_ASSIGNED = re.compile(r"\s*set\s+(@(?:[\w$.\u0080-\uffff]+|`(?:[^`]|``)*`))\s*:?=\s*(.*)", re.IGNORECASE | re.DOTALL)
_QUERY = (TokenType.SELECT, TokenType.WITH)


@dataclass(frozen=True, slots=True)
class QueryWrite:
    """`head` is the statement up to its query, `tail` what stands behind that.

    `created` is the name of a table that the statement makes, as written, "" when it inserts.
    """

    head: str
    query: str
    tail: str
    created: str


def read_write(statement: str) -> QueryWrite | None:
    """Take INSERT, REPLACE or CREATE TABLE … SELECT apart; None for another form, as CREATE TABLE IF NOT EXISTS is."""
    tokens = tokens_of(statement.strip("; \t\r\n"))
    begin = _query_at(tokens) if tokens else None
    if not tokens or not begin:
        return None
    word = tokens[0].text.upper()
    created = _CREATED.match(statement) if word == "CREATE" else None
    if word not in ("INSERT", "CREATE") or (word == "CREATE" and (created is None or created[1].upper() == "IF")):
        return None
    end = len(tokens) if created else _tail_at(tokens, begin)
    stop = tokens[end - 1].end + 1
    tail = statement[tokens[end].start : tokens[-1].end + 1] if end < len(tokens) else ""
    head = statement[: tokens[begin].start]
    if created and tokens[begin - 1].token_type is TokenType.ALIAS:
        head = statement[: tokens[begin - 1].start]
    return QueryWrite(head, statement[tokens[begin].start : stop], tail, created[1] if created else "")


def _query_at(tokens: list[Token]) -> int | None:
    """Find the token that begins the query: SELECT or WITH outside of parentheses, or the parenthesis before it."""
    depth = 0
    for number, token in enumerate(tokens):
        if not depth and token.token_type in _QUERY:
            return number
        if not depth and token.token_type is TokenType.L_PAREN:
            behind = number
            while behind < len(tokens) and tokens[behind].token_type is TokenType.L_PAREN:
                behind += 1
            if behind < len(tokens) and tokens[behind].token_type in _QUERY:
                return number
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
    return None


def _tail_at(tokens: list[Token], begin: int) -> int:
    """Find ON DUPLICATE KEY UPDATE behind a query."""
    depth = 0
    for number in range(begin, len(tokens) - 1):
        token = tokens[number]
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if not depth and token.text.upper() == "ON" and tokens[number + 1].text.upper() == "DUPLICATE":
            return number
    return len(tokens)


def read_assignment(statement: str) -> tuple[str, str] | None:
    """Give variable and expression of SET @variable = expression; None for another form."""
    found = _ASSIGNED.fullmatch(statement.rstrip("; \t\r\n"))
    return (found[1], found[2]) if found else None
