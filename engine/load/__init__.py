"""The first copy of a table: read from the backend in columns, written to the store."""
