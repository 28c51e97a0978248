"""The presence of a string column or expression: which byte values may occur in its UTF-8 text.

32 bytes; byte value v is bit `v & 7` of byte `v >> 3`. Presence is an upper bound: a set bit means "may occur". The
value 0xFF never occurs in UTF-8; its bit means "some value may end with a space", which decides whether a PAD SPACE
collation needs trimming. Whoever makes a presence by other means than this module must set that bit unless it is known
to be untrue. Presences join by OR (`union`).
"""

from typing import TypeAlias

import numpy as np
import pyarrow as pa

Presence: TypeAlias = bytes

SIZE = 32
TRAILING_SPACE = 0xFF
EMPTY: Presence = bytes(SIZE)
ANYTHING: Presence = b"\xff" * SIZE

_LATIN_LEADS = {0xC2, 0xC3, 0xC4, 0xC5, 0xCE}
_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def union(*presences: Presence) -> Presence:
    """Join presences: the presence of a column compared with another, of CONCAT, COALESCE, CASE or UNION."""
    joined = 0
    for presence in presences:
        joined |= int.from_bytes(presence, "little")
    return joined.to_bytes(SIZE, "little")


def of_values(values: frozenset[int] | set[int]) -> Presence:
    """Make the presence that has exactly these byte values (0xFF: a value may end with a space)."""
    bits = 0
    for value in values:
        bits |= 1 << value
    return bits.to_bytes(SIZE, "little")


def of_text(text: str) -> Presence:
    """Make the presence of one literal."""
    values = set(text.encode("utf-8", "surrogatepass"))
    if text.endswith(" "):
        values.add(TRAILING_SPACE)
    return of_values(values)


def of_array(column: pa.Array | pa.ChunkedArray) -> Presence:
    """Make the presence of an Arrow string column (string, large_string); nulls do not count."""
    if isinstance(column, pa.ChunkedArray):
        return union(*(of_array(chunk) for chunk in column.chunks))
    wide = pa.types.is_large_string(column.type)
    if not wide and not pa.types.is_string(column.type):
        raise TypeError(f"presence of {column.type}")
    if column.null_count:  # what lies under a null is anybody's guess
        column = column.drop_null()
    _, offset_buffer, data_buffer = column.buffers()
    if not len(column) or data_buffer is None:
        return EMPTY
    offsets = np.frombuffer(offset_buffer, np.int64 if wide else np.int32)[
        column.offset : column.offset + len(column) + 1
    ]
    data = np.frombuffer(data_buffer, np.uint8)
    seen = np.zeros(256, np.bool_)
    seen[data[offsets[0] : offsets[-1]]] = True
    if seen[0x20]:
        ends = offsets[1:][np.diff(offsets) > 0] - 1
        seen[TRAILING_SPACE] = bool((data[ends] == 0x20).any())
    return np.packbits(seen, bitorder="little").tobytes()


def values(presence: Presence) -> frozenset[int]:
    """List the byte values that may occur, without the trailing-space bit."""
    bits = int.from_bytes(presence, "little")
    return frozenset(v for v in range(TRAILING_SPACE) if bits >> v & 1)


def is_ascii(presence: Presence) -> bool:
    """Tell whether no byte above 0x7F may occur."""
    return not any(presence[16:31]) and not presence[31] & 0x7F


def ascii_part(presence: Presence) -> Presence:
    """The presence of those texts that are ASCII."""
    return presence[:16] + bytes(15) + bytes([presence[31] & 0x80])


def may_end_with_space(presence: Presence) -> bool:
    """Tell whether a value may end with a space."""
    return bool(presence[31] & 0x80)


def of_substring(presence: Presence) -> Presence:
    """Give the presence of SUBSTRING, LEFT, RIGHT, REPLACE by nothing …: the same bytes, cut anywhere."""
    if 0x20 in values(presence):
        return union(presence, of_values({TRAILING_SPACE}))
    return presence


def of_concat(*presences: Presence) -> Presence:
    """Give the presence of CONCAT of these parts: an empty last part shows the spaces that end an earlier one."""
    return union(*presences)


def of_trimmed(presence: Presence) -> Presence:
    """Give the presence of TRIM or RTRIM of spaces: nothing ends with a space."""
    return (int.from_bytes(presence, "little") & ~(1 << TRAILING_SPACE)).to_bytes(SIZE, "little")


def of_lower(presence: Presence) -> Presence:
    """Give the presence of LOWER: upper-case ASCII letters turn small; from non-ASCII text any letter may come."""
    return _of_case(presence, lower=True)


def of_upper(presence: Presence) -> Presence:
    """Give the presence of UPPER: small ASCII letters turn upper-case; from non-ASCII text any letter may come."""
    return _of_case(presence, lower=False)


def of_digits() -> Presence:
    """Give the presence of a number or temporal value written as text."""
    return of_values(set(b"0123456789+-.:eE TNZ"))


def _of_case(presence: Presence, lower: bool) -> Presence:
    if not is_ascii(presence):
        # Case changes some characters beyond ASCII into ASCII letters (the Kelvin sign) and into other lead bytes;
        # those below U+0180 into nothing but each other and, the micro sign, a Greek letter; none leaves its plane, and
        # of the planes that F1 and more lead to none has letters of two cases.
        leads = {value for value in values(presence) if value >= 0xC0}
        others = _LATIN_LEADS if leads <= _LATIN_LEADS - {0xCE} else set(range(0xC0, 0xF0))
        return union(presence, of_values(_LETTERS | others | set(range(0x80, 0xC0))))
    text = bytes(values(presence))
    changed = of_values(set(text.lower() if lower else text.upper()))
    return union(changed, of_values({TRAILING_SPACE})) if may_end_with_space(presence) else changed
