"""What the proxy counted stays what FOUND_ROWS() tells until a statement counts anew: which ones do not?

The servers keep the number of the last query whatever else is run, and the backend, which has not run that query, knows
another one. Seen on MySQL 9.7 and MariaDB 10.11, with each statement between a query and FOUND_ROWS(): those below keep
it, and so do all that fail, on MariaDB before they run. Of the others the backend knows the number.
"""

import re
from collections.abc import Mapping

from proxy.sessions.state import NO_COUNTS, SessionState
from wire.phase import AnswerTracker

_FOUND_ROWS = b"found_rows"
_QUOTED = re.compile(
    rb"(?P<comment>/\*.*?(?:\*/|\Z)|--[ \t][^\n]*|\#[^\n]*)|"
    rb"'(?:[^'\\]|\\.?|'')*(?:'|\Z)|\"(?:[^\"\\]|\\.?|\"\")*(?:\"|\Z)|`[^`]*(?:`|\Z)",
    re.DOTALL,
)
_SEVERAL = frozenset({b"call", b"execute"})  # run statements of their own, some before the one that fails
# Counted on MariaDB when they fail as they run: queries, and what has one in it.
_QUERIES = frozenset({b"select", b"with", b"(", b"table", b"values"})
_WITH_QUERIES = frozenset({b"insert", b"replace", b"update", b"delete", b"create", b"set", b"analyze"})
# Errors of statements that can be prepared, and were not run: a table that exists, columns or variables that are too
# many or too few, a transaction or a server that is read only, a global read lock.
_NOT_RUN = frozenset({1050, 1136, 1222, 1223, 1290, 1792})
_CODE = re.compile(rb"/\*M?!")  # a comment that the server reads
_OF_WARNINGS = re.compile(rb"\b(?:show|diagnostics)\b|warning_count|error_count", re.IGNORECASE)
_LONGEST = 1 << 16  # bytes of a statement that is searched
_MOST_TEXTS = 8  # statements that failed one after another
_EXPLAINS = (b"explain", b"desc", b"describe")
_NAME = rb"[\w$]+(?:\.[\w$]+)?"
_ANYTHING = rb""
_NO_QUERY = rb"(?!.*\b(?:select|with|table)\b)"
_TABLES = rb"(?:no_write_to_binlog\s+|local\s+)?tables?\b"
# What follows a statement's first word where it keeps the number.
_KEPT: dict[bytes, bytes] = {
    **dict.fromkeys(
        (
            *(b"", b"use", b"start", b"commit", b"rollback", b"savepoint", b"release", b"lock", b"unlock", b"xa"),
            *(b"prepare", b"deallocate", b"drop", b"alter", b"truncate", b"rename", b"grant", b"revoke", b"flush"),
            *(b"kill", b"handler", b"get", b"signal", b"help"),
        ),
        _ANYTHING,
    ),
    **dict.fromkeys((b"analyze", b"check", b"optimize", b"repair", b"checksum"), _TABLES),
    **dict.fromkeys((b"insert", b"replace"), _NO_QUERY),
    **dict.fromkeys(_EXPLAINS, rb"(?!analyze).*\bfrom\b"),
    b"set": _NO_QUERY + rb"(?!statement\b)",
    b"begin": rb"(?:work)?\s*;?\s*\Z",
    b"delete": rb"(?:(?:low_priority|quick|ignore)\s+)*from\s+"
    + _NAME
    + rb"\s*(?:(?:where|order|limit)\b|;|\Z)"
    + _NO_QUERY,
    b"create": rb"(?!(?:or\s+replace\s+)?(?:temporary\s+)?table\b.*\b(?:select|with|table|values)\b)",
    b"show": rb"(?:warnings|errors|create|grants|(?:full\s+)?processlist|engine|privileges|binary|master|replica|slave)"
    rb"\b",
}
# MySQL counts no rows that a SET or a CREATE TABLE reads, nor those that an explained query would give.
_OF_MYSQL = {
    b"set": _ANYTHING,
    b"create": _ANYTHING,
    **dict.fromkeys(_EXPLAINS, rb"(?!analyze)(?:.*\b(?:from|select)\b)"),
}
_OF_MARIADB = {
    b"update": _NO_QUERY + rb"(?!.*\bjoin\b)[^,]*?\bset\b",
    b"do": _NO_QUERY,
}  # MySQL tells what it looked at


def _compiled(kept: dict[bytes, bytes]) -> dict[bytes, re.Pattern[bytes]]:
    return {word: re.compile(word + rb"(?!\w)\s*+" + rest, re.DOTALL) for word, rest in kept.items()}


