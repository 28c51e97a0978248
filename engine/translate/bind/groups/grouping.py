"""GROUP BY and DISTINCT: which values a group has, and refusal of those it has not."""

from dataclasses import replace

from engine.translate import literals
from engine.translate.bind.binder import Binder
from engine.translate.bind.groups import aggregates
from engine.translate.bind.kept.doubles import require_stored_alike
from engine.translate.bind.numbers import as_value
from engine.translate.bind.values.compare import compare
from engine.translate.literals import NULL_LITERAL
from engine.translate.members import LISTED, TEXTS_OF_LISTED, spelled
from engine.translate.refusal import refuse
from engine.translate.tree import (
    AGGREGATES,
    WINDOW,
    Block,
    Expr,
    OrderItem,
    Output,
    has_aggregate,
    rebuild,
    rebuild_shown,
    required_columns,
    walk,
)
from engine.translate.walks import gathered, queries_in
from statements.sqlmode import modes

_QUERIES = frozenset({"scalar", "exists", "in_query", "any_query", "all_query", "row_in", "row_scalar"})
_ROUNDED = frozenset({"double_round", "double_truncate"})
_NULL_TESTS = frozenset({"is_null", "is_not_null", "null_safe_eq"})


def group_block(binder: Binder, block: Block) -> None:
    """Turn references to group keys into group values, DISTINCT into groups; raises Refused."""
    if block.rollup and block.distinct:
        refuse("DISTINCT with ROLLUP is not supported")
    if block.distinct and not block.grouped:
        _distinct_as_groups(binder, block)
    if not block.grouped:
        return
    for key in block.groups:
        if not _is_shown_rounded(binder, block, key):
            require_stored_alike(key)
        _check_key(key)
    keys = {key for key in block.groups if key.op != "literal"}
    if block.groups and not keys and not block.rollup:
        _one_group(block)
    full = "ONLY_FULL_GROUP_BY" in modes(binder.context.sql_mode) and binder.context.backend == "mysql"

    def change(expr: Expr) -> Expr | None:
        if expr.op == "grouping":
            return expr if block.rollup and expr.args[0] in keys else refuse("GROUPING of this is not supported")
        if expr in keys:
            value = Expr("group_value", expr.type, (expr,), value=block.rollup)
            return spelled(value) if _is_spelled_key(binder, block, expr) else value
        if expr.op in TEXTS_OF_LISTED and expr.args[0] in keys:
            value = Expr("group_value", expr.args[0].type, expr.args, value=block.rollup)
            return replace(expr, args=(value,))
        if expr.op in AGGREGATES:
            return expr
        if expr.op == WINDOW:
            function, *rest = expr.args
            inner = Expr(function.op, function.type, tuple(rebuild(a, change) for a in function.args), function.value)
            return Expr(WINDOW, expr.type, (inner, *(rebuild(a, change) for a in rest)), expr.value)
        if expr.op == "column" and binder.scope.owns(expr):
            if key := next((key for key in keys if key.op == "column" and key.value == expr.value), None):
                return Expr("group_value", expr.type, (key,), value=block.rollup)  # the number of an ENUM or SET
            if not block.rollup and (full or binder.scope.determined(expr, keys)):
                # Of no rows MySQL shows the constant that a derived table gives, where it merges that, not NULL.
                return Expr("any", expr.type, (expr,), not block.groups and expr.value in binder.shared.constants)
            refuse(f"the column {expr.value[1]} is not in GROUP BY")  # type: ignore[index]
        return None

    rebuild_shown(block, change)
    if block.rollup and (len(keys) < len(block.groups) or any(key.op == "literal" for key in block.groups)):
        refuse("ROLLUP over constants or the same key twice is not supported")
    if block.rollup:
        _require_certain_totals(block, keys)
    if block.rollup and binder.context.backend != "mysql":
        _require_plain_rollup(block, binder.context.protocol)
    if not block.rollup:
        block.groups = _needed(binder, block)
        block.groups += _read_inside(binder, block, keys)


