"""Tells a comma in FROM from JOIN, which the parser makes the same node of: JOIN is written INNER JOIN before.

A comma binds less than every JOIN, so `a, b RIGHT JOIN c ON …` joins b and c first. Manual: join.html, "the precedence
of the comma operator".
"""

from collections.abc import Sequence

from sqlglot import Token, TokenType, exp

_BEFORE = frozenset(
    {
        TokenType.INNER, TokenType.CROSS, TokenType.OUTER, TokenType.LEFT, TokenType.RIGHT, TokenType.FULL,
        TokenType.NATURAL, TokenType.FOR,
    }
)  # fmt: skip


def with_kinds(tokens: Sequence[Token]) -> list[Token]:
    """Put INNER before each JOIN that is of no other kind, and not of an index hint (FOR JOIN)."""
    made: list[Token] = []
    for token in tokens:
        if token.token_type == TokenType.JOIN and made and made[-1].token_type not in _BEFORE:
            made.append(Token(TokenType.INNER, "INNER", token.line, token.col, token.start, token.end))
        made.append(token)
    return made


def is_comma(join: exp.Expression) -> bool:
    """Tell whether a node of a statement read so is a comma."""
    return not any(join.args.get(part) for part in ("kind", "side", "method", "on", "using"))
