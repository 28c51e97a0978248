"""In which order the backend's plans read tables."""

from dataclasses import replace
from typing import Any

import pytest

from statements.reads import Read, reads


def table(name: str = "t", **further: Any) -> dict[str, Any]:
    return {"access_type": "table", "table_name": name, "operation": f"Table scan on {name}", **further}


def index(name: str, way: str, key: str = "k", **further: Any) -> dict[str, Any]:
    operation = f"Index on {name} using {key}"
    node = {"access_type": "index", "table_name": name, "index_name": key, "index_access_type": way}
    return {**node, "operation": operation, "covering": False, **further}


def looked_up(name: str, key: str = "k", columns: tuple[str, ...] = ("a",), **further: Any) -> dict[str, Any]:
    return index(name, "index_lookup", key, lookup_condition="a = b.x", key_columns=list(columns), **further)


def single(name: str, key: str = "PRIMARY") -> dict[str, Any]:
    return looked_up(name, key, operation=f"Single-row index lookup on {name} using {key} (a = b.x)")


def over(access: str, *inner: dict[str, Any], **further: Any) -> dict[str, Any]:
    return {"access_type": access, "operation": "", "inputs": list(inner), **further}


def joined(
    outer: dict[str, Any], inner: dict[str, Any], kind: str = "inner join", algorithm: str = "nested_loop"
) -> dict[str, Any]:
    return over("join", outer, inner, join_type=kind, join_algorithm=algorithm)


T, ALONE = Read("t"), Read("u", "PRIMARY", is_single=True)
SUBQUERY = {"subquery": True, **table("z")}


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (table(), (T,)),
        (over("filter", table(), SUBQUERY), (T,)),
        (table("orders", alias="t", schema_name="s"), (T,)),
        (index("t", "index_scan", "PRIMARY"), (T,)),
        (index("t", "index_scan"), (Read("t", "k"),)),
        (index("t", "index_range_scan", "PRIMARY"), (T,)),
        (index("t", "index_range_scan", covering=True), (Read("t", "k"),)),
        (looked_up("t", columns=("a", "b")), (Read("t", "k", 2),)),
        (joined(over("filter", table()), single("u")), (T, ALONE)),
        (joined(joined(table(), looked_up("v")), single("u"), "left join"), (T, Read("v", "k", 1), ALONE)),
        (joined(table(), over("filter", single("u"))), (T, replace(ALONE, is_guess=True))),
        (over("filter", joined(table(), single("u"), "left join")), (T, replace(ALONE, is_guess=True))),
        (joined(joined(table(), over("filter", single("v"))), single("u")), (T, Read("v", is_single=True), ALONE)),
        (
            joined(table(), {**looked_up("u"), "pushed_index_condition": "(a > 3)"}),
            (T, Read("u", "k", 1, is_guess=True)),
        ),
        (joined(table(), over("limit", table("u")), "semijoin"), (T,)),
        (
            joined(joined(table(), single("u")), over("limit", table("v")), "semijoin"),
            (T, replace(ALONE, is_guess=True)),
        ),
        (joined(table(), over("materialize", table("u")), "antijoin"), (T,)),
        (joined({"access_type": "rows_fetched_before_execution"}, table()), (T,)),
        (joined({"access_type": "constant_row", "table_name": "u"}, table()), (T,)),
    ],
)
@pytest.mark.parametrize("gathering", ["aggregate", "temp_table_aggregate"])
def test_the_order_of_mysql(plan: dict[str, Any], expected: tuple[Read, ...], gathering: str) -> None:
    whole = over("sort", over("table", over(gathering, plan), table_name="<temporary>"))
    assert reads({"query_plan": whole}, "mysql") == expected


