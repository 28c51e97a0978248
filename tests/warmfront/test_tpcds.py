"""The TPC-DS data: the same every time, columns as in schema.sql, keys that lead somewhere."""

import re

import pyarrow as pa
import pytest

from statements.parse import parse_statement
from warmfront import demo_data, tpcds_data, tpcds_rows, tpcds_sales
from warmfront.demo_tpcds import query_text
from warmfront.tpcds_draws import Draws, Table, text


@pytest.fixture(scope="module")
def rows() -> dict[str, Table]:
    return _made()


def _made() -> dict[str, Table]:
    draws, sizes = Draws(1), tpcds_rows.Sizes(0.001)
    return tpcds_rows.small_tables(draws, sizes) | tpcds_sales.make(draws, sizes)


def test_every_table_is_made_of_its_columns(rows):
    schema = demo_data.sql_text("tpcds", "schema.sql")
    defined = {
        name: set(re.findall(r"(\w+) (?:INT|CHAR|VARCHAR|DATE|DECIMAL)\b", body))
        for name, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\);", schema, re.DOTALL)
    }
    assert set(rows) == set(defined) == set(tpcds_data.TABLES)
    assert {name: set(table) - defined[name] for name, table in rows.items()} == {name: set() for name in rows}


def test_the_same_seed_gives_the_same_rows(rows):
    again = _made()
    assert all(text(rows[name]).equals(text(again[name])) for name in tpcds_data.TABLES)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("store_sales", ("ss_item_sk", "ss_ticket_number")),
        ("catalog_sales", ("cs_item_sk", "cs_order_number")),
        ("web_returns", ("wr_item_sk", "wr_order_number")),
        ("inventory", ("inv_date_sk", "inv_item_sk", "inv_warehouse_sk")),
    ],
)
def test_primary_keys_are_unique(rows, table, key):
    keys = pa.table({name: rows[table][name] for name in key})
    assert keys.group_by(list(key)).aggregate([]).num_rows == keys.num_rows


@pytest.mark.parametrize("backend", ["mysql", "mariadb"])
def test_every_query_is_one_statement(backend):
    for number in range(1, 100):
        parse_statement(query_text(number, 1, backend))


def test_mariadb_orders_no_rollup_and_knows_no_grouping():
    for number in range(1, 100):
        statement = query_text(number, 1, "mariadb")
        assert "GROUPING(" not in statement, number
        assert not re.search(r"WITH ROLLUP\s+ORDER BY", statement), number
