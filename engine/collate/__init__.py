"""Exact MySQL and MariaDB collations in DuckDB, by the server's own weights. See docs/collations.md for the API."""
