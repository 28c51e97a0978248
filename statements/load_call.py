"""CALL sys.heatwave_load(…, …) taken apart: the expressions of its arguments, as written."""

import re

from sqlglot import TokenType, tokenize
from sqlglot.errors import SqlglotError

_CALL = re.compile(
    r"\s*call\s+(?:(?P<schema>`?sys`?)\s*\.\s*)?(?P<name>`?heatwave_load`?)\s*\((?P<arguments>.*)\)\s*(?:;\s*)?",
    re.IGNORECASE | re.DOTALL,
)


def may_load(text: bytes) -> bool:
    """Tell at little cost whether a statement may call heatwave_load."""
    return b"heatwave_load" in text.lower()


def read_load(statement: str) -> tuple[bool, list[str]] | None:
    """Give whether the schema is named, and the arguments; None for another statement."""
    found = _CALL.fullmatch(statement)
    if found is None:
        return None
    text = found["arguments"]
    try:
        tokens = tokenize(text, read="mysql")
    except SqlglotError:
        return None
    arguments, depth, start = [], 0, 0
    for token in tokens:
        if token.token_type in (TokenType.L_PAREN, TokenType.R_PAREN):
            depth += 1 if token.token_type is TokenType.L_PAREN else -1
        elif token.token_type is TokenType.COMMA and depth == 0:
            arguments.append(text[start : token.start].strip())
            start = token.end + 1
        if depth < 0:
            return None
    arguments.append(text[start:].strip())
    return found["schema"] is not None, arguments if tokens else []
