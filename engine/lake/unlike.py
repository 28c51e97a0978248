"""Files whose columns have other types than each other's: which DuckDB brings together so that no value changes."""

from collections.abc import Collection

from engine.lake.readings import UNLIKE

_SMALL = frozenset({"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER"})
_WHOLE = _SMALL | {"BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT"}
_REAL = frozenset({"FLOAT", "DOUBLE"})
_MOMENTS = frozenset({"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS"})
_SHOWN = (_WHOLE - {"BOOLEAN"}) | {"VARCHAR", "DECIMAL", "DATE", "UUID"}  # as text, in the one form that they have
_NESTED = frozenset({"STRUCT", "MAP"})


def together(kinds: Collection[str], made: str, column_type: str) -> str:
    """Give `made`, DuckDB's type of a column in all files, or what stands for one that must not be read.

    `kinds` are its types in the files, `column_type` is the table's. Doubles round whole numbers and decimals; moments
    with a zone and without one would be brought together by the zone of the session.
    """
    bases = {_base(kind) for kind in kinds}
    if len(set(kinds)) < 2 or _fits(bases, kinds, made, column_type):
        return made
    return f"{UNLIKE} ({', '.join(sorted(kinds))})"


def _fits(bases: set[str], kinds: Collection[str], made: str, column_type: str) -> bool:
    if bases <= _NESTED:
        return True
    if bases <= _WHOLE | {"DECIMAL"}:
        return _scale(made) >= max(map(_scale, kinds))
    if bases <= _SMALL | {"DOUBLE"} or bases <= _MOMENTS:
        return True
    if bases <= _WHOLE | _REAL and made == "DOUBLE":
        return column_type == "double" or (column_type == "float" and bases <= _SMALL | _REAL)
    return bases <= _SHOWN and made == "VARCHAR"


def _base(kind: str) -> str:
    return "STRUCT" if kind.endswith("]") else kind.partition("(")[0]


def _scale(kind: str) -> int:
    """The digits behind the point."""
    return int(kind.rpartition(",")[2].rstrip(")")) if kind.startswith("DECIMAL(") else 0
