"""Whether a server keeps the groups in a temporary table before it shows them, as far as a statement tells."""

from engine.translate.checks.lost_groups import needs_rows_together
from engine.translate.literals import is_literal
from engine.translate.tree import Block, Expr, QuerySource, Source, TableSource, walk
from engine.translate.walks import join_conditions, leaves

_FIXING = frozenset({"is_null", "in_query", "any_query", "all_query"})
_EQUALITIES = _FIXING | {"eq", "ne", "null_safe_eq", "in"}  # NOT (a <> 1) is one
_QUERIES = frozenset({"in_query", "any_query", "all_query", "exists", "scalar"})


def keeps_sorted_groups(block: Block) -> bool:
    """Tell whether the servers may keep the groups in a table before they show them, without any window."""
    exprs = [*(output.expr for output in block.outputs), *_leading(block), *([block.having] if block.having else [])]
    return sorts_groups(block) and any(needs_rows_together(part) for expr in exprs for part in walk(expr))


def sorts_groups(block: Block) -> bool:
    """Tell whether groups are sorted, or made distinct, once they are known."""
    leading = _leading(block)
    return bool(block.groups) and (block.distinct or leading != block.groups[: len(leading)])


def _leading(block: Block) -> list[Expr]:
    return [item.expr.args[0] if item.expr.op == "group_value" else item.expr for item in block.order]


def reads_one_table(block: Block) -> bool:
    """Tell whether MySQL surely reads one table only, which it sorts by the keys: what is IN a query may be joined."""
    conditions = list(walk(block.where)) if block.where is not None else []
    return isinstance(block.source, TableSource) and not any(part.op in _QUERIES for part in conditions)


def may_be_one_row(block: Block) -> bool:
    """Tell whether MySQL may find that each table gives a single row: of which something is set equal to a constant."""
    if not all(isinstance(source, TableSource) or _has_rows(source) for source in leaves(block.source)):
        return True
    return _is_fixing(_equalities(block))


def _equalities(block: Block) -> list[Expr]:
    conditions = [*join_conditions(block.source), *([block.where] if block.where is not None else [])]
    return [part for condition in conditions for part in walk(condition) if part.op in _EQUALITIES]


def _is_fixing(equal: list[Expr]) -> bool:
    return any(part.op in _FIXING or any(_is_constant(side) for side in part.args) for part in equal)


def keeps_groups(block: Block) -> bool:
    """Tell whether MySQL surely finds a key of GROUP BY that is no constant: of one that it reads a single row for, or
    that is set equal to a constant, all columns are none."""
    sources = leaves(block.source)
    if not all(isinstance(source, TableSource) or _has_rows(source) for source in sources):
        return False
    equal = _equalities(block)
    fixed: set[Expr] = set()
    if _is_fixing(equal):
        if len(sources) > 1:
            return False  # a row of a unique key gives constants to the other tables
        fixed = {column for part in equal for column in walk(part) if column.op == "column"}
    return any(part.op == "column" and part not in fixed for key in block.groups for part in walk(key))


def _is_constant(expr: Expr) -> bool:
    return not any(part.op == "column" for part in walk(expr)) or is_literal(expr)


def _has_rows(source: Source) -> bool:
    """Tell whether a derived table may have several rows."""
    query = source.query if isinstance(source, QuerySource) else None
    return isinstance(query, Block) and query.limit is None and (not query.grouped or bool(query.groups))
