"""Finds comparisons in a row that the parser reads otherwise than the servers.

To both servers all comparisons are of one precedence, from left to right: `a <=> b > c` is `(a <=> b) > c`. sqlglot
reads `a <=> (b > c)`, and puts these brackets into its tree, so that nothing there tells that they were not written.
"""

from collections.abc import Sequence

from sqlglot import Token, TokenType

_TIGHTER = frozenset({TokenType.LT, TokenType.LTE, TokenType.GT, TokenType.GTE})  # to sqlglot
_OPEN = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE})
_CLOSED = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE})
_BETWEEN = frozenset({TokenType.AND, TokenType.OR, TokenType.XOR, TokenType.DAMP, TokenType.COMMA, TokenType.SEMICOLON})
_WORDS = frozenset({"WHEN", "THEN", "ELSE", "END", "FROM", "WHERE", "JOIN", "ON", "GROUP", "HAVING", "ORDER", "AS"})


def has_misread_row(tokens: Sequence[Token]) -> bool:
    """Tell whether <, <=, > or >= stands behind <=> in one expression without brackets between them."""
    row = [False]  # of each open bracket, whether a <=> is before this place in the same expression
    for token in tokens:
        kind = token.token_type
        if kind in _OPEN:
            row.append(False)
        elif kind in _CLOSED:
            if len(row) > 1:
                row.pop()
        elif kind in _BETWEEN or token.text.upper() in _WORDS:
            row[-1] = False
        elif kind is TokenType.NULLSAFE_EQ:
            row[-1] = True
        elif kind in _TIGHTER and row[-1]:
            return True
    return False
