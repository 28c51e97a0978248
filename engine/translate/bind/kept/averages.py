"""Averages kept in a table: rounded where a temporary table has held them, with all their digits where not.

MySQL keeps the groups in a temporary table before it computes windows over them, and the averages of the groups have
there the decimals that they show, which everything but HAVING reads. Where the keys of GROUP BY turn out to be constant
there is no such table. MariaDB does the same with groups that it finds sorted, and not with others. It also sorts its
table once for each order of windows, and computes all expressions again at each pass: an average over a window of the
pass that is the last has its nine digits then, one of an earlier pass is read from the table
(save_window_function_values in sql/sql_window.cc). Where the server's plan decides, an expression must be the same
either way, or it fails.

ROLLUP with ORDER BY, whatever it is by, keeps its groups in a temporary table on MySQL too, after HAVING. That of one
table without ORDER BY does not; of joined tables and derived ones it is the plan's choice, and HAVING comes afterwards.

Without windows and ROLLUP both servers keep the groups in a table where an aggregate needs its rows together (DISTINCT,
GROUP_CONCAT) and the groups are sorted, or made distinct, once they are known. So they do wherever they make groups of
rows that an index has in order, and sort these again: MySQL streams them into the fields of a temporary table.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

from engine.translate.bind.kept.groups import keeps_groups, keeps_sorted_groups, reads_one_table, sorts_groups
from engine.translate.bind.numbers import quotient_digits, settled
from engine.translate.refusal import refuse
from engine.translate.tree import (
    WINDOW,
    Block,
    Expr,
    OrderItem,
    Output,
    rebuild,
    walk,
)
from engine.translate.types import APPROXIMATE, NULL
from statements.context import SessionContext
from statements.plans import GROUPS, SCAN, TEMPORARY

_MOST = 2  # averages that may each be rounded or not, in one expression
_ROUNDED = frozenset({"quotient", "average_double", "double_sum"})
_JOINED = frozenset({"decimal_add", "decimal_subtract", "decimal_multiply"})
_PASSING = frozenset({"negate", "abs", "nonzero", "within", "sum", "min", "max", "lag", "lead", "first_value", WINDOW})


def keep_averages(block: Block, context: SessionContext, outermost: bool) -> None:
    """Round the averages of a block that the server keeps in a table as it does. Raises Refused.

    `outermost` tells that it is no sub-query, so that its ORDER BY is certainly done.
    """
    items: list[Output | OrderItem] = [*block.outputs, *block.order]
    if not _has_average(block):
        return
    parts = {part for item in items for part in walk(item.expr)}
    windows = {part for part in parts if part.op == WINDOW}
    is_mysql = context.backend == "mysql"
    if is_mysql and block.groups:
        _require_no_kept_double(items, only_distinct=True)
    if not windows and block.rollup and is_mysql:
        _keep_in_totals(block, context, outermost)
        return
    plan = context.plan if outermost and not windows else ()
    if not windows and not _may_keep_groups(block, plan, context.backend):
        return
    if not windows:
        _require_no_kept_double(items, only_distinct=False)
    certain = is_mysql and (bool(plan) or (bool(windows) and bool(block.groups) and keeps_groups(block)))
    kept = {part for part in parts if block.grouped and _is_average(part, over=False)}
    if any(part in kept for window in windows for key in window.args[1:] for part in walk(key)):
        refuse("windows whose keys are made of averages are not supported")  # MySQL compares them both ways
    if is_mysql and not block.groups:
        return
    open_ = [] if certain or not kept else [kept]
    if not is_mysql and (block.grouped or _several(windows)):
        open_ += [{part} for part in parts if _is_average(part, over=True)]
    if not certain and not open_:
        return
    for item in items:
        if item.expr.op == "quotient" and any(item.expr in part for part in (kept, *open_)):
            continue  # shown, it is rounded
        item.expr = _kept(item.expr, kept, context) if certain else _shown_either_way(item, open_, context)


def _may_keep_groups(block: Block, plan: tuple[str, ...], backend: str) -> bool:
    """Tell whether the server may keep groups in a table without windows; where MySQL's plan is known, it does then."""
    if not sorts_groups(block):
        return False
    if backend == "mysql":
        return not plan or (TEMPORARY in plan and GROUPS in plan[plan.index(TEMPORARY) :])
    return keeps_sorted_groups(block) or not plan or (TEMPORARY in plan and SCAN not in plan)


def _has_average(block: Block) -> bool:
    """Tell whether there is anything to round, as few statements have: looking closer takes a hash of each node."""
    exprs = [*(output.expr for output in block.outputs), *(item.expr for item in block.order)]
    exprs += [] if block.having is None else [block.having]
    return any(part.op in _ROUNDED for expr in exprs for part in walk(expr))


def _keep_in_totals(block: Block, context: SessionContext, outermost: bool) -> None:
    items: list[Output | OrderItem] = [*block.outputs, *block.order]
    having = list(walk(block.having)) if block.having is not None else []
    kept = {part for item in items for part in walk(item.expr) if _is_average(part, over=False)}
    kept |= {part for part in having if _is_average(part, over=False)}
    if not kept:
        return
    alone = reads_one_table(block)
    if block.having is not None and not alone:
        block.having = _either_way(block.having, [kept], context)
    if alone and not block.order:
        return
    certain = bool(block.order) and outermost
    for item in items:
        if item.expr not in kept:  # shown, or sorted by, it is rounded
            item.expr = _kept(item.expr, kept, context) if certain else _shown_either_way(item, [kept], context)
        elif isinstance(item, OrderItem):
            item.expr = settled(item.expr)


