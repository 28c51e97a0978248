"""Ask the server for a collation: its facts, and the weight of every code point.

A cursor is any DB-API cursor on the backend, its rows sequences. Nothing of its session is changed.
"""

import re
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from engine.collate.weights import CODE_POINTS, Kind, Weights

# Planes 0-3 and 14 hold every assigned character; others are refused. 65,536 code points at a time.
PLANES = (0, 1, 2, 3, 14)
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
    table: dict[int, tuple[bytes, ...]] = {}
    whole = facts.charset in {"utf8mb4", "utf16", "utf16le", "utf32"}
    for plane in PLANES if whole and last > 0x10000 else (0,):
        for point, same, full, *levels in _rows(cursor, _plane_query(facts, plane, last)):
            weight = _split(facts, full, levels)
            if same and weight is not None and not 0xD800 <= point <= 0xDFFF:
                table[int(point)] = weight
    count = max((len(weight) for weight in table.values()), default=1)
    refused = {point for point, weight in table.items() if len(weight) != count}
    return Weights.of_table(
        facts.collation, facts.charset, facts.pad_space, count, {p: w for p, w in table.items() if p not in refused}
    )


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


def _plane_query(facts: Facts, plane: int, last: int) -> str:
    point = "CONVERT(UNHEX(LPAD(HEX(n), 8, '0')) USING utf32)"
    text = facts.text(point)
    same = f"CONVERT(CONVERT({point} USING {facts.charset}) USING utf32) = {point} COLLATE utf32_bin"
    levels = "".join(f", WEIGHT_STRING({text} LEVEL {n})" for n in facts.levels)
    return f"SELECT n, {same}, WEIGHT_STRING({text}){levels} FROM {_PLANE.format(first=plane << 16, last=last)}"


def _split(facts: Facts, full: bytes | None, levels: list[bytes]) -> tuple[bytes, ...] | None:
    if full is None:
        return None
    if facts.levels:
        return tuple(levels) if b"".join(levels) == full else None
    if not facts.separated:
        return (full,)
    parts = [bytearray()]
    for at in range(0, len(full), 2):
        if full[at : at + 2] == b"\0\0":
            parts.append(bytearray())
        else:
            parts[-1] += full[at : at + 2]
    return tuple(bytes(part) for part in parts)


def plane_of(plane: int) -> str:
    """Write a FROM clause whose column n has the code points of a plane; it ends in a condition."""
    return _PLANE.format(first=plane << 16, last=CODE_POINTS)


def _rows(cursor: Cursor, query: str) -> list[Any]:
    cursor.execute(query)
    return list(cursor.fetchall())
