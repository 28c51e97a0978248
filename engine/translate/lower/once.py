"""Writing what reads one value several times: a long value is computed once, by a lambda.

Its text would stand there as often as it is read, and in its own place again where calls stand within calls: a sum of
thirty doubles, each step of which looks at its result three times, would be a text of 3^30 parts.
"""

from collections.abc import Callable

_LONGEST = 400  # characters that are written again; DuckDB computes equal parts of one expression once


def once(sql: str, write: Callable[[str], str]) -> str:
    """Write with a value's SQL, or with a name of it where that is long."""
    return write(sql) if len(sql) <= _LONGEST else f"list_transform([{sql}], lambda v: {write('v')})[1]"
