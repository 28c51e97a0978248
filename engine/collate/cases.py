"""LOWER and UPPER as the server does them: its own mapping of every character, beside DuckDB's.

Both change one character into one, each by itself. What they change alike DuckDB's functions do; of other characters
the list is small.
"""

import functools
from dataclasses import dataclass

import duckdb

from engine.collate.fetch import PLANES, Cursor, Facts, plane_of
from engine.collate.presence import Presence, values
from engine.collate.rules import quote

_UTF8 = frozenset({"utf8mb4", "utf8mb3", "utf8"})
_CUT = "error('a text is cut off')"
_STANDING_IN = 0xF0000  # of the private use area: characters that neither side changes


@dataclass(frozen=True, slots=True)
class Cases:
    """The characters that DuckDB's lower() and upper() change otherwise than a collation does, and what that does.

    One that becomes "" makes the server cut the text off: the changed character has more bytes than it has room for.
    """

    collation: str
    lower: dict[str, str]
    upper: dict[str, str]

    def write(self, operation: str, sql: str, presence: Presence) -> str:
        """Write "lower" or "upper" of a text of this presence as DuckDB SQL."""
        held = values(presence)
        known = self.lower if operation == "lower" else self.upper
        possible = {one: other for one, other in known.items() if held.issuperset(one.encode("utf-8"))}
        changes = {one: other for one, other in possible.items() if other}
        cut = "".join(one for one, other in possible.items() if not other)
        plain = f"{operation}({sql})"
        written = self._exchanged(operation, sql, changes) if changes else plain
        if not cut:
            return written
        return f"(CASE WHEN regexp_matches({sql}, '{character_class(cut)}') THEN {_CUT} ELSE {written} END)"

    @staticmethod
    def _exchanged(operation: str, sql: str, changes: dict[str, str]) -> str:
        """Let other characters stand in for those of `changes` while DuckDB changes the rest."""
        points = range(_STANDING_IN, _STANDING_IN + len(changes))
        others, results = "".join(map(chr, points)), "".join(changes.values())
        put_by = f"translate({sql}, {quote(''.join(changes))}, {quote(others)})"
        put_back = f"translate({operation}({put_by}), {quote(others)}, {quote(results)})"
        taken = f"regexp_matches({sql}, '{character_class(others)}')"
        special = f"CASE WHEN {taken} THEN error('a private character') ELSE {put_back} END"
        matches = f"regexp_matches({sql}, '{character_class(''.join(changes))}')"
        return f"(CASE WHEN {matches} THEN {special} ELSE {operation}({sql}) END)"


def fetch_cases(cursor: Cursor, facts: Facts) -> Cases | None:
    """Ask the server for a collation's cases; None for character sets other than Unicode's."""
    if facts.charset not in _UTF8:
        return None
    theirs: dict[int, tuple[str, str]] = {}
    text = facts.text("CONVERT(UNHEX(LPAD(HEX(n), 8, '0')) USING utf32)")
    for plane in PLANES if facts.charset == "utf8mb4" else (0,):
        changed = f"BINARY LOWER({text}) <> BINARY {text} OR BINARY UPPER({text}) <> BINARY {text}"
        written = f"HEX(CONVERT(LOWER({text}) USING utf8mb4)), HEX(CONVERT(UPPER({text}) USING utf8mb4))"
        cursor.execute(f"SELECT n, {written} FROM {plane_of(plane)} AND ({changed})")
        for point, lower, upper in cursor.fetchall():
            theirs[int(point)] = tuple(bytes.fromhex(str(c)).decode("utf-8", "replace") for c in (lower, upper))  # type: ignore[assignment]
    ours = _of_duckdb()
    points = sorted(point for point in theirs.keys() | ours.keys() if not 0xD800 <= point <= 0xDFFF)
    if any(len(character) > 1 for pair in theirs.values() for character in pair):
        return None
    lower, upper = (
        {chr(p): made for p in points if (made := theirs.get(p, _same(p))[side]) != ours.get(p, _same(p))[side]}
        for side in (0, 1)
    )
    return Cases(facts.collation, lower, upper)


def _same(point: int) -> tuple[str, str]:
    """A character that is not changed."""
    return chr(point), chr(point)


@functools.cache
def _of_duckdb() -> dict[int, tuple[str, str]]:
    """What DuckDB's lower() and upper() make of each character that they change."""
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT n, lower(c), upper(c) FROM (SELECT n, chr(CAST(n AS INTEGER)) AS c FROM (FROM range(1, 55296) t(n)"
            " UNION ALL FROM range(57344, 1114112) t(n))) WHERE lower(c) <> c OR upper(c) <> c"
        ).fetchall()
    return {point: (lower, upper) for point, lower, upper in found}


def character_class(characters: str) -> str:
    """Write characters as a class of DuckDB's regular expressions."""
    points = sorted(map(ord, characters))
    ranges: list[list[int]] = []
    for point in points:
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "[" + "".join(f"\\x{{{first:X}}}-\\x{{{last:X}}}" for first, last in ranges) + "]"
