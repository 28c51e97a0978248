"""Ask the server for a collation: its facts, and the weight of every code point.

A cursor is any DB-API cursor on the backend, its rows sequences. Nothing of its session is changed.
"""

import re
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from engine.collate.binaries import BETWEEN, NULL, Binaries, divided, joined
from engine.collate.weights import CODE_POINTS, Kind, Weights

# Planes 0-3 and 14 hold every assigned character; others are refused. 65,536 code points at a time.
PLANES = (0, 1, 2, 3, 14)
_BLOCK = 256  # code points in a row
_LONGEST = 255  # bytes of a weight on one level
_SAFE_NAME = re.compile(r"[a-z0-9_]{1,64}\Z")
_UTF = frozenset({"utf8mb4", "utf8mb3", "utf8", "ucs2", "utf32"})
_DIGIT = "(SELECT 0 d" + "".join(f" UNION ALL SELECT {n}" for n in range(1, 16)) + ")"
_NUMBER = "a.d * 4096 + b.d * 256 + c.d * 16 + e.d + {first}"
_PLANE = f"(SELECT {_NUMBER} n FROM {_DIGIT} a, {_DIGIT} b, {_DIGIT} c, {_DIGIT} e) p WHERE n < {{last}}"


class Cursor(Protocol):
    """What we use of a DB-API cursor."""

    def execute(self, query: str, args: Any = None) -> Any:
        """Run a statement."""

    def fetchall(self) -> Any:
        """Give all rows."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the server says of a collation. `levels` are MariaDB's LEVEL numbers, empty where the server has none."""

    version: str
    collation: str
    charset: str
    kind: Kind
    pad_space: bool
    mariadb: bool
    levels: tuple[int, ...]
    separated: bool  # levels in a WEIGHT_STRING are parted by a zero weight

    def text(self, expression: str) -> str:
        """Write an expression as text of this charset and collation."""
        return f"CONVERT({expression} USING {self.charset}) COLLATE {self.collation}"


def fetch_version(cursor: Cursor) -> str:
    """Ask for the server's version."""
    return str(_rows(cursor, "SELECT VERSION()")[0][0])


def fetch_facts(cursor: Cursor, collation: str) -> Facts | None:
    """Ask for a collation's facts; None when the server does not know it."""
    if not _SAFE_NAME.match(collation):
        return None
    version = fetch_version(cursor)
    mariadb = "mariadb" in version.lower()
    charset = _charset(cursor, collation, mariadb)
    if charset is None:
        return None
    if charset == "binary":
        return Facts(version, collation, charset, Kind.BYTES, False, mariadb, (), False)
    kind = Kind.POINTS if collation.endswith("_bin") and charset in _UTF else Kind.TABLE
    facts = Facts(version, collation, charset, kind, False, mariadb, (), False)
    # Asking beats reading PAD_ATTRIBUTE: MariaDB has no such column.
    pads = bool(
        _rows(cursor, f"SELECT {facts.text(chr(39) + 'a' + chr(39))} = {facts.text(chr(39) + 'a ' + chr(39))}")[0][0]
    )
    separated = not mariadb and "_0900_" in collation and kind is Kind.TABLE
    levels = _mariadb_levels(cursor, facts) if mariadb and "_uca1400_" in collation else ()
    return Facts(version, collation, charset, kind, pads, mariadb, levels, separated)


def fetch_table(cursor: Cursor, facts: Facts, last: int = CODE_POINTS) -> Weights:
    """Fetch the weights of every code point below `last` that the charset has. Contractions are not looked for here."""
    whole = facts.charset in {"utf8mb4", "utf16", "utf16le", "utf32"}
    size = min(_BLOCK, last)
    blocks: list[Any] = []
    for plane in PLANES if whole and last > 0x10000 else (0,):
        blocks += _rows(cursor, _blocks_query(facts, plane, size, last))
    blocks.sort(key=lambda block: int(block[0]))
    points = (np.array([int(block[0]) for block in blocks])[:, None] + np.arange(size)).ravel()
    same = np.frombuffer("".join(as_text(block[1]) for block in blocks).encode(), np.uint8) == ord("1")
    full, *levels = (Binaries.read([as_text(block[at]) for block in blocks]) for at in range(2, 3 + len(facts.levels)))
    known = same & ~full.null & ((points < 0xD800) | (points > 0xDFFF))
    if facts.levels:
        parts, agrees = joined(levels, full)
    elif facts.separated:
        parts, agrees = divided(full, known)
    else:
        parts, agrees = full, known
    known &= agrees & (parts.lengths <= _LONGEST).all(axis=0)
    lengths = np.zeros((len(parts.lengths), CODE_POINTS), np.uint8)
    lengths[:, points[known]] = parts.lengths[:, known]
    refused = np.ones(CODE_POINTS, np.bool_)
    refused[points[known]] = False
    data = parts.data[np.repeat(known, parts.lengths.sum(axis=0))]
    return Weights.of_arrays(facts.collation, facts.charset, facts.pad_space, lengths, data, refused)


