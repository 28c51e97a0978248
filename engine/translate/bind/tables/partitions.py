"""FROM t PARTITION (p, …): the rows of the partitions named, as a condition on what the table is divided by.

The server put each row where this condition says, unless somebody exchanged a partition WITHOUT VALIDATION: then the
server itself no longer finds the row by its value.
"""

from sqlglot import exp

from engine.translate.bind.binder import Binder
from engine.translate.bind.numbers import as_condition
from engine.translate.names import Scope, Visible
from engine.translate.nodes import child, children, only
from engine.translate.refusal import refuse
from engine.translate.tree import Expr
from engine.translate.types import Family
from statements.parse import parse_statement
from statements.schema import Partition, Table

_UNLIKE = "partitions by several columns, texts, dates that may be zero or such an expression are not supported"
_LEAST = -(1 << 63)  # what both servers take NULL for in HASH: part_val_int() of sql_partition.cc
_DIGITS = 19  # of a signed integer
_COLUMNS = " COLUMNS"
_NUMBER = frozenset({Family.INT})
_MOMENT = frozenset({Family.DATE, Family.DATETIME})
# What a table may be divided by, beside a column: no session has a say in it.
_PARTS = frozenset({"date_part", "to_days", "to_seconds", "to_date"})


def chosen(binder: Binder, table: Visible, definition: Table, node: exp.Expression) -> Expr:
    """Give what is true of exactly the rows of the partitions that a node names; raises Refused.

    Source: "RANGE Partitioning" to "KEY Partitioning" and "How MySQL Partitioning Handles NULL" of the MySQL manual.
    """
    only(node, "expressions")
    parts = definition.partitions
    if not parts:  # MySQL does not say that a table divided by KEY () is
        refuse("which partitions the table has is not known to the engine")
    names = [part.name.casefold() for part in parts]
    places = []
    for name in children(node):
        if name.name.casefold() not in names:
            refuse(f"{name.name} is no partition of the table, or one of its subpartitions")
        places.append(names.index(name.name.casefold()))
    texts = [_TESTS[_method(parts[0])](parts, place) for place in sorted(set(places))]
    value = parts[0].expression
    alone = type(binder)(binder.shared, Scope(sources=[Visible("t", "", table.alias, table.columns)]), {})
    _require_plain(_bound(alone, value), parts[0].method)
    return as_condition(_bound(alone, " OR ".join(f"({text.format(value=value)})" for text in texts)))


def _method(first: Partition) -> str:
    method = first.method.removesuffix(_COLUMNS)
    if method not in _TESTS:
        refuse(f"which rows a partition by {first.method} has is not known to the engine")
    return method


def _bound(binder: Binder, text: str) -> Expr:
    (node,) = children(parse_statement(f"SELECT ({text})"))
    if isinstance(node, exp.Tuple):
        refuse(_UNLIKE)
    return binder.expr(child(node))


def _require_plain(value: Expr, method: str) -> None:
    """Refuse what is compared otherwise than by its number or its day."""
    column = value
    while column.op in _PARTS and len(column.args) == 1:
        (column,) = column.args
    families = _NUMBER if column is value else _MOMENT
    if method.endswith(_COLUMNS):
        families = _NUMBER | _MOMENT if column is value else frozenset()
    if column.op != "column" or column.type.family not in families:
        refuse(_UNLIKE)
    if method == "HASH" and column.type.unsigned and column.type.digits > _DIGITS:
        refuse("partitions by HASH of a BIGINT UNSIGNED are not supported")


def _range(parts: tuple[Partition, ...], place: int) -> str:
    tests = []
    if parts[place].bound != "MAXVALUE":
        tests.append(f"{{value}} < {_escaped(parts[place].bound)}")
    if place:
        tests.append(f"{{value}} >= {_escaped(parts[place - 1].bound)}")
    text = " AND ".join(tests) or "TRUE"
    return text if place else f"{text} OR {{value}} IS NULL"


def _list(parts: tuple[Partition, ...], place: int) -> str:
    if parts[place].bound != "DEFAULT":  # of MariaDB
        return _listed(parts[place].bound)
    others = [f"({_listed(part.bound)})" for at, part in enumerate(parts) if at != place]
    return f"NOT COALESCE({' OR '.join(others)}, FALSE)" if others else "TRUE"


def _listed(bound: str) -> str:
    values = bound.split(",")
    given = [_escaped(value) for value in values if value != "NULL"]
    tests = [f"{{value}} IN ({', '.join(given)})"] if given else []
    return " OR ".join([*tests, *(["{value} IS NULL"] if "NULL" in values else [])])


def _hash(parts: tuple[Partition, ...], place: int) -> str:
    text = f"ABS({{value}} % {len(parts)}) = {place}"
    return f"{text} OR {{value}} IS NULL" if -_LEAST % len(parts) == place else text


def _escaped(bound: str) -> str:
    return bound.replace("{", "{{").replace("}", "}}")


_TESTS = {"RANGE": _range, "LIST": _list, "HASH": _hash}
