"""Window functions: OVER (PARTITION BY … ORDER BY … ROWS …)."""

from collections.abc import Iterator

from sqlglot import exp

from engine.translate.bind.binder import Binder, Shared, Sort
from engine.translate.bind.groups import aggregates
from engine.translate.bind.groups.aggregation import bind_aggregate
from engine.translate.bind.groups.frames import covers_all, frame_of, has_distance
from engine.translate.bind.kept.doubles import NEIGHBOURS, is_loose, require_sorted_alike
from engine.translate.bind.kept.floats import as_kept
from engine.translate.bind.numbers import as_value, settled
from engine.translate.bind.values.control import alternatives
from engine.translate.literals import is_literal
from engine.translate.nodes import child, children, kind, only, whole_number
from engine.translate.refusal import Refused, refuse
from engine.translate.tree import AGGREGATES, WINDOW, Block, Expr, Join, Query, walk
from engine.translate.types import BIGINT, EXACT, WHOLE, Family, unify
from engine.translate.walks import expressions

_RANKS: dict[type[exp.Expression], str] = {
    exp.RowNumber: "row_number",
    exp.Rank: "rank",
    exp.DenseRank: "dense_rank",
    exp.PercentRank: "percent_rank",
    exp.CumeDist: "cume_dist",
}
_MOMENTS = frozenset({Family.DATE, Family.DATETIME})
_NEIGHBOURS: dict[type[exp.Expression], str] = {exp.Lag: "lag", exp.Lead: "lead"}
_PLACES: dict[type[exp.Expression], str] = {
    exp.FirstValue: "first_value",
    exp.LastValue: "last_value",
    exp.NthValue: "nth_value",
}
_SPREADS = exp.StddevPop | exp.StddevSamp | exp.VariancePop | exp.Variance
_ORDERED = frozenset({"row_number", "ntile", *_NEIGHBOURS.values(), *_PLACES.values()})

_SHARES = frozenset({"percent_rank", "cume_dist"})
_EQUALITIES = frozenset({"eq", "null_safe_eq", "in", "in_query"})
_NEVER_CONFUSED = 2  # different windows
_SEVERAL = 2
_QUERIES = frozenset({"scalar", "exists", "in_query"})


def bind_window(binder: "Binder", node: exp.Expression) -> Expr:
    """Bind `function OVER (…)` or `function OVER name`; raises Refused."""
    function = _function(binder, child(node))
    parts, order, spec = _built(binder, node, len(binder.windows.named))
    partition = [binder.expr(item) for item in parts]
    items = _order(binder, order) if order is not None else []
    if not items and function.op in _ORDERED:
        refuse(f"{function.op.upper()} without ORDER BY depends on the order of rows")
    if not items and spec is not None and str(spec.args.get("kind")).upper() == "ROWS" and not covers_all(spec):
        refuse("a frame of ROWS without ORDER BY depends on the order of rows")
    if any(e.op == "count_distinct" or e.op == "sum_distinct" for e in walk(function)):
        refuse("DISTINCT in a window function is not supported")
    if any(arg.op == "scalar" and arg.type.frac != arg.type.scale for e in walk(function) for arg in e.args):
        refuse("a window over a quotient of a sub-query is not supported")  # which a temporary table rounds
    _require_bounds(binder, function, spec)
    if binder.context.backend != "mysql":
        for expr in (*function.args, *partition, *(key for key, _ in items)):
            require_sorted_alike(expr)
        keys = parts if order is None else [*parts, *(child(item) for item in children(order))]
        _require_one_order(binder, keys, [*((key, False) for key in partition), *items])
    frame = frame_of(spec, items)
    if has_distance(frame):
        items = [(Expr("to_signed", BIGINT, (key,)) if key.type.family in WHOLE else key, down) for key, down in items]
    if function.op in _SHARES and binder.context.backend != "mysql":
        binder.shared.shares += 1
    if function.op == "double_divide":  # AVG of doubles
        total, counted = function.args
        count = counted.args[0]
        over = [aggregates.window(side, partition, items, frame) for side in (total, count)]
        return Expr(function.op, function.type, (over[0], Expr(counted.op, counted.type, (over[1],))))
    if function.op != "quotient":
        return aggregates.window(function, partition, items, frame)
    sides = tuple(aggregates.window(side, partition, items, frame) for side in function.args)  # AVG
    average = Expr("quotient", function.type, sides)
    # MySQL keeps it in a temporary table, with the digits that it shows.
    return settled(average) if binder.context.backend == "mysql" else average


