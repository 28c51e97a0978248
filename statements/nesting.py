"""How deeply a text is nested: what the parser's time, and its stack, depend on.

sqlglot reads a word that may be a type and stands before a bracket twice, as a type and as a function, and so what is
inside: `DATE(DATE(… 1 …))` of 115 characters took ten seconds with twenty of them. Square brackets and braces, which
are no MySQL but for ODBC's `{d '2020-01-01'}`, are read twice too. And it calls itself for every bracket; compiled code
does not see the end of its stack, which is a crash from Python 3.12 on.
"""

import re
from collections.abc import Sequence

from sqlglot import Token, TokenType
from sqlglot.parsers.mysql import MySQLParser

_MOST_BRACKETS = 100
_MOST_TWICE = 4  # that are read twice
_OPEN = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE})
_CLOSED = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE})
_TYPES = frozenset(MySQLParser.TYPE_TOKENS)
# Comments, texts and quoted names, for patterns that pass over them (re.VERBOSE, re.DOTALL).
PASSED_OVER = r"""/\*.*?\*/ | (?:--|\#)[^\n]* | '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`]|``)*`"""
_BRACKETS = re.compile(PASSED_OVER + r"| (?P<open>[(\[{]) | (?P<closed>[)\]}])", re.VERBOSE | re.DOTALL)


def depth_of(statement: str) -> int:
    """How many brackets stand in one another at most, at little cost; a broken text may have more or fewer."""
    depth = most = 0
    for found in _BRACKETS.finditer(statement):
        if found.lastgroup == "open":
            depth += 1
            most = max(most, depth)
        elif found.lastgroup == "closed":
            depth = max(depth - 1, 0)
    return most


def is_too_deep(tokens: Sequence[Token]) -> bool:
    """Tell whether brackets stand in one another, or in calls of what may be a type, deeper than people write."""
    around: list[bool] = []  # of each open bracket, whether it is read twice
    twice = 0
    before = None
    for token in tokens:
        kind = token.token_type
        if kind in _OPEN:
            around.append(kind is not TokenType.L_PAREN or before in _TYPES)
            twice += around[-1]
            if twice > _MOST_TWICE or len(around) > _MOST_BRACKETS:
                return True
        elif kind in _CLOSED and around:
            twice -= around.pop()
        before = kind
    return False