def _require_no_kept_double(items: list[Output | OrderItem], only_distinct: bool) -> None:
    """Refuse to calculate with SUM or AVG of FLOAT(M,D), which that table has with their decimals; of DISTINCT ones
    MySQL has them so wherever the groups come from. Raises Refused."""
    for item in items:
        divided = item.expr.args[0] if item.expr.op == "double_divide" else item.expr
        inner = walk(item.expr) if divided.op != "double_sum" else ()  # shown as it is, it is rounded anyway
        sums = (part for part in inner if part.op == "double_sum" and (part.value or not only_distinct))
        if any(part.type.fixed for found in sums for part in walk(found)):
            refuse("sums of doubles with a fixed number of decimals may be rounded where groups are sorted")


def _is_average(expr: Expr, over: bool) -> bool:
    if expr.op != "quotient" or expr.type.frac == expr.type.scale:
        return False
    total, counted = expr.args
    if over:
        return total.op == WINDOW and counted.op == WINDOW
    return total.op in ("sum", "sum_distinct") and counted.op in ("count", "count_distinct")


def _shown_either_way(item: Output | OrderItem, open_: list[set[Expr]], context: SessionContext) -> Expr:
    made = _either_way(item.expr, open_, context)
    if isinstance(item, Output) and item.expr.type.unpadded and made is not item.expr and context.backend == "mysql":
        refuse("MySQL shows decimals of mixed scales each in its own")  # or, where that table has held them, not
    return made


def _either_way(expr: Expr, open_: list[set[Expr]], context: SessionContext) -> Expr:
    perhaps = set().union(*open_)
    expr = rebuild(expr, lambda part: _with_rounded(part, perhaps))
    met = set(_averages(expr))
    found = [part & met for part in open_ if part & met]
    if not found:
        return expr
    if len(found) > _MOST or expr.type.family in APPROXIMATE:
        refuse("averages that the server may have rounded in a table are calculated with")
    made = settled(expr)
    for choice in list(product((False, True), repeat=len(found)))[1:]:
        rounded = {part for parts, is_kept in zip(found, choice, strict=True) if is_kept for part in parts}
        made = Expr("agreed", made.type, (made, settled(_kept(expr, rounded, context))))
    return made


def _averages(expr: Expr) -> Iterator[Expr]:
    """Every part that may be rounded or not: as doubles averages have both among their bounds (`_with_rounded`)."""
    if expr.op == "average_double" or _is_rounded_average(expr):
        return
    yield expr
    for arg in expr.args:
        yield from _averages(arg)


def _with_rounded(expr: Expr, rounded: set[Expr]) -> Expr | None:
    """An average as a double that may be made of what a table has of it; None for all else."""
    if expr.op != "average_double":
        return None
    average = expr.args[0]
    return replace(expr, args=(average, settled(average))) if average in rounded else expr


def _is_rounded_average(expr: Expr) -> bool:
    if expr.op != "round" or expr.type.scale != expr.args[0].type.scale:
        return False
    return any(_is_average(expr.args[0], over) for over in (False, True))


def _kept(expr: Expr, rounded: set[Expr], context: SessionContext) -> Expr:
    """Put in the place of averages what the temporary table holds of them, with the digits that follow from it."""
    return put(expr, {part: settled(part) for part in rounded}, context)


def put(expr: Expr, held: Mapping[Expr, Expr], context: SessionContext) -> Expr:
    """Put something else in the place of exact numbers, with the digits that follow from it. Raises Refused."""

    def change(part: Expr) -> Expr | None:
        if part.op == "average_double":
            return _with_rounded(part, set(held))
        if part in held:
            return held[part]
        args = tuple(rebuild(arg, change) for arg in part.args)
        if args == part.args:
            return part
        found = replace(part, args=args)
        digits = [arg.type.frac for arg in args]
        if part.op in _JOINED:
            longest = sum(digits) if part.op == "decimal_multiply" else max(digits)
            return found.typed(replace(part.type, frac=max(longest, part.type.scale)))
        if part.op == "case":
            shown = [value.type.frac for value in args[len(args) // 2 :] if value.type != NULL]
            return found.typed(replace(part.type, frac=max(*shown, part.type.scale))) if shown else found
        if part.op in _PASSING:
            return found.typed(replace(part.type, frac=max(digits[0], part.type.scale)))
        if part.op == "quotient":
            _require_known_digits(args)
            divided = quotient_digits(args[0].type, args[1].type, context.div_precision_increment)
            return found.typed(replace(part.type, frac=max(divided, part.type.scale)))
        return found

    return rebuild(expr, change)


def _require_known_digits(sides: tuple[Expr, ...]) -> None:
    known = (
        _JOINED
        | _PASSING
        | {"round", "settled", "case", "kept_quotient", "quotient", "literal", "column", "group_value", "any"}
    )
    if any(part.op not in known and part.type.frac for side in sides for part in _numbers(side)):
        refuse("averages beside windows that the server has rounded are divided")


def _numbers(expr: Expr) -> Iterator[Expr]:
    yield expr
    if expr.op not in ("round", "kept_quotient"):
        for arg in expr.args[:1] if expr.op == WINDOW else expr.args:
            yield from _numbers(arg)


def _several(windows: set[Expr]) -> bool:
    """Tell whether the windows take more than one pass: of which neither's keys begin with the other's."""
    sorts = [tuple(zip(part.args[1:], _directions(part), strict=True)) for part in windows]
    return any(a != b for one in sorts for other in sorts for a, b in zip(one, other, strict=False))


def _directions(window: Expr) -> tuple[bool, ...]:
    assert isinstance(window.value, tuple)
    partitioned, descending, _ = window.value
    return (*(False for _ in range(partitioned)), *descending)
