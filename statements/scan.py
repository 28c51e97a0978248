"""The cheap look at a statement's bytes: its first word, and whether more than one statement is in it. No parser."""

import re

# Behind white space and comments that are certain to be comments: version comments and hints are code.
_FIRST_WORD = re.compile(
    rb"(?:[\s;]++|/\*(?![!+M])(?:[^*]++|\*(?!/))*+\*/|--[ \t][^\n]*+(?:\n|\Z)|\#[^\n]*+(?:\n|\Z))*+([A-Za-z]+|\()"
)


def first_word(text: bytes, at: int = 0) -> bytes:
    """Give a statement's first word in lower case, or b"(", reading from offset `at`; b"" when it has none."""
    found = _FIRST_WORD.match(text, at)
    return found[1].lower() if found else b""


def split_outside_quotes(text: str, mark: str) -> list[str]:
    """Split at every `mark` (one character) that stands outside quotes and parentheses."""
    parts: list[str] = []
    start = depth = at = 0
    while at < len(text):
        char = text[at]
        if char in "'\"`":
            at = _skip_quoted(text, at)
            continue
        depth += (char == "(") - (char == ")")
        if char == mark and depth == 0:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    return [*parts, text[start:]]


def _skip_quoted(text: str, at: int) -> int:
    quote = text[at]
    at += 1
    while at < len(text):
        if text[at] == "\\" and quote != "`":
            at += 2
        elif text[at] == quote:
            return at + 1
        else:
            at += 1
    return at


def is_one_statement(text: str) -> bool:
    """Tell whether nothing but white space stands behind a semicolon outside quotes."""
    return not any(part.strip() for part in split_outside_quotes(text, ";")[1:])
