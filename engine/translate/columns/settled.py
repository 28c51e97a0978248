"""Values that are known before any row is read, so that a temporary table has no field for them."""

from engine.translate.columns.behind import COMPUTED, CONSTANTS, KEYS, is_constant
from engine.translate.tree import BY_EQUALITY, WINDOW, Block, Expr, required_columns
from engine.translate.types import Family
from engine.translate.walks import queries_in, sees_outside

_QUERIES = frozenset({"scalar", "exists", "in_query", "any_query", "all_query"})
_MAYBE_ZERO = frozenset({Family.DATE, Family.DATETIME})
_NEVER_NULL = frozenset(
    {"count_all", "count", "rank", "dense_rank", "row_number", "percent_rank", "cume_dist", "ntile"}
)
# Of what is never NULL no other values are made than such.
_PASSING_NULLS = frozenset(
    {"negate", "int_negate", "to_double", "to_decimal", "int_to_text", "decimal_to_text", "double_to_text"}
    | {"of_several"}
)


_OF_KNOWN = (
    frozenset(f"{kind}_{name}" for kind in ("int", "decimal", "double") for name in ("add", "subtract", "multiply"))
    | frozenset({"bits_and", "bits_or", "bits_xor", "bits_not", "shifted", "int_abs", "abs", "sign", "floor", "ceil"})
    | frozenset({"eq", "ne", "lt", "le", "gt", "ge", "between", "in", "and", "or", "xor", "not", "to_int"})
    | frozenset({"greatest", "least", "is_nonzero"})
)


def is_settled(expr: Expr, block: Block, backend: str) -> bool:
    """Tell whether a value is known before any row is read, so that no field is made for it."""
    if expr.op in KEYS:
        (expr,) = expr.args
    if expr.op == "is_null" and not block.rollup and _is_known(expr.args[0], block):
        if expr.value == BY_EQUALITY:
            return is_settled(expr.args[0], block, backend)
        # To MariaDB a date that is zero is NULL, whatever the column.
        maybe_zero = expr.args[0].type.family in _MAYBE_ZERO and not is_constant(expr.args[0])
        return backend == "mysql" or not maybe_zero
    if expr.op in _QUERIES and not _stands_alone(expr):
        return False
    if not expr.args:
        return expr.op in CONSTANTS or expr.op in _QUERIES
    if expr.op == "not" and expr.args[0].op == "is_null":
        return is_constant(expr)
    if expr.op == "any_same":
        return is_settled(expr.args[0], block, backend)
    return expr.op not in COMPUTED and all(is_settled(arg, block, backend) for arg in expr.args)


def _stands_alone(expr: Expr) -> bool:
    """Tell whether an expression's sub-queries are computed once: they see no table around them, nor variables."""
    inner = list(queries_in(expr))
    if any(isinstance(query, Block) and query.varies for query in inner):
        return False
    return not any(map(sees_outside, inner))


def _is_known(expr: Expr, block: Block) -> bool:
    """Tell whether a value is never NULL: literals, some windows', columns that are NOT NULL on no joined side, and
    what is chosen among such."""
    while expr.op in _PASSING_NULLS and (expr.type.coercible or not expr.op.endswith("_to_text")):
        expr = expr.args[0]  # CAST AS CHAR may be NULL to the servers, which a text that they make themselves is not
    if expr.op in ("is_null", "null_safe_eq"):
        return True
    if expr.op == "literal":
        return expr.type.family is not Family.NULL
    if expr.op == "case":
        return all(_is_known(part, block) for part in expr.args[len(expr.args) // 2 :])
    if expr.op == "coalesce":
        return any(_is_known(part, block) for part in expr.args)
    if expr.op in _OF_KNOWN:
        return all(_is_known(arg, block) for arg in expr.args)
    if expr.op == WINDOW:
        function = expr.args[0]
        with_default = function.op in ("lag", "lead") and len(function.args) > 1
        return function.op in _NEVER_NULL or (with_default and all(_is_known(arg, block) for arg in function.args))
    return expr.op == "column" and isinstance(expr.value, tuple) and expr.value in required_columns(block.source)
