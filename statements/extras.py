"""What HeatWave adds to MySQL: QUALIFY, GROUP BY CUBE (…) and ROLLUP (…), TABLESAMPLE, HLL().

No other server runs these. To have names, grants and types from one, such a statement is prepared there in another
form with the same columns: QUALIFY's condition stands where ORDER BY may name the same things, CUBE is ROLLUP, HLL()
is COUNT(DISTINCT), and a sample is its table.
"""

import re

from sqlglot import Token, TokenType, tokenize
from sqlglot.errors import SqlglotError

COUNTED = "COUNT(DISTINCT "
SKETCHED = "HLL("
_NAMES = re.compile(rb"\b(?:qualify|cube|rollup\s*\(|tablesample|hll\s*\()")
_WORDS = (b"qualify", b"cube", b"rollup", b"tablesample", b"hll")  # found sooner than the expression looks
_AFTER_QUALIFY = frozenset(
    {
        *(TokenType.ORDER_BY, TokenType.LIMIT, TokenType.UNION, TokenType.EXCEPT, TokenType.INTERSECT),
        *(TokenType.SEMICOLON, TokenType.FOR, TokenType.INTO),
    }
)


def may_use_extras(text: bytes) -> bool:
    """Tell at little cost whether a statement may use any of them."""
    lowered = text.lower()
    return any(word in lowered for word in _WORDS) and _NAMES.search(lowered) is not None


def preparable(statement: str) -> str | None:
    """Give the form in which another server can prepare a statement; None when it uses none of them, or unclearly, or
    when several are in the text."""
    try:
        tokens = tokenize(statement, read="mysql")
    except SqlglotError:
        return None
    edits: list[tuple[int, int, str]] = []
    for at, token in enumerate(tokens):
        if token.token_type is TokenType.SEMICOLON:
            return None
        opened = at + 1 < len(tokens) and tokens[at + 1].token_type is TokenType.L_PAREN
        word = token.text.upper() if token.token_type is not TokenType.IDENTIFIER else ""
        if token.token_type is TokenType.QUALIFY:
            edits += _qualify(tokens, at)
        elif token.token_type is TokenType.TABLE_SAMPLE:
            closing = next((t for t in tokens[at:] if t.token_type is TokenType.R_PAREN), token)
            edits.append((token.start, closing.end + 1, " "))
        elif word in ("CUBE", "ROLLUP") and opened and at and tokens[at - 1].token_type is TokenType.GROUP_BY:
            closing = tokens[_closing(tokens, at + 1)]
            edits += [(token.start, tokens[at + 1].end + 1, " "), (closing.start, closing.end + 1, " WITH ROLLUP")]
        elif word == "HLL" and opened:
            edits.append((token.start, tokens[at + 1].end + 1, COUNTED))
    if not edits:
        return None
    out, done = [], 0
    for start, end, text in sorted(edits):
        if start < done:
            return None
        out += [statement[done:start], text]
        done = end
    return "".join([*out, statement[done:]])


def _qualify(tokens: list[Token], at: int) -> list[tuple[int, int, str]]:
    depth = 0
    for token in tokens[at + 1 :]:
        if token.token_type is TokenType.L_PAREN:
            depth += 1
        elif token.token_type is TokenType.R_PAREN:
            depth -= 1
        if depth < 0 or (depth == 0 and token.token_type in _AFTER_QUALIFY):
            begin = (tokens[at].start, tokens[at].end + 1, "ORDER BY (")
            if token.token_type is TokenType.ORDER_BY:
                return [begin, (token.start, token.end + 1, "), ")]
            return [begin, (token.start, token.start, ") ")]
    return [(tokens[at].start, tokens[at].end + 1, "ORDER BY ("), (tokens[-1].end + 1, tokens[-1].end + 1, ")")]


def _closing(tokens: list[Token], opening: int) -> int:
    """Find the parenthesis that closes one; the last token when there is none."""
    depth = 0
    for at in range(opening, len(tokens)):
        if tokens[at].token_type is TokenType.L_PAREN:
            depth += 1
        elif tokens[at].token_type is TokenType.R_PAREN:
            depth -= 1
            if depth == 0:
                return at
    return len(tokens) - 1
