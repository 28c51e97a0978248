"""The 99 queries of TPC-DS, written for MySQL; MariaDB has its own texts for ROLLUP in order or with GROUPING()."""

from importlib import resources

from warmfront import demo_data, tpcds_data
from warmfront.demo import Benchmark


def query_text(number: int, scale: float, backend: str) -> str:
    """A query as the backend of this kind takes it."""
    name = f"q{number:02}.sql"
    if backend == "mariadb" and resources.files("warmfront").joinpath("tpcds", "mariadb", name).is_file():
        name = f"mariadb/{name}"
    return demo_data.sql_text("tpcds", name).strip()


TPCDS = Benchmark("TPC-DS", "tpcds", 99, 94, 0.01, tpcds_data.TABLES, tpcds_data.ensure, query_text)
