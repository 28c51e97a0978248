"""The typed tree between the passes: names resolved, types and rules of MySQL made explicit, no engine in it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from engine.translate.types import Type
from statements.schema import Column


@dataclass(frozen=True, slots=True)
class Expr:
    """An operation on values. `value` is what is not an expression: a literal, a column, a digit count, a query."""

    op: str
    type: Type
    args: tuple["Expr", ...] = ()
    value: object = None

    def __hash__(self) -> int:
        """Of a literal without its value, which a translation may leave open."""
        return hash((self.op, self.type, self.args, None if self.op == "literal" else self.value))

    def typed(self, type_: Type) -> "Expr":
        """The same operation seen as another type."""
        return replace(self, type=type_)


@dataclass(slots=True)
class Output:
    """A column of a query's result; `folded` says that it is a constant written with columns, as `a = NULL`."""

    name: str
    expr: Expr
    folded: bool = False


@dataclass(slots=True)
class OrderItem:
    """One item of ORDER BY; NULLs come first when ascending and last when descending."""

    expr: Expr
    descending: bool


@dataclass(slots=True)
class TableSource:
    """A stored table under a unique alias; `name` is what the store calls it, `sample` a part of its rows to read,
    `only` what is true of the rows of the partitions that are named, `rows` about how many it has, `required` the
    columns that are NOT NULL. `written` is what the statement calls it, `table` what the server does, `columns` are
    the server's."""

    alias: str
    name: str
    sample: str | None = None
    only: Expr | None = None
    rows: int = 0
    required: frozenset[str] = frozenset()
    written: str = ""
    table: str = ""
    columns: Sequence[Column] = ()


@dataclass(slots=True)
class QuerySource:
    """A derived table; its columns are c0, c1, … in order. `lateral`: it sees the tables before it."""

    alias: str
    query: "Query"
    lateral: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The query whose rows are looked through. `true_only`: unknown may be told as false."""

    source: QuerySource
    true_only: bool = False


@dataclass(slots=True)
class CteSource:
    """A reference to a common table expression of an enclosing query."""

    alias: str
    cte: str


@dataclass(slots=True)
class JsonRows:
    """Rows of a document that the tables before it give: columns v, a value, and o, its number from 1 on. They are the
    members of the array at `path` when `every`, else the one value there; none where there is no such."""

    alias: str
    document: Expr
    path: tuple[str | int, ...]
    every: bool


@dataclass(slots=True)
class Join:
    """Two sources joined: kind is "inner", "left", "right" or "cross"."""

    kind: str
    left: "Source"
    right: "Source"
    on: Expr | None


Source = TableSource | QuerySource | CteSource | JsonRows | Join


@dataclass(slots=True, eq=False)
class Block:
    """One SELECT. `grouped` says that it aggregates; without `groups` it has then exactly one row; `uncut` that its
    LIMIT must not leave a row out, for nothing tells which; `rollup` adds the sums over each tail of the groups, `cube`
    with it those over each subset. `qualify` filters rows after the windows are computed. `buffered` is by a hint, and
    `counts_all` by SQL_CALC_FOUND_ROWS. `enclosed` says that it is the ORDER BY and the LIMIT behind a query in
    parentheses, `varies` that it is a value and is written with user variables or columns from around it: it
    is computed for each row.
    """

    outputs: list[Output]
    source: Source | None = None
    where: Expr | None = None
    grouped: bool = False
    groups: list[Expr] = field(default_factory=list)
    rollup: bool = False
    cube: bool = False
    having: Expr | None = None
    qualify: Expr | None = None
    distinct: bool = False
    order: list[OrderItem] = field(default_factory=list)
    limit: Expr | None = None
    offset: Expr | None = None
    uncut: bool = False
    buffered: bool = False
    enclosed: bool = False
    counts_all: bool = False
    varies: bool = False
    ctes: list[tuple[str, "Query | Recursion"]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class SetOperation:
    """UNION, EXCEPT or INTERSECT of two queries, whose outputs already have the common types; `sides` are for each
    column the types that its queries had before."""

    kind: str
    all: bool
    left: "Query"
    right: "Query"
    outputs: list[Output]
    sides: list[tuple[Type, ...]] = field(default_factory=list)
    order: list[OrderItem] = field(default_factory=list)
    limit: Expr | None = None
    offset: Expr | None = None
    ctes: list[tuple[str, "Query | Recursion"]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Recursion:
    """WITH RECURSIVE: `first`, then `step` over the rows that came last, read under `alias`, `limit` times at most.

    `distinct`: rows that were there before are no new ones.
    """

    first: "Query"
    step: Block
    alias: str
    limit: int
    outputs: list[Output]
    distinct: bool = False


Query = Block | SetOperation

AGGREGATES = frozenset(
    {
        "count_all",
        "count",
        "count_distinct",
        "sum",
        "sum_distinct",
        "min",
        "max",
        "any",
        "group_value",
        "group_concat",
        "group_concat_apart",
        "group_concat_distinct",
        "bits_all",
        "bits_any",
        "bits_odd",
        "any_same",
        "double_sum",
        "spread",
        "json_objects",
        "json_elements",
    }
)
WINDOW = "window"
UNION_ALIAS = "u"  # of the columns that a set operation gives
BY_EQUALITY = "<=>"  # the value of an is_null that is written as `a <=> NULL`


def walk(expr: Expr) -> Iterator[Expr]:
    """Give an expression and all below it, not into sub-queries."""
    pending = [expr]
    while pending:
        found = pending.pop()
        yield found
        if found.args:
            pending.extend(found.args[::-1])


def is_stored(expr: Expr) -> bool:
    """Tell whether an expression is a column of a stored table, whose aliases begin with t."""
    return expr.op == "column" and isinstance(expr.value, tuple) and str(expr.value[0]).startswith("t")


def has_aggregate(expr: Expr) -> bool:
    """Tell whether an aggregate is computed inside; a window's own function is none."""
    if expr.op in AGGREGATES:
        return True
    if expr.op == WINDOW:
        function, *keys = expr.args
        return any(has_aggregate(arg) for arg in (*function.args, *keys))
    return any(has_aggregate(arg) for arg in expr.args)


def rebuild(expr: Expr, change: Callable[[Expr], Expr | None]) -> Expr:
    """Replace sub-expressions from the top: `change` gives the new one, or None to go on below."""
    changed = change(expr)
    if changed is not None:
        return changed
    args = tuple(rebuild(arg, change) for arg in expr.args)
    return expr if args == expr.args else replace(expr, args=args)


def rebuild_shown(block: Block, change: Callable[[Expr], Expr | None]) -> None:
    """The same for all that a block makes of its rows or groups: outputs, order, HAVING and QUALIFY."""
    for output in block.outputs:
        output.expr = rebuild(output.expr, change)
    for item in block.order:
        item.expr = rebuild(item.expr, change)
    block.having = None if block.having is None else rebuild(block.having, change)
    block.qualify = None if block.qualify is None else rebuild(block.qualify, change)


def required_columns(side: "Source | None") -> frozenset[tuple[object, ...]]:
    """Give the columns of a source that are NOT NULL, on no side that a join may leave out."""
    match side:
        case TableSource():
            return frozenset((side.alias, name) for name in side.required)
        case Join(kind="left"):
            return required_columns(side.left)
        case Join(kind="right"):
            return required_columns(side.right)
        case Join():
            return required_columns(side.left) | required_columns(side.right)
    return frozenset()
