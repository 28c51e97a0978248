"""One SELECT's names and expressions: nodes in, typed tree out."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from sqlglot import exp

from engine.translate import aggregates, documents, doubles, joined
from engine.translate.expressions import bind_expression
from engine.translate.names import Scope
from engine.translate.nodes import child, children, kind, only
from engine.translate.numbers import divisor, settled
from engine.translate.refusal import refuse
from engine.translate.tree import AGGREGATES, Expr, Output, has_aggregate, walk
from engine.translate.windows import Windows
from statements.context import SessionContext
from statements.sqlmode import modes

if TYPE_CHECKING:
    from engine.catalog import LoadedTable
    from engine.translate.given import Trace
    from engine.translate.subqueries import Subqueries
    from engine.translate.tree import Query


class View(Protocol):
    """The loaded tables at one snapshot, as `engine.catalog.CatalogView` gives them."""

    def table(self, schema: str, name: str) -> "LoadedTable | str":
        """Find a table that can answer, or give the reason why there is none."""


@dataclass(slots=True)
class CommonTable:
    """A bound WITH query: `label` is its unique name."""

    label: str
    query: "Query"
    columns: list[Output]


@dataclass(slots=True)
class Shared:
    """What all SELECTs of one statement share."""

    context: SessionContext
    view: View
    statement: str
    trace: "Trace | None" = None  # when the translation is to serve for other literals
    counter: int = 0
    tables: list[tuple[str, str]] = field(default_factory=list)
    outer_joined: bool = False
    misjudged: bool = False  # something of engine.translate.misjudged decides about rows
    shares: int = 0  # PERCENT_RANK and CUME_DIST of MariaDB
    constants: set[object] = field(
        default_factory=set
    )  # columns of derived tables that may have one value, or another's

    def unique(self, prefix: str) -> str:
        """Make a name that nothing else in the statement has."""
        self.counter += 1
        return f"{prefix}{self.counter}"


@dataclass(slots=True)
class Binder:
    """Binds expressions in one scope. `aliases` says where names may be aliases: "", "group", "having", "order" or
    "qualify"; `groups` are the keys of GROUP BY."""

    shared: Shared
    scope: Scope
    common: dict[str, CommonTable]
    aliases: str = ""
    groups: list[Expr] = field(default_factory=list)
    queries: "Subqueries" = field(init=False)
    windows: Windows = field(init=False)

    def __post_init__(self) -> None:
        from engine.translate.subqueries import Subqueries

        self.queries = Subqueries(self)
        self.windows = Windows(self)

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
        return bound if self.context.backend == "mysql" else settled(bound)

    def require_settled(self, *sides: Expr) -> None:
        """Refuse quotients where their rounding on MariaDB is a matter of its plan; raises Refused."""
        if self.context.backend != "mysql" and any(side.type.frac != side.type.scale for side in sides):
            refuse("a quotient is compared or aggregated")

    def expr(self, node: exp.Expression) -> Expr:
        """Bind an expression; raises Refused."""
        return bind_expression(self, node)

    def column(self, name: str, table: str, schema: str) -> Expr:
        """Find a column, or an alias where MySQL looks for one; raises Refused."""
        if not self.aliases or table:
            return self.scope.resolve(name, table, schema)
        own, alias = self.scope.own(name), self.scope.alias(name)
        if own is not None and alias is not None and own != alias and self.aliases in ("having", "qualify"):
            if self.aliases == "qualify" or own in self.groups:  # where both servers warn of it
                refuse(f"{name} is a column and another expression's alias")
            return alias
        return own or alias or self.scope.resolve(name)  # GROUP BY and the expressions of ORDER BY look in FROM first

    def aggregate(self, node: exp.Expression, over: bool = False) -> Expr:
        """Bind COUNT, SUM, AVG, MIN, MAX or ANY_VALUE; raises Refused for arguments of an enclosing SELECT.

        `over` says that a window is computed, whose arguments may be a group's aggregates.
        """
        around, self.aliases = self.aliases, "order" if self.aliases == "having" else self.aliases
        bound = self._aggregate(node)  # what it is of is looked for in FROM first
        self.aliases = around
        self.scope.aggregates |= not over
        columns = [e for e in walk(bound) if e.op == "column"]
        if columns and not any(self.scope.owns(column) for column in columns):
            refuse("an aggregate of an enclosing query is not supported")
        if not over and any(has_aggregate(arg) for e in walk(bound) if e.op in AGGREGATES for arg in e.args):
            refuse("an aggregate inside an aggregate is not supported")
        return bound

    def _aggregate(self, node: exp.Expression) -> Expr:
        if isinstance(node, exp.GroupConcat):
            return joined.bind(self, node)
        if isinstance(node, exp.JSONObjectAgg):
            return documents.objects(self, node)
        if type(node) in doubles.SPREADS:
            return doubles.spread(self, node)
        only(node, "this", "expressions")
        inner = child(node)
        if isinstance(node, exp.Count) and isinstance(inner, exp.Star):
            return aggregates.count([], distinct=False)
        distinct = isinstance(inner, exp.Distinct)
        if distinct:
            only(inner, "expressions")
        values = [self.expr(item) for item in (children(inner) if distinct else [inner, *children(node)])]
        self.require_settled(*values)
        if isinstance(node, exp.Count):
            return aggregates.count(values, distinct)
        if len(values) != 1:
            refuse(f"{kind(node)} of several values is not supported")
        is_mariadb = self.context.backend == "mariadb"
        if is_mariadb and isinstance(node, exp.Sum | exp.Avg):
            aggregates.require_sum_of_mariadb(values[0], distinct)
        if isinstance(node, exp.Sum):
            return aggregates.total(values[0], distinct)
        if isinstance(node, exp.Avg):
            return aggregates.average(values[0], distinct, self.context.div_precision_increment, is_mariadb)
        if isinstance(node, exp.AnyValue):
            return aggregates.any_value(values[0])
        if type(node) in aggregates.BIT_SUMS:
            return aggregates.bits(aggregates.BIT_SUMS[type(node)], values[0])
        return aggregates.extreme("min" if isinstance(node, exp.Min) else "max", values[0])
