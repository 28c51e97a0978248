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
from engine.translate.refusal import refuse
from engine.translate.tree import Expr, QuerySource, Rows, has_aggregate
from engine.translate.types import BOOL, EXACT, STORED_BITS, WHOLE, whole_digits

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
    if len(left) == 1:
        return compare(operator, left[0], right[0])
    rest = compare_rows(operator, left[1:], right[1:])
    equal = Expr("and", BOOL, (compare("eq", left[0], right[0]), rest))
    return Expr("or", BOOL, (compare(_STRICT[operator], left[0], right[0]), equal))


def any_row(binder: Binder, operator: str, left: list[Expr], node: exp.Expression, every: bool = False) -> Expr:
    """left IN (query), left > ANY (query); with `every` left > ALL (query). Raises Refused."""
    source, columns = _columns(binder, left, node)
    test = compare_rows(_OPPOSITE[operator] if every else operator, left, columns)
    found = Expr("row_in", BOOL, (test,), value=Rows(source))
    if binder.context.backend != "mysql":
        found = known_member(found, left, list(_stored_columns(source, columns)))
    return Expr("not", BOOL, (found,)) if every else found


def _stored_columns(source: QuerySource, columns: list[Expr]) -> Iterator[Expr]:
    """What the columns of a query are inside of it, where they are stored columns, and themselves elsewhere."""
    outputs = source.query.outputs
    for column, output in zip(columns, outputs, strict=True):
        yield output.expr if output.expr.op == "column" else column


def known_member(found: Expr, values: list[Expr], columns: list[Expr]) -> Expr:
    """Let a membership fail that is unknown for a value beyond those of a stored column of numbers.

    MariaDB looks for such a value in an index that cannot hold it, and says that it is not there, NULLs or not.
    """
    for value, column in zip(values, columns, strict=True):
        bounds = _narrower(value, column)
        if bounds is not None:
            found = Expr("known_member", BOOL, (found, value), value=bounds)
    return found


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
    columns = [output.expr for output in block.outputs]
    if len(columns) != len(left):
        refuse("a row is compared with another number of columns")
    binder.require_settled(*left, *columns)
    assert isinstance(block.source, QuerySource)
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
