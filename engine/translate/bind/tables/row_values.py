"""Rows as values: (a, b) = (c, d), (a, b) IN (SELECT …), and comparisons with any row of a query.

`row_in` and `row_scalar` hold their tests as arguments: the left side's values against the columns of the query in
`value`. So what groups or renames the left side's columns finds them.
"""

from collections.abc import Iterator
from decimal import Decimal

from sqlglot import exp

from base.decimals import negated, scaled
from engine.translate.bind.binder import Binder
from engine.translate.bind.tables.derived import rows_of
from engine.translate.bind.values.compare import compare
from engine.translate.checks.pushed_conditions import require_one_kind
from engine.translate.checks.spelled_times import in_rows
from engine.translate.literals import is_literal, is_text
from engine.translate.members import LISTED
from engine.translate.refusal import refuse
from engine.translate.tree import WINDOW, Block, Expr, Query, QuerySource, Rows, has_aggregate, is_stored, walk
from engine.translate.types import BOOL, EXACT, STORED_BITS, WHOLE, Family, whole_digits

# Lexicographic order: of the parts before the last one, and of the last one.
_STRICT = {"lt": "lt", "le": "lt", "gt": "gt", "ge": "gt"}
_OPPOSITE = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}


def parts_of(node: exp.Expression) -> list[exp.Expression] | None:
    """The parts of a row constructor, (a, b) or ROW(a, b); None for anything else."""
    if isinstance(node, exp.Tuple) or (isinstance(node, exp.Anonymous) and str(node.this).upper() == "ROW"):
        return [part for part in node.expressions if isinstance(part, exp.Expression)]
    return None


def compare_rows(operator: str, left: list[Expr], right: list[Expr]) -> Expr:
    """Compare two rows part by part; raises Refused when they differ in length."""
    if len(left) != len(right):
        refuse("rows of different lengths are compared")
    if operator in ("eq", "null_safe_eq", "ne"):
        tests = tuple(compare(operator, a, b) for a, b in zip(left, right, strict=True))
        return tests[0] if len(tests) == 1 else Expr("or" if operator == "ne" else "and", BOOL, tests)
    return compare(operator, left[0], right[0]) if len(left) == 1 else _in_order(operator, left, right)


def _in_order(operator: str, left: list[Expr], right: list[Expr]) -> Expr:
    """Compare the order of two rows, or of what is left of them behind equal parts."""
    written = is_text(left[0]) or is_text(right[0])
    if len(left) == 1:
        return in_rows(compare(operator, left[0], right[0]), written)
    rest = _in_order(operator, left[1:], right[1:])
    equal = Expr("and", BOOL, (compare("eq", left[0], right[0]), rest))
    return Expr("or", BOOL, (in_rows(compare(_STRICT[operator], left[0], right[0]), written), equal))


def any_row(binder: Binder, operator: str, left: list[Expr], node: exp.Expression, every: bool = False) -> Expr:
    """left IN (query), left > ANY (query); with `every` left > ALL (query). Raises Refused."""
    source, columns = _columns(binder, left, node)
    if binder.context.backend == "mysql":
        require_no_window(source.query)
        if operator not in ("eq", "ne"):
            _require_no_computed_constant(source)
    test = compare_rows(_OPPOSITE[operator] if every else operator, left, columns)
    found = Expr("row_in", BOOL, (test,), value=Rows(source))
    if binder.context.backend != "mysql" and operator in ("eq", "ne"):
        found = known_member(found, left, list(_stored_columns(source, columns)))
    return Expr("not", BOOL, (found,)) if every else found


def require_no_window(query: Query) -> None:
    """Refuse to look for a value among windows where MySQL may have to look for it in each row of the query, and says
    that it does not do that yet: error 1235, not before the statement runs (single_value_in_to_exists_transformer in
    sql/item_subselect.cc). MariaDB does, and computes the windows of the rows that are left. Raises Refused."""
    outputs = query.outputs if isinstance(query, Block) else []
    if any(part.op == WINDOW for output in outputs for part in walk(output.expr)):
        refuse("the servers may not compare with the windows of a sub-query")


