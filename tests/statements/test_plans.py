"""What rows pass in the backend's plans."""

from typing import Any

import pytest

from statements.plans import (
    CONSTANT,
    DERIVED,
    GROUPING,
    GROUPS,
    NOTHING,
    ROWS,
    SCAN,
    TEMPORARY,
    UNION,
    WINDOW,
    read_plan,
    stages,
)

TABLE = {
    "access_type": "table",
    "table_name": "t",
    "operation": "Table scan on t",
    "inputs": [{"access_type": "window"}],
}


PLAIN = {"access_type": "table", "table_name": "t", "operation": "Table scan on t"}
ALONG = {"access_type": "index", "table_name": "t", "index_name": "PRIMARY", "index_access_type": "index_scan"}
IN_TABLE = (GROUPING, ROWS)


def over(inner: dict[str, Any], access: str, operation: str = "", **further: Any) -> dict[str, Any]:
    return {"access_type": access, "operation": operation, "inputs": [inner], **further}


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (TABLE, (ROWS,)),
        (over(TABLE, "filter"), (ROWS,)),
        (over(TABLE, "sort"), (ROWS,)),
        (over(TABLE, "stream", "Stream results"), (TEMPORARY, ROWS)),
        (over(over(TABLE, "materialize", "Temporary table"), "table", table_name="<temporary>"), (TEMPORARY, ROWS)),
        (over(over(TABLE, "materialize", "Materialize"), "table", table_name="y"), (ROWS,)),
        (over(TABLE, "materialize", "Union materialize with deduplication"), (UNION, ROWS)),
        (over(over(TABLE, "temp_table_aggregate"), "sort"), (GROUPING, ROWS)),
        (over(over(over(TABLE, "sort"), "aggregate"), "stream"), (TEMPORARY, GROUPS, ROWS)),
        (over(over(TABLE, "sort"), "window"), (WINDOW, ROWS)),
        (over(over(TABLE, "stream"), "join"), (ROWS,)),
        (over(over(PLAIN, "filter"), "aggregate"), (GROUPS, ROWS)),
        (over(over(over(PLAIN, "temp_table_aggregate"), "table", table_name="<temporary>"), "sort"), IN_TABLE),
        (over(over(over(PLAIN, "materialize"), "table", table_name="y"), "aggregate"), (GROUPS, ROWS)),
        (over(ALONG, "aggregate"), (GROUPS, ROWS)),
        (over({**ALONG, "reverse": True}, "aggregate"), (GROUPS, ROWS)),
        ({"access_type": "zero_rows", "operation": "Zero rows (Impossible WHERE)"}, (NOTHING,)),
        (over({"access_type": "zero_rows_aggregated"}, "filter"), (NOTHING,)),
    ],
)
def test_stages_of_mysql(plan: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert stages({"query_plan": plan, "query_type": "select"}, "mysql") == expected


SCANNED = {"table_name": "t", "access_type": "ALL"}
FOUND = {"table_name": "t", "access_type": "const", "key": "PRIMARY"}
JOIN = {"nested_loop": [{"table": {"table_name": "t"}}]}


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (JOIN, (ROWS,)),
        ({"filesort": {"sort_key": "t.a", "temporary_table": JOIN}}, (TEMPORARY, ROWS)),
        ({"window_functions_computation": {"sorts": [{"filesort": {"sort_key": "t.a"}}]}}, (WINDOW, ROWS)),
        (
            {"union_result": {"table_name": "<union1,2>", "query_specifications": [{"query_block": JOIN}]}},
            (UNION, ROWS),
        ),
        ({"temporary_table": {"nested_loop": [{"table": SCANNED}]}}, (TEMPORARY, SCAN, ROWS)),
        ({"temporary_table": {"table": SCANNED}}, (TEMPORARY, SCAN, ROWS)),
        ({"nested_loop": [{"table": {"access_type": "index"}}, {"table": SCANNED}]}, (ROWS,)),
        ({"table": {"access_type": "index", "key": "PRIMARY"}}, (ROWS,)),
        ({"nested_loop": [{"read_sorted_file": {"filesort": {"table": SCANNED}}}]}, (ROWS,)),
        ({"read_sorted_file": {"filesort": {"table": SCANNED}}}, (ROWS,)),
        ({"nested_loop": [JOIN, {"table": {"materialized": {"query_block": JOIN}}}]}, (ROWS, DERIVED)),
        ({"nested_loop": [{"table": FOUND}, {"table": FOUND}]}, (CONSTANT, ROWS)),
        ({"table": {**FOUND, "access_type": "system"}}, (CONSTANT, ROWS)),
        ({"nested_loop": [{"table": FOUND}, {"table": SCANNED}]}, (ROWS,)),
        ({"nested_loop": [{"table": FOUND}, {"read_sorted_file": {}}]}, (ROWS,)),
        ({"table": {"message": "Impossible WHERE"}}, (NOTHING,)),
        ({"nested_loop": [{"table": {"message": "Select tables optimized away"}}]}, (NOTHING,)),
        ({"table": {"message": "Impossible WHERE noticed after reading const tables"}}, (CONSTANT, NOTHING)),
    ],
)
def test_stages_of_mariadb(plan: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert stages({"query_block": {"select_id": 1, **plan}}, "mariadb") == expected


@pytest.mark.parametrize("plan", [None, [], {}, {"query_block": JOIN}])
def test_a_plan_of_another_form_is_not_known(plan: Any) -> None:
    assert stages(plan, "mysql") == ()
    assert stages({"query_plan": TABLE}, "mariadb") == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rb"""{"attached_condition": "t.a like 'a\_b'"}""", {"attached_condition": r"t.a like 'a\_b'"}),
        (rb"""{"a": "one\ntwo \"three\" \\ \u00e9"}""", {"a": 'one\ntwo "three" \\ é'}),
        (b'{"a": "tab\t"}', {"a": "tab\t"}),
        (b"""{"attached_condition": "t.a = '"'"}""", None),
        (b"", None),
        (None, None),
        (b'{"a": ', None),
        (b"[" * 100_000, None),
    ],
)
def test_plans_are_read_as_far_as_they_can_be(text: bytes | None, expected: Any) -> None:
    """MariaDB's JSON has the backslashes of a condition as they are written there."""
    assert read_plan(text) == expected
