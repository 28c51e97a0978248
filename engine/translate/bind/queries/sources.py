"""FROM: tables, derived tables, WITH names and joins, and what * stands for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from engine.translate.bind.binder import Binder, CommonTable
from engine.translate.bind.groups.windows import is_steady
from engine.translate.bind.numbers import as_condition
from engine.translate.bind.queries.stored import see_stored
from engine.translate.bind.tables import json_tables, partitions
from engine.translate.bind.tables.derived import renamed, require_order, settle
from engine.translate.bind.values.compare import compare
from engine.translate.names import Scope, Visible
from engine.translate.nodes import child, children, kind, only
from engine.translate.refusal import Refused, refuse
from engine.translate.tree import CteSource, Expr, Join, Output, Query, QuerySource, Source, TableSource
from engine.translate.types import BOOL, WHOLE, Family, Type
from statements.context import ViewDefinition
from statements.joins import is_comma
from statements.parse import parse_statement


@dataclass(frozen=True, slots=True)
class Joined:
    """A source, and what * stands for in it: the columns that USING and NATURAL make one of, first, and the others."""

    source: Source
    columns: Sequence[Output]


def bind_from(binder: Binder, node: exp.Expression) -> Source | None:
    """Bind FROM and its joins into the binder's scope; None when there is no FROM."""
    clause = node.args.get("from_")
    if clause is None:
        return None
    only(clause, "this")
    joined = _joins(binder, _item(binder, child(clause)), children(node, "joins"))
    binder.scope.star = joined.columns
    return joined.source


def _joins(binder: Binder, joined: Joined, joins: list[exp.Expression]) -> Joined:
    """Join from left to right, but first what stands between commas where that makes a difference."""
    parts, apart = [joined], _are_apart(joins)
    for node in joins:
        if apart and is_comma(node):
            parts.append(_item(binder, child(node)))
        else:
            parts[-1] = _join(binder, parts[-1], node)
    joined, *others = parts
    for other in others:
        joined = Joined(Join("cross", joined.source, other.source, None), [*joined.columns, *other.columns])
    return joined


def _are_apart(joins: list[exp.Expression]) -> bool:
    """Tell whether a join behind a comma is of another answer when it is made with what stands before the comma."""
    behind = False
    for node in joins:
        behind |= is_comma(node)
        if behind and (node.args.get("method") or node.args.get("using") or node.args.get("side") == "RIGHT"):
            return True
    return False


def _item(binder: Binder, node: exp.Expression) -> Joined:
    if isinstance(node, exp.Table) and isinstance(node.this, exp.JSONTable):
        only(node, "this", "alias", "joins")
        return _joins(binder, _seen(binder, _json_table(binder, node)), children(node, "joins"))
    if isinstance(node, exp.Table):
        only(node, "this", "db", "alias", "joins", "hints", "sample", "partition")
        return _joins(binder, _seen(binder, _table(binder, node)), children(node, "joins"))
    if (
        isinstance(node, exp.Subquery | exp.Paren)
        and isinstance(node.this, exp.Table | exp.Subquery)
        and not node.args.get("alias")
    ):
        only(node, "this", "joins")
        return _joins(binder, _item(binder, child(node)), children(node, "joins"))
    if isinstance(node, exp.Subquery):
        only(node, "this", "alias", "joins")
        return _joins(binder, _seen(binder, _derived(binder, node)), children(node, "joins"))
    if isinstance(node, exp.Lateral):
        only(node, "this", "alias")
        return _seen(binder, _derived(binder, node, lateral=True))
    if isinstance(node, exp.Values):
        query = binder.shared.rules.query(binder.shared, node, None, binder.common)
        return _seen(binder, _see_query(binder, node, query))
    raise Refused(f"{kind(node)} in FROM is not supported")


def _seen(binder: Binder, source: Source) -> Joined:
    """The source that was made visible last."""
    visible = binder.scope.sources[-1]
    columns, hidden = visible.columns, visible.hidden
    return Joined(source, [output for at, output in enumerate(columns) if at not in hidden] if hidden else columns)


def _table(binder: Binder, node: exp.Expression) -> Source:
    name, schema = node.name, node.text("db")
    sample = _sample(node.args.get("sample"))
    parts = node.args.get("partition")
    common = None if schema else _common(binder, name)
    alias = binder.shared.unique("t" if common is None else "d")
    if sample is not None and (common is not None or _view(binder, schema or binder.context.schema, name)):
        refuse("TABLESAMPLE is for base tables")
    if parts is not None and (sample is not None or common is not None):
        refuse("PARTITION of what is no base table, or is sampled, is not supported")
    if common is not None:
        _see(binder, node, "", common.columns, alias, steps=common.recursive)
        return CteSource(alias, common.label)
    schema = schema or binder.context.schema
    view = _view(binder, schema, name)
    if view is not None:
        if parts is not None:
            refuse("PARTITION of a view is not supported")
        return _through_view(binder, node, schema, view)
    found = binder.shared.view.table(schema, name)
    if isinstance(found, str):
        refuse(found)
    binder.shared.tables.append((found.table.schema, found.table.name))
    visible = see_stored(found, alias, node.alias or name, schema, binder.context, binder.shared.unpacks)
    _add(binder.scope, visible)
    only_rows = None if parts is None else partitions.chosen(binder, visible, found.table, parts)
    required = frozenset(column.name for column in found.table.columns if not column.nullable)
    told = (node.alias or name, found.table.name, found.table.columns)
    return TableSource(alias, found.store_name, sample, only_rows, found.rows, required, *told)