_ON_MYSQL, _ON_MARIADB = _compiled(_KEPT | _OF_MYSQL), _compiled(_KEPT | _OF_MARIADB)


class _IfItFails(dict[bytes, int]):
    """What holds when the statement under way fails; on MariaDB, if it fails before it was run."""

    texts: tuple[bytes, ...] = ()  # of those before that are in doubt
    text: bytes | None = None  # its own, where it can be in doubt


class _Doubtful(dict[bytes, int]):
    """What holds if all statements of these texts, which have failed on MariaDB, failed before they were run."""

    texts: tuple[bytes, ...] = ()


def _texts(counts: Mapping[bytes, int]) -> tuple[bytes, ...]:
    return counts.texts if isinstance(counts, _Doubtful) else ()


def _doubtful(counts: Mapping[bytes, int], texts: tuple[bytes, ...]) -> Mapping[bytes, int]:
    if not texts:
        return dict(counts)
    made = _Doubtful(counts)
    made.texts = texts
    return made if len(texts) <= _MOST_TEXTS else NO_COUNTS


def _carried(counts: Mapping[bytes, int]) -> Mapping[bytes, int]:
    """What of it holds after a statement that counts nothing."""
    found = counts.get(_FOUND_ROWS)
    return NO_COUNTS if found is None else _doubtful({_FOUND_ROWS: found}, _texts(counts))


def doubted(state: SessionState) -> tuple[bytes, ...]:
    """Give the texts of the statements of which it has to be known whether they were run."""
    return _texts(state.counts)


def resolve(state: SessionState, was_run: bool) -> None:
    """Note whether one of them was run: the backend has counted then."""
    state.counts = NO_COUNTS if was_run else dict(state.counts)


def pass_by(state: SessionState, word: bytes, text: bytes, is_mariadb: bool) -> None:
    """Note that a statement with this first word is about to be run, by whomever."""
    kept = _carried(state.counts)
    said = _said(text) if kept else None
    if said is None or word in _SEVERAL:
        state.counts = NO_COUNTS
        return
    form = (_ON_MARIADB if is_mariadb else _ON_MYSQL).get(word)
    if form and form.match(said):
        state.counts = kept
        return
    texts = _texts(kept)
    state.counts = before = _IfItFails(kept)
    before.texts = texts
    before.text = text if is_mariadb and word in _QUERIES | _WITH_QUERIES else None


def is_anyones_guess(state: SessionState, word: bytes, text: bytes) -> bool:
    """Tell whether it is not known if a statement keeps the number that the proxy has: the backend has to know it."""
    if _FOUND_ROWS not in state.counts or (word not in _SEVERAL and _said(text) is not None):
        return False
    return not _OF_WARNINGS.search(text)  # which would be gone


def settle(state: SessionState, tracker: AnswerTracker) -> None:
    """Note how the statement before has ended."""
    counts = state.counts
    if not isinstance(counts, _IfItFails):
        return
    own = () if counts.text is None or tracker.error in _NOT_RUN else (counts.text,)
    state.counts = _doubtful(counts, (*counts.texts, *own)) if tracker.failed else NO_COUNTS


def pass_by_unseen(state: SessionState) -> None:
    """Note that a statement of which nothing is known is about to be run."""
    kept = _carried(state.counts)
    texts = _texts(kept)
    state.counts = before = _IfItFails(kept)
    before.texts = texts


def hold(state: SessionState, found: int | None) -> None:
    """Note what FOUND_ROWS() was before the backend was asked about a statement that it is given now."""
    if not state.counts and found is not None:
        state.counts = _IfItFails({_FOUND_ROWS: found})


def run_by_backend(state: SessionState, is_mariadb: bool) -> None:
    """Note that the backend runs a query which it can prepare: MariaDB counts its rows, also when it fails."""
    if is_mariadb:
        state.counts = NO_COUNTS


def clear_warnings(state: SessionState) -> None:
    """Note that a statement is about to be prepared."""
    if b"warning_count" in state.counts:
        state.counts = {name: number for name, number in state.counts.items() if name != b"warning_count"}


def keep_found_rows(state: SessionState, tracker: AnswerTracker) -> None:
    """Note that a command is about to be run that counts nothing."""
    settle(state, tracker)
    state.counts = _carried(state.counts)


def _said(text: bytes) -> bytes | None:
    """Give a statement without what is quoted, in lower case; None when several are in it, or what cannot be told."""
    if len(text) > _LONGEST or _CODE.search(text):
        return None
    said = _QUOTED.sub(lambda part: b" " if part["comment"] else b"q", text).lower().strip(b"; \t\r\n")
    return None if b";" in said else said
