"""The 22 queries of TPC-H."""

from decimal import Decimal

from warmfront import demo_data, tpch_data
from warmfront.demo import Benchmark


def query_text(number: int, scale: float, backend: str) -> str:
    """A query with its validation parameters; Q11's fraction depends on the scale."""
    text = demo_data.sql_text("tpch", f"q{number:02}.sql").strip()
    if number == 11:
        text = text.replace("0.0001", f"{Decimal('0.0001') / Decimal(str(scale)):f}")
    return text


TPCH = Benchmark("TPC-H", "tpch", 22, 22, 0.1, tpch_data.TABLES, tpch_data.ensure, query_text)
