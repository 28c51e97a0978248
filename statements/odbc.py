"""ODBC's literals, `{d '2024-01-31'}` and the like, as the tokens of MySQL's own; `{oj a JOIN b …}` without its braces.

Both servers read them so where the text is a date, a time or a moment. Where it is none they take it for a text, and
here it stays what no parser reads.
"""

import re
from collections.abc import Sequence
from datetime import datetime

from sqlglot import Token, TokenType

_DATE, _TIME = r"\d{4}-\d\d-\d\d", r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?"
_FORMS = {  # the word: the token of the literal's type, its text, and how the text is written
    "d": (TokenType.DATE, "DATE", re.compile(_DATE)),
    "t": (TokenType.TIME, "TIME", re.compile(_TIME)),
    "ts": (TokenType.TIMESTAMPTZ, "TIMESTAMP", re.compile(f"{_DATE} {_TIME}")),
}
_LENGTH = 4  # tokens of a literal


def as_literals(tokens: Sequence[Token]) -> list[Token]:
    """Put `DATE '…'`, `TIME '…'` and `TIMESTAMP '…'` in the place of ODBC's literals."""
    made: list[Token] = []
    tokens, at = _without_joins(tokens), 0
    while at < len(tokens):
        found = _literal(tokens[at : at + _LENGTH]) if tokens[at].token_type is TokenType.L_BRACE else None
        made += found or [tokens[at]]
        at += _LENGTH if found else 1
    return made


def _without_joins(tokens: Sequence[Token]) -> list[Token]:
    """Leave the braces and the word of ODBC's outer joins out."""
    made: list[Token] = []
    opened: list[bool] = []  # whether each open brace is that of a join
    for at, token in enumerate(tokens):
        if token.token_type is TokenType.L_BRACE:
            opened.append(at + 1 < len(tokens) and tokens[at + 1].text.lower() == "oj")
        is_join = bool(opened) and opened[-1]
        closes = token.token_type is TokenType.R_BRACE
        is_word = is_join and token.text.lower() == "oj" and tokens[at - 1].token_type is TokenType.L_BRACE
        if not (is_join and (closes or token.token_type is TokenType.L_BRACE or is_word)):
            made.append(token)
        if closes and opened:
            opened.pop()
    return made


def _literal(tokens: Sequence[Token]) -> list[Token] | None:
    if len(tokens) < _LENGTH:
        return None
    _, word, text, end = tokens
    form = _FORMS.get(word.text.lower())
    if form is None or text.token_type is not TokenType.STRING or end.token_type is not TokenType.R_BRACE:
        return None
    kind, name, pattern = form
    if not pattern.fullmatch(text.text) or not (kind is TokenType.TIME or _is_day(text.text[:10])):
        return None
    return [Token(kind, name, word.line, word.col, word.start, word.end), text]


def _is_day(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y-%m-%d")
    except ValueError:
        return False
    return True
