"""The words between SELECT and its list in the order in which the parser reads them: MySQL takes them in any."""

from collections.abc import Sequence

from sqlglot import Token, TokenType

WORDS = frozenset(
    {"HIGH_PRIORITY", "STRAIGHT_JOIN", "SQL_SMALL_RESULT", "SQL_BIG_RESULT", "SQL_BUFFER_RESULT", "SQL_NO_CACHE"}
    | {"SQL_CACHE", "SQL_CALC_FOUND_ROWS"}
)
_KEPT_ROWS = frozenset({TokenType.DISTINCT, TokenType.ALL})
_QUOTED = frozenset({TokenType.STRING, TokenType.IDENTIFIER})


def with_distinct_first(tokens: Sequence[Token]) -> list[Token]:
    """Put DISTINCT and ALL in front of the words that stand before them: `SELECT SQL_CALC_FOUND_ROWS DISTINCT …`."""
    made: list[Token] = []
    at = 0
    while at < len(tokens):
        made.append(tokens[at])
        at += 1
        if made[-1].token_type is TokenType.SELECT:
            end = at
            while end < len(tokens) and _is_word(tokens[end]):
                end += 1
            made += sorted(tokens[at:end], key=lambda token: token.token_type not in _KEPT_ROWS)
            at = end
    return made


def _is_word(token: Token) -> bool:
    return token.token_type in _KEPT_ROWS or (token.token_type not in _QUOTED and token.text.upper() in WORDS)
