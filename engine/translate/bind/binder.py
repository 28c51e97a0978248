"""One SELECT's names and expressions: nodes in, typed tree out.

The rules of expressions and queries are given to it, so that they may read a `Binder` and need not know one another.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from sqlglot import exp

from engine.translate.bind.numbers import compared, divisor, settled
from engine.translate.checks.sizes import Sizes
from engine.translate.names import Scope
from engine.translate.refusal import refuse
from engine.translate.tree import Expr, Output, Query
from statements.context import SessionContext
from statements.sqlmode import modes

if TYPE_CHECKING:
    from engine.catalog import LoadedTable
    from engine.translate.given import Trace


class View(Protocol):
    """The loaded tables at one snapshot, as `engine.catalog.CatalogView` gives them."""

    def table(self, schema: str, name: str) -> "LoadedTable | str":
        """Find a table that can answer, or give the reason why there is none."""


@dataclass(slots=True)
class CommonTable:
    """A bound WITH query: `label` is its unique name. Of one that reads itself, `query` is the first of it."""

    label: str
    query: Query
    columns: list[Output]
    recursive: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What binds an expression, and a query of any form under the scope around it and the WITH names in sight; both
    raise Refused."""

    expression: "Callable[[Binder, exp.Expression], Expr]"
    query: "Callable[[Shared, exp.Expression, Scope | None, dict[str, CommonTable]], Query]"


@dataclass(slots=True)
class CachedAnswers:
    """Quotients that correlated sub-queries give to one comparison on MariaDB, whose cache of them has them rounded;
    `rounded` says that they are to be bound so."""

    queries: list[Query] = field(default_factory=list)
    rounded: bool = False


@dataclass(slots=True)
class Shared:
    """What all SELECTs of one statement share."""

    context: SessionContext
    view: View
    statement: str
    rules: Rules
    trace: "Trace | None" = None  # when the translation is to serve for other literals
    written_in: str = ""  # the collation of literals; "" for the connection's
    counter: int = 0
    tables: list[tuple[str, str]] = field(default_factory=list)
    outer_joined: bool = False
    misjudged: bool = False  # something of engine.translate.checks.misjudged decides about rows
    answers: CachedAnswers | None = None  # of the comparison that is being bound
    shares: int = 0  # PERCENT_RANK and CUME_DIST of MariaDB
    unpacks: bool = False  # dates that may be zero are dates, and those that are fail
    constants: set[object] = field(
        default_factory=set
    )  # columns of derived tables that may have one value, or another's

    sizes: Sizes = field(init=False)

    def __post_init__(self) -> None:
        self.sizes = Sizes(self.statement)

    def unique(self, prefix: str) -> str:
        """Make a name that nothing else in the statement has."""
        self.counter += 1
        return f"{prefix}{self.counter}"


Sort = tuple[tuple[Expr, bool], ...]  # the keys that rows are sorted by, and which are descending


@dataclass(slots=True)
class Windows:
    """The windows of one SELECT so far: those of its WINDOW clause, what its list gives names to, how rows are sorted
    for those that were bound, and how keys that are no plain columns were written."""

    named: dict[str, exp.Expression] = field(default_factory=dict)
    listed: dict[str, list[exp.Expression]] = field(default_factory=dict)
    sorts: set[Sort] = field(default_factory=set)
    spellings: dict[Expr, str] = field(default_factory=dict)


@dataclass(slots=True)
class Binder:
    """Binds expressions in one scope. `aliases` says where names may be aliases: "", "group", "having", "order" or
    "qualify"; `groups` are the keys of GROUP BY."""

    shared: Shared
    scope: Scope
    common: dict[str, CommonTable]
    aliases: str = ""
    groups: list[Expr] = field(default_factory=list)
    windows: Windows = field(default_factory=Windows)

    @property
    def context(self) -> SessionContext:
        """The session."""
        return self.shared.context

    @property
    def statement(self) -> str:
        """The statement's text."""
        return self.shared.statement

    def result(self, expr: Expr) -> Expr:
        """Finish a numeric function: MySQL rounds its value to its scale, MariaDB goes on with all digits."""
        return settled(expr) if self.context.backend == "mysql" else expr

    def divisor(self, expr: Expr) -> Expr:
        """Finish a divisor: by zero gives NULL, and a warning under ERROR_FOR_DIVISION_BY_ZERO. Raises Refused."""
        return divisor(expr) if "ERROR_FOR_DIVISION_BY_ZERO" in modes(self.context.sql_mode) else expr

    def side(self, node: exp.Expression) -> Expr:
        """Bind one side of a comparison: MariaDB compares a quotient rounded to its scale, MySQL all its digits."""
        bound = self.expr(node)
        return bound if self.context.backend == "mysql" else compared(bound)

    def either(self, make: Callable[..., Expr], *sides: Expr) -> Expr:
        """Compare as BETWEEN, IN and CASE do: MariaDB compares all digits that a quotient has (`cmp_item_decimal`,
        `Item_func_between::val_int_cmp_decimal` in sql/item_cmpfunc.cc), or those that a table has kept of it. Where
        that is not the same it fails."""
        made = make(*sides)
        if self.context.backend == "mysql" or all(side.type.frac == side.type.scale for side in sides):
            return made
        return Expr("agreed", made.type, (made, make(*map(compared, sides))))

    def require_settled(self, *sides: Expr) -> None:
        """Refuse quotients where their rounding on MariaDB is a matter of its plan; raises Refused."""
        if self.context.backend != "mysql" and any(side.type.frac != side.type.scale for side in sides):
            refuse("a quotient is compared or aggregated")

    def expr(self, node: exp.Expression) -> Expr:
        """Bind an expression; raises Refused."""
        made = self.shared.rules.expression(self, node)
        self.shared.sizes.require(made)
        return made

    def query(self, node: exp.Expression) -> Query:
        """Bind a sub-query, which sees this SELECT's columns; raises Refused."""
        around, self.shared.answers = self.shared.answers, None  # what it compares is decided by itself
        try:
            return self.shared.rules.query(self.shared, node, self.scope, self.common)
        finally:
            self.shared.answers = around

    def column(self, name: str, table: str, schema: str) -> Expr:
        """Find a column, or an alias where MySQL looks for one; raises Refused."""
        if not self.aliases or table:
            return self.scope.resolve(name, table, schema)
        alias = self.scope.alias(name)
        if alias is not None and self.aliases == "group" and self.scope.is_of_several(name):
            return alias  # `find_order_in_list` in sql/sql_base.cc and sql_select.cc: of FROM it is none then
        own = self.scope.own(name)
        if own is not None and alias is not None and own != alias and self.aliases in ("having", "qualify"):
            if self.aliases == "qualify" or own in self.groups:  # where both servers warn of it
                refuse(f"{name} is a column and another expression's alias")
            return alias
        return own or alias or self.scope.resolve(name)  # GROUP BY and the expressions of ORDER BY look in FROM first
