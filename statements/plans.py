"""What rows pass on their way out of the backend's plan of a statement, read from its EXPLAIN FORMAT=JSON.

What passes through a temporary table is described by the table's fields, not by the expressions that it comes from; and
only the plan tells what passes.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

# Stages, and what the rows come from: ROWS of tables, or NOTHING where the plan knows that there are none.
TEMPORARY, GROUPS, GROUPING, WINDOW, UNION = "temporary", "groups", "grouping", "window", "union"
ROWS, NOTHING = "rows", "nothing"
# Before ROWS: each of MariaDB's tables gives one row, found before anything else is planned; before NOTHING: or none.
CONSTANT = "constant"
SCAN = "scan"  # before ROWS: MariaDB reads the first table as a whole, in no order that it could group by
DERIVED = "derived"  # at the end: MariaDB keeps the rows of a derived table, a view or a common table
TABLES = frozenset({TEMPORARY, GROUPING, WINDOW})  # stages that are temporary tables
_MYSQL = {"stream": TEMPORARY, "aggregate": GROUPS, "temp_table_aggregate": GROUPING, "window": WINDOW}
_MARIADB = {"temporary_table": TEMPORARY, "window_functions_computation": WINDOW, "union_result": UNION}
_FOUND = frozenset({"const", "system"})  # a row that is found before anything else is planned
_ENDS = frozenset({"table", "nested_loop", "read_sorted_file", "block-nl-join", "query_specifications"})

# MariaDB writes a condition's backslashes as they are.
_LONE_BACKSLASH = re.compile(rb'\\(?!["\\/bfnrtu])')


def read_plan(text: bytes | None) -> Any:
    """Read what EXPLAIN FORMAT=JSON answers; None when it cannot be read."""
    try:
        return json.loads(text or b"", strict=False)
    except RecursionError:
        return None
    except ValueError:
        pass
    try:
        return json.loads(_LONE_BACKSLASH.sub(rb"\\\\", text or b""), strict=False)
    except (ValueError, RecursionError):
        return None


def stages(plan: Any, backend: str) -> tuple[str, ...]:
    """Give the stages of a plan, the outermost first, and ROWS or NOTHING as the last; () where they are not known.

    `plan` is what the JSON says, `backend` "mysql" or "mariadb". GROUPING is a temporary table that groups, GROUPS are
    groups made of sorted rows. MySQL's plans in the first version of the format are not read.
    """
    if not isinstance(plan, dict):
        return ()
    if backend == "mysql":
        return tuple(_of_mysql(plan["query_plan"])) if "query_plan" in plan else ()
    if "query_block" not in plan:
        return ()
    return (*_of_mariadb(plan["query_block"]), *((DERIVED,) if _has_derived(plan) else ()))


def _of_mysql(node: Any) -> Iterator[str]:
    while isinstance(node, dict):
        access, operation = str(node.get("access_type")), str(node.get("operation"))
        if access.startswith("zero_rows"):
            yield NOTHING
            return
        if access == "materialize":
            yield UNION if operation.startswith("Union") else TEMPORARY
        elif stage := _MYSQL.get(access):
            yield stage
        inputs = node.get("inputs")
        on_the_way = access != "table" or str(node.get("table_name")).startswith("<temporary>")
        if not inputs or not on_the_way or access in ("join", "index"):
            break
        node = inputs[0]
    yield ROWS


def _of_mariadb(node: Any) -> Iterator[str]:
    while node:
        if isinstance(node, list):
            node = node[0]
            continue
        name = next((name for name, value in node.items() if isinstance(value, (dict, list))), "")
        if name in _ENDS or not name:
            break
        if stage := _MARIADB.get(name):
            yield stage
        node = node[name]
    if message := _message(node):
        if "const tables" in message:
            yield CONSTANT
        yield NOTHING
        return
    if _first_table(node).get("access_type") == "ALL":
        yield SCAN
    elif _is_constant(node):
        yield CONSTANT
    yield ROWS


def _is_constant(node: Any) -> bool:
    loop = node.get("nested_loop", [node]) if isinstance(node, dict) else []
    tables = [part.get("table", {}) if isinstance(part, dict) else {} for part in loop]
    return bool(tables) and all(table.get("access_type") in _FOUND for table in tables)


def _has_derived(node: Any) -> bool:
    if isinstance(node, list):
        return any(map(_has_derived, node))
    return isinstance(node, dict) and ("materialized" in node or any(map(_has_derived, node.values())))


def _first_table(node: Any) -> dict[str, Any]:
    """Give the first table that MariaDB reads, empty where its rows are sorted before anything else."""
    first = node.get("nested_loop", node) if isinstance(node, dict) else None
    first = first[0] if isinstance(first, list) and first else first
    table = first.get("table") if isinstance(first, dict) else None
    return table if isinstance(table, dict) else {}


def _message(node: Any) -> str:
    """Give the sentence that the plan has in the place of its tables, "" where it has tables."""
    if isinstance(node, list):
        return next(filter(None, map(_message, node)), "")
    if not isinstance(node, dict):
        return ""
    inner = node.get("table", node.get("nested_loop", ()))
    return str(node["message"]) if "message" in node else _message(inner)