def _sample(clause: exp.Expression | None) -> str | None:
    """TABLESAMPLE {SYSTEM | BERNOULLI} (percent) as the engine writes it."""
    if clause is None:
        return None
    only(clause, "method", "size")
    method, size = child(clause, "method").name.upper(), child(clause, "size")
    if method not in ("SYSTEM", "BERNOULLI") or not isinstance(size, exp.Literal) or size.is_string:
        refuse("TABLESAMPLE of this form is not supported")
    if not 0 <= float(size.name) <= 100:
        refuse("a percentage of TABLESAMPLE is not between 0 and 100")
    return f"{method} ({float(size.name)} PERCENT)"


def _view(binder: Binder, schema: str, name: str) -> ViewDefinition | None:
    wanted = (schema.casefold(), name.casefold())
    default = binder.context.schema
    views = binder.context.views
    return next((v for v in views if ((v.schema or default).casefold(), v.name.casefold()) == wanted), None)


def _through_view(binder: Binder, node: exp.Expression, schema: str, view: ViewDefinition) -> Source:
    """Read a view as the derived table that it stands for: it sees no names of the statement around it."""
    tree = parse_statement(view.body)
    for table in _tables_without_schema(tree):
        table.set("db", exp.to_identifier(schema, quoted=True))
    shared = binder.shared
    # Its literals are read as where it was made, before functions that make texts are given the session's collation.
    outside, shared.written_in = shared.written_in, view.collation
    try:
        query = shared.rules.query(shared, tree, None, {})
    finally:
        shared.written_in = outside
    settle(query, shared.context)
    alias = shared.unique("d")
    outputs = renamed(query.outputs, list(view.columns))
    if view.collation != binder.context.collation_connection:
        outputs = [_written_elsewhere(output, view.collation) for output in outputs]
    _see(binder, node, schema, outputs, alias)
    return QuerySource(alias, query)


def _written_elsewhere(output: Output, collation: str) -> Output:
    """A view's text that is made of literals only: compared with others it gives way to a column, to another literal's
    collation by code, or neither, as the server merges the view or not. So it may be shown and grouped by alone."""
    type_ = output.expr.type
    if type_.family is not Family.STRING or not type_.coercible or type_.collation != collation:
        return output
    return replace(output, expr=output.expr.typed(replace(type_, mixed=True)))


def _tables_without_schema(tree: exp.Expression) -> list[exp.Table]:
    """The tables of a view's body that are named without their schema, and are not its common tables; raises Refused
    when one name may mean both."""
    clause = tree.args.get("with_")
    if any(other is not clause for other in tree.find_all(exp.With)):
        refuse("a view with WITH inside its query is not supported")
    ctes = [] if clause is None else children(clause)
    common = [cte.alias.casefold() for cte in ctes]
    recursive = clause is not None and bool(clause.args.get("recursive"))
    for place, cte in enumerate(ctes):
        later = set(common[place + recursive :])
        if any(table.name.casefold() in later for table in child(cte).find_all(exp.Table)):
            refuse("a view's common table has the name of a table")
    return [table for table in tree.find_all(exp.Table) if not table.text("db") and table.name.casefold() not in common]


def _common(binder: Binder, name: str) -> CommonTable | None:
    return binder.common.get(name) or next(
        (table for known, table in binder.common.items() if known.casefold() == name.casefold()), None
    )


def _derived(binder: Binder, node: exp.Expression, lateral: bool = False) -> Source:
    parent = binder.scope if lateral else binder.scope.parent
    return _see_query(
        binder, node, binder.shared.rules.query(binder.shared, child(node), parent, binder.common), lateral
    )


def _json_table(binder: Binder, node: exp.Expression) -> Source:
    block, alias = json_tables.bind(binder, node), binder.shared.unique("d")
    _see(binder, node, "", block.outputs, alias)
    return QuerySource(alias, block, lateral=True)


def _see_query(binder: Binder, node: exp.Expression, query: Query, lateral: bool = False) -> Source:
    if lateral:
        require_order(query)
    settle(query, binder.context)
    alias = binder.shared.unique("d")
    _see(binder, node, "", query.outputs, alias)
    return QuerySource(alias, query, lateral)


def _column_of(expr: Expr) -> Type:
    """The type of a derived table's column: its collation is a column's own, a text's length a stored one's only."""
    characters = expr.type.characters if expr.op == "column" or expr.type.family in WHOLE else 0
    type_ = expr.type
    if characters == type_.characters and not (type_.coercible or type_.explicit):
        return type_
    return replace(type_, coercible=False, explicit=False, characters=characters)


