"""Reading the parser's nodes with nothing overlooked: an argument that no rule reads is a refusal."""

from sqlglot import exp

from engine.translate.refusal import Refused, refuse

_IGNORED = {
    exp.Count: {"big_int"},
    exp.Length: {"binary"},
    exp.DateDiff: {"date_part_boundary"},
    exp.Column: {"join_mark"},
    exp.Concat: {"safe", "coalesce"},
    exp.Window: {"over"},
    exp.Greatest: {"ignore_nulls"},
    exp.Least: {"ignore_nulls"},
    exp.Subquery: {"with_"},
    exp.Like: {"negate"},
}


def only(node: exp.Expression, *names: str) -> None:
    """Require that a node has no other arguments than these; raises Refused naming the first one."""
    for name, value in node.args.items():
        if name in names or value is None or value is False or value == []:
            continue
        if name not in _IGNORED.get(type(node), ()):
            refuse(f"{kind(node)} with {name.strip('_')} is not supported")


def kind(node: exp.Expression) -> str:
    """Name a node for a reason."""
    if isinstance(node, exp.Anonymous):
        return f"function {str(node.this).upper()}"
    if isinstance(node, exp.Func):
        return f"function {node.sql_name()}"
    return type(node).__name__


def child(node: exp.Expression, name: str = "this") -> exp.Expression:
    """Give a child that must be there; raises Refused."""
    value = node.args.get(name)
    if not isinstance(value, exp.Expression):
        refuse(f"{kind(node)} has no {name}")
    return value


def children(node: exp.Expression, name: str = "expressions") -> list[exp.Expression]:
    """Give a list of children."""
    value = node.args.get(name) or []
    return [item for item in value if isinstance(item, exp.Expression)]


def undated(node: exp.Expression) -> exp.Expression:
    """Take off a conversion that the parser puts around arguments of functions that look at the date only."""
    if isinstance(node, exp.TsOrDsToDate):  # also the parser's form of DATE(): use this only where it changes nothing
        only(node, "this")
        return child(node)
    return node


def bare(node: exp.Expression) -> exp.Expression:
    """Take off parentheses: both servers' parsers keep none, so that `ORDER BY (1)` is a position."""
    while isinstance(node, exp.Paren):
        node = child(node)
    return node


def whole_number(node: exp.Expression | None, what: str) -> int:
    """Read a literal that must be a whole number; raises Refused."""
    if isinstance(node, exp.Literal) and not node.is_string and str(node.this).isdigit():
        return int(node.this)
    raise Refused(f"{what} is not a whole number")
