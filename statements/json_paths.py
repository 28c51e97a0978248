"""Finds JSON paths that do not begin with $: the parser reads them as if they did, MySQL gives error 3143 for each."""

from collections.abc import Sequence

from sqlglot import Token, TokenType

_ARROWS = (TokenType.ARROW, TokenType.DARROW)


def has_rootless_path(tokens: Sequence[Token]) -> bool:
    """Tell whether a text behind -> or ->>, or after the document of JSON_EXTRACT, is no path of the whole document."""
    around: list[int] = []  # of each open bracket how many commas it has had, -1 where it is not JSON_EXTRACT's
    before: Token | None = None
    for token in tokens:
        kind = token.token_type
        if kind is TokenType.STRING and not token.text.lstrip().startswith("$") and before is not None:
            if before.token_type in _ARROWS:
                return True
            if around and around[-1] > 0 and before.token_type is TokenType.COMMA:
                return True
        elif kind is TokenType.L_PAREN:
            around.append(0 if before is not None and before.text.upper() == "JSON_EXTRACT" else -1)
        elif kind is TokenType.R_PAREN and around:
            around.pop()
        elif kind is TokenType.COMMA and around and around[-1] >= 0:
            around[-1] += 1
        before = token
    return False
