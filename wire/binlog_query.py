"""What stands beside a logged statement: the "status variables" of a QUERY event. Sans-IO.

Source: "Query_event" of the MySQL source documentation; MariaDB writes the same up to code 11.
"""

_SQL_MODE = 1
_UPDATED_SCHEMAS = 12
_TOO_MANY = 254  # schemas: then none is named
# Length of each variable by code; a text has its length before it.
_LENGTHS = {0: 4, 1: 8, 3: 4, 4: 6, 7: 2, 8: 2, 9: 8, 10: 4, 13: 3, 16: 1, 17: 8, 18: 2, 19: 1, 20: 1}
_TEXTS = {5: 1, 6: 1, 11: 2}  # how many


def sql_mode_of(status: bytes) -> int:
    """The SQL mode's bits that a statement ran with; flags (code 0) and mode are written first, when at all."""
    at = 5 if status[:1] == b"\0" else 0
    return int.from_bytes(status[at + 1 : at + 9], "little") if status[at : at + 1] == b"\1" else 0


def updated_schemas(status: bytes) -> tuple[str, ...] | None:
    """The schemas whose tables a statement may have written to, as MySQL names them for its parallel appliers.

    None when they are not named, or when something before them is not known.
    """
    at = 0
    while at < len(status):
        code, at = status[at], at + 1
        if code == _UPDATED_SCHEMAS:
            return _names(status, at)
        if code in _TEXTS:
            for _ in range(_TEXTS[code]):
                at += 1 + status[at] if at < len(status) else 1
        elif code in _LENGTHS:
            at += _LENGTHS[code]
        else:
            return None
    return None


def _names(status: bytes, at: int) -> tuple[str, ...] | None:
    if at >= len(status) or not 0 < status[at] < _TOO_MANY:
        return None
    names = status[at + 1 :].split(b"\0", status[at])
    if len(names) <= status[at] or not all(names[: status[at]]):
        return None
    return tuple(name.decode("utf-8", "surrogateescape") for name in names[: status[at]])
