"""SECONDARY_ENGINE among the options of a CREATE TABLE, which MySQL keeps with the table and MariaDB does not know."""

from statements.lake import Token, significant

_OPTION = "SECONDARY_ENGINE"
_LEADING = frozenset({"OR", "REPLACE", "TEMPORARY"})
_IF_NOT_EXISTS = ("IF", "NOT", "EXISTS")
# Words outside of parentheses behind which no option of the table stands.
_LAST = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "AS", "LIKE", "PARTITION", "IGNORE", "REPLACE", ";"})


def may_name_engine(text: bytes) -> bool:
    """Tell at little cost whether a statement might have the option."""
    return b"secondary_engine" in text.lower()


def without_engine(statement: str) -> tuple[str, str] | None:
    """Take the option out of a CREATE TABLE: the statement without it, and the engine's name as it was written.

    None for other statements, and for those with a backslash or a comment that a server may run, whose end depends on
    settings that are not known here.
    """
    if "\\" in statement or "/*!" in statement or "/*M!" in statement:
        return None
    tokens = significant(statement)
    if any(token.kind == "mark" and token.text in "'\"`" for token in tokens):
        return None  # of a quote that does not end
    at = _behind_name(tokens)
    depth, cuts, engine = 0, list[tuple[int, int]](), ""
    while 0 <= at < len(tokens):
        word = tokens[at].upper
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth == 0 and word in _LAST:
            break
        if depth == 0 and word == _OPTION:
            end = at + 1 + (at + 1 < len(tokens) and tokens[at + 1].upper == "=")
            if end >= len(tokens) or tokens[end].kind == "mark":
                return None
            engine = tokens[end].value
            cuts.append(_with_comma(tokens, at, end))
            at = end
        at += 1
    if not cuts:
        return None
    parts, done = list[str](), 0
    for start, stop in cuts:
        parts.append(statement[done:start])
        done = stop
    return "".join([*parts, statement[done:]]), engine


def _behind_name(tokens: list[Token]) -> int:
    """The place behind the name of a table that is created; -1 when none is."""
    words = [token.upper for token in tokens]
    at = 1
    while at < len(words) and words[at] in _LEADING:
        at += 1
    if words[:1] != ["CREATE"] or words[at : at + 1] != ["TABLE"]:
        return -1
    at += 1
    at += len(_IF_NOT_EXISTS) * (tuple(words[at : at + 3]) == _IF_NOT_EXISTS)
    return at + (3 if words[at + 1 : at + 2] == ["."] else 1)


def _with_comma(tokens: list[Token], first: int, last: int) -> tuple[int, int]:
    """Where the option stands in the text, with one of the commas round it."""
    if tokens[first - 1].upper == ",":
        return tokens[first - 1].start, tokens[last].end
    behind = last + 1 < len(tokens) and tokens[last + 1].upper == ","
    return tokens[first].start, tokens[last + behind].end
