"""Views: their definitions, asked of the backend on the user's own connection, one level of nesting after the other.

The backend's PREPARE checks what the user, or the view's definer, may read. Reading a definition takes SHOW VIEW, and
seeing that a table is a lake table some privilege for all of it: for who has not, the engine is asked, by whose account
the definition serves the statement and is shown to nobody. What nobody can read stays on the backend: its table is one
that is not loaded.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from base.errors import MalformedPacket
from proxy.backend.answers import Answer, AnswerReader
from proxy.backend.preflight import DENIED, build_query, quote_name
from statements.context import ViewDefinition
from statements.facts import StatementFacts, statement_facts
from statements.lake import MARK
from wire.constants import Command

Name = tuple[str, str]
Ask = Callable[[bytes, list[int]], Awaitable[bytes]]
Hidden = Callable[[Name], Awaitable[Answer | None]]  # what the engine's account sees of a table; None for nothing

_LAKE = "lake table"
_DEEPEST = 8  # views of views
_NAME = r"`(?:[^`]|``)*`"
_SHOWN = re.compile(
    rf"CREATE ALGORITHM=(?:UNDEFINED|MERGE) DEFINER={_NAME}@{_NAME} SQL SECURITY \w+ VIEW (?:{_NAME}\.)?{_NAME}"
    rf"(?: \((?P<columns>{_NAME}(?:,{_NAME})*)\))? AS (?P<body>.*?)(?: WITH (?:CASCADED|LOCAL) CHECK OPTION)?\s*\Z",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Expanded:
    """A statement's facts with the tables under its views, their definitions, and which are lake tables; the facts as
    they were when something that is not loaded is neither a view nor a lake table. `seen` are all tables found."""

    facts: StatementFacts
    seen: frozenset[Name]


async def expanded(
    ask: Ask, hidden: Hidden, facts: StatementFacts, is_loaded: Callable[[Name], bool], capabilities: int
) -> Expanded:
    """Look what is under a statement's tables that are not loaded."""
    views: list[ViewDefinition] = []
    lake: set[Name] = set()
    tables = facts.tables
    for _ in range(_DEEPEST):
        unknown = sorted(name for name in tables if name not in lake and not is_loaded(name))
        if not unknown:
            return Expanded(replace(facts, tables=tables, views=tuple(views), lake=frozenset(lake)), tables)
        answered = await _ask(ask, hidden, unknown, capabilities)
        if answered is None:
            return Expanded(facts, tables)
        lake.update(name for name, found in zip(unknown, answered, strict=True) if found == _LAKE)
        found = [view for view in answered if isinstance(view, ViewDefinition)]
        views += found
        tables = frozenset((tables - set(unknown)) | (lake & tables)).union(*(_tables(view) for view in found))
        bodies = [statement_facts(view.body) for view in found]
        if any(body.reason or body.session_values for body in bodies):  # CURRENT_USER() may be the definer's there
            return Expanded(facts, tables)
    return Expanded(facts, tables)


async def _ask(ask: Ask, hidden: Hidden, names: list[Name], capabilities: int) -> list[ViewDefinition | str] | None:
    parts = [build_query(f"SHOW CREATE TABLE {_written(name)}".encode(), capabilities) for name in names]
    answers = AnswerReader(await ask(b"".join(parts), [int(Command.QUERY)] * len(parts)), capabilities)
    try:
        shown: list[Answer | None] = [answers.result() for _ in names]
    except MalformedPacket:
        return None
    for place, (name, answer) in enumerate(zip(names, shown, strict=True)):
        if answer and answer.error and answer.error.number == DENIED:
            shown[place] = await hidden(name)
    found = [_read(name, answer) if answer else None for name, answer in zip(names, shown, strict=True)]
    return None if None in found else [each for each in found if each is not None]


def _read(name: Name, answer: Answer) -> ViewDefinition | str | None:
    if is_lake(answer):
        return _LAKE
    return read_view(name, answer)


def is_lake(answer: Answer) -> bool:
    """Tell whether SHOW CREATE TABLE shows a lake table."""
    return len(answer.rows) == 1 and len(answer.rows[0]) == 2 and MARK.encode() in (answer.rows[0][1] or b"")


def _written(name: Name) -> str:
    return ".".join(quote_name(part) for part in name if part)


def _tables(view: ViewDefinition) -> frozenset[Name]:
    """The tables that a view's body names; those without a schema are in the view's own."""
    return frozenset((schema or view.schema, name) for schema, name in statement_facts(view.body).tables)


def read_view(name: Name, answer: Answer) -> ViewDefinition | None:
    """Read the answer to SHOW CREATE TABLE; None for anything but a view that can be put in its place."""
    if answer.error or len(answer.rows) != 1 or len(answer.rows[0]) != 4:
        return None
    text, collation = answer.rows[0][1], answer.rows[0][3]
    try:
        shown = _SHOWN.match((text or b"").decode("utf-8"))
    except UnicodeDecodeError:
        return None
    if not shown:
        return None
    columns = tuple(part[1:-1].replace("``", "`") for part in re.findall(_NAME, shown["columns"] or ""))
    return ViewDefinition(*name, columns, shown["body"], (collation or b"").decode())
