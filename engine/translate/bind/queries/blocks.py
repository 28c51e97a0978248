"""Queries: WITH, SELECT, UNION; each becomes a block of the typed tree."""

from sqlglot import exp

from engine.translate import literals
from engine.translate.bind.binder import Binder, CommonTable, Shared
from engine.translate.bind.groups import aggregates
from engine.translate.bind.groups.grouping import group_block
from engine.translate.bind.kept.doubles import require_ordered_alike
from engine.translate.bind.kept.floats import require_kept_columns
from engine.translate.bind.numbers import as_condition, as_value
from engine.translate.bind.queries.recursive import bind_recursion, is_recursive
from engine.translate.bind.queries.sources import bind_from, star
from engine.translate.bind.queries.unions import align
from engine.translate.bind.tables.derived import renamed, require_order, settle, wrapped
from engine.translate.bind.tables.row_values import parts_of
from engine.translate.bind.values.compare import compare
from engine.translate.checks.first_of_index import require_no_first_of_index, require_no_lost_having
from engine.translate.checks.lost_distinct import require_no_lost_row
from engine.translate.checks.lost_groups import require_no_lost_group, require_no_lost_total
from engine.translate.names import Scope
from engine.translate.nodes import bare, child, children, kind, only, whole_number
from engine.translate.refusal import refuse
from engine.translate.tree import (
    AGGREGATES,
    WINDOW,
    Block,
    Expr,
    OrderItem,
    Output,
    Query,
    Recursion,
    SetOperation,
    has_aggregate,
    walk,
)
from engine.translate.types import BIGINT, TEMPORAL
from engine.translate.walks import queries_in

_CALC_FOUND_ROWS = "SQL_CALC_FOUND_ROWS"
# Words after SELECT; all others steer a plan only.
_MODIFIERS = frozenset(
    {"STRAIGHT_JOIN", "SQL_NO_CACHE", "SQL_SMALL_RESULT", "SQL_BIG_RESULT", "SQL_BUFFER_RESULT", "HIGH_PRIORITY"}
    | {_CALC_FOUND_ROWS}
)
_SET_OPERATIONS: dict[type[exp.Expression], str] = {
    exp.Union: "union",
    exp.Except: "except",
    exp.Intersect: "intersect",
}


def bind_query(shared: Shared, node: exp.Expression, parent: Scope | None, common: dict[str, CommonTable]) -> Query:
    """Bind a query of any form; raises Refused. `parent` is the scope around it, `common` the WITH names in sight."""
    if isinstance(node, exp.Subquery):
        return _parenthesised(shared, node, parent, common)
    common, ctes = _with(shared, node.args.get("with_"), common)
    if isinstance(node, exp.Values):
        node = _values_as_union(node)
    if isinstance(node, exp.Select):
        query: Query = _select(shared, node, parent, common)
    elif type(node) in _SET_OPERATIONS:
        query = _set_operation(shared, node, parent, common)
    else:
        refuse(f"{kind(node)} is not supported as a query")
    query.ctes = ctes
    return query


def _values_as_union(node: exp.Expression) -> exp.Expression:
    """VALUES ROW(…), ROW(…) as UNION ALL of SELECTs; the columns are column_0, column_1, …."""
    only(node, "expressions", "alias")  # MySQL cuts by LIMIT before it orders
    rows = [parts_of(row.expressions[0]) for row in children(node) if len(row.expressions) == 1]
    if not rows or len(rows) != len(children(node)) or None in rows:
        refuse("this VALUES is not supported")
    query: exp.Expression | None = None
    for row in rows:
        named = [exp.alias_(part, f"column_{place}", quoted=True) for place, part in enumerate(row or ())]
        select = exp.Select(expressions=named)
        query = select if query is None else exp.Union(this=query, expression=select, distinct=False)
    assert query is not None
    return query


def _parenthesised(shared: Shared, node: exp.Expression, parent: Scope | None, common: dict[str, CommonTable]) -> Query:
    only(node, "this", "order", "limit", "offset", "alias")
    query = bind_query(shared, child(node), parent, common)
    if not any(node.args.get(name) for name in ("order", "limit", "offset")):
        return query
    if query.offset is not None:
        refuse("LIMIT or ORDER BY of a query in parentheses with OFFSET is not supported")  # FOUND_ROWS() adds both up
    block = wrapped(shared, query)
    block.enclosed = True
    _order_and_limit(shared, node, block, common)
    return block


