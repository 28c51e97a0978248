"""How a CSV file is written, found out from its first characters: its delimiter, its columns and its header."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lakehouse.descriptions.definition import Dialect

_CANDIDATES = "|,\t;"  # HeatWave's, in its order
_RECORDS = 200
_LOOKED = 1 << 16  # characters
_LONGEST_NAME = 64  # characters, MySQL's limit
_TYPED = re.compile(
    r"\s*(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
    r"|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?"
    r"|-?\d{1,3}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s*"
)


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What was found. `names` are the header's, or col_1, col_2, …; `is_cut` when no record was seen to its end."""

    delimiter: str
    has_header: bool
    names: tuple[str, ...]
    is_cut: bool = False


def sniff(head: str, dialect: Dialect, header_is_said: bool, goes_on: bool = False) -> Sniffed:
    """Look at the beginning of a file, which may go on; `header_is_said` when the dialect's has_header is the user's
    word."""
    given = dialect.field_delimiter
    cut = {mark: records_of(head, mark, dialect, goes_on) for mark in (_CANDIDATES if given == "auto" else (given,))}
    delimiter = max(cut, key=lambda mark: _score(cut[mark])) if len(cut) > 1 else next(iter(cut))
    records = cut[delimiter]
    width = Counter(map(len, records)).most_common(1)[0][0] if records else 1
    first, rest = (records[0], records[1:]) if records else ([], [])
    has_header = dialect.has_header if header_is_said else _is_header(first, rest, width)
    cells = first if has_header else []
    width = max(width, len(cells)) if has_header else width
    return Sniffed(delimiter, has_header, names_of(cells, width), goes_on and not records)


def records_of(head: str, delimiter: str, dialect: Dialect, goes_on: bool = False) -> list[list[str]]:
    """Cut the beginning of a file into records; the last one, which may be cut short, is left out, and so is the first
    one when the file goes on."""
    mark, comma = re.escape(dialect.quotation_marks), re.escape(delimiter)
    quoted = rf"{mark}(?:[^{mark}]|{mark}{mark})*{mark}(?=\Z|[\r\n]|{comma})|" if mark else ""
    cell = re.compile(rf"({quoted}(?:(?!{comma}|[\r\n]).)*)(\Z|\r\n|\n|\r|{comma})", re.DOTALL)
    head = head[:_LOOKED]
    records: list[list[str]] = []
    record: list[str] = []
    at = 0
    while at < len(head) and len(records) < _RECORDS + dialect.skip_rows:
        found = cell.match(head, at)
        if found is None or found.end() == at:
            break
        text = found[1]
        if mark and text[:1] == text[-1:] == dialect.quotation_marks and len(text) > 1:
            text = text[1:-1].replace(dialect.quotation_marks * 2, dialect.quotation_marks)
        record.append(text)
        at = found.end()
        if found[2] != delimiter:
            if found[2] or not (records or goes_on):
                is_closed = dialect.closes_records and len(record) > 1 and not record[-1]
                records.append(record[:-1] if is_closed else record)
            record = []
    return records[dialect.skip_rows :]


def _score(records: Sequence[Sequence[str]]) -> tuple[float, int]:
    """How well a delimiter fits: the share of records with the most frequent number of columns, then that number."""
    if not records:
        return 0.0, 0
    width, count = Counter(map(len, records)).most_common(1)[0]
    return (count / len(records) if width > 1 else 0.0), width


def _is_header(first: Sequence[str], rest: Sequence[Sequence[str]], width: int) -> bool:
    """A line of names: all different, none empty or like a number or date, above a column that is all like one."""
    if len(first) != width or not rest or len({name.strip().casefold() for name in first}) < len(first):
        return False
    if any(not name.strip() or _TYPED.fullmatch(name) for name in first):
        return False
    for place in range(width):
        values = [record[place] for record in rest if len(record) > place and record[place] not in ("", "\\N")]
        if values and all(_TYPED.fullmatch(value) for value in values):
            return True
    return False


def names_of(cells: Sequence[str], width: int) -> tuple[str, ...]:
    """Names that a table may have: those of the header as far as they go, each once whatever its case."""
    names: list[str] = []
    taken: set[str] = set()
    numbers: dict[str, int] = {}  # that names which came before have been given
    for place in range(width):
        cell = re.sub(r"[\x00-\x1f\x7f`]|[^\u0000-\uffff]", "", cells[place] if place < len(cells) else "").strip()
        name = cell[:_LONGEST_NAME].rstrip() or f"col_{place + 1}"
        stem = cell[: _LONGEST_NAME - 6] or "col"
        while name.casefold() in taken:
            number = numbers.setdefault(stem.casefold(), 2)
            name = f"{stem}_{number}"
            numbers[stem.casefold()] = number + 1
        taken.add(name.casefold())
        names.append(name)
    return tuple(names)
