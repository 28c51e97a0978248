"""DuckDB for groups and windows: aggregates, the values of keys, window functions."""

from collections.abc import Callable

from engine.translate.bind.groups.aggregates import one_zero
from engine.translate.bind.kept.doubles import is_loose
from engine.translate.lower.documents import known
from engine.translate.lower.doubles import BY_KEY, bare, first_row
from engine.translate.lower.lowering import Lowering
from engine.translate.lower.over import over
from engine.translate.lower.widths import aligned
from engine.translate.refusal import refuse
from engine.translate.tree import Expr
from engine.translate.types import APPROXIMATE, Family

Writer = Callable[[Lowering, Expr], str]


def _template(template: str) -> Writer:
    return lambda low, expr: template.format(*(low.expr(arg) for arg in expr.args), v=expr.value)


def group_key(low: Lowering, key: Expr) -> str:
    """Write a key of GROUP BY; a double fails where it is -0, of which and 0 any may be shown. What other keys
    determine is compared as it is stored."""
    if key.op == "of_row":
        return low.expr(key.args[0])
    return low.expr(one_zero(key)) if key.type.family in APPROXIMATE else low.own_key(key)


def _grouping(low: Lowering, expr: Expr) -> str:
    """Of no rows at all MySQL says 0 or 1, as its plan goes."""
    told = f"GROUPING({group_key(low, expr.args[0])})"
    return f"(CASE WHEN count(*) = 0 THEN error('GROUPING of no rows') ELSE {told} END)"


def _count_distinct(low: Lowering, expr: Expr) -> str:
    keys = [low.own_key(arg) for arg in expr.args]
    if len(keys) == 1:
        return f"count(DISTINCT {keys[0]})"
    known = " AND ".join(f"{key} IS NOT NULL" for key in keys)
    return f"count(DISTINCT row({', '.join(keys)})) FILTER (WHERE {known})"


_ASCENDING = "ASC NULLS LAST"
_BOTH_WAYS = (_ASCENDING, "DESC NULLS LAST")


def _minmax(low: Lowering, expr: Expr) -> str:
    (arg,) = expr.args
    sql = low.expr(arg)
    if arg.op == "zoned":
        made = _last_moment(low, expr.op, arg)
        return _without_missing(low, made, low.expr(arg.args[0])) if expr in low.missing_dates else made
    if arg.type.family is not Family.STRING:
        made = f"{expr.op}({sql})"
        return _without_missing(low, made, sql) if expr in low.missing_dates else made
    key = low.order_key(arg)
    if low.tells_apart(arg):
        return f"{expr.op}({sql})" if key == sql else f"arg_{expr.op}({sql}, {key})"
    if low.spells_first and low.is_ordered():
        ways = [(key, "ASC NULLS LAST" if expr.op == "min" else "DESC NULLS LAST"), *first_row(low)]
        return f"arg_min({sql}, {_sorted_by(ways)})"
    # Of the texts that are equal and least, the first and the last in the order of their bytes.
    first, last = (f"arg_{expr.op}({sql}, {_sorted_by([(key, _ASCENDING), (sql, end)])})" for end in _BOTH_WAYS)
    if low.any_spelling:
        return first if expr.op == "min" else last
    failure = _misspelled(low, "texts are equal in different spellings (any_spelling)")
    return f"(CASE WHEN {first} IS DISTINCT FROM {last} THEN {failure} ELSE {first} END)"


def _without_missing(low: Lowering, made: str, sql: str) -> str:
    """Fail where the first row of a group has no date, or may have none where the order of rows is not known."""
    problem, begins = "MIN or MAX of a missing date", f"count({sql}) < count(*)"
    if low.key_order and low.is_ordered():
        begins = f"arg_min({sql} IS NULL, {_sorted_by(first_row(low))})"
    elif low.key_order:
        problem = f"{problem} {BY_KEY}"
    return f"(CASE WHEN {begins} THEN error('{problem}') ELSE {made} END)"


def _sorted_by(ways: list[tuple[str, str]]) -> str:
    """Write a key that sorts as several do, each in its way."""
    keys = ", ".join(f"{key}, '{way}'" for key, way in ways)
    return f"create_sort_key({keys})"


def _misspelled(low: Lowering, problem: str) -> str:
    """Fail; where the first in the backend's order can be taken, so that the statement is tried again that way."""
    return f"error('{f'{problem} {BY_KEY}' if low.spells_first else problem}')"