def _order_and_limit(shared: Shared, node: exp.Expression, query: Query, common: dict[str, CommonTable]) -> None:
    """Bind ORDER BY and LIMIT of a query whose columns alone have names there."""
    scope = Scope(None)
    _aliases(scope, query.outputs)
    binder = Binder(shared, scope, common, aliases="order")
    query.order = _order(binder, node.args.get("order"), query.outputs)
    if any(part.op in AGGREGATES or part.op == WINDOW for item in query.order for part in walk(item.expr)):
        refuse("UNION ordered by an aggregate is not supported")
    query.limit, query.offset = limits(shared, node)


def _with(
    shared: Shared, clause: exp.Expression | None, common: dict[str, CommonTable]
) -> tuple[dict[str, CommonTable], list[tuple[str, Query | Recursion]]]:
    if clause is None:
        return common, []
    only(clause, "expressions", "recursive")
    common = dict(common)
    ctes: list[tuple[str, Query | Recursion]] = []
    for cte in children(clause):
        only(cte, "this", "alias")
        if clause.args.get("recursive") and is_recursive(cte):
            common[cte.alias], recursion = bind_recursion(shared, cte, common)
            ctes.append((common[cte.alias].label, recursion))
            continue
        query = bind_query(shared, child(cte), None, common)
        settle(query, shared.context)
        label = shared.unique("w")
        names = [item.name for item in children(child(cte, "alias"), "columns")]
        common[cte.alias] = CommonTable(label, query, renamed(query.outputs, names))
        ctes.append((label, query))
    return common, ctes


def _select(shared: Shared, node: exp.Expression, parent: Scope | None, common: dict[str, CommonTable]) -> Block:
    only(
        node, "hint", "expressions", "from_", "joins", "where", "group", "having", "order", "limit", "offset",
        "distinct", "with_", "operation_modifiers", "windows", "qualify",
    )  # fmt: skip
    words = _words(node)
    for word in words:
        if word not in _MODIFIERS:
            refuse(f"{word} is not supported")
    scope = Scope(parent)
    binder = Binder(shared, scope, common)
    source = bind_from(binder, node)
    where = node.args.get("where")
    binder.windows.named = {window.name.casefold(): window for window in children(node, "windows")}
    for item in children(node):
        if isinstance(item, exp.Alias):
            binder.windows.listed.setdefault(item.alias.casefold(), []).append(child(item))
    block = Block([], source, None if where is None else as_condition(binder.expr(child(where))))
    block.outputs = _outputs(binder, children(node))
    block.distinct, block.buffered = node.args.get("distinct") is not None, "SQL_BUFFER_RESULT" in words
    block.counts_all = _CALC_FOUND_ROWS in words
    if block.distinct:
        only(child(node, "distinct"))
    _aliases(scope, block.outputs)
    _clauses(binder, node, block)
    return block


def _words(node: exp.Expression) -> list[str]:
    """The words between SELECT and its list, in capitals."""
    return [word.name.upper() for word in node.args.get("operation_modifiers") or ()]


def _clauses(binder: Binder, node: exp.Expression, block: Block) -> None:
    binder.aliases = "group"
    group, keys = node.args.get("group"), []
    if group is not None:
        only(group, "expressions", "rollup")
        for rollup in children(group, "rollup"):
            only(rollup)
            block.rollup = True
        keys = [bare(item) for item in _group_items(group, block)]
        if block.rollup and binder.context.backend == "mysql":
            _require_found_again(node)
        block.groups = [_position_or(binder, item, block.outputs) for item in keys]
    binder.aliases, binder.groups = "having", block.groups
    having = node.args.get("having")
    if having is not None:
        block.having = as_condition(binder.expr(child(having)))
    binder.aliases = "qualify"
    block.qualify = _qualify(binder, node.args.get("qualify"))
    binder.aliases = "order"
    if block.rollup and binder.context.backend != "mysql":  # MariaDB gives no total over no rows
        some = compare("gt", aggregates.count([], distinct=False), literals.integer(0))
        block.having = some if block.having is None else Expr("and", some.type, (block.having, some))
    block.order = _order(binder, node.args.get("order"), block.outputs)
    block.limit, block.offset = limits(binder.shared, node)
    parts = [output.expr for output in block.outputs] + [item.expr for item in block.order]
    parts += [part for part in (block.having, block.qualify) if part is not None]
    block.grouped = group is not None or any(has_aggregate(part) for part in parts)
    if binder.scope.aggregates and not block.grouped:
        refuse("an aggregate without GROUP BY has no part in the result")  # SUM(x) + NULL: one row all the same
    if block.grouped and group is None:
        _require_aggregate(parts)
    if block.having is not None and not block.grouped:
        _having_as_where(block)
    if block.having is not None and binder.context.backend == "mysql":
        _require_no_missing_date(block.having)
    if block.groups and binder.context.backend == "mysql":
        require_kept_columns(block)
    if binder.context.backend == "mariadb":
        require_no_lost_total(block, node, keys, binder.context.collation_connection.split("_", 1)[0])
        require_ordered_alike(block)
        require_no_lost_having(block)
        require_no_lost_row(block)
        require_no_lost_group(block, "SQL_BIG_RESULT" in _words(node))
    if block.rollup and block.buffered:
        refuse("SQL_BUFFER_RESULT with ROLLUP is not supported")  # which rounds averages within
    require_no_first_of_index(block)
    group_block(binder, block)


