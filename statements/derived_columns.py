"""What else is to be prepared to know how the executed statement describes its columns.

A temporary table that groups has a field for MIN and MAX of a column that is as the column's own, and not as PREPARE
tells of MIN and MAX (Item_sum_hybrid::create_tmp_field in MySQL's sql/item_sum.cc). Of a table the catalog has that
column; of a derived one only the backend knows it. MariaDB sends the rows of UNION ALL as they come, as long as the
longest of its sides' columns, where PREPARE tells of a table that has them all.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from statements.nesting import PASSED_OVER
from statements.session_values import Described

_NAME = r"(?:`(?:[^`]|``)+`|[\w$]+)"
_EXTREME = re.compile(
    rf"\s*(?:MIN|MAX)\s*\(\s*(?:DISTINCT\s+)?(?P<column>{_NAME}(?:\s*\.\s*{_NAME}){{0,2}})\s*\)\s*"
    rf"(?:(?:AS\s+)?(?:{_NAME}|'[^'\\]*'))?\s*\Z",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_PIECES = re.compile(
    PASSED_OVER + r"| (?P<open>\() | (?P<closed>\)) | (?P<comma>,) | (?P<word>[\w$@.]+)", re.VERBOSE | re.DOTALL
)
_BEHIND_FROM = frozenset(
    {"WHERE", "GROUP", "HAVING", "WINDOW", "QUALIFY", "ORDER", "LIMIT", "PROCEDURE", "INTO", "FOR", "LOCK"}
)
_SETS = frozenset({"UNION", "EXCEPT", "INTERSECT"})
_MOST_SIDES = 8  # of a union that are asked about
_LONGEST = 1 << 16  # characters of a statement that is looked at: others wait meanwhile
_HAS_EXTREME = re.compile(r"\b(?:MIN|MAX)\s*\(", re.IGNORECASE)
_SELECT = re.compile(r"\bSELECT\b", re.IGNORECASE)
_HAS_UNION = re.compile(r"\bUNION\s+ALL\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DerivedColumn:
    """What the backend tells of a column: `place` is that of the output which shows MIN or MAX of it, or has it on one
    side of a union. All else is as in `statements.session_values.Described`."""

    place: int
    type: int
    length: int
    decimals: int
    flags: int
    charset: int


@dataclass(frozen=True, slots=True)
class Question:
    """A text for PREPARE: where it cannot stand alone that is an error, and nothing is known then. `places` are those
    of the outputs that its columns tell of, None for all of them in their order."""

    text: str
    places: tuple[int, ...] | None = None

    def columns(self, told: Sequence[Described]) -> tuple[DerivedColumn, ...]:
        """Put what PREPARE tells beside the places; () where it tells of others."""
        places = range(len(told)) if self.places is None else self.places
        if len(places) != len(told):
            return ()
        return tuple(
            DerivedColumn(place, int(one.type), one.length, one.decimals, one.flags, one.charset)
            for place, one in zip(places, told, strict=True)
        )


@dataclass(frozen=True, slots=True)
class _Word:
    """A word, or a comma, outside of all parentheses."""

    text: str
    start: int
    end: int


@lru_cache(maxsize=64)
def derived_questions(statement: str, backend: str) -> tuple[Question, ...]:
    """Give the SELECT of the columns of which a statement shows MIN or MAX, over the same FROM, where that may have a
    derived table; of MariaDB's UNION ALL its sides. () where there is nothing to ask."""
    if len(statement) > _LONGEST or not (_HAS_EXTREME.search(statement) or _HAS_UNION.search(statement)):
        return ()
    if len(_SELECT.findall(statement)) == 1:
        return ()
    words = list(_words(statement))
    texts = [word.text for word in words]
    if _SETS.intersection(texts):
        return _sides(statement, words, texts) if backend == "mariadb" else ()
    if "SELECT" not in texts or "FROM" not in texts[texts.index("SELECT") :]:
        return ()
    first = texts.index("SELECT")
    last = texts.index("FROM", first)
    end = next((word.start for word in words[last:] if word.text in _BEHIND_FROM), len(statement))
    head, source = statement[: words[first].end], statement[words[last].start : end].rstrip("; \n\t")
    if "SELECT" not in source.upper() and texts[0] != "WITH":
        return ()
    commas = [word.start for word in words[first:last] if word.text == ","]
    marks = [words[first].end - 1, *commas, words[last].start]
    items = [_COMMENT.sub(" ", statement[left + 1 : right]) for left, right in pairwise(marks)]
    if any(item.rstrip().endswith("*") for item in items):  # places are not those of the outputs
        return ()
    found = [(place, named["column"]) for place, item in enumerate(items) if (named := _EXTREME.match(item))]
    if not found:
        return ()
    columns = ", ".join(column for _, column in found)
    return (Question(f"{head} {columns} {source}", tuple(place for place, _ in found)),)


def _sides(statement: str, words: Sequence[_Word], texts: Sequence[str]) -> tuple[Question, ...]:
    unions = [place for place, text in enumerate(texts) if text in _SETS]
    is_streamed = all(texts[place : place + 2] == ["UNION", "ALL"] for place in unions) and "ORDER" not in texts
    if not is_streamed or len(unions) >= _MOST_SIDES:
        return ()
    begin = 0
    if texts[0] == "WITH":  # its common tables end where the first side begins, unless that is in parentheses
        if "SELECT" not in texts[: unions[0]]:
            return ()
        begin = words[texts.index("SELECT")].start
    starts = [begin, *(words[place + 1].end for place in unions)]
    ends = [*(words[place].start for place in unions), len(statement.rstrip("; \n\t"))]
    return tuple(
        Question(f"{statement[:begin]} {statement[start:end]}") for start, end in zip(starts, ends, strict=True)
    )


def _words(statement: str) -> Iterator[_Word]:
    depth = 0
    for piece in _PIECES.finditer(statement):
        kind = piece.lastgroup
        if kind in ("open", "closed"):
            depth += 1 if kind == "open" else -1
        elif depth == 0 and kind in ("word", "comma"):
            yield _Word(piece[0].upper(), piece.start(), piece.end())
