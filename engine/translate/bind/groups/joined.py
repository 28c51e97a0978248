"""GROUP_CONCAT: values of a group as one text, in an order that the statement settles, or else the backend's plan.

Different values come sorted where no order is asked for: both servers take them from the tree in which they have looked
which differ (Item_func_group_concat::val_str, `group_concat_key_cmp_with_distinct`).

Rows that ORDER BY leaves tied may come in any order: where they have different texts, the engine fails.
"""

from dataclasses import replace

from sqlglot import exp

from engine.collate import presence
from engine.translate.bind.binder import Binder
from engine.translate.bind.numbers import as_value
from engine.translate.bind.values import text
from engine.translate.nodes import bare, child, children, only
from engine.translate.refusal import refuse
from engine.translate.tree import Expr, walk
from engine.translate.types import APPROXIMATE, Family

NO_ORDER = "GROUP_CONCAT without an order of all rows depends on the order of rows"
# Of these it is known which values are one for DISTINCT, by what they are in the engine.
_APART = frozenset({Family.STRING, Family.INT, Family.DATE, Family.DATETIME, Family.DECIMAL, Family.ENUM})
_SORTED = frozenset({"int_to_text", "date_to_text"})


def bind(binder: Binder, node: exp.Expression) -> Expr:
    """GROUP_CONCAT([DISTINCT] value ORDER BY … [SEPARATOR '…']); raises Refused when the order leaves a choice."""
    only(node, "this", "separator")
    inner, items = child(node), []
    if isinstance(inner, exp.Order):
        only(inner, "this", "expressions")
        items, inner = children(inner), child(inner)
    distinct = isinstance(inner, exp.Distinct)
    if distinct:
        only(inner, "expressions")
        items, inner = _unwrapped(items, children(inner))
    value = as_value(binder.expr(inner))
    by = [bare(child(item)) for item in items] or [inner][: int(distinct)]
    keys = [value if _is_first(key, inner) else as_value(binder.expr(key)) for key in by]
    # MySQL leaves a constant out, and takes its direction for that of the next key.
    if any(key.type.family in APPROXIMATE or all(part.op != "column" for part in walk(key)) for key in keys):
        refuse("GROUP_CONCAT ordered by this is not supported")
    if distinct and keys != [value] and not _is_apart(value):
        refuse(f"GROUP_CONCAT(DISTINCT) of a {value.type.family.value} in another order is not supported")
    if binder.context.backend == "mariadb":
        _require_own_names(binder, inner, by)
    by_row = binder.scope.is_row(set(keys)) and not distinct
    if not keys and not binder.context.reads:
        refuse(NO_ORDER)
    separator = node.args.get("separator")
    if separator is not None and not (isinstance(separator, exp.Literal) and separator.is_string):
        refuse("GROUP_CONCAT with this separator is not supported")
    between = "," if separator is None else separator.name
    directions = tuple(bool(item.args.get("desc")) for item in items) or (False,) * len(keys)
    longest = binder.context.group_concat_max_len
    return _joined(binder, value, keys, (distinct, by_row, between, directions, longest))


def _is_first(key: exp.Expression, value: exp.Expression) -> bool:
    """Tell whether a key of ORDER BY is the position of the one value."""
    return isinstance(key, exp.Literal) and not key.is_string and key.this == "1" and not isinstance(value, exp.Concat)


def _require_own_names(binder: Binder, value: exp.Expression, keys: list[exp.Expression]) -> None:
    """Refuse to sort by a column whose name one of the values has that is a column of another table: where it sorts
    rows to group them, MariaDB may sort by that one."""
    for key in keys:
        if not isinstance(key, exp.Column):
            continue
        block = key.find_ancestor(exp.Select)
        own = [column for column in value.find_all(exp.Column) if column.find_ancestor(exp.Select) is block]
        if any(c.name.casefold() == key.name.casefold() and binder.expr(c) != binder.expr(key) for c in own):
            refuse("GROUP_CONCAT of a column is ordered by another table's column of the same name")


def _unwrapped(
    items: list[exp.Expression], values: list[exp.Expression]
) -> tuple[list[exp.Expression], exp.Expression]:
    """The parser puts ORDER BY inside DISTINCT."""
    if len(values) != 1:
        refuse("GROUP_CONCAT of several values is not supported")
    value = values[0]
    if isinstance(value, exp.Order):
        only(value, "this", "expressions")
        return children(value), child(value)
    return items, value


def _joined(
    binder: Binder, value: Expr, keys: list[Expr], shape: tuple[bool, bool, str, tuple[bool, ...], int]
) -> Expr:
    written = text.as_string(value, "GROUP_CONCAT", binder.context.collation_connection)
    if written.type.family is not Family.STRING:
        refuse("GROUP_CONCAT of NULL is not supported")
    if shape[0] and (keys != [value] or (written.op not in _SORTED and written.op != value.op and _is_apart(value))):
        held = presence.of_concat(written.type.presence, presence.of_text(shape[2]))
        type_ = replace(written.type, presence=presence.of_substring(held))
        return Expr("group_concat_apart", type_, (value, written, *keys), value=shape)
    if written.op != value.op and shape[0]:
        if written.op not in _SORTED:
            refuse(f"GROUP_CONCAT(DISTINCT) of a {value.type.family.value} is not supported")
        _, _, separator, (descending,), longest = shape
        type_ = replace(written.type, presence=presence.union(written.type.presence, presence.of_text(separator)))
        return Expr("group_concat_distinct", type_, (value,), value=(separator, descending, longest))
    held = presence.of_concat(written.type.presence, presence.of_text(shape[2]))
    type_ = replace(written.type, presence=presence.of_substring(held))
    return Expr("group_concat", type_, (written, *keys), value=shape)


def _is_apart(value: Expr) -> bool:
    return value.type.family in _APART and value.type.frac == value.type.scale
