"""Text with MySQL's escapes before quotes, line ends and tabs, made into what a reader of RFC 4180 cuts alike.

`SELECT … INTO OUTFILE` writes such text, and `LOAD DATA` reads it. Only what decides where a value or a record ends is
changed; the other escapes stay for whoever reads the values. Source: "LOAD DATA Statement" of MySQL's manual.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from lakehouse.descriptions.definition import Dialect
from lakehouse.stores.places import Found, Places
from lakehouse.text.heads import Head

_PIECE = 4 << 20  # bytes looked at together
_NEAR = 1 << 20  # of files on this machine: memory of more is got from the system anew for each piece
_LF, _CR, _TAB = 0x0A, 0x0D, 0x09
_BEGIN, _BARE, _QUOTED, _CLOSED = range(4)  # where a byte stands: before a value, in one, in quotes, behind the quote

_compiled: Callable[[Any], Any] = numba.njit(cache=True, nogil=True)


@dataclass(frozen=True, slots=True)
class Escapes:
    """The marks of a text, one byte each; `quote` is b"" for none. `ends_in_feeds` when records end with LF alone."""

    delimiter: bytes
    quote: bytes
    escape: bytes
    ends_in_feeds: bool

    @staticmethod
    def of(dialect: Dialect, delimiter: str, head: Head) -> "Escapes | None":
        """Those of files with this head; None where there is no escape, no single bytes, or a compression."""
        marks = (delimiter, dialect.quotation_marks, dialect.escape_character)
        if (
            head.compression != "none"
            or not delimiter
            or not marks[2]
            or marks[2] == marks[1]
            or not all(len(mark) < 2 and mark.isascii() for mark in marks)
        ):
            return None
        ends = dialect.line_end
        at = head.text.find("\n")
        in_feeds = ends == "\n" or (ends == "auto" and at >= 0 and head.text[at - 1 : at] != "\r")
        return Escapes(marks[0].encode(), marks[1].encode(), marks[2].encode(), in_feeds)

    def begin(self, head: Head) -> bool:
        """Tell whether a file with this head has such escapes at its beginning."""
        data = head.text.encode()
        return any(pair in data for pair in self._pairs)

    @property
    def _pairs(self) -> list[bytes]:
        return [self.escape + mark for mark in (self.quote, b"\n", b"\r", b"\t") if mark]

    def are_in(self, places: Places, found: Found) -> bool:
        """Tell whether a file may have escapes that decide where something ends. Raises LakeError."""
        wanted = self._pairs
        at, last = 0, b""
        most = _NEAR if found.scheme == "file" else _PIECE
        while piece := places.read(found, at, most):
            at += len(piece)
            if self.escape in piece and any(pair in piece for pair in wanted):
                return True
            if last and last + piece[:1] in wanted:
                return True
            last = piece[-1:] if piece.endswith(self.escape) else b""
        return False


def begun(text: str, dialect: Dialect) -> str:
    """The beginning of a text of any delimiter: quotes behind escapes are doubled there, and line ends letters."""
    quote, escape = dialect.quotation_marks, dialect.escape_character
    if not escape or escape == quote or escape not in text:
        return text
    other = {"\n": f"{escape}n", "\r": f"{escape}r", "\t": f"{escape}t", **({quote: quote * 2} if quote else {})}
    return re.sub(f"{re.escape(escape)}(.)", lambda pair: other.get(pair[1], pair[0]), text, flags=re.DOTALL)


class Rewritten:
    """A file's text piece by piece, as `Expander` wants it."""

    def __init__(self, escapes: Escapes) -> None:
        self._marks = (
            escapes.delimiter[0],
            escapes.quote[0] if escapes.quote else -1,
            escapes.escape[0],
            escapes.ends_in_feeds,
        )
        self._state = np.zeros(2, np.int64)  # where the next byte stands, and whether it is escaped
        self._kept = b""  # a carriage return, of which what follows tells whether it ends a record

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Give what a piece becomes."""
        data = self._kept + piece
        self._kept = data[-1:] if data.endswith(b"\r") else b""
        data = data[: len(data) - len(self._kept)]
        following = self._kept[0] if self._kept else -1
        out = np.empty(2 * len(data), np.uint8)
        size = _rewrite(np.frombuffer(data, np.uint8), out, self._state, following, *self._marks)
        yield out[:size].tobytes()

    def end(self) -> None:
        """The text has ended. Raises ValueError for an escape of nothing, and for a last carriage return."""
        if self._state[1] or self._kept:
            raise ValueError("its last record does not end")


def warm_up() -> None:
    """Have the compiled code ready."""
    list(Rewritten(Escapes(b",", b'"', b"\\", True)).feed(b"1\n"))


@_compiled
def _rewrite(
    data: npt.NDArray[np.uint8],
    out: npt.NDArray[np.uint8],
    state: npt.NDArray[np.int64],
    following: int,
    delimiter: int,
    quote: int,
    escape: int,
    ends_in_feeds: bool,
) -> int:
    """Write `data` into `out`, and give how much that is; `following` is the byte behind, -1 where nobody knows it."""
    where, is_escaped = state[0], state[1] != 0
    size = 0
    for at in range(len(data)):
        byte = data[at]
        if is_escaped:
            is_escaped = False
            if where == _QUOTED:
                out[size] = quote if byte == quote else escape
                out[size + 1] = 0x72 if byte == _CR else byte
            else:
                where = _BARE
                out[size] = escape
                out[size + 1] = byte
                if byte == _LF:
                    out[size + 1] = 0x6E
                elif byte == _CR:
                    out[size + 1] = 0x72
                elif byte == _TAB:
                    out[size + 1] = 0x74
                elif byte == delimiter:
                    where = _BEGIN  # it stays, and is refused by who sees a value end with the escape
            size += 2
            continue
        if byte == escape and where != _CLOSED:
            is_escaped = True
            continue
        if where == _QUOTED:
            if byte == quote:
                where = _CLOSED
            elif byte == _CR or (byte == _LF and not ends_in_feeds):
                # By the first line end of a file DuckDB knows how its records end, also by one in quotes.
                out[size] = escape
                out[size + 1] = 0x72 if byte == _CR else 0x6E
                size += 2
                continue
        elif where == _CLOSED and byte == quote:
            where = _QUOTED
        elif byte in (delimiter, _LF):
            where = _BEGIN
        elif where == _BEGIN and byte == quote:
            where = _QUOTED
        elif where == _CLOSED:
            if byte != _CR:
                where = _QUOTED  # a quote that ends nothing
        else:
            if byte == _CR and ends_in_feeds:
                after = data[at + 1] if at + 1 < len(data) else following
                if after != _LF:
                    out[size] = escape
                    out[size + 1] = 0x72
                    size += 2
                    where = _BARE
                    continue
            elif byte != _CR:
                where = _BARE
        out[size] = byte
        size += 1
    state[0], state[1] = where, is_escaped
    return size