@pytest.mark.parametrize(
    "plan",
    [
        table(),
        over("aggregate", over("sort", table())),
        over("aggregate", over("stream", over("temp_table_aggregate", over("window", table())))),
        over("aggregate", table("<temporary>")),
        over("aggregate", table("y", inputs=[over("materialize", table())])),
        over("aggregate", index("t", "index_scan", reverse=True)),
        over("aggregate", index("t", "index_range_scan")),
        over("aggregate", index("t", "index_skip_scan")),
        over("aggregate", index("t", "multi_range_read")),
        over("aggregate", looked_up("t", reverse=True)),
        over("aggregate", {**looked_up("t"), "lookup_condition": "a = b.x or NULL"}),
        over("aggregate", joined(table(), table("u"), algorithm="hash")),
        over("aggregate", joined(table(), table("u"), algorithm="batch_key_access")),
        over("aggregate", joined(table(), single("u"), "full outer join")),
        over("aggregate", joined(table("<subquery2>"), single("u"))),
        over("aggregate", over("weedout", joined(table(), single("u")))),
        over("aggregate", {"operation": "Nested loop semijoin with duplicate removal on k", "inputs": [table()]}),
        over("aggregate", {"access_type": "zero_rows"}),
        over("aggregate", over("index_merge", index("t", "index_range_scan"))),
    ],
)
def test_what_has_no_order_on_mysql(plan: dict[str, Any]) -> None:
    assert reads({"query_plan": plan}, "mysql") == ()


def read(name: str, access: str, **further: Any) -> dict[str, Any]:
    return {"table": {"table_name": name, "access_type": access, **further}}


SCAN = read("t", "ALL")
REF = read("u", "ref", key="k", used_key_parts=["a"], ref=["t.a"])


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (SCAN, (T,)),
        ({"nested_loop": [SCAN]}, (T,)),
        ({"filesort": {"sort_key": "a", "temporary_table": {"nested_loop": [SCAN, REF]}}}, (T, Read("u", "k", 1))),
        ({"temporary_table": SCAN}, (T,)),
        ({"filesort": {"sort_key": "a", "duplicate_removal": {"temporary_table": SCAN}}}, (T,)),
        ({"nested_loop": [SCAN, read("u", "eq_ref", key="PRIMARY")]}, (T, ALONE)),
        (
            {"nested_loop": [SCAN, read("<subquery2>", "eq_ref", materialized={})]},
            (T, Read("<subquery2>", is_single=True)),
        ),
        ({"nested_loop": [read("u", "const", key="PRIMARY"), SCAN]}, (ALONE, T)),
        ({"nested_loop": [read("t", "range", key="k", rowid_filter={})]}, (Read("t", "k"),)),
        ({"nested_loop": [read("t", "index", key="k")], "subqueries": [{}]}, (Read("t", "k"),)),
        ({"nested_loop": [SCAN, read("u", "ALL", first_match="t")]}, (T, ALONE)),
    ],
)
def test_the_order_of_mariadb(plan: dict[str, Any], expected: tuple[Read, ...]) -> None:
    assert reads({"query_block": {"select_id": 1, **plan}}, "mariadb") == expected


@pytest.mark.parametrize(
    "plan",
    [
        {"filesort": {"nested_loop": [SCAN]}},
        {"filesort": {"duplicate_removal": {"nested_loop": [SCAN]}}},
        {"nested_loop": [{"read_sorted_file": {"filesort": SCAN}}]},
        {"nested_loop": [SCAN, {"block-nl-join": read("u", "ALL")}]},
        {"nested_loop": [SCAN, {"duplicates_removal": SCAN}]},
        {"nested_loop": [read("t", "range", key="k", mrr_type="Rowid-ordered scan")]},
        {"nested_loop": [read("t", "index", key="k", loosescan=True)]},
        {"nested_loop": [read("<derived2>", "ALL", materialized={})]},
        {"nested_loop": [read("<derived2>", "ref", key="key0", used_key_parts=["a"])]},
        {"nested_loop": [read("t", "ref_or_null", key="k", used_key_parts=["a"])]},
        {"nested_loop": [read("t", "index_merge")]},
        {"nested_loop": [read("t", "fulltext", key="k")]},
        {"table": {"message": "Impossible WHERE"}},
        {"union_result": {"query_specifications": []}},
        {"window_functions_computation": {"temporary_table": SCAN}},
    ],
)
def test_what_has_no_order_on_mariadb(plan: dict[str, Any]) -> None:
    assert reads({"query_block": {"select_id": 1, **plan}}, "mariadb") == ()


@pytest.mark.parametrize("plan", [None, [], {}, {"query_plan": {}}, {"query_block": {}}, {"query_block": [1]}])
@pytest.mark.parametrize("backend", ["mysql", "mariadb"])
def test_a_plan_of_another_form_is_not_known(plan: Any, backend: str) -> None:
    assert reads(plan, backend) == ()
