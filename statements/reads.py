"""In which order the backend's plan of a statement reads rows, from its EXPLAIN FORMAT=JSON.

Nested loops give the rows of their first table in the order in which that is read, and for each of them those of the
next. Hash joins and join buffers give them in another order, as sorts do and what is read from temporary tables.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

_GATHERING = frozenset({"aggregate", "temp_table_aggregate"})
_REORDERING = frozenset({"sort", "materialize", "stream", "window"})
_DISTINCT = "Temporary table with deduplication"  # of SELECT DISTINCT: the first row of each is kept
_ABOVE = _GATHERING | _REORDERING | {"filter", "limit", "table"}
_SINGLE = frozenset({"eq_ref", "const", "system", "unique_subquery"})  # on MariaDB
_ON_THE_WAY = ("filesort", "duplicate_removal", "temporary_table")  # there
_CONSTANT = frozenset({"constant_row", "rows_fetched_before_execution"})  # on MySQL
_PRIMARY = "PRIMARY"


@dataclass(frozen=True, slots=True)
class Read:
    """A table that is read in nested loops: `table` is what the statement calls it, `index` what it is read along.

    `looked_up` are how many of the index's columns have one value for each row of the tables before, `is_single` says
    that there is at most one row for each. InnoDB keeps rows along PRIMARY. `is_guess` says of MySQL's last table that
    the order of the tables may be another one when a statement that sorts is run: of conditions on that table, which
    EXPLAIN counts with, it takes no account then (`calculate_condition_filter` in sql/sql_planner.cc).
    """

    table: str
    index: str = _PRIMARY
    looked_up: int = 0
    is_single: bool = False
    is_guess: bool = False


class _Unknown(Exception):
    """The order is not known."""


def reads(plan: Any, backend: str) -> tuple[Read, ...]:
    """Give the tables in whose order rows come to where they are grouped or added up, the outermost loop first.

    `plan` is what the JSON says, `backend` "mysql" or "mariadb"; () where the order is not known.
    """
    if not isinstance(plan, dict):
        return ()
    try:
        if backend == "mysql":
            gathered = _gathered(plan["query_plan"])
            *before, last = _joined_on_mysql(gathered)
            return (*before, replace(last, is_guess=bool(before) and _ends_with_condition(gathered)))
        return tuple(_on_mariadb(plan["query_block"]))
    except (_Unknown, LookupError, AttributeError, TypeError, ValueError):
        return ()


def _gathered(node: Any) -> dict[str, Any]:
    """Give what the last of the operations that group rows, or add them up, takes them from, in that order."""
    found = None
    while node.get("inputs") and node["access_type"] in _ABOVE:
        access, is_distinct, node = node["access_type"], node["operation"] == _DISTINCT, node["inputs"][0]
        if access in _GATHERING or is_distinct:
            found = node
        elif access in _REORDERING:
            found = None
    if found is None:
        raise _Unknown
    return dict(found)


def _ends_with_condition(node: dict[str, Any]) -> bool:
    """Tell whether the table that is joined last has a condition beside that by which its rows are looked up."""
    if node["access_type"] != "join" or node["join_type"] not in ("inner join", "left join"):
        return True
    last = node["inputs"][1]
    return last["access_type"] not in ("table", "index") or "pushed_index_condition" in last


def _joined_on_mysql(node: dict[str, Any]) -> Iterator[Read]:
    """Source: ExplainAccessPath in sql/join_optimizer/explain_access_path.cc."""
    access, inputs = node["access_type"], node.get("inputs", ())
    if access == "filter":
        yield from _joined_on_mysql(inputs[0])
    elif access == "join" and node["join_algorithm"] == "nested_loop":
        yield from _joined_on_mysql(inputs[0])
        if node["join_type"] in ("inner join", "left join"):
            yield from _joined_on_mysql(inputs[1])
        elif node["join_type"] not in ("semijoin", "antijoin"):
            raise _Unknown
    elif access in ("table", "index") and not inputs:
        yield _read_on_mysql(node)
    elif access not in _CONSTANT:
        raise _Unknown


def _read_on_mysql(node: dict[str, Any]) -> Read:
    name, index, way = (
        str(node.get("alias") or node["table_name"]),
        node.get("index_name", _PRIMARY),
        node.get("index_access_type"),
    )
    if way == "index_lookup" and str(node["operation"]).startswith("Single-row"):
        return Read(name, index, is_single=True)
    if node.get("reverse") or name.startswith("<"):
        raise _Unknown
    if node["access_type"] == "table" or way == "index_scan":
        return Read(name, index)
    # The rows of a range of another index may be sorted by their keys before they are read (MRR), which is not shown.
    if way == "index_range_scan" and (index == _PRIMARY or node["covering"]):
        return Read(name, index)
    if way == "index_lookup" and " or null" not in str(node["lookup_condition"]).lower():
        return Read(name, index, len(node["key_columns"]))
    raise _Unknown


def _on_mariadb(node: Any) -> Iterator[Read]:
    above = ""
    while "nested_loop" not in node and "table" not in node:
        above = next((name for name in _ON_THE_WAY if name in node), "")
        node = node[above]
    if above not in ("", "temporary_table"):
        raise _Unknown
    for item in node.get("nested_loop") or [{"table": node["table"]}]:
        if list(item) != ["table"]:
            raise _Unknown
        yield from _read_on_mariadb(item["table"])


def _read_on_mariadb(table: dict[str, Any]) -> Iterator[Read]:
    name, access, index = str(table["table_name"]), table["access_type"], table.get("key", _PRIMARY)
    if access in _SINGLE:
        yield Read(name, index, is_single=True)
    elif table.keys() & {"mrr_type", "loosescan", "materialized", "using_index_for_group_by"} or name.startswith("<"):
        raise _Unknown
    elif access in ("ALL", "index", "range"):
        yield Read(name, index, is_single="first_match" in table)
    elif access == "ref":
        yield Read(name, index, len(table["used_key_parts"]), "first_match" in table)
    else:
        raise _Unknown
