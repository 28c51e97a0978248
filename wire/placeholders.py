"""Literals in the place of a prepared statement's question marks."""

import re

from wire.parameters import NotALiteral

_TOKENS = re.compile(
    # What may hold a question mark that is no placeholder.
    r"`(?:[^`]|``)*`|'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|/\*.*?\*/|--(?=[\s\x00-\x1f]|\Z)[^\n]*|#[^\n]*"
    # What tells where an item of GROUP BY or ORDER BY begins.
    r"|[^\W\d]\w*|[?(),]",
    re.DOTALL,
)
_COMMENTS = ("/*", "--", "#")
_ENDS = frozenset({"HAVING", "INTO", "LIMIT", "QUALIFY", "SEPARATOR", "WINDOW"})  # what ends a list behind BY
_LISTS = frozenset({"CUBE", "ROLLUP"})  # whose parentheses hold such a list


def fill_placeholders(statement: str, literals: list[str], positions: bool = True) -> str:
    """Put literals in the place of the question marks.

    Args:
        positions: whether a whole number that is an item of GROUP BY or ORDER BY is a position, as MariaDB has it
            (Item_param::is_order_clause_position). To MySQL, which resolves a statement before it has values, it is a
            constant: it is written as one.

    Raises:
        NotALiteral: there are more or fewer literals than question marks.
    """
    waiting = iter(literals)
    used = 0
    begins, lists = False, [False]  # whether an item may begin here; of each open parenthesis, whether it holds items

    def put(found: re.Match[str]) -> str:
        nonlocal used, begins
        token = found[0]
        if token == "?":
            used += 1
            literal = next(waiting, token)
            as_constant = not positions and begins and literal.isdigit()
            begins = False
            return f"COALESCE({literal})" if as_constant else literal
        if token == "(":
            lists.append(begins)
        elif token == ")":
            begins = False
            if len(lists) > 1:
                lists.pop()
        elif token == ",":
            begins = lists[-1]
        elif not token.startswith(_COMMENTS) and (word := token.upper()) not in _LISTS:
            begins = word == "BY"
            lists[-1] = begins or (lists[-1] and word not in _ENDS)
        return token

    text = _TOKENS.sub(put, statement)
    if used != len(literals):
        raise NotALiteral("placeholders")
    return text
