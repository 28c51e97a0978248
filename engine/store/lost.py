"""After which errors DuckDB refuses all work with the store's file until it is opened anew."""

import duckdb

FATAL = (duckdb.FatalException, duckdb.InternalException)
# What DuckDB 1.5 says, with whatever error it is, once a checkpoint failed half-way.
_INVALID = "has been invalidated"


def is_lost(error: BaseException) -> bool:
    """Tell whether nothing will succeed any more in this process."""
    return isinstance(error, FATAL) or (isinstance(error, duckdb.Error) and _INVALID in str(error))