def _require_bounds(binder: "Binder", function: Expr, spec: exp.Expression | None) -> None:
    """Refuse functions of doubles of which no bounds are known over a window; raises Refused."""
    is_of_loose = any(is_loose(arg) for part in walk(function) for arg in part.args)
    is_neighbour = function.op in NEIGHBOURS and len(function.args) == 1
    if is_of_loose and function.op not in ("double_sum", "double_divide") and not is_neighbour:
        refuse("this function of a double whose last digits are not certain is not supported in a window")
    moves = spec is not None and str(spec.args.get("start")).upper() != "UNBOUNDED"
    if function.op == "spread" and moves and binder.context.backend == "mysql":
        # without windowing_use_high_precision it subtracts what leaves the frame
        refuse("STDDEV or VARIANCE over a frame that moves is not supported")


def _built(
    binder: "Binder", node: exp.Expression, deepest: int
) -> tuple[list[exp.Expression], exp.Expression | None, exp.Expression | None]:
    """Partition, order and frame of a window, with those of the named one that it builds on."""
    only(node, "this", "alias", "partition_by", "order", "spec")
    parts, order, spec = children(node, "partition_by"), node.args.get("order"), node.args.get("spec")
    name = node.args.get("alias")
    if not isinstance(name, exp.Expression):
        return parts, order, spec
    base = binder.windows.named.get(name.name.casefold())
    if base is None or deepest < 0:
        refuse(f"the window {name.name} is not found")
    base_parts, base_order, base_spec = _built(binder, base, deepest - 1)
    return parts or base_parts, order or base_order, spec or base_spec


def _require_one_order(binder: "Binder", nodes: list[exp.Expression], keys: list[tuple[Expr, bool]]) -> None:
    """MariaDB sorts once for windows of which one's keys begin with the other's. Where such pairs do not make whole
    families, it passes over a sort and gives wrong answers (read off 10.11.19: 46,000 statements of three to six
    windows). Raises Refused there, and where two keys may be one, or a constant none."""
    for node, (key, _) in zip(nodes, keys, strict=True):
        if key.op != "column" and binder.windows.spellings.setdefault(key, node.sql()) != node.sql():
            refuse("a key of windows is written in two ways")
    new = tuple(keys)
    binder.windows.sorts.add(new)
    related = [sort for sort in binder.windows.sorts if _share(new, sort)]
    for sort in binder.windows.sorts if len(binder.windows.sorts) > 1 else ():
        if len(binder.windows.sorts) > _NEVER_CONFUSED and len({key for key, _ in sort}) < len(sort):
            refuse("keys that come twice in one of several windows are not supported")
        if any(is_steady(key, binder.shared) for key, _ in sort):  # PARTITION BY 1 beside PARTITION BY k
            refuse("constants among the keys of windows are not supported")
    if any(_share(one, other) != (one in related) for one in binder.windows.sorts for other in related):
        refuse("windows whose order MariaDB confuses are not supported")


def _function(binder: "Binder", node: exp.Expression) -> Expr:
    if type(node) in _RANKS:
        only(node)
        return aggregates.rank(_RANKS[type(node)])
    if type(node) in _NEIGHBOURS:
        return _neighbour(binder, node)
    if type(node) in _PLACES:
        only(node, "this", "offset")
        offset = node.args.get("offset")
        place = 1 if offset is None else whole_number(offset, "a place in the window")
        if place == 0:
            refuse("a place in the window is not a positive number")
        return aggregates.neighbour(_PLACES[type(node)], _argument(binder, child(node)), place)
    if isinstance(node, exp.Ntile):
        only(node, "this")
        return aggregates.tile(whole_number(child(node), "NTILE's count"))
    if isinstance(node, exp.Count | exp.Sum | exp.Avg | exp.Min | exp.Max | _SPREADS):
        return bind_aggregate(binder, node, over=True)
    raise Refused(f"{kind(node)} as a window function is not supported")


def _argument(binder: "Binder", node: exp.Expression) -> Expr:
    """A value of another row, which MariaDB reads from its temporary table, with the decimals that it shows."""
    value = binder.expr(node)
    return value if binder.context.backend == "mysql" else settled(as_kept(value, "mariadb"))