def _one_group(block: Block) -> None:
    """Make one group of all rows, and none of no rows: what GROUP BY and DISTINCT of constants are."""
    some = compare("gt", aggregates.count([], distinct=False), literals.integer(0))
    block.groups = []
    block.having = some if block.having is None else Expr("and", some.type, (some, block.having))


def _is_spelled_key(binder: Binder, block: Block, key: Expr) -> bool:
    """Tell whether a key of ROLLUP is an ENUM or SET that is its text there, in its order, too, and in what reads a
    derived table of it: with MySQL each is (Item_rollup_group_item in sql/item_func.h), with MariaDB a column that is
    never NULL (read off 10.11.19)."""
    if not block.rollup or key.type.family not in LISTED:
        return False
    return binder.context.backend == "mysql" or (key.op == "column" and key.value in required_columns(block.source))


def _require_certain_totals(block: Block, keys: set[Expr]) -> None:
    """Refuse what MySQL takes for another thing in totals: there a key is NULL, wherever it stands.

    ANY_VALUE of a key is no aggregate. Of a key that is computed of another one, and of what is written like it, it
    depends on the plan which of both it is.
    """
    if any(part.op == "any_same" for output in block.outputs for part in walk(output.expr)):
        refuse("ANY_VALUE with ROLLUP is not supported")
    if any(all(part.op != "column" for part in walk(key)) for key in keys):
        refuse("ROLLUP over constants or the same key twice is not supported")
    if any(part in keys for key in keys for arg in key.args for part in walk(arg)):
        refuse("a key of ROLLUP is computed of another one")


