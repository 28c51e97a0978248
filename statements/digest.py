"""Statement to digest: the text with its literals taken out, which is the key of the decision cache.

One compiled expression finds what has to change (strings, numbers, comments); all else stays as it was
written, so an ordinary statement costs about ten microseconds.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_TOKENS = re.compile(
    r"""
    (?P<name>@?`(?:[^`]|``)*`|@'(?:[^'\\]|\\.|'')*'|@"(?:[^"\\]|\\.|"")*")
  | (?P<string>(?<![\w$])[xXbB]'[0-9a-fA-F]*'|'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")
  | (?P<number>(?<![\w$.])(?:0x[0-9a-fA-F]+|0b[01]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?![\w$.]))
  | (?P<hint>/\*\+.*?\*/)
  | (?P<version>/\*M?!)
  | (?P<comment>/\*.*?\*/|(?:--(?=[\s\x00-\x1f]|\Z)|\#)[^\n]*)
  | (?P<broken>--|/\*|['"`]|::)
    """,
    re.VERBOSE | re.DOTALL,
)

_BROKEN = {
    "--": "two minus signs in a row are not certain to be read alike",
    "/*": "a comment is not closed",
    "::": "'::' is not MySQL",
}


class _BrokenOff(Exception):
    """The text cannot be taken apart from here on."""


@dataclass(frozen=True, slots=True)
class Digest:
    """`key` is the text without literals and comments, hints kept; `literals` are as written, in order.

    `refuse` names why the text must not be offloaded, whatever it says; None when it may be looked at.
    """

    key: str
    literals: tuple[str, ...]
    refuse: str | None


@lru_cache(maxsize=8)
def digest(statement: str) -> Digest:
    """Take the literals out of a statement; the kind of each literal stays in the key.

    The last few are kept: on its way a statement is asked for its digest by one part after the other.
    """
    literals: list[str] = []
    refuse: str | None = None
    broken = ""

    def replace(found: re.Match[str]) -> str:
        nonlocal refuse, broken
        kind, text = found.lastgroup, found.group()
        if kind == "string":
            literals.append(text)
            return "?x" if text[0] in "xXbB" else "?s"
        if kind == "number":
            literals.append(text)
            return _number_mark(text)
        if kind == "comment":
            return " "
        if kind == "version":
            refuse = refuse or "version comments (/*! */) are code only the server can read"
        elif kind == "broken":
            broken = _BROKEN.get(text, "a quoted text is not closed")
            raise _BrokenOff  # the next quote would be looked for to the end once more, and the next
        return text

    try:
        key = _TOKENS.sub(replace, statement).strip()
    except _BrokenOff:
        return Digest(statement, (), refuse or broken)
    return Digest(key, tuple(literals), refuse)


def spans(statement: str) -> list[tuple[int, int]]:
    """Give where the literals of a statement begin and end, in the order of `Digest.literals`."""
    return [found.span() for found in _TOKENS.finditer(statement) if found.lastgroup in ("string", "number")]


def _number_mark(text: str) -> str:
    """Name a number's kind: integer, decimal, double or hexadecimal have different result types."""
    if text.isdigit():
        return "?i"
    if text[:2] in ("0x", "0b"):
        return "?x"
    return "?f" if "e" in text or "E" in text else "?d"
