"""What stands behind an output: the values of derived tables that are no tables of their own, constants."""

from collections.abc import Mapping

from engine.translate.members import TEXTS_OF_LISTED
from engine.translate.tree import (
    AGGREGATES,
    WINDOW,
    Block,
    CteSource,
    Expr,
    Join,
    JsonRows,
    Output,
    Query,
    QuerySource,
    Recursion,
    SetOperation,
    Source,
    TableSource,
    is_stored,
    walk,
)
from engine.translate.types import BOOL, Family
from engine.translate.walks import leaves

KEYS = frozenset({"group_value", "any"})
CONSTANTS = frozenset({"literal", "bytes", "plain_bytes", "pi"})
COMPUTED = AGGREGATES - KEYS | {WINDOW}
EXTREMES = frozenset({"min", "max"})
_CHOICES = frozenset({"case", "coalesce", "greatest", "least"})
AVERAGES = {"quotient": "sum", "double_divide": "double_sum"}
SUMS = AGGREGATES - KEYS - {"any_same"}  # ANY_VALUE is a function
# Aggregates whose value is a field of the temporary table; the others are computed from such fields.
_SUMMED = frozenset({"count_all", "count", "sum", "double_sum", "min", "max"})
STORED = {"mysql": _SUMMED, "mariadb": _SUMMED | {"bits_all", "bits_any", "bits_odd"}}
# MariaDB's field has room for a sign that the expression has not.
UNSIGNED_PARTS = frozenset({"date_part", "day_of_year", "time_part", "to_days", *(f"week_{n}" for n in range(8))})
LISTS = frozenset({"group_concat", "group_concat_apart", "group_concat_distinct"})


def source(expr: Expr, block: Block) -> Expr:
    """The expression behind one that names a column of a derived table that is no table of its own; else itself."""
    return origin(expr, block)[0]


def origin(expr: Expr, block: Block) -> tuple[Expr, Block]:
    """Give `source` and the block that it stands in."""
    output, inner = _behind(Output("", expr), block, dict(block.ctes))
    return output.expr, inner


def base_table(expr: Expr, block: Block) -> str:
    """The server's name of the table whose column an expression is, be it in a derived table; "" for all else."""
    behind, inner = origin(expr, block)
    column = behind.args[0] if behind.op in KEYS else behind
    if not is_stored(column) or not isinstance(column.value, tuple):
        return ""
    tables = (leaf for leaf in leaves(inner.source) if isinstance(leaf, TableSource))
    return next((leaf.table for leaf in tables if leaf.alias == column.value[0]), "")


def is_folded(output: Output, block: Block) -> bool:
    """Tell whether an output is a constant that was written with columns, be it in a derived table."""
    return _behind(output, block, dict(block.ctes))[0].folded


def _behind(output: Output, block: Block, known: Mapping[str, Query | Recursion]) -> tuple[Output, Block]:
    inner = output.expr.args[0] if output.expr.op in KEYS else output.expr
    if inner.op != "column" or not isinstance(inner.value, tuple):
        return output, block
    alias, name = inner.value
    query = query_of(block.source, str(alias), known)
    place = str(name)[1:]
    if not isinstance(query, Block) or not place.isdigit() or int(place) >= len(query.outputs):
        return output, block
    return _behind(query.outputs[int(place)], query, {**known, **dict(query.ctes)})


def is_field(expr: Expr, block: Block, known: Mapping[str, Query | Recursion]) -> bool:
    """Tell whether a double is as long as a column's field on MariaDB: a stored table's, what is chosen among such, MIN
    and MAX of one, and what a derived table gives of it; windows and what is calculated are longer by one."""
    while expr.op in (*KEYS, *EXTREMES, "plain_zero", "to_double"):
        (expr,) = expr.args
    if expr.op in _CHOICES:
        chosen = expr.args[len(expr.args) // 2 :] if expr.op == "case" else expr.args
        return all(is_field(part, block, known) for part in chosen if part.type.family is not Family.NULL)
    if expr.op != "column" or not isinstance(expr.value, tuple):
        return False
    query, place = query_of(block.source, str(expr.value[0]), known), str(expr.value[1])[1:]
    if is_stored(expr) or query is None or not place.isdigit():
        return is_stored(expr)
    return _gives_field(query, int(place), known)


def _gives_field(query: Query | Recursion, place: int, known: Mapping[str, Query | Recursion]) -> bool:
    if isinstance(query, SetOperation):
        return all(_gives_field(side, place, {**known, **dict(side.ctes)}) for side in (query.left, query.right))
    if not isinstance(query, Block) or place >= len(query.outputs):
        return False
    return is_field(query.outputs[place].expr, query, {**known, **dict(query.ctes)})


def is_merged(column: Expr, block: Block, known: Mapping[str, Query | Recursion]) -> bool:
    """Tell whether a column of a derived table is a stored table's, for each query in between is merged into the one
    around it; `known` are the common tables in sight."""
    if column.op != "column" or not isinstance(column.value, tuple):
        return False
    if is_stored(column):
        return True
    behind = merged_output(column, block, known)
    return behind is not None and is_merged(behind[0], behind[1], {**known, **dict(behind[1].ctes)})


def merged_output(column: Expr, block: Block, known: Mapping[str, Query | Recursion]) -> tuple[Expr, Block] | None:
    """Give what a column of a derived table that is merged stands for, and that table's query; None for all others."""
    if column.op != "column" or not isinstance(column.value, tuple) or is_stored(column):
        return None
    alias, name = column.value
    query = query_of(block.source, str(alias), known)
    place = str(name)[1:]
    if not isinstance(query, Block) or not place.isdigit() or int(place) >= len(query.outputs):
        return None
    windows = any(part.op == WINDOW for output in query.outputs for part in walk(output.expr))
    if query.grouped or query.distinct or windows or query.limit is not None:
        return None
    return query.outputs[int(place)].expr, query


def is_constant(expr: Expr) -> bool:
    return all(part.args or part.op in CONSTANTS for part in walk(expr))


def query_of(source: Source | None, alias: str, known: Mapping[str, Query | Recursion]) -> Query | Recursion | None:
    match source:
        case Join():
            return query_of(source.left, alias, known) or query_of(source.right, alias, known)
        case QuerySource() if source.alias == alias:
            return source.query
        case CteSource() if source.alias == alias:
            return known.get(source.cte)
        case TableSource() | QuerySource() | CteSource() | JsonRows() | None:
            return None


def is_window(expr: Expr) -> bool:
    """Tell whether an expression is the value of one window: an average is a quotient of two."""
    if expr.op == "to_int" and expr.args[0].type == BOOL:
        (expr,) = expr.args
    if expr.op == "to_int" and expr.args[0].type == BOOL:
        (expr,) = expr.args
    while expr.op in ("round", "double_round", "agreed"):
        expr = expr.args[0]
    if expr.op == "to_double":
        expr = expr.args[0]
    return expr.op == WINDOW or (expr.op in AVERAGES and all(is_window(arg) for arg in expr.args))


def is_truth(expr: Expr) -> bool:
    return (expr.args[0] if expr.op == "to_int" else expr).type == BOOL


def is_reference(expr: Expr, block: Block) -> bool:
    """Tell whether MIN or MAX is of a column of a derived table that is merged: of a reference, and not of a field
    whose type its own has (`Item_sum_min_max::create_tmp_field` in sql/sql_select.cc)."""
    wrapped = expr.args[0]
    inner = wrapped.args[0] if wrapped.op in (*TEXTS_OF_LISTED, "plain_zero") else wrapped
    return merged_output(inner, block, dict(block.ctes)) is not None