def _neighbour(binder: "Binder", node: exp.Expression) -> Expr:
    only(node, "this", "offset", "default")
    offset, default = node.args.get("offset"), node.args.get("default")
    distance = 1 if offset is None else whole_number(offset, "a distance in rows")
    value = _argument(binder, child(node))
    if default is None or isinstance(default, exp.Null):
        return aggregates.neighbour(_NEIGHBOURS[type(node)], value, distance)
    _, (value, other) = alternatives([as_value(value), as_value(binder.expr(default))], "LAG or LEAD")
    fits = other.type.family is value.type.family or {other.type.family, value.type.family} <= EXACT
    number = {value.type.family, other.type.family} <= EXACT and value.type.scale == other.type.scale
    moment = value.type.family in _MOMENTS and value.type.fsp == other.type.fsp
    if not (number or moment or is_literal(other)) or not fits or other.type.scale > value.type.scale:
        refuse("LAG or LEAD with this default is not supported")
    found = aggregates.neighbour(_NEIGHBOURS[type(node)], value, distance)
    type_ = unify([value.type, other.type], "LAG or LEAD")
    return Expr(found.op, type_, (*found.args, other), found.value)


def _order(binder: "Binder", node: exp.Expression) -> list[tuple[Expr, bool]]:
    only(node, "expressions")
    return [(binder.expr(_meant(binder, child(item))), bool(item.args.get("desc"))) for item in children(node)]


def _meant(binder: "Binder", key: exp.Expression) -> exp.Expression:
    """Give what a key of a window's ORDER BY stands for. MariaDB takes a name for that of the SELECT list first
    (`setup_windows` and `find_order_in_list` in sql/sql_window.cc and sql/sql_select.cc), but not one beside PARTITION
    BY; MySQL takes it for a column. Raises Refused."""
    if binder.context.backend == "mysql" or not isinstance(key, exp.Column) or key.text("table"):
        return key
    named = binder.windows.listed.get(key.name.casefold(), [])
    if len(named) > 1 or any(part.find(exp.Window, exp.Query) for part in named):
        refuse("a window of MariaDB is ordered by a name of the SELECT list that is not one plain value")
    return named[0] if named else key


def is_steady(expr: Expr, shared: Shared) -> bool:
    """Tell whether an expression may have one value for all rows, by itself or where derived tables are merged."""
    parts = list(walk(expr))
    if any(part.op in _QUERIES for part in parts):
        return True
    computed = any(part.op in AGGREGATES or part.op == WINDOW for part in parts)
    return not computed and not any(part.op == "column" and part.value not in shared.constants for part in parts)


def _share(one: Sort, other: Sort) -> bool:
    """Tell whether the keys of one begin with all of the other."""
    return all(a == b for a, b in zip(one, other, strict=False))


def require_shown_shares(query: Query, shared: Shared) -> None:
    """Refuse PERCENT_RANK and CUME_DIST of MariaDB that are not just shown: it calculates with some of them rounded."""
    outputs = query.outputs if isinstance(query, Block) else []
    shown = sum(o.expr.op == WINDOW and o.expr.args[0].op in _SHARES for o in outputs)
    if shared.shares and (shown < shared.shares or shared.context.protocol != "text"):
        refuse("MariaDB may calculate with PERCENT_RANK and CUME_DIST rounded to 10 decimals")


def require_apart(block: Block) -> None:
    """Refuse several windows, one with keys of several joined tables: DuckDB 1.5.5 makes one column of two that a join
    finds equal, and a key that comes twice in one of several windows gives wrong answers there."""
    if not isinstance(block.source, Join) or block.grouped:
        return
    exprs = [output.expr for output in block.outputs] + [item.expr for item in block.order]
    exprs += [expr for expr in (block.qualify,) if expr is not None]
    found = {part for expr in exprs for part in walk(expr) if part.op == WINDOW}
    if len({(part.args[1:], part.value) for part in found}) < _SEVERAL:
        return
    equal = set(_equated(block))
    for part in found:
        keys = {e for key in part.args[1:] for e in walk(key) if e.op == "column"}
        read = {key.value[0] for key in keys if isinstance(key.value, tuple)}
        if len(read) >= _SEVERAL and len(keys & equal) >= _SEVERAL:
            refuse("several windows with keys of several tables are not supported")


def _equated(block: Block) -> Iterator[Expr]:
    """Columns that a condition finds equal to others."""
    for expr in expressions(block):
        for part in walk(expr):
            if part.op in _EQUALITIES:
                yield from (e for e in walk(part) if e.op == "column")
