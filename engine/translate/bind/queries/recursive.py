"""WITH RECURSIVE: a first query, and a step over the rows that came last.

The columns have the first query's types on both servers. What a step makes has to fit them without being changed:
where the server would cut a text, round or report a number out of range, the engine fails and the server answers.
"""

from dataclasses import replace

from sqlglot import exp

from engine.translate.bind.binder import CommonTable, Shared
from engine.translate.bind.numbers import as_value
from engine.translate.bind.tables.derived import renamed, settle
from engine.translate.literals import is_literal, is_text
from engine.translate.nodes import child, children, only
from engine.translate.refusal import refuse
from engine.translate.tree import (
    Block,
    CteSource,
    Expr,
    Join,
    Output,
    Query,
    Recursion,
    Source,
    TableSource,
    is_stored,
    walk,
)
from engine.translate.types import STORED_BITS, WHOLE, Family, Type, unify_strings

_MADE = frozenset({"concat"})  # texts that have the lengths of what they are made of
_MOST_STEPS = 100_000  # beyond it, the server finds out itself whether the query ends


def is_recursive(cte: exp.Expression) -> bool:
    """Tell whether a common table expression reads itself."""
    name = cte.alias.casefold()
    return any(table.name.casefold() == name and not table.text("db") for table in child(cte).find_all(exp.Table))


def bind_recursion(
    shared: Shared, cte: exp.Expression, common: dict[str, CommonTable]
) -> tuple[CommonTable, Recursion]:
    """Bind a common table expression that reads itself; raises Refused."""
    union = child(cte)
    if not isinstance(union, exp.Union) or is_recursive_in(child(union), cte):
        refuse("a recursive query that is not one UNION of a first query and a step is not supported")
    only(union, "this", "expression", "distinct")
    first = shared.rules.query(shared, child(union), None, common)
    settle(first)
    label = shared.unique("w")
    names = [item.name for item in children(child(cte, "alias"), "columns")]
    seen = [Output(o.name, o.expr.typed(replace(o.expr.type, coercible=False, explicit=False))) for o in first.outputs]
    table = CommonTable(label, first, renamed(seen, names), recursive=True)
    step = shared.rules.query(shared, child(union, "expression"), None, {**common, cte.alias: table})
    if not isinstance(step, Block) or step.order or step.limit is not None or step.grouped or step.distinct:
        refuse("a recursive step of this form is not supported")
    aliases = list(_aliases(step.source, label))
    once = _reads(child(union, "expression"), cte) == 1
    if not once or len(aliases) != 1 or len(step.outputs) != len(first.outputs):
        refuse("a recursive step that does not read the query once is not supported")
    for output, started in zip(step.outputs, first.outputs, strict=True):
        output.expr = _fitting(as_value(output.expr), started.expr, first, step)
    limit = min(shared.context.recursion_limit, _MOST_STEPS)
    return table, Recursion(first, step, aliases[0], limit, table.columns, bool(union.args.get("distinct")))


def is_recursive_in(node: exp.Expression, cte: exp.Expression) -> bool:
    """Tell whether the first query already reads the common table expression."""
    return _reads(node, cte) > 0


def _reads(node: exp.Expression, cte: exp.Expression) -> int:
    """How often a query or its sub-queries name the common table expression."""
    return sum(table.name.casefold() == cte.alias.casefold() for table in node.find_all(exp.Table))


def _aliases(source: Source | None, label: str) -> "list[str]":
    if isinstance(source, Join):
        return _aliases(source.left, label) + _aliases(source.right, label)
    return [source.alias] if isinstance(source, CteSource) and source.cte == label else []


def _fitting(value: Expr, first: Expr, start: Query, step: Query) -> Expr:
    """A step's value as a column of the first query's type; fails in the engine where it does not fit."""
    type_, own = first.type, value.type
    if own.family is Family.NULL:
        return value
    if type_.family in WHOLE and own.family in WHOLE and type_.unsigned == own.unsigned:
        bits = STORED_BITS.get(type_.digits, 32) if first.op == "column" else 32 if type_.digits < 19 else 64
        return Expr("fits_integer", type_, (value,), value=bits)
    if type_.family is own.family is Family.DECIMAL and own.frac == own.scale <= type_.scale:
        return Expr("fits_decimal", type_, (value,))
    if type_.family is own.family is Family.STRING:
        unify_strings([replace(type_, coercible=False, explicit=False), own], "a recursive query", made=True)
        return _fitting_text(value, first, start, step)
    if type_.family is own.family and type_.family in (Family.DATE, Family.DOUBLE):
        return value
    if type_.family is own.family is Family.DATETIME and type_.fsp == own.fsp:
        return value
    return _misfit(type_, own)


def _misfit(type_: Type, own: Type) -> Expr:
    return refuse(f"a recursive step gives a {own.family.value} where the first query gave a {type_.family.value}")


def _fitting_text(value: Expr, first: Expr, start: Query, step: Query) -> Expr:
    if _is_alike(value, first, step, start):
        return value
    length = _length(first)
    return Expr("fits_text", value.type, (value,), value=length) if length else _unknown()


def _unknown() -> Expr:
    return refuse("how long a text may be in a recursive query is not certain")


def _is_alike(value: Expr, first: Expr, step: Query, start: Query) -> bool:
    """Tell whether a text is made of stored columns as the first query's is, and so has its length."""
    if value.op == "column":
        return (
            first.op == "column" and _stored(first, start) is not None and _stored(first, start) == _stored(value, step)
        )
    if value.op not in _MADE or value.op != first.op or len(value.args) != len(first.args):
        return False
    parts = zip(value.args, first.args, strict=True)
    return all(a == b if is_literal(a) else _is_alike(a, b, step, start) for a, b in parts)


def _length(text: Expr) -> int | None:
    """Count the characters that both servers give a text room for, or fewer; None where that is not known."""
    if text.op in ("concat", "case"):
        parts = text.args if text.op == "concat" else text.args[len(text.args) // 2 :]
        known = [_length(part) for part in parts if part.type.family is not Family.NULL]
        sizes = [size for size in known if size is not None]
        return None if len(sizes) < len(known) else sum(sizes) if text.op == "concat" else max(sizes)
    # A constant position or length would make it shorter.
    if text.op == "substring_index" or (text.op == "cut" and text.value == "substring" and _are_read(text.args[1:])):
        return _length(text.args[0])
    if text.op in ("short_enough", "sized"):
        return int(str(text.value))
    if text.op == "column":
        return text.type.characters or None
    return len(str(text.value)) if is_text(text) else None


def _are_read(numbers: tuple[Expr, ...]) -> bool:
    """Tell whether numbers differ from row to row."""
    return all(any(is_stored(part) for part in walk(number)) for number in numbers)


def _stored(expr: Expr, query: Query) -> tuple[str, str] | None:
    """The stored table and column that an expression is; None for all else."""
    if expr.op != "column" or not isinstance(query, Block) or not isinstance(expr.value, tuple):
        return None
    alias, column = expr.value
    return next(((t.name, str(column)) for t in _tables(query.source) if t.alias == alias), None)


def _tables(source: Source | None) -> list[TableSource]:
    if isinstance(source, Join):
        return _tables(source.left) + _tables(source.right)
    return [source] if isinstance(source, TableSource) else []
