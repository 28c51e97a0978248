"""The column definitions of the executed statement, by the backend's plan of it.

A value that passes a temporary table is told as the field that it becomes there. Read off MySQL 9.7 and MariaDB 10.11
by asking some 10,000 statements for their plan and executing them. Without a plan `executed` tells what is likely.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from engine.translate.columns.behind import EXTREMES, KEYS, is_folded, is_reference, origin
from engine.translate.columns.definitions import BLOB, INDEXED
from engine.translate.columns.executed import executed
from engine.translate.columns.mariadb import constant_key, keeps_sums, of_mariadb
from engine.translate.columns.mysql import field_of, is_outside, of_mysql
from engine.translate.columns.settled import is_settled
from engine.translate.tree import Block, Expr, Query, QuerySource, is_stored
from statements.derived_columns import DerivedColumn
from statements.plans import CONSTANT, GROUPING, NOTHING, TABLES, TEMPORARY
from statements.plans import WINDOW as WINDOWED
from wire.responses import ColumnDefinition


def described(
    query: Query,
    definitions: Sequence[ColumnDefinition],
    backend: str,
    plan: tuple[str, ...],
    views: frozenset[str] = frozenset(),
    derived: Sequence[DerivedColumn] = (),
) -> list[ColumnDefinition]:
    """Give the definitions as the executed statement has them; `plan` are its stages, () where they are not known,
    `views` the names of the views that it reads, `derived` what is known of columns whose MIN or MAX it shows, or of
    those of a union's sides."""
    if isinstance(query, Block) and query.enclosed and backend == "mysql" and _is_cut(query):
        return [_enclosed(definition) for definition in definitions]
    if not isinstance(query, Block) or not plan:
        return executed(query, definitions, backend, derived)
    if backend == "mariadb" and query.rollup and CONSTANT in plan:
        return [
            constant_key(definition) if _is_column_key(output.expr) else definition
            for output, definition in zip(query.outputs, definitions, strict=True)
        ]
    if NOTHING in plan or not TABLES.intersection(plan):
        return list(definitions)
    tell = partial(of_mysql, views) if backend == "mysql" else of_mariadb
    again = backend == "mariadb" and query.grouped and plan.count(TEMPORARY) > 1  # in a table of the first one's rows
    told = [
        definition
        if not is_folded(output, query)
        and not (again and not _is_literal(output.expr))
        and is_settled(*origin(output.expr, query), backend)
        else tell(output.expr, definition, query, plan)
        for output, definition in zip(query.outputs, definitions, strict=True)
    ]
    for column in derived:
        if _takes_column(query.outputs[column.place].expr, query, backend, plan):
            told[column.place] = _of_column(told[column.place], column)
    return told


def _is_literal(expr: Expr) -> bool:
    return (expr.args[0] if expr.op in KEYS else expr).op == "literal"


def _is_column_key(expr: Expr) -> bool:
    return expr.op in KEYS and expr.args[0].op == "column"


def _takes_column(expr: Expr, block: Block, backend: str, plan: tuple[str, ...]) -> bool:
    """Tell whether MIN or MAX of a derived table's column is a field of the table that groups."""
    if expr.op not in EXTREMES or is_stored(expr.args[0]) or is_reference(expr, block):
        return False
    if backend == "mysql":
        return is_outside(plan) or GROUPING in plan
    return WINDOWED in plan or keeps_sums(block)


def _of_column(definition: ColumnDefinition, column: DerivedColumn) -> ColumnDefinition:
    flags = definition.flags & ~BLOB | column.flags & BLOB
    return replace(
        definition,
        type=column.type,
        length=column.length,
        decimals=column.decimals,
        charset=column.charset,
        flags=flags,
    )


def _is_cut(query: Block) -> bool:
    """Tell whether the query in parentheses has a LIMIT: else MySQL makes one of the two."""
    return isinstance(query.source, QuerySource) and query.source.query.limit is not None


def _enclosed(definition: ColumnDefinition) -> ColumnDefinition:
    """A column of a query in parentheses with an ORDER BY or a LIMIT behind them: a field of no known table."""
    told = field_of(definition)
    return replace(told, schema="", table="", org_table="", org_name=definition.name, flags=told.flags & ~INDEXED)
