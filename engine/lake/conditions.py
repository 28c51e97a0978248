"""What a statement asks of a lake table's columns, as far as files can be left out by it.

Only conditions in WHERE of the one place that names the table count, joined by AND, of a column and constants: a row of
which one does not hold, or holds not certainly, has no part in any answer, on whichever side of a join it stands.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from sqlglot import exp

from base.decimals import negated
from lakehouse.descriptions.pruning import Condition, Conditions, Kind, Range, kind_of, may_hold, moment_of
from lakehouse.formats.iceberg import Field, Keep
from lakehouse.formats.iceberg_values import source_kind
from statements.parse import NotParsed, parse_statement
from statements.schema import INTEGER_TYPES, STRING_TYPES, Column, Table

_OPERATORS: dict[type[exp.Expression], str] = {exp.EQ: "=", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
_TURNED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class StatementConditions:
    """The conditions of one statement; the parsed tree is looked at once for each table."""

    tree: exp.Expression | None
    schema: str

    @classmethod
    def read(cls, statement: str, schema: str, has_views: bool) -> "StatementConditions":
        """Parse a statement; one with views has none, for these may name the table once more."""
        try:
            return cls(None if has_views else parse_statement(statement), schema)
        except NotParsed:
            return cls(None, schema)

    def of(self, table: Table) -> Conditions:
        """The conditions on a table's columns, by folded name."""
        if self.tree is None:
            return {}
        node = self._only(table)
        if node is None or not isinstance(node.parent, (exp.From, exp.Join)):
            return {}
        select = node.parent.parent
        where = select.args.get("where") if isinstance(select, exp.Select) else None
        if select is None or where is None:
            return {}
        is_alone = not select.args.get("joins") and isinstance(node.parent, exp.From)
        found: dict[str, list[Condition]] = {}
        for name, condition in _conditions(where.this, node.alias_or_name.casefold(), is_alone):
            if table.column(name) is not None:
                found.setdefault(name, []).append(condition)
        return found

    def _only(self, table: Table) -> exp.Table | None:
        """The one place that names the table; None when there are others, or a common table expression of its name."""
        assert self.tree is not None
        name = table.name.casefold()
        if any(one.alias.casefold() == name for one in self.tree.find_all(exp.CTE)):
            return None
        places = [one for one in self.tree.find_all(exp.Table) if one.name.casefold() == name]
        if len(places) != 1 or (places[0].db or self.schema).casefold() != table.schema.casefold():
            return None
        return places[0]


def _conditions(node: exp.Expression, alias: str, is_alone: bool) -> Iterator[tuple[str, Condition]]:
    """The parts of an AND that are of a column of the table and constants."""
    if isinstance(node, exp.Paren):
        yield from _conditions(node.this, alias, is_alone)
    elif isinstance(node, exp.And):
        yield from _conditions(node.this, alias, is_alone)
        yield from _conditions(node.expression, alias, is_alone)
    elif isinstance(node, exp.Between):
        bounds = (">=", node.args["low"]), ("<=", node.args["high"])
        name = _column(node.this, alias, is_alone)
        if name and not node.args.get("symmetric"):
            for operator, bound in bounds:
                if (value := _constant(bound)) is not None:
                    yield name, Condition(operator, (value,))
    elif isinstance(node, exp.In):
        values = [_constant(one) for one in node.expressions]
        name = _column(node.this, alias, is_alone)
        if name and values and None not in values and not node.args.get("query"):
            yield name, Condition("in", tuple(value for value in values if value is not None))
    elif type(node) in _OPERATORS:
        operator = _OPERATORS[type(node)]
        for one, other, way in (
            (node.this, node.expression, operator),
            (node.expression, node.this, _TURNED[operator]),
        ):
            name, value = _column(one, alias, is_alone), _constant(other)
            if name and value is not None:
                yield name, Condition(way, (value,))


def _column(node: exp.Expression, alias: str, is_alone: bool) -> str:
    """The folded name of a column of the table; "" for anything else."""
    if not isinstance(node, exp.Column) or not isinstance(node.this, exp.Identifier):
        return ""
    if node.table.casefold() != alias if node.table else not is_alone:
        return ""
    return node.name.casefold()


def _constant(node: exp.Expression) -> Decimal | str | None:
    """A number, or a text as it is compared; None for what is no plain literal."""
    if isinstance(node, exp.Neg):
        value = _constant(node.this)
        return negated(value) if isinstance(value, Decimal) else None
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal) and node.this.is_string:
        text, kind = node.this.name, node.to.this
        if moment_of(text) is None or (kind == exp.DType.DATE and len(text) > 10):
            return None
        return (
            text if kind in (exp.DType.DATE, exp.DType.DATETIME, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ) else None
        )
    if not isinstance(node, exp.Literal):
        return None
    if node.is_string:
        return node.name
    try:
        return Decimal(node.name)
    except InvalidOperation:
        return None


@dataclass(frozen=True, slots=True)
class StatementChoice:
    """Which of a table's files a statement needs, by its conditions."""

    table: Table
    conditions: Conditions

    def of_fields(self, fields: Sequence[Field]) -> Keep | None:
        """What chooses among an Iceberg table's files."""
        wanted: list[tuple[int, Column, Kind, Sequence[Condition]]] = []
        for field in fields:
            column = self.table.column(field.name)
            given = self.conditions.get(field.name.casefold())
            if column is not None and given and (kind := kind_of(source_kind(field.type), column)):
                wanted.append((field.id, column, kind, given))
        if not wanted:
            return None

        def keep(ranges: Mapping[int, Range]) -> bool:
            return all(
                may_hold(condition, ranges[key], kind, column)
                for key, column, kind, given in wanted
                if key in ranges
                for condition in given
            )

        return keep

    def of_values(self, values: Mapping[str, str | None]) -> bool:
        """Tell whether files of these partition values may be needed; what cannot be read is needed, to be told of."""
        for name, given in self.conditions.items():
            column = self.table.column(name)
            told = _told(values[name], column) if column is not None and name in values else None
            if column is None or told is None:
                continue
            known, kind = told
            if not all(may_hold(condition, known, kind, column) for condition in given):
                return False
        return True


def _told(value: str | None, column: Column) -> tuple[Range, Kind] | None:
    """What a partition's value tells of its column; None when that takes more than a look."""
    kind: Kind
    if column.type in INTEGER_TYPES:
        kind = "whole"
    elif column.type == "date":
        kind = "moment"
    elif column.type in STRING_TYPES:
        kind = "text"
    else:
        return None
    if value is None:
        return (Range(empty=True), kind) if column.nullable else None
    exact: int | str | None = value
    if kind == "whole":
        exact = int(value) if value.isascii() and value.lstrip("-").isdigit() and len(value) < 20 else None
    elif kind == "moment":
        exact = moment_of(value) if len(value) == 10 else None
    return None if exact is None else (Range(exact, exact), kind)