def _see(
    binder: Binder, node: exp.Expression, schema: str, outputs: list[Output], alias: str, *, steps: bool = False
) -> None:
    """Make a query's outputs visible as the columns of a source; `steps`: its rows are others than the first ones."""
    names_node = node.args.get("alias")
    names = [] if names_node is None else [item.name for item in children(names_node, "columns")]
    columns = [
        Output(output.name, Expr("column", _column_of(output.expr), value=(alias, f"c{position}")))
        for position, output in enumerate(renamed(outputs, names))
    ]
    exprs = [] if steps else [output.expr for output in outputs]
    binder.shared.constants |= {
        (alias, f"c{position}")
        for position, expr in enumerate(exprs)
        if exprs.count(expr) > 1 or is_steady(expr, binder.shared)
    }
    _add(binder.scope, Visible(node.alias or node.name, schema, alias, columns))


def _add(scope: Scope, visible: Visible) -> None:
    if any(s.name == visible.name and s.schema == visible.schema for s in scope.sources):
        refuse(f"the table name {visible.name} is not unique")
    scope.sources.append(visible)


def _join(binder: Binder, left: Joined, node: exp.Expression) -> Joined:
    only(node, "this", "side", "kind", "on", "using", "method")
    side, join_kind = str(node.args.get("side") or "").upper(), str(node.args.get("kind") or "").upper()
    method = str(node.args.get("method") or "").upper()
    if method not in ("", "NATURAL"):
        refuse(f"{method} JOIN is not supported")
    if side not in ("", "LEFT", "RIGHT") or join_kind not in ("", "INNER", "CROSS", "OUTER", "STRAIGHT_JOIN"):
        refuse(f"{side or join_kind} JOIN is not supported")
    right = _item(binder, child(node))
    condition = node.args.get("on")
    names = [item.name for item in node.args.get("using") or ()]
    if method:
        names = _common_names(binder.scope, left, right)
    # The columns of the side that keeps all its rows stand for both, and come first.
    first, second = (right, left) if side == "RIGHT" else (left, right)
    if names:
        on: Expr | None = _using(binder, names, first, second)
    else:
        on = None if condition is None else as_condition(binder.expr(condition))
    columns = _merged(names, first, second) if names else [*left.columns, *right.columns]
    if isinstance(right.source, QuerySource) and right.source.lateral and side and not _is_true(condition):
        refuse("an outer join of a LATERAL table with a condition is not supported")
    if on is None:
        if side:
            refuse("an outer join without a condition")
        return Joined(Join("cross", left.source, right.source, None), columns)
    if side:
        binder.shared.outer_joined = True
    return Joined(Join(side.lower() or "inner", left.source, right.source, on), columns)


def _is_true(condition: exp.Expression | None) -> bool:
    return isinstance(condition, exp.Boolean) and bool(condition.this)


def _common_names(scope: Scope, left: Joined, right: Joined) -> list[str]:
    """Give the columns that NATURAL JOIN compares."""
    if any(source.excluded for source in scope.sources):
        refuse("NATURAL JOIN of a table with columns that are not in the engine is not supported")
    known = {output.name.casefold() for output in right.columns}
    return [output.name for output in left.columns if output.name.casefold() in known]


def _using(binder: Binder, names: list[str], first: Joined, second: Joined) -> Expr:
    tests = []
    for name in names:
        one, other = _one(first, name), _one(second, name)
        tests.append(compare("eq", one, other))
        binder.scope.merged[name.casefold()] = one
    return Expr("and", BOOL, tuple(tests)) if len(tests) > 1 else tests[0]


def _one(joined: Joined, name: str) -> Expr:
    found = [output.expr for output in joined.columns if output.name.casefold() == name.casefold()]
    if len(found) != 1:
        refuse(f"the column {name} of USING is not found, or not in one table only")
    return found[0]


def _merged(names: list[str], first: Joined, second: Joined) -> list[Output]:
    """Give what * stands for after USING, in the order that both servers show."""
    common = {name.casefold() for name in names}
    together = [output for output in first.columns if output.name.casefold() in common]
    rest = [output for side in (first, second) for output in side.columns if output.name.casefold() not in common]
    return [*together, *rest]


def star(scope: Scope, node: exp.Expression) -> list[Output]:
    """Give the columns of * or table.*; raises Refused when one of them cannot be read."""
    only(node, "this", "table", "db")
    table, schema = node.text("table"), node.text("db")
    sources = scope.called(table, schema) if table else scope.sources
    if not sources:
        refuse("* has no table")
    for source in sources:
        if source.excluded:
            refuse(next(iter(source.excluded.values())))
    outputs: Sequence[Output] = scope.star
    if table:
        outputs = [o for source in sources for at, o in enumerate(source.columns) if at not in source.hidden]
    return [Output(output.name, output.expr) for output in outputs]
