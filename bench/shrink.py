"""Make a statement that shows a fault smaller, as long as it shows it."""

from collections.abc import Callable, Iterator

import sqlglot
from sqlglot import exp

_LISTS = ("expressions", "joins", "with_", "with")
_CLAUSES = ("where", "having", "order", "limit", "offset", "distinct", "group", "joins", "windows", "with_", "with")


def shrink(statement: str, shows: Callable[[str], bool], most: int = 400) -> str:
    """Give a smaller statement for which `shows` is true too; tries at most `most` of them."""
    tries = 0
    while True:
        for smaller in _smaller(statement):
            tries += 1
            if tries > most:
                return statement
            if shows(smaller):
                statement = smaller
                break
        else:
            return statement


def _smaller(statement: str) -> Iterator[str]:
    """Statements with one thing less: whole clauses first, then parts of expressions."""
    try:
        tree = sqlglot.parse_one(statement, dialect="mysql")
    except sqlglot.errors.SqlglotError:
        return
    seen = {statement}
    for change in (*_without_clauses(tree), *_without_items(tree), *_parts_for_wholes(tree)):
        text = change.sql(dialect="mysql")
        if text not in seen and len(text) < len(statement) + 8:
            seen.add(text)
            yield text


def _at(tree: exp.Expression, number: int) -> exp.Expression:
    """The node of a copy that stands where the tree's node of this number stands."""
    return list(tree.copy().walk())[number]


def _without_clauses(tree: exp.Expression) -> Iterator[exp.Expression]:
    for number, node in enumerate(tree.walk()):
        if isinstance(node, exp.SetOperation):
            yield node.this.copy()
            yield node.expression.copy()
        for clause in _CLAUSES if isinstance(node, exp.Query) else ():
            if node.args.get(clause):
                found = _at(tree, number)
                found.set(clause, None)
                yield found.root()


def _without_items(tree: exp.Expression) -> Iterator[exp.Expression]:
    for number, node in enumerate(tree.walk()):
        for name in _LISTS:
            items = node.args.get(name)
            if isinstance(items, list) and len(items) > 1:
                for at in range(len(items)):
                    found = _at(tree, number)
                    del found.args[name][at]
                    yield found.root()


def _parts_for_wholes(tree: exp.Expression) -> Iterator[exp.Expression]:
    for number, node in enumerate(tree.walk()):
        if not isinstance(node, exp.Condition) or node.parent is None or isinstance(node, exp.Column | exp.Literal):
            continue
        for part in node.iter_expressions():
            if isinstance(part, exp.Condition | exp.Interval):
                found = _at(tree, number)
                found.replace(part.copy())
                yield found.root()
