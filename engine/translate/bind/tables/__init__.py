"""What gives rows inside a query: derived tables, sub-queries in expressions, rows, JSON_TABLE, partitions."""