def _require_found_again(node: exp.Expression) -> None:
    """Refuse comparisons of rows among the keys of ROLLUP, but for those that an alias names: MySQL does not find what
    is written out again (Item_row has no eq() of its own), and shows the last row's in totals instead of NULL."""
    for name in ("group", "having", "order"):
        clause = node.args.get(name)
        if clause is not None and clause.find(exp.Tuple) is not None:
            refuse("rows are compared in the keys of ROLLUP")


def _require_aggregate(parts: list[Expr]) -> None:
    """Refuse ANY_VALUE alone, which does not make a group of all rows."""
    if not any(part.op in AGGREGATES and part.op != "any_same" for expr in parts for part in walk(expr)):
        refuse("ANY_VALUE without GROUP BY is no aggregate")


def _require_no_missing_date(having: Expr) -> None:
    """Refuse MIN(date) IS NULL, for which MySQL 9.7 warns of a date '0000-00-00'."""
    for part in walk(having):
        if part.op == "is_null" and part.args[0].op in ("min", "max") and part.args[0].type.family in TEMPORAL:
            refuse("HAVING MIN or MAX of dates IS NULL gives a warning")


def _group_items(group: exp.Expression, block: Block) -> list[exp.Expression]:
    """The keys of GROUP BY; ROLLUP (…) and CUBE (…) stand alone."""
    items = children(group)
    if len(items) != 1 or not isinstance(items[0], exp.Rollup | exp.Cube):
        return items
    only(items[0], "expressions")
    if block.rollup:
        refuse("GROUP BY with ROLLUP twice is not supported")
    block.rollup, block.cube = True, isinstance(items[0], exp.Cube)
    return children(items[0])


def _qualify(binder: Binder, clause: exp.Expression | None) -> Expr | None:
    if clause is None:
        return None
    only(clause, "this")
    condition = as_condition(binder.expr(child(clause)))
    if not any(part.op == WINDOW for part in walk(condition)):
        refuse("QUALIFY without a window function is not supported")
    return condition


def _having_as_where(block: Block) -> None:
    """HAVING without groups filters rows as WHERE does, but knows aliases; windows are computed after it."""
    assert block.having is not None
    if any(part.op == WINDOW for part in walk(block.having)):
        refuse("HAVING with window functions is not supported")
    block.where = block.having if block.where is None else Expr("and", block.having.type, (block.where, block.having))
    block.having = None


def _outputs(binder: Binder, nodes: list[exp.Expression]) -> list[Output]:
    outputs: list[Output] = []
    for item in nodes:
        if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
            outputs += star(binder.scope, item)
        elif isinstance(item, exp.Alias):
            outputs.append(_output(item.alias, binder.expr(child(item)), item))
        else:
            name = item.name if isinstance(item, exp.Column) else ""
            outputs.append(_output(name, binder.expr(item), item))
    return outputs


def _output(name: str, expr: Expr, node: exp.Expression) -> Output:
    is_constant = all(part.args or part.op == "literal" for part in walk(expr)) and not any(queries_in(expr))
    return Output(name, expr, is_constant and node.find(exp.Column) is not None)


def _aliases(scope: Scope, outputs: list[Output]) -> None:
    for output in outputs:
        if output.name:
            scope.aliases.setdefault(output.name.casefold(), []).append(output.expr)


