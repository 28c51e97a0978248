"""Statements of the modes ANSI_QUOTES and PIPES_AS_CONCAT as they are written without them.

Under ANSI_QUOTES a text in double quotes is a name, in which a backslash is no escape. Under PIPES_AS_CONCAT `a || b`
is CONCAT(a, b), and binds its operands closer than every other operator of two (`%left OR_OR_SYM` stands last but NEG
in sql/sql_yacc.yy), where without the mode it is OR. Only operands whose ends are certain are taken: literals, names,
calls and what is in parentheses.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from statements.sqlmode import modes

ANSI_QUOTES = "ANSI_QUOTES"
_PIPES, _REAL = "PIPES_AS_CONCAT", "REAL_AS_FLOAT"
# What stands for several modes; REAL_AS_FLOAT is felt where a type is named only.
_SPELLED = frozenset({"ANSI", ANSI_QUOTES, _PIPES, _REAL})
_TOKENS = re.compile(
    r"""
    (?P<space>\s+|/\*(?![!+M]).*?\*/|(?:--(?=[\s\x00-\x1f]|\Z)|\#)[^\n]*)
  | (?P<string>(?:[xXbBnN](?='))?'(?:[^'\\]|\\.|'')*')
  | (?P<quoted>"(?:[^"]|"")*")
  | (?P<name>`(?:[^`]|``)*`)
  | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w$]))
  | (?P<word>[^\W\d][\w$]*|\d+[\w$]+)
  | (?P<pipes>\|\|)
  | (?P<hint>/\*\+.*?\*/)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_REALS = re.compile(r"\breal\b", re.IGNORECASE)
_OPEN, _CLOSE = "(", ")"
_CALLED = frozenset({"DATE", "TIME", "TIMESTAMP", "DAY", "MOD"})  # words that are names in front of a parenthesis
# Words that are no names: what stands beside them in parentheses is no call, and they are no operands.
_WORDS = frozenset(
    {
        "ALL", "AND", "ANY", "AS", "ASC", "BETWEEN", "BINARY", "BY", "CASE", "COLLATE", "CROSS", "DATE", "DAY",
        "DESC", "DISTINCT", "DISTINCTROW", "DIV", "ELSE", "END", "ESCAPE", "EXCEPT", "EXISTS", "FALSE", "FOR",
        "FROM", "GROUP", "HAVING", "IN", "INNER", "INTERSECT", "INTERVAL", "INTO", "IS", "JOIN", "LEADING", "LIKE",
        "LIMIT", "LOCK", "MEMBER", "MOD", "NATURAL", "NOT", "NULL", "OF", "OFFSET", "ON", "OR", "ORDER", "OUTER",
        "OVER", "PARTITION", "REGEXP", "RLIKE", "ROW", "SELECT", "SEPARATOR", "SOME", "SOUNDS", "STRAIGHT_JOIN",
        "TABLE", "THEN", "TIME", "TIMESTAMP", "TRAILING", "TRUE", "UNION", "UNKNOWN", "USING", "VALUES", "WHEN",
        "WHERE", "WINDOW", "WITH", "XOR",
    }
)  # fmt: skip
_BEFORE = frozenset({"-", "+", "~", "!", "@", ".", ">", "$"})  # what may change the first operand, or belong to it
_BEFORE_WORDS = frozenset({"BINARY", "INTERVAL", "DATE", "TIME", "TIMESTAMP", "ROW"})
_AFTER = frozenset({".", _OPEN, "@"})
_AFTER_WORDS = frozenset({"COLLATE", "OVER", "MEMBER"})
_LITERALS = ("string", "quoted", "number")
_MOST = 64  # chains of one statement


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    start: int
    end: int
    text: str

    def is_name(self) -> bool:
        return self.kind == "name" or (self.kind == "word" and self.text.upper() not in _WORDS)


class _Uncertain(Exception):
    """It is not certain what the statement means."""


def plain_modes(sql_mode: str) -> str:
    """Leave the modes that are felt once a statement is spelled without the others."""
    return ",".join(sorted(modes(sql_mode) - _SPELLED)) if modes(sql_mode) & _SPELLED else sql_mode


def has_names_in_quotes(sql_mode: str) -> bool:
    """Tell whether a text in double quotes is a name."""
    return ANSI_QUOTES in modes(sql_mode)


def spelled(statement: str, sql_mode: str) -> str | None:
    """Write a statement as it means the same in `plain_modes(sql_mode)`; None where that is not certain."""
    held = modes(sql_mode)
    if _REAL in held and _REALS.search(statement):
        return None
    try:
        if ANSI_QUOTES in held:
            statement = _with_names(statement)
        return _with_calls(statement) if _PIPES in held and "||" in statement else statement
    except _Uncertain:
        return None


def _with_names(statement: str) -> str:
    if '"' not in statement:
        return statement
    parts: list[str] = []
    for found in _TOKENS.finditer(statement):
        text = found.group()
        if found.lastgroup == "quoted":
            name = text[1:-1].replace('""', '"')
            before = statement[: found.start()][-1:]
            if not name or "`" in name or before == "@" or before.isalnum() or before in ("_", "$", '"', "'"):
                raise _Uncertain
            text = f"`{name}`"
        elif found.lastgroup == "other" and text in "'\"`":
            raise _Uncertain
        parts.append(text)
    return "".join(parts)


def _with_calls(statement: str) -> str:
    for _ in range(_MOST):
        tokens = _read(statement)
        deepest = _deepest(tokens)
        if deepest is None:
            return statement
        statement = _with_call(statement, tokens, deepest)
    raise _Uncertain


def _read(statement: str) -> list[_Token]:
    found = [_Token(str(f.lastgroup), *f.span(), f.group()) for f in _TOKENS.finditer(statement)]
    if any(token.kind == "quoted" and "\\" in token.text for token in found):
        raise _Uncertain
    if any(token.kind == "other" and token.text in "'\"`" for token in found):
        raise _Uncertain
    return [token for token in found if token.kind not in ("space", "hint")]


def _deepest(tokens: Sequence[_Token]) -> int | None:
    """Give the first `||` of the innermost parentheses that have one."""
    depth, most, at = 0, -1, None
    for place, token in enumerate(tokens):
        if token.text == _OPEN and token.kind == "other":
            depth += 1
        elif token.text == _CLOSE and token.kind == "other":
            depth -= 1
        elif token.kind == "pipes" and depth > most:
            most, at = depth, place
    return at


def _with_call(statement: str, tokens: Sequence[_Token], at: int) -> str:
    first = _begin(tokens, at - 1)
    _require_apart(tokens, first)
    written = statement[tokens[first].start : tokens[at - 1].end]
    while at < len(tokens) and tokens[at].kind == "pipes":
        last = _end(tokens, at + 1)
        written = f"CONCAT({written}, {statement[tokens[at + 1].start : tokens[last].end]})"
        at = last + 1
    if at < len(tokens) and _clings(tokens[at - 1], tokens[at]):
        raise _Uncertain
    return statement[: tokens[first].start] + written + statement[tokens[at - 1].end :]


def _require_apart(tokens: Sequence[_Token], first: int) -> None:
    if first == 0:
        return
    before = tokens[first - 1]
    if before.text in _BEFORE or before.text.upper() in _BEFORE_WORDS or before.kind in (*_LITERALS, "pipes"):
        raise _Uncertain
    if before.kind == "word" and before.text.startswith("_"):  # an introducer
        raise _Uncertain


def _clings(last: _Token, after: _Token) -> bool:
    if after.text in _AFTER or after.text.upper() in _AFTER_WORDS:
        return True
    return (last.kind in _LITERALS and after.kind in _LITERALS) or (after.text == "-" and last.is_name())


def _end(tokens: Sequence[_Token], at: int) -> int:
    """Give the last token of the operand that begins here."""
    if at >= len(tokens):
        raise _Uncertain
    token = tokens[at]
    if token.kind in _LITERALS and token.text[:1] not in "nN":
        return at
    if token.text == _OPEN:
        return _closing(tokens, at)
    called = at + 1 < len(tokens) and tokens[at + 1].text == _OPEN and token.text.upper() in _CALLED
    if not (token.is_name() or called) or token.text.startswith("_"):
        raise _Uncertain
    while at + 2 < len(tokens) and tokens[at + 1].text == "." and tokens[at + 2].is_name():
        at += 2
    if at + 1 < len(tokens) and tokens[at + 1].text == _OPEN:
        return _closing(tokens, at + 1)
    return at


def _begin(tokens: Sequence[_Token], at: int) -> int:
    """Give the first token of the operand that ends here."""
    if at < 0:
        raise _Uncertain
    token = tokens[at]
    if token.kind in _LITERALS and token.text[:1] not in "nN":
        return at
    if token.text == _CLOSE:
        at = _opening(tokens, at)
        if at and tokens[at - 1].text.upper() == "OVER":
            raise _Uncertain
        if at == 0 or not (tokens[at - 1].is_name() or tokens[at - 1].text.upper() in _CALLED):
            return at
        at -= 1
    elif not token.is_name():
        raise _Uncertain
    while at >= 2 and tokens[at - 1].text == "." and tokens[at - 2].is_name():
        at -= 2
    return at


def _closing(tokens: Sequence[_Token], at: int) -> int:
    depth = 0
    for place in range(at, len(tokens)):
        if tokens[place].kind == "other":
            depth += (tokens[place].text == _OPEN) - (tokens[place].text == _CLOSE)
        if not depth:
            return place
    raise _Uncertain


def _opening(tokens: Sequence[_Token], at: int) -> int:
    depth = 0
    for place in range(at, -1, -1):
        if tokens[place].kind == "other":
            depth += (tokens[place].text == _CLOSE) - (tokens[place].text == _OPEN)
        if not depth:
            return place
    raise _Uncertain
