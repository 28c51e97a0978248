"""MySQL statement to DuckDB SQL, or the reason why not.

The passes, in order: parse and facts; names, types and rules (`bind`), from nodes to a typed tree; what the whole
statement shows to be uncertain (`checks`); the check against the backend's definitions (`outputs`); SQL (`lower`).
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sqlglot import exp

from engine.collate.weights import Weights
from engine.functions import Function
from engine.translate.bind.binder import Rules, Shared, View
from engine.translate.bind.expressions import bind_expression
from engine.translate.bind.groups.lone_rows import guard_lone_rows
from engine.translate.bind.groups.windows import require_apart, require_shown_shares
from engine.translate.bind.kept.averages import keep_averages
from engine.translate.bind.kept.key_order import key_order, spells
from engine.translate.bind.kept.missing_dates import missing_dates
from engine.translate.bind.kept.quotients import keep_quotients
from engine.translate.bind.queries.blocks import bind_query
from engine.translate.bind.tables.derived import require_first_rows
from engine.translate.bind.values.answers import Asked, narrowed
from engine.translate.checks.chosen_times import require_no_chosen_time
from engine.translate.checks.default_dates import require_nullable_dates
from engine.translate.checks.depth import require_shallow
from engine.translate.checks.few_digits import require_counted_behind, require_room_for_choices
from engine.translate.checks.kept_years import keep_years
from engine.translate.checks.lengths import guard_lengths, require_lengths
from engine.translate.checks.listed_windows import require_listed_numbers, require_listed_windows
from engine.translate.checks.lost_conditions import require_no_lost_condition
from engine.translate.checks.lost_partitions import require_no_lost_partition
from engine.translate.checks.lost_windows import require_no_lost_window
from engine.translate.checks.misread import require_counted_null, require_read_members
from engine.translate.checks.packed_uses import require_plain_uses
from engine.translate.checks.pushed_conditions import require_judged_alike
from engine.translate.checks.remembered import require_remembered_alike, require_remembered_decimals
from engine.translate.checks.shifted_texts import require_plain_texts
from engine.translate.checks.shown_only import require_shown_only
from engine.translate.checks.spelled_times import compare_spelled, require_times_of_columns
from engine.translate.checks.unread import require_read
from engine.translate.checks.variable_texts import require_no_variable_text
from engine.translate.checks.written_over import require_no_writing_over
from engine.translate.checks.zoned_uses import require_certain_uses
from engine.translate.columns.cursors import materialised
from engine.translate.columns.described import described
from engine.translate.found import Found, found_rows
from engine.translate.given import Trace
from engine.translate.lower.lowering import AreSingle, FindCases, FindZone, IsOrdered, IsWide, Weigh
from engine.translate.lower.statement import Statement
from engine.translate.lower.unequal import hold_inequalities
from engine.translate.origins import Origins
from engine.translate.outputs import shown
from engine.translate.refusal import Refusal, Refused, refuse
from engine.translate.tree import Block, Query, SetOperation
from engine.translate.walks import gathered
from engine.zones import ZoneTable
from statements.context import SessionContext
from statements.facts import StatementFacts, read_statement
from statements.schema import WIDE_CHARSETS
from wire.responses import ColumnDefinition

if TYPE_CHECKING:
    from engine.catalog import LoadedTable

# How a row may fail: by the lowering's own word, or in a function that folds characters, for one without weight.
_GUARDS = ("error('", "_fold(")
_LONG = frozenset({"mediumtext", "longtext", "mediumblob", "longblob", "json"})
_NO_LIMIT = 18446744073709551615
_RULES = Rules(bind_expression, bind_query)
_UTF8_RESULTS = ("utf8mb4", "utf8mb3", "utf8")


@dataclass(frozen=True, slots=True)
class Translation:
    """DuckDB SQL whose outputs are the statement's columns.

    `weights`, `zones` and `functions` must be registered on the connection, once for each `function`.
    `tables` are the (schema, name) of the tables read. `definitions` are those that the executed statement has on the
    backend. `guarded` says that a row may fail for which the backend has an answer, a warning or another error: no row
    may leave before the last one is known. `asked` are the models that are asked, held while it runs. `found` is how
    FOUND_ROWS() counts where it is not by the rows of the answer.
    """

    sql: str
    definitions: tuple[ColumnDefinition, ...] = ()
    weights: tuple[Weights, ...] = ()
    zones: tuple[ZoneTable, ...] = ()
    tables: tuple[tuple[str, str], ...] = ()
    guarded: bool = False
    functions: tuple[Function, ...] = ()
    asked: tuple[Asked, ...] = ()
    found: Found | None = None


def translate(
    statement: str,
    context: SessionContext,
    view: View,
    definitions: Sequence[ColumnDefinition],
    weigh: Weigh,
    find_zone: FindZone = lambda zone: None,
    find_cases: FindCases = lambda collation: None,
    trace: Trace | None = None,
    are_single: AreSingle = lambda table, column, key, function: False,
    is_wide: IsWide = lambda: False,
    is_ordered: IsOrdered = lambda: False,
) -> Translation | Refusal:
    """Translate a SELECT; `weigh` gives a collation's weights, `find_cases` what LOWER and UPPER do in it, `find_zone`
    a time zone: each None when it is not known. With a `trace` the SQL has its marks in the place of literals.
    `are_single` tells of columns that no two values are equal in which differ: such SQL holds for these rows only.
    `is_wide` says that products are to have 38 digits, not 18 where both factors have no more, `is_ordered` that
    doubles are to be added up in the backend's order, where that is known."""
    lowering = partial(Statement, weigh, find_zone, find_cases, are_single, is_wide, is_ordered)
    try:
        return _translate(statement, context, view, definitions, lowering, trace)
    except Refused as refused:
        return Refusal(refused.reason)
    except RecursionError:
        return Refusal("the statement is nested too deeply")


