"""Conditions on columns of a UNION whose sides have values of other types: the servers judge them of the sides' values.

Both servers push a condition on a derived table (a view, a common table expression) into each of its queries, with the
query's own expression in the place of the column: of SELECT qty … UNION ALL SELECT price … the condition LENGTH(x) = 5
is asked of the quantity 10, not of 10.00, and x < '1x' as of numbers where one side has texts. MariaDB 10.11 does so
always (pushdown_cond_for_derived in sql/sql_derived.cc) and looks at the rows that are left once more. MySQL 9.7 does
where all sides have one Item_result (Item_field::is_valid_for_pushdown): texts, dates and times are one to it. And it
shows decimals of a DISTINCT or GROUP BY each with its own digits there. What is IN a UNION both compare side by side.

Conditions that ask for the value only are the same for both; so are those on aggregates and windows, which stay.
"""

from collections.abc import Iterator, Sequence

from engine.translate.origins import Origins
from engine.translate.refusal import refuse
from engine.translate.tree import AGGREGATES, WINDOW, Block, Expr, Query, Recursion, SetOperation
from engine.translate.types import Family, Type
from engine.translate.walks import Gathered, join_conditions

_REASON = "a condition on a UNION of values of several types may be judged of each side's values"
# Operations that ask for the value of a number or moment, however many digits it is written with.
_BY_VALUE = frozenset(
    {
        "eq", "ne", "lt", "le", "gt", "ge", "null_safe_eq", "between", "in", "and", "or", "not", "xor", "is_null",
        "is_nonzero", "nonzero", "is_true", "is_false", "add", "subtract", "multiply", "negate", "abs", "sign",
        "int_add", "int_subtract", "int_multiply", "int_negate", "int_abs", "decimal_add", "decimal_subtract",
        "decimal_multiply", "double_add", "double_subtract", "double_multiply", "round", "truncate", "settled", "ended",
        "to_double", "to_decimal", "to_datetime", "to_date", "not_negative", "within", "date_part", "date_difference",
        "day_of_week", "day_of_year", "unix_time", "group_value", "case", "coalesce", "date_shift", "elapsed",
        "format_date", "int_modulo", "decimal_modulo",
    }
)  # fmt: skip
_NULLNESS = frozenset({"is_null", "not", "and", "or", "group_value"})
_INTEGERS = frozenset({Family.BOOL, Family.INT})
# What MySQL calls the result of a value: others are read as strings.
_RESULTS = {
    **dict.fromkeys((Family.BOOL, Family.INT, Family.YEAR, Family.BIT), "integer"),
    **dict.fromkeys((Family.FLOAT, Family.DOUBLE), "real"),
    **dict.fromkeys((Family.DECIMAL, Family.LONG_DECIMAL), "decimal"),
}
_NUMBERS = frozenset(_RESULTS)
_MOMENTS = frozenset({Family.DATE, Family.DATETIME, Family.TIME, Family.PACKED_DATE, Family.PACKED_DATETIME})


def side_types(left: Query, right: Query, position: int) -> tuple[Type, ...]:
    """Give the types that all queries of a set operation have for a column, before they are made one."""
    found: list[Type] = []
    for query in (left, right):
        inner = query.sides[position] if isinstance(query, SetOperation) else (query.outputs[position].expr.type,)
        found += (type_ for type_ in inner if type_.family is not Family.NULL)
    return tuple(dict.fromkeys(found))


def require_one_kind(query: Query) -> None:
    """Refuse to compare with a set operation that has texts beside other values, or beside texts of another collation:
    both servers compare with each side by itself. Raises Refused."""
    if isinstance(query, SetOperation) and any(_differ(types) == "kind" for types in query.sides):
        refuse("a value is compared with a UNION of texts and other values")


def _differ(types: Sequence[Type]) -> str | None:
    """How values of these types differ: in their "kind", in their "digits" only, or not at all."""
    families = {type_.family for type_ in types}
    if len(types) < 2 or families <= _INTEGERS:
        return None
    if families <= {Family.STRING}:
        return None if len({(type_.charset, type_.collation) for type_ in types}) == 1 else "kind"
    if not (families <= _NUMBERS or families <= _MOMENTS):
        return "kind"
    alike = {(type_.family, type_.scale, type_.fsp, type_.unpadded, type_.zerofill) for type_ in types}
    return None if len(alike) == 1 else "digits"


def require_judged_alike(whole: Gathered, backend: str) -> None:
    """Refuse a statement with such a condition. Raises Refused."""
    if not any(isinstance(query, SetOperation) or query.distinct or query.groups for query in whole.queries):
        return
    judge = _Judge(Origins(whole.queries), backend)
    for query in whole.queries:
        if isinstance(query, Block):
            for condition in (query.where, query.having, *join_conditions(query.source)):
                if condition is not None:
                    judge.look(condition)


class _Judge:
    """Follows the columns of conditions to the queries that give them."""

    def __init__(self, origins: Origins, backend: str) -> None:
        self._origins, self._is_mysql = origins, backend == "mysql"
        self._seen: set[tuple[int, bool, bool]] = set()

    def look(self, condition: Expr) -> None:
        pending = [(condition, True, True)]  # whether the value only is asked for, or even only whether there is one
        while pending:
            expr, by_value, by_null = pending.pop()
            if (id(expr), by_value, by_null) in self._seen or expr.op in AGGREGATES - {"group_value"}:
                continue
            self._seen.add((id(expr), by_value, by_null))
            if expr.op == WINDOW:
                continue
            if expr.op == "column":
                pending += ((inner, by_value, by_null) for inner in self._behind(expr, by_value, by_null))
                continue
            by_value, by_null = by_value and expr.op in _BY_VALUE, by_null and expr.op in _NULLNESS
            pending += ((arg, by_value, by_null) for arg in expr.args)

    def _behind(self, column: Expr, by_value: bool, by_null: bool) -> Iterator[Expr]:
        query, position = self._origins.place(column)
        if query is None or isinstance(query, Recursion) or query.limit is not None:
            return
        if isinstance(query, SetOperation):
            if not by_null:
                self._require_alike(query.sides[position], by_value)
            yield from _sides(query, position)
            return
        output = query.outputs[position].expr
        kept = query.distinct or bool(query.groups)
        if kept and not by_value and any(arg.type.unpadded for arg in (output, *output.args)):
            refuse("a condition on decimals of a DISTINCT or GROUP BY may be judged of their own digits")
        yield output

    def _require_alike(self, types: Sequence[Type], by_value: bool) -> None:
        if self._is_mysql and len({_RESULTS.get(type_.family, "string") for type_ in types}) > 1:
            return
        differ = _differ(types)
        if differ == "kind" and self._is_mysql and {type_.family for type_ in types} == {Family.STRING}:
            return  # each is brought to the character set and collation of all
        if differ == "kind" or (differ == "digits" and not by_value):
            refuse(_REASON)


def _sides(query: Query, position: int) -> Iterator[Expr]:
    if isinstance(query, SetOperation):
        yield from _sides(query.left, position)
        yield from _sides(query.right, position)
    else:
        yield query.outputs[position].expr
