"""sqlglot with our settings: one MySQL statement to one tree, or a reason why not."""

from sqlglot import exp, parse
from sqlglot.errors import SqlglotError

MAX_LENGTH = 1 << 20  # characters; a longer statement costs more to read than the engine can win


class NotParsed(Exception):
    """The text cannot be read, or not with certainty as MySQL reads it; `str()` is the reason."""


def parse_statement(statement: str) -> exp.Expression:
    """Parse one statement of the MySQL dialect; raises NotParsed."""
    if len(statement) > MAX_LENGTH:
        raise NotParsed("the statement is longer than the engine reads")
    try:
        trees = [tree for tree in parse(statement, read="mysql") if tree is not None]
    except (SqlglotError, RecursionError, ValueError, TypeError, AttributeError, KeyError, IndexError) as problem:
        raise NotParsed("the statement's syntax is not known to the engine") from problem
    if len(trees) != 1 or not isinstance(trees[0], exp.Expression):
        raise NotParsed("the text is not one statement")
    return trees[0]
