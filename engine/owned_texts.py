"""Texts that functions of ours give to DuckDB, so that they live as long as what is made of them.

DuckDB 1.5.5 reads the answer of a function over Arrow where it lies. `coalesce` lets go of what it has chosen from, and
keeps texts of a heap of DuckDB's alone: a longer text of Arrow's is freed, and what is put there later stands in its
place. CASE keeps its branches until it is computed again. What copies a text, as `||` does, makes it DuckDB's own.
"""


def owned(call: str) -> str:
    """Write a call that gives a text, as a text that may be an argument of whatever the server's SQL asks for."""
    return f"({call} || '')"