def _position_or(binder: Binder, node: exp.Expression, outputs: list[Output]) -> Expr:
    """Bind an item of GROUP BY or ORDER BY: a position, an alias or an expression. MariaDB's TRUE is the number 1."""
    is_truth = isinstance(node, exp.Boolean) and binder.context.backend == "mariadb"
    if is_truth or (isinstance(node, exp.Literal) and not node.is_string):
        position = int(node.this) if is_truth else whole_number(node, "a position")
        if not 1 <= position <= len(outputs):
            refuse("a position is not in the select list")
        return outputs[position - 1].expr
    return binder.expr(node)


def _order(binder: Binder, node: exp.Expression | None, outputs: list[Output]) -> list[OrderItem]:
    if node is None:
        return []
    only(node, "expressions")
    items = []
    for item in children(node):
        inner = bare(child(item))
        alias = None
        if isinstance(inner, exp.Column) and not inner.text("table"):
            alias = binder.scope.alias(inner.name)  # beside ORDER BY an alias wins over a column
        expr = alias if alias is not None else _position_or(binder, inner, outputs)
        items.append(OrderItem(as_value(expr), bool(item.args.get("desc"))))
    return items


_ALL_ROWS = (1 << 63) - 1  # what DuckDB counts to; MySQL's manual has LIMIT 18446744073709551615 for all rows


def limits(shared: Shared, node: exp.Expression) -> tuple[Expr | None, Expr | None]:
    """Read LIMIT and OFFSET: literals."""
    found: list[Expr | None] = []
    for name in ("limit", "offset"):
        clause = node.args.get(name)
        if clause is None:
            found.append(None)
            continue
        only(clause, "expression")
        count = child(clause, "expression")
        if not isinstance(count, exp.Literal) or count.is_string:
            refuse(f"{name.upper()} is not a whole number")
        found.append(_count(count.this, name) if shared.trace is None else shared.trace.literal(count, _count, name))
    return found[0], found[1]


def _count(text: str, name: str) -> Expr:
    if not text.isdigit():
        refuse(f"{name.upper()} is not a whole number")
    return Expr("literal", BIGINT, value=min(int(text), _ALL_ROWS))


def _require_plain_bags(shared: Shared, name: str, keep_all: bool, left: Query, right: Query) -> None:
    """Refuse INTERSECT ALL and EXCEPT ALL among other set operations, of which MariaDB makes other rows."""
    kinds = {(name, keep_all), *((side.kind, side.all) for side in (left, right) if isinstance(side, SetOperation))}
    bags = kinds & {("intersect", True), ("except", True)}
    if shared.context.backend != "mysql" and bags and len(kinds) > 1:
        refuse("INTERSECT ALL or EXCEPT ALL among other set operations is not supported")


def _require_whole_sides(shared: Shared, name: str, keep_all: bool, left: Query, right: Query) -> None:
    """Refuse INTERSECT, and EXCEPT of some rows of a query, of windows over its rows or of another set operation.

    MySQL 9.7 leaves out beforehand the rows that are NULL where the result cannot be: it takes others for the first, or
    counts fewer in a window; of a set operation it does not leave them out, and compares what stands in the place of
    NULL, a value of another row. What is subtracted from is left alone.
    """
    if shared.context.backend != "mysql" or name == "union":
        return
    for side in (left, right) if name == "intersect" else (right,):
        if side.limit is not None:
            refuse(f"{name.upper()} of a query with LIMIT is not supported")
        if isinstance(side, SetOperation):
            if side is right or side.kind != name or side.all != keep_all or side.order:  # else it is one with this one
                refuse(f"{name.upper()} of a set operation is not supported")
        elif any(part.op == WINDOW for output in side.outputs for part in walk(output.expr)):
            refuse(f"{name.upper()} of a query with windows is not supported")


def _set_operation(
    shared: Shared, node: exp.Expression, parent: Scope | None, common: dict[str, CommonTable]
) -> SetOperation:
    only(node, "this", "expression", "distinct", "order", "limit", "offset", "with_")
    name, keep_all = _SET_OPERATIONS[type(node)], not node.args.get("distinct")
    left = bind_query(shared, child(node), parent, common)
    right = bind_query(shared, child(node, "expression"), parent, common)
    for side in (left, right):
        require_order(side)
    _require_plain_bags(shared, name, keep_all, left, right)
    _require_whole_sides(shared, name, keep_all, left, right)
    outputs, sides = align(left, right, name, name == "union" and keep_all)
    query = SetOperation(name, keep_all, left, right, outputs, sides)
    _order_and_limit(shared, node, query, common)
    return query
