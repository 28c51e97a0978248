"""Texts of several statements: the backend runs each of them, once, whatever it is asked about the first."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from tests.live.offload_kit import fill

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def schema(backend: Any, warmfront_instance: Any) -> Iterator[str]:
    """A schema with a loaded table."""
    fill(backend, "several")
    warmfront_instance.wait_until_loaded("several", "sales")
    yield "several"
    backend.run("DROP DATABASE several")


@pytest.mark.parametrize("use", ["FORCED", "ON"])
@pytest.mark.parametrize(
    "read",
    [
        "SELECT COUNT(*) FROM sales",
        "EXPLAIN SELECT COUNT(*) FROM sales",
        "SELECT @n := COUNT(*) FROM sales",
        "SELECT COUNT(*) INTO @n FROM sales",
        "SELECT g, COUNT(*) FROM sales GROUP BY g WITH ROLLUP",
    ],
)
@pytest.mark.parametrize("last", ["", "; SELECT g FROM sales GROUP BY CUBE (g)", "; SELECT * FROM nowhere", "; -- '"])
def test_what_stands_behind_a_query_is_run_once(
    backend: Any, warmfront_instance: Any, schema: str, use: str, read: str, last: str
) -> None:
    backend.run(f"DROP TABLE IF EXISTS {schema}.noted")
    backend.run(f"CREATE TABLE {schema}.noted (a INT)")
    options = {"database": schema, "client_flag": pymysql.constants.CLIENT.MULTI_STATEMENTS, "autocommit": True}
    with warmfront_instance.connect(**options) as connection, connection.cursor() as cursor:
        cursor.execute(f"SET use_secondary_engine = {use}")
        with contextlib.suppress(pymysql.err.Error):  # of what comes last
            cursor.execute(f"{read}; INSERT INTO noted VALUES (1){last}")
            while cursor.nextset():
                pass
    assert backend.run(f"SELECT COUNT(*) FROM {schema}.noted") == [(1,)]