def _last_moment(low: Lowering, operation: str, arg: Expr) -> str:
    """MIN or MAX in a time zone with summer time: of the moments or of the local times, which must be the same."""
    local = f"{operation}({low.expr(arg)})"
    same = f"{local} IS NOT DISTINCT FROM {low.from_utc(f'{operation}({low.expr(arg.args[0])})', str(arg.value))}"
    return f"(CASE WHEN {same} THEN {local} ELSE error('an hour comes twice') END)"


_OF_NO_ROWS = "WHEN count(*) = 0 THEN error('a computed key of no rows') "  # MySQL may compute the total's


def _group_value(low: Lowering, expr: Expr) -> str:
    """The value of a group key; when spellings differ inside one group, which one MySQL shows is its choice.

    It is ours where MySQL has no rows, as of tables whose rows are files, and where the session leaves it to us.
    """
    (arg,) = expr.args
    if arg.type.family is not Family.STRING or low.tells_apart(arg):
        key = group_key(low, arg)
        if not expr.value or arg.op == "column":
            return key
        return f"(CASE {_OF_NO_ROWS}ELSE {key} END)"
    sql = low.expr(arg)
    total = f"WHEN GROUPING({group_key(low, arg)}) = 1 THEN NULL " if expr.value else ""
    if total and arg.op != "column":
        total = f"{_OF_NO_ROWS}{total}"
    if low.any_spelling:
        return f"(CASE {total}ELSE min({sql}) END)" if total else f"min({sql})"
    if low.spells_first and low.is_ordered():
        return f"arg_min({sql}, {_sorted_by(first_row(low))})"
    problem = _misspelled(low, "a group holds different spellings (any_spelling)")
    return f"(CASE {total}WHEN min({sql}) <> max({sql}) THEN {problem} ELSE min({sql}) END)"


def _any(low: Lowering, expr: Expr) -> str:
    """A value that all rows have; `value` says that of no rows it may be another than NULL."""
    found = f"any_value({low.expr(expr.args[0])})"
    return f"(CASE WHEN count(*) = 0 THEN error('a constant of no rows') ELSE {found} END)" if expr.value else found


def _window(low: Lowering, expr: Expr) -> str:
    if is_loose(expr):
        return bare(low, expr)
    function = expr.args[0]
    texts = function.op in ("min", "max") and function.type.family is Family.STRING
    if texts and not low.is_bare(function.args[0]) and not low.any_spelling:
        refuse(f"{function.op.upper()} of strings that may be equal in different spellings is not supported")
    return f"{low.expr(function)} {over(low, expr)}"


def _neighbour(low: Lowering, expr: Expr) -> str:
    value, *default = aligned(low, expr.args)
    return f"{expr.op}({', '.join([value, str(expr.value), *default])})"


def _sum(low: Lowering, expr: Expr) -> str:
    """A sum; one of quotients that are rounded where it is kept (bind/kept/quotients.py) depends on the order of rows
    where it changes its sign and a quotient is half of the last digit: that is rounded away from 0."""
    (arg,) = expr.args
    rounded = low.expr(arg)
    if arg.op != "kept_quotient":
        return f"sum({rounded})"
    (whole,), frac = arg.args, arg.args[0].type.frac
    exact, cut = low.expr(whole), f"CAST({rounded} AS DECIMAL(38, {frac}))"
    half = f"CAST('0.{'0' * arg.type.scale}5' AS DECIMAL(38, {frac}))"
    is_open = f"min({exact}) < 0 AND max({exact}) > 0 AND bool_or(abs({cut} - {exact}) = {half})"
    return f"(CASE WHEN {is_open} THEN error('a sum that is rounded at each row') ELSE sum({rounded}) END)"


GROUP_OPS: dict[str, Writer] = {
    "count_all": lambda low, expr: "count(*)",
    "count": lambda low, expr: f"count({known(low, expr.args[0])})",
    "count_distinct": _count_distinct,
    "sum": _sum,
    "sum_distinct": _template("sum(DISTINCT {0})"),
    "min": _minmax,
    "max": _minmax,
    "any": _any,
    "group_value": _group_value,
    "grouping": _grouping,
    "window": _window,
    "row_number": lambda low, expr: "row_number()",
    "rank": lambda low, expr: "rank()",
    "dense_rank": lambda low, expr: "dense_rank()",
    "lag": _neighbour,
    "lead": _neighbour,
    "nth_value": _neighbour,
    "first_value": _template("first_value({0})"),
    "last_value": _template("last_value({0})"),
    "ntile": _template("ntile({v})"),
    "percent_rank": lambda low, expr: "percent_rank()",
    "cume_dist": lambda low, expr: "cume_dist()",
}