def _require_no_computed_constant(source: QuerySource) -> None:
    """Refuse to compare the order of texts with what a sub-query computes of constants: MySQL 9.7 gives it a first time
    and then otherwise (`TRIM(id) <= ANY (SELECT LEFT(CURRENT_DATE, 7) FROM t)`). Raises Refused."""
    for output in source.query.outputs:
        parts = list(walk(output.expr))
        if not is_literal(output.expr) and all(part.op != "column" for part in parts):
            refuse("the order of texts is compared with what a sub-query computes of constants")


def _stored_columns(source: QuerySource, columns: list[Expr]) -> Iterator[Expr]:
    """What the columns of a query are inside of it, where they are stored columns or constants, or else themselves."""
    outputs = source.query.outputs
    for column, output in zip(columns, outputs, strict=True):
        yield output.expr if output.expr.op == "column" or is_literal(output.expr) else column


def known_member(
    found: Expr, values: list[Expr], columns: list[Expr], is_kept: bool = False, is_joined: bool = False
) -> Expr:
    """Let a membership fail that is unknown for a value beyond those of a column of the query.

    MariaDB looks for such a value in an index that cannot hold it, and says that it is not there, NULLs or not. The
    index is that of a stored column, or of the table that holds the rows: `is_kept` tells that they are computed once.
    `is_joined` tells that they are those of several queries, of which it forgets a `SELECT NULL`.
    """
    for value, column in zip(values, columns, strict=True):
        if _may_hold_less(value, column, is_kept, is_joined):
            found = Expr("known_member", BOOL, (found, value))
        elif (bounds := _narrower(value, column)) is not None:
            found = Expr("known_member", BOOL, (found, value), value=bounds)
    return found


def _may_hold_less(value: Expr, column: Expr, is_kept: bool, is_joined: bool) -> bool:
    """Tell whether some values may be beyond those of a column, and it is not known which ones."""
    type_, wide = column.type, value.type
    if is_joined or type_.family in LISTED or (type_.family is Family.FLOAT and wide.family is not Family.FLOAT):
        return True
    if is_stored(column) or is_literal(column):
        return False
    return column.op == "column" or (is_kept and {type_.family, wide.family} <= EXACT)


def _narrower(value: Expr, column: Expr) -> tuple[Decimal, Decimal] | None:
    """The bounds of a stored column of numbers that a value may be beyond, None where it is not."""
    type_, wide = column.type, value.type
    if column.op != "column" or not {type_.family, wide.family} <= EXACT:
        return None
    same = (whole_digits(wide), wide.unsigned) == (whole_digits(type_), type_.unsigned)
    if value.op == "column" and same and wide.scale <= type_.scale:
        return None
    if type_.family in WHOLE:
        bits = STORED_BITS.get(type_.digits, 32)
        if type_.unsigned:
            return Decimal(0), Decimal(2**bits - 1)
        return Decimal(-(2 ** (bits - 1))), Decimal(2 ** (bits - 1) - 1)
    most = scaled(10 ** (whole_digits(type_) + type_.scale) - 1, type_.scale)
    return negated(most), most


def only_row(binder: Binder, operator: str, left: list[Expr], node: exp.Expression) -> Expr:
    """left = (query) of one row at most; raises Refused."""
    if operator == "null_safe_eq":
        refuse("<=> of a row with a sub-query is not supported")
    source, columns = _columns(binder, left, node)
    return Expr("row_scalar", BOOL, (compare_rows(operator, left, columns),), value=Rows(source))


def _columns(binder: Binder, left: list[Expr], node: exp.Expression) -> tuple[QuerySource, list[Expr]]:
    if any(has_aggregate(part) for part in left):
        refuse("an aggregate is compared with the rows of a sub-query")
    block = rows_of(binder, node)
    assert isinstance(block.source, QuerySource)
    require_one_kind(block.source.query)
    columns = [output.expr for output in block.outputs]
    if len(columns) != len(left):
        refuse("a row is compared with another number of columns")
    binder.require_settled(*left, *columns)
    return block.source, columns


def as_filter(condition: Expr) -> Expr:
    """A condition that only lets rows pass where it is true: there an unknown membership is as good as none."""
    if condition.op == "and":
        return Expr("and", condition.type, tuple(as_filter(part) for part in condition.args))
    if condition.op == "row_in":
        assert isinstance(condition.value, Rows)
        return Expr("row_in", BOOL, condition.args, value=Rows(condition.value.source, true_only=True))
    if condition.op == "known_member" and condition.args[0].op != "all_query":
        return as_filter(condition.args[0])
    return condition
