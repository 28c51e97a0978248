"""Query blocks: FROM, what is selected, recursion, set operations."""
