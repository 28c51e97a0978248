"""SQL modes: which of them change what a statement means, and which the engine can follow."""

from functools import lru_cache

# Modes under which a SELECT means the same as under the defaults, or that only writes and DDL feel.
_HARMLESS = frozenset(
    {
        "",
        "ALLOW_INVALID_DATES",  # the store quarantines tables with such dates
        "ERROR_FOR_DIVISION_BY_ZERO",
        "IGNORE_SPACE",
        "NO_AUTO_CREATE_USER",
        "NO_AUTO_VALUE_ON_ZERO",
        "NO_DIR_IN_CREATE",
        "NO_ENGINE_SUBSTITUTION",
        "NO_FIELD_OPTIONS",
        "NO_KEY_OPTIONS",
        "NO_TABLE_OPTIONS",
        "NO_ZERO_DATE",
        "NO_ZERO_IN_DATE",
        "ONLY_FULL_GROUP_BY",
        "STRICT_ALL_TABLES",
        "STRICT_TRANS_TABLES",
        "TRADITIONAL",
    }
)

# Modes that say how strings, operators, types and calls are read, of which a SELECT of names in back-quotes has none.
_OF_READING = frozenset(
    {
        "ANSI",
        "ANSI_QUOTES",
        "HIGH_NOT_PRECEDENCE",
        "NO_BACKSLASH_ESCAPES",
        "NO_UNSIGNED_SUBTRACTION",
        "PIPES_AS_CONCAT",
        "REAL_AS_FLOAT",
    }
)


@lru_cache(maxsize=64)
def modes(sql_mode: str) -> frozenset[str]:
    """Split the value of @@sql_mode into upper-case names."""
    return frozenset(name.strip().upper() for name in sql_mode.split(",") if name.strip())


@lru_cache(maxsize=64)
def refused_mode(sql_mode: str) -> str | None:
    """Name the first mode under which statements stay on MySQL; None when all are harmless."""
    return min(modes(sql_mode) - _HARMLESS, default=None)


def of_names(sql_mode: str) -> str:
    """Leave the modes that a SELECT of nothing but names in back-quotes can feel."""
    return ",".join(sorted(modes(sql_mode) - _OF_READING))