def full_weight(facts: Facts, levels: list[bytes]) -> bytes:
    """Write levels as the server's WEIGHT_STRING has them."""
    return (b"\0\0" if facts.separated else b"").join(levels)


def refuse_all(weights: Weights) -> Weights:
    """Give the same collation with every code point refused."""
    none = np.ones(CODE_POINTS, np.bool_)
    return Weights.of_arrays(weights.collation, weights.charset, weights.pad_space, weights.lengths, weights.data, none)


def _charset(cursor: Cursor, collation: str, mariadb: bool) -> str | None:
    if mariadb:  # its uca1400 collations have a short name for all charsets, and a full one for each
        view = "information_schema.COLLATION_CHARACTER_SET_APPLICABILITY"
        columns = {str(row[0]).upper() for row in _rows(cursor, f"SHOW COLUMNS FROM {view}")}
        name = "FULL_COLLATION_NAME" if "FULL_COLLATION_NAME" in columns else "COLLATION_NAME"
    else:
        view, name = "information_schema.COLLATIONS", "COLLATION_NAME"
    rows = _rows(cursor, f"SELECT CHARACTER_SET_NAME FROM {view} WHERE {name} = '{collation}'")
    return str(rows[0][0]) if rows and rows[0][0] is not None else None


def _mariadb_levels(cursor: Cursor, facts: Facts) -> tuple[int, ...]:
    """Find the LEVELs whose weights make up a whole weight string: an accented letter shows which count."""
    text = facts.text("_utf8mb4 x'C389'")
    pieces = ", ".join(f"WEIGHT_STRING({text} LEVEL {n})" for n in (1, 2, 3))
    full, *levels = _rows(cursor, f"SELECT WEIGHT_STRING({text}), {pieces}")[0]
    for chosen in ((1,), (1, 2), (1, 3), (1, 2, 3)):
        if b"".join(levels[n - 1] for n in chosen) == full:
            return chosen
    return ()


def _blocks_query(facts: Facts, plane: int, size: int, last: int) -> str:
    """Ask for many code points in each row: one for each costs its reader more than it costs the server."""
    same, weights = [], []
    for at in range(size):
        point = f"CONVERT(UNHEX(LPAD(HEX(n + {at}), 8, '0')) USING utf32)"
        text = facts.text(point)
        back = f"CONVERT(CONVERT({point} USING {facts.charset}) USING utf32)"
        same.append(f"IFNULL({back} = {point} COLLATE utf32_bin, 0)")
        weights.append(f"IFNULL(HEX(WEIGHT_STRING({text}{{level}})), '{NULL}')")
    listed = f"CONCAT_WS('{BETWEEN}', {', '.join(weights)})"
    columns = [listed.format(level=level) for level in ("", *(f" LEVEL {n}" for n in facts.levels))]
    first = f"(SELECT (a.d * 16 + b.d) * {size} + {plane << 16} n FROM {_DIGIT} a, {_DIGIT} b) p WHERE n < {last}"
    return f"SELECT n, CONCAT({', '.join(same)}), {', '.join(columns)} FROM {first}"


def as_text(value: str | bytes) -> str:
    """Give a value of ASCII as text: a connection may give it as bytes."""
    return value if isinstance(value, str) else value.decode("ascii")


def plane_of(plane: int) -> str:
    """Write a FROM clause whose column n has the code points of a plane; it ends in a condition."""
    return _PLANE.format(first=plane << 16, last=CODE_POINTS)


def _rows(cursor: Cursor, query: str) -> list[Any]:
    cursor.execute(query)
    return list(cursor.fetchall())
