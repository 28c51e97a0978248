"""TPC-DS data: this project's own rows in TPC-DS's schema, loaded through the proxy with LOAD DATA LOCAL."""

import tempfile
from pathlib import Path
from typing import Any

from pyarrow import csv

from warmfront import demo_data, tpcds_rows, tpcds_sales
from warmfront.demo_data import Progress, run
from warmfront.tpcds_draws import Draws, Table, text

# The table loaded last tells whether a schema is complete.
TABLES = (
    "income_band", "reason", "ship_mode", "time_dim", "date_dim", "warehouse", "household_demographics",
    "customer_demographics", "customer_address", "customer", "item", "store", "call_center", "catalog_page", "web_site",
    "web_page", "promotion", "inventory", "store_sales", "store_returns", "catalog_sales", "catalog_returns",
    "web_sales", "web_returns",
)  # fmt: skip
_SEED = 19620718


def schema_name(scale: float) -> str:
    """Schema that data of a scale goes to: tpcds_sf0_01."""
    return demo_data.schema_name("tpcds", scale)


def ensure(connection: Any, scale: float, progress: Progress) -> None:
    """Make schema and data of a scale, unless they are there already. Raises DataError."""
    schema = schema_name(scale)
    if demo_data.is_complete(connection, schema, TABLES[-1]):
        connection.select_db(schema)
        return
    demo_data.make_schema(connection, "tpcds", schema)
    progress("making data", 0, 1)
    draws, sizes = Draws(_SEED), tpcds_rows.Sizes(scale)
    rows = tpcds_rows.small_tables(draws, sizes) | tpcds_sales.make(draws, sizes)
    with tempfile.TemporaryDirectory(prefix="warmfront-tpcds-") as folder:
        for done, table in enumerate(TABLES):
            progress(f"loading {table}", done, len(TABLES))
            _load(connection, table, rows.pop(table), Path(folder) / "rows.csv")
    for table in TABLES:
        run(connection, f"ANALYZE NO_WRITE_TO_BINLOG TABLE {table}")


def _load(connection: Any, table: str, rows: Table, file: Path) -> None:
    options = csv.WriteOptions(include_header=False, delimiter="|", quoting_style="none")
    csv.write_csv(text(rows), file, options)
    run(
        connection,
        f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE {table} CHARACTER SET utf8mb4 FIELDS TERMINATED BY '|'"
        f" ({', '.join(rows)})",
    )