def _require_plain_rollup(block: Block, protocol: str) -> None:
    """Refuse what MariaDB does with keys in totals.

    NULLIF keeps its last value in the total, and so does what has a NOT, which the server writes anew in each place
    (read off 10.11.19). A key that is shown twice keeps the last group's value in the second
    one, so does a computed key inside of an expression, and one that is declared NOT NULL is never NULL for IS NULL in
    HAVING.
    """
    parts = [] if block.having is None else list(walk(block.having))
    if any(part.op in _NULL_TESTS and any(_key_shown(arg) for arg in part.args) for part in parts):
        refuse("a key of ROLLUP is compared with NULL in HAVING")
    if any(key.op == "case" and key.args[len(key.args) // 2] == NULL_LITERAL for key in block.groups):
        refuse("NULLIF as a key of ROLLUP is not supported")
    if any(part.op == "not" for key in block.groups for part in walk(key)):
        refuse("NOT in a key of ROLLUP is not supported")
    if protocol == "binary" and any(key.op != "column" for key in block.groups):
        refuse("a computed key of ROLLUP may be 0 in the totals of a prepared statement")
    shown = [key for output in block.outputs if (key := _key_shown(output.expr))]
    if len(set(shown)) < len(shown):
        refuse("ROLLUP with a key that is selected twice is not supported")
    inner = [part for output in block.outputs if not _key_shown(output.expr) for part in walk(output.expr)]
    if any(part.op == "group_value" and part.args[0].op != "column" for part in (*inner, *parts)):
        refuse("a computed key of ROLLUP inside of an expression is not supported")


def _key_shown(expr: Expr) -> Expr | None:
    """Give the group's value that an expression is, as it is or as the text of an ENUM or SET."""
    if expr.op in TEXTS_OF_LISTED:
        (expr,) = expr.args
    return expr if expr.op == "group_value" else None


def _needed(binder: Binder, block: Block) -> list[Expr]:
    """Drop keys that other keys determine: columns of a table whose whole primary key is grouped by."""
    keys = set(block.groups)
    kept: list[Expr] = []
    dropped: set[Expr] = set()
    for key in dict.fromkeys(block.groups):
        if key.op == "column" and not binder.scope.is_key(key) and binder.scope.determined(key, keys):
            dropped.add(key)
        elif key.op != "literal":
            kept.append(key)
    if not dropped:
        return kept

    def change(expr: Expr) -> Expr | None:
        if expr.op == "group_value" and expr.args[0] in dropped:
            return Expr("any", expr.type, expr.args)
        return None

    rebuild_shown(block, change)
    return kept


def _read_inside(binder: Binder, block: Block, keys: set[Expr]) -> list[Expr]:
    """Give further keys: columns that the primary key determines, for the sub-queries that read them for each group."""
    if not block.groups:
        return []
    shown = [*(output.expr for output in block.outputs), *(item.expr for item in block.order)]
    filters = [expr for expr in (block.having, block.qualify) if expr is not None]
    read = dict.fromkeys(column for expr in (*shown, *filters) for column in _read_by_queries(binder, expr))
    wanted = [column for column in read if column not in block.groups and binder.scope.determined(column, keys)]
    if any(column in wanted for expr in filters for column in _read_by_queries(binder, expr)):
        refuse("a sub-query of HAVING reads a column that is no key of the groups")  # MariaDB 10.11: of another row
    if wanted and any(part.op == WINDOW for expr in shown for part in walk(expr)):
        # MySQL 9.7 computes such a sub-query with another row, MariaDB 10.11 loses the order of the rows.
        refuse("a sub-query beside a window reads a column that is no key of the groups")
    return [Expr("of_row", column.type, (column,)) for column in wanted]


def _read_by_queries(binder: Binder, expr: Expr) -> list[Expr]:
    """Give the columns of this SELECT that the sub-queries of an expression read."""
    nodes = [node for query in queries_in(expr) for node in gathered(query).nodes]
    return [node for node in nodes if node.op == "column" and binder.scope.owns(node)]


def _is_shown_rounded(binder: Binder, block: Block, key: Expr) -> bool:
    """Tell whether a key is a double that ROUND or TRUNCATE gives, and is shown as text or sorted by only.

    What MariaDB's table has of it differs in the last digit (-0.93 is -1 + 0.07 there), alike for all that are equal.
    """
    if key.op != "storable" or key.args[0].op not in _ROUNDED or block.rollup or block.having is not None:
        return False
    context = binder.context
    if context.protocol != "text" or context.stores or context.cursor:
        return False
    require_stored_alike(key.args[0])
    items: list[Output | OrderItem] = [*block.outputs, *block.order]
    exprs = [*(item.expr for item in items), *(group for group in block.groups)]
    return block.qualify is None and all(expr == key or key not in walk(expr) for expr in exprs)


def _check_key(key: Expr) -> None:
    if key.type.frac != key.type.scale:
        refuse("GROUP BY or DISTINCT of a quotient is not supported")
    if has_aggregate(key) or any(part.op == WINDOW for part in walk(key)):
        refuse("GROUP BY of an aggregate is not supported")


def _distinct_as_groups(binder: Binder, block: Block) -> None:
    outputs = [output.expr for output in block.outputs]
    if any(part.op == WINDOW for expr in outputs for part in walk(expr)) or block.source is None:
        return
    shown = {*outputs, *map(as_value, outputs)}
    if not all(item.expr in shown or _is_settled(binder, item.expr, shown) for item in block.order):
        refuse("DISTINCT ordered by an expression that is not selected")
    block.distinct = False
    block.grouped = True
    block.groups = list(dict.fromkeys(outputs))


def _is_settled(binder: Binder, expr: Expr, shown: set[Expr]) -> bool:
    """Tell whether all rows that DISTINCT makes one of have the same value: it is made of what is selected, and of
    columns of rows whose whole primary key is selected."""
    if expr in shown:
        return True
    if expr.op == "column":
        return binder.scope.owns(expr) and binder.scope.determined(expr, shown)
    if expr.op == WINDOW or expr.op in AGGREGATES | _QUERIES:
        return False
    return all(_is_settled(binder, arg, shown) for arg in expr.args)