def _translate(
    statement: str,
    context: SessionContext,
    view: View,
    definitions: Sequence[ColumnDefinition],
    lowering: Callable[[], Statement],
    trace: Trace | None,
) -> Translation:
    """Try with dates that may be zero as they are; where that is refused, with those that are zero failing."""
    text = "\n".join([statement, *(definition.body for definition in context.views)])
    shared = Shared(context, view, text, _RULES, trace)
    try:
        return _attempt(statement, shared, definitions, lowering())
    except Refused:
        if not any(column.packed for found in _tables(shared) for column in found.table.columns):
            raise
        with contextlib.suppress(Refused):
            again = Shared(context, view, text, _RULES, trace, unpacks=True)
            return _attempt(statement, again, definitions, lowering())
        raise


def _attempt(
    statement: str, shared: Shared, definitions: Sequence[ColumnDefinition], lowering: Statement
) -> Translation:
    context, view, trace = shared.context, shared.view, shared.trace
    tree, facts = _checked(statement, context, context.extras)
    if trace is not None:
        trace.watch(statement, tree)
    lowering.backend = context.backend
    lowering.reads_files = bool(context.lake)
    lowering.any_spelling = lowering.reads_files or context.any_spelling
    lowering.asks_models = bool(context.models)
    for definition in context.views:
        _, of_view = _checked(definition.body, context, extras=False)
        if of_view.session_values:
            refuse("a view reads values of the session")
    query = bind_query(shared, _counted(tree) if "HLL" in facts.functions else tree, None, {})
    if shared.outer_joined and shared.misjudged:
        refuse("rows, FIELD, INTERVAL, ELT, MAKE_SET, QUOTE or CHAR decide beside an outer join")
    require_first_rows(query)
    whole = gathered(query)
    if context.backend == "mysql" and "time_of_text" in whole.ops:
        compare_spelled(whole.queries)
        whole = gathered(query)
    if any(part is not query and isinstance(part, Block) and part.counts_all for part in whole.queries):
        refuse("SQL_CALC_FOUND_ROWS in a part of a statement is not supported")
    require_shown_only(whole)
    for part in whole.queries:
        if isinstance(part, Block):
            require_apart(part)
            keep_quotients(part, context, part is query)
            keep_averages(part, context, part is query)
            guard_lone_rows(part, context.backend)
            if context.backend == "mariadb":
                require_no_lost_window(part, definitions if part is query else ())
    require_shown_shares(query, shared)
    require_plain_uses(whole, context)
    require_no_chosen_time(whole)
    require_judged_alike(whole, context.backend)
    if context.backend == "mariadb":
        require_room_for_choices(whole)
        require_counted_behind(whole)
        require_read_members(whole)
        require_remembered_alike(whole)
        require_remembered_decimals(whole)
        require_no_variable_text(whole)
    else:
        require_counted_null(whole)
        require_no_lost_condition(whole)
        require_no_writing_over(whole)
        require_no_lost_partition(whole, _divided(shared))
        keep_years(whole)
        require_nullable_dates(whole, _tables(shared))
    require_plain_texts(whole)
    require_listed_windows(whole)
    require_listed_numbers(whole)
    require_times_of_columns(whole.ops, context.backend)
    require_certain_uses(whole, lowering)
    require_read(whole)
    require_lengths(whole)
    guard_lengths(whole, partial(_long, shared))
    hold_inequalities(whole)
    lowering.orders_rollups = not query.order
    lowering.sends_early = _sends_early(query) and not any(isinstance(q, Block) and q.grouped for q in whole.queries)
    lowering.origins = Origins(whole.queries)
    lowering.missing_dates = missing_dates(whole, context, view, shared.tables)
    lowering.key_order = key_order(whole, context, view, shared.tables, lowering.missing_dates)
    lowering.spells_first = bool(lowering.key_order) and not any(map(spells, whole.queries[1:]))
    lowering.narrowed = narrowed(whole.nodes) if context.models else {}
    sql = lowering.query(query, shown(query, definitions, context))
    found = found_rows(query, lowering, context.backend)
    if context.cursor:
        told = tuple(materialised(query, definitions, context.backend))
    else:
        views = frozenset(view.name for view in context.views)
        told = tuple(described(query, definitions, context.backend, context.plan, views, context.derived))
    weights, zones = tuple(lowering.weights_used.values()), tuple(lowering.zones_used.values())
    guarded = any(guard in sql for guard in _GUARDS)
    asked = tuple(lowering.asked.values())
    tables, functions = tuple(dict.fromkeys(shared.tables)), tuple(lowering.functions.values())
    return Translation(sql, told, weights, zones, tables, guarded, functions, asked, found)


