"""MySQL's date formats as DuckDB's, where both mean the same."""

import re

# %-letters of DATE_FORMAT and STR_TO_DATE, and strptime's for the same thing.
_LETTERS = {
    "Y": "%Y", "y": "%y", "m": "%m", "c": "%-m", "d": "%d", "e": "%-d", "H": "%H", "k": "%-H", "h": "%I", "I": "%I",
    "i": "%M", "s": "%S", "S": "%S", "f": "%f", "p": "%p", "M": "%B", "b": "%b", "T": "%H:%M:%S", "%": "%%",
}  # fmt: skip


def strptime_format(pattern: str) -> str | None:
    """Translate a format; None when a letter has no counterpart. The result stands between single quotes."""
    unknown = False

    def letter(found: re.Match[str]) -> str:
        nonlocal unknown
        unknown = unknown or found[1] not in _LETTERS
        return _LETTERS.get(found[1], "")

    made = re.sub(r"%(.)", letter, pattern)
    return None if unknown or (pattern.endswith("%") and not pattern.endswith("%%")) else made.replace("'", "''")