def _divided(shared: Shared) -> frozenset[str]:
    """The tables of a statement that are in partitions, as the store calls them."""
    return frozenset(found.store_name for found in _tables(shared) if found.table.partitions)


def _long(shared: Shared) -> frozenset[tuple[str, str]]:
    """The columns of a statement's tables whose texts may be longer than any packet: (table, column) in the store."""
    return frozenset(
        (found.store_name, column.name)
        for found in _tables(shared)
        for column in found.table.columns
        if column.type in _LONG
    )


def _tables(shared: Shared) -> "list[LoadedTable]":
    return [found for schema, name in shared.tables if not isinstance(found := shared.view.table(schema, name), str)]


def _sends_early(query: Query) -> bool:
    """Tell whether rows leave while others are computed: they are neither grouped, made distinct nor sorted."""
    if isinstance(query, SetOperation):
        return query.kind == "union" and query.all and not query.order
    return not (query.grouped or query.distinct or query.order)


def _counted(tree: exp.Expression) -> exp.Expression:
    """Put COUNT(DISTINCT …) in the place of HLL(…), whose answer may be as good as that."""
    return tree.transform(
        lambda node: exp.Count(this=exp.Distinct(expressions=[node.this])) if isinstance(node, exp.Hll) else node
    )


def _check_connection(statement: str, charset: str) -> None:
    """Refuse what a literal or the text of a number is in the connection's character set but not in UTF-8.

    Numbers are as texts in that character set, of several bytes for a digit in the wide ones, and the server puts a
    question mark in the place of a character that it does not have; MariaDB does so without a word.
    """
    if charset in WIDE_CHARSETS:
        refuse(f"texts of the connection are in {charset}")
    if not statement.isascii() and any(not _has(charset, character) for character in set(statement)):
        refuse(f"the statement has a character that {charset}, the connection's character set, may not have")


def _has(charset: str, character: str) -> bool:
    if charset in ("utf8", "utf8mb3"):
        return ord(character) < 0x10000
    if charset == "latin1":  # MySQL's is cp1252
        return bool(character.encode("cp1252", "ignore"))
    return charset == "utf8mb4" or character.isascii()


def _checked(statement: str, context: SessionContext, extras: bool) -> tuple[exp.Expression, StatementFacts]:
    """Parse, and refuse what does not depend on tables; raises Refused."""
    tree, facts = read_statement(statement, context.sql_mode, extras)
    if facts.reason is not None or tree is None:
        refuse(facts.reason or "the statement's syntax is not known to the engine")
    if facts.kind != "select":
        refuse("only SELECT is supported")
    require_shallow(tree, statement)
    if facts.parameters:
        refuse("a parameter has no value")
    if context.sql_select_limit < _NO_LIMIT:
        refuse("sql_select_limit is set")
    if context.character_set_client not in (*_UTF8_RESULTS, "ascii") and not statement.isascii():
        refuse(f"the statement is written in {context.character_set_client}")
    _check_connection(statement, context.collation_connection.split("_", 1)[0])
    return tree, facts
