"""use_secondary_engine, secondary_engine_cost_threshold, warmfront_…: session variables the proxy holds.

MySQL knows the first two, but must not act on FORCED itself, since it has no such engine: use_secondary_engine never
reaches it except around a statement that only reads it. MariaDB knows none, and those of `_OWN` nobody else does.
"""

import re
from dataclasses import dataclass

from base.errors import BackendError
from proxy.backend.answers import AnswerReader, build_result
from proxy.backend.preflight import build_query
from proxy.routing.router import Router
from proxy.sessions.state import OFF, ON, SWITCH, SessionState
from statements.scan import is_one_statement, split_outside_quotes
from wire.constants import Command, Status

_USE = "use_secondary_engine"
_THRESHOLD = "secondary_engine_cost_threshold"
# By name: the attribute of the session's state, and of the settings, that has it, and the values as written.
_OWN = {
    "warmfront_freshness": ("freshness", {"strict": "strict", "relaxed": "relaxed"}),
    "warmfront_any_spelling": (
        "any_spelling",
        {**dict.fromkeys(("on", "1", "true"), ON), "off": OFF, "0": OFF, "false": OFF},
    ),
}
_NAMES = "|".join((_USE, _THRESHOLD, *_OWN))
# What is quoted or a comment is passed over; what is not closed, to the end.
_PASSED = r"'(?:[^'\\]|\\.?|'')*(?:'|\Z)|\"(?:[^\"\\]|\\.?|\"\")*(?:\"|\Z)|`[^`]*(?:`|\Z)|/\*.*?(?:\*/|\Z)"
_READ = re.compile(
    rf"{_PASSED}|@@(?:(?:session|local)\s*\.\s*)?`?({_NAMES})`?(?=\s*(,|$|;|\bfrom\b|\blimit\b)?)",
    re.IGNORECASE | re.DOTALL,
)
_ASSIGNMENT = re.compile(
    rf"\s*(?:(?P<scope>global|session|local|persist|persist_only)\s+|@@(?:(?P<dotted>global|session|local|persist)\s*\.\s*)?)?"
    rf"`?(?P<name>{_NAMES})`?\s*:?=\s*(?P<value>.+)",
    re.IGNORECASE | re.DOTALL,
)
_SET = re.compile(r"\s*set\s+(.*)", re.IGNORECASE | re.DOTALL)
_LITERAL = re.compile(r"'([^'\\]*)'|\"([^\"\\]*)\"|(\w+(?:\.\d+)?)")
# For the next transaction only: without GLOBAL or SESSION, and @@ without either.
_NEXT_TRANSACTION = re.compile(
    rb"\s*set\s+(?:transaction\b|.*@@`?(?:transaction|tx)_(?:isolation|read_only))", re.IGNORECASE | re.DOTALL
)
_STAND_IN = b"SET @`warmfront.set` = NULL"  # for MariaDB, which has none of the variables
_SHOW = re.compile(
    r"\s*show\s+(?:(?:session|local)\s+)?variables(?:\s+like\s+'([^'\\]*)'|\s+like\s+\"([^\"\\]*)\")?\s*;?\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One assignment to a variable of ours; `value` is an expression as written."""

    name: str
    value: str


def split_set(statement: str) -> tuple[list[Assignment], list[str]] | None:
    """Take a SET apart into our session assignments and the others as written; None when it is no plain SET."""
    found = _SET.fullmatch(statement.rstrip("; \t\r\n"))
    if not found or not is_one_statement(statement):
        return None
    ours: list[Assignment] = []
    others: list[str] = []
    scope = "session"
    for part in split_outside_quotes(found[1], ","):
        assignment = _ASSIGNMENT.fullmatch(part.strip())
        if assignment is None:
            others.append(part.strip())
            if word := re.match(r"\s*(global|session|local|persist)\s", part, re.IGNORECASE):
                scope = word[1].lower()
            continue
        if assignment["scope"]:
            scope = assignment["scope"].lower()
        if (assignment["dotted"] or scope).lower() in ("session", "local"):
            ours.append(Assignment(assignment["name"].lower(), assignment["value"]))
        else:
            others.append(part.strip())
    return ours, others


def names_ours(text: bytes) -> bool:
    """Tell whether a text may name a variable of ours."""
    lowered = text.lower()
    return b"secondary_engine" in lowered or b"warmfront_" in lowered


def is_set(text: bytes) -> bool:
    """Tell whether a statement is a SET of variables of ours and of nothing else."""
    if not names_ours(text) or b"?" in text:
        return False
    try:
        parts = split_set(text.decode("utf-8"))
    except UnicodeDecodeError:
        return False
    return parts is not None and bool(parts[0]) and not parts[1]


def take_set(router: Router, data: bytes, text: bytes) -> bool:
    """Take over a SET that names a variable of ours."""
    if not names_ours(text):
        if _NEXT_TRANSACTION.match(text) is not None:
            router.session.state.next_transaction = router.session.state.one_shot = True
        return False
    try:
        parts = split_set(text.decode("utf-8"))
    except UnicodeDecodeError:
        return False
    if parts is None or (not parts[0] and not is_read(text.decode("utf-8"))):
        return False
    router.session.run(_set(router, data, *parts), may_listen=True)
    return True


async def _set(router: Router, data: bytes, ours: list[Assignment], others: list[str]) -> None:
    session = router.session
    state = session.state
    use, threshold = state.use_secondary_engine, state.cost_threshold
    own: dict[str, str] = {}
    for assignment in ours:
        value = await _evaluate(router, assignment.value)
        if assignment.name == _USE:
            use = _to_switch(value)
        elif assignment.name in _OWN:
            own[_OWN[assignment.name][0]] = _to_own(router, assignment.name, value)
        else:
            threshold = _to_number(router, value)
            if not router.is_mariadb:
                others.append(f"SESSION {_THRESHOLD} = {assignment.value}")
    if others:
        text = "SET " + ", ".join(replace_reads(router, other, False) for other in others)
        answer = await session.ask(build_query(text.encode(), session.capabilities), [Command.QUERY])
    else:
        answer = await _stand_in(router)
    session.client.write(answer)
    if session.tracker.failed:
        return
    state.use_secondary_engine, state.cost_threshold = use, threshold
    if own.get("any_spelling", state.any_spelling) != state.any_spelling:
        session.worker.stays.forget()  # what was decided without it
    for attribute, value in own.items():
        setattr(state, attribute, value)


async def _stand_in(router: Router) -> bytes:
    """Have the backend run a statement that leaves what the SET would leave there: ROW_COUNT(), no warnings.

    Who tracks the session's state is told of a change. A transaction that has only read so far goes on, as nothing of
    it has changed.
    """
    session = router.session
    state, before = session.state, session.tracker.begun
    text = build_query(_STAND_IN, session.capabilities) if router.is_mariadb else _set_own(ON, session.capabilities)
    answer = await session.ask(text, [Command.QUERY])
    if state.opened == before:
        state.opened = session.tracker.begun
    if state.reading and state.reading.begun == before:
        state.reading.begun = session.tracker.begun
    return answer


async def _evaluate(router: Router, value: str) -> str:
    """Give the value of the right-hand side; what is not a plain literal, the backend computes."""
    if found := _LITERAL.fullmatch(value):
        return found[1] or found[2] or found[3] or ""
    session = router.session
    text = "SELECT " + replace_reads(router, value, False)
    raw = await session.ask(build_query(text.encode(), session.capabilities), [Command.QUERY])
    answer = AnswerReader(raw, session.capabilities).result()
    if answer.error:
        raise BackendError(answer.error.number, answer.error.sqlstate, answer.error.message)
    result = answer.rows[0][0] if answer.rows else None
    return "NULL" if result is None else result.decode("utf-8", "replace")


def _to_switch(value: str) -> str:
    try:
        return SWITCH[value.upper()]
    except KeyError:
        raise _wrong_value(_USE, value) from None


def _to_own(router: Router, name: str, value: str) -> str:
    attribute, values = _OWN[name]
    lowered = value.lower()
    if lowered == "default":
        return str(getattr(SessionState(router.session.worker.settings), attribute))
    if lowered not in values:
        raise _wrong_value(name, value)
    return values[lowered]


def _to_number(router: Router, value: str) -> float:
    if value.upper() == "DEFAULT":
        return router.session.worker.settings.secondary_engine_cost_threshold
    try:
        return float(value)
    except ValueError:
        raise BackendError(1232, "42000", f"Incorrect argument type to variable '{_THRESHOLD}'") from None


def _wrong_value(name: str, value: str) -> BackendError:
    return BackendError(1231, "42000", f"Variable '{name}' can't be set to the value of '{value}'")


def is_read(statement: str) -> bool:
    """Tell whether a statement reads a variable of ours."""
    return names_ours(statement.encode()) and any(found[1] for found in _READ.finditer(statement))


def replace_reads(router: Router, text: str, named: bool) -> str:
    """Put the values of our variables into a text; `named` keeps the names of columns that consist of one."""

    def value(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0]
        if found[1].lower() == _THRESHOLD:
            if not router.is_mariadb:
                return found[0]
            literal = repr(router.session.state.cost_threshold)
        elif found[1].lower() in _OWN:
            literal = f"'{getattr(router.session.state, _OWN[found[1].lower()][0])}'"
        else:
            literal = f"'{router.session.state.use_secondary_engine}'"
        return f"{literal} AS `{found[0]}`" if named and found[2] is not None else literal

    return _READ.sub(value, text)


async def answer_read(router: Router, data: bytes, statement: str) -> None:
    """Answer a SELECT that reads a variable of ours."""
    session = router.session
    named = any((found[1] or "").lower() in _OWN for found in _READ.finditer(statement))
    if router.is_mariadb or named:
        text = replace_reads(router, statement, True).encode()
        session.client.write(await session.ask(build_query(text, session.capabilities), [Command.QUERY]))
        return
    await run_with_value(router, data)


async def run_with_value(router: Router, data: bytes) -> None:
    """Run a command on MySQL while its own variable has our value, which it must not have at other times."""
    session = router.session
    use = session.state.use_secondary_engine
    await session.ask(_set_own(use, session.capabilities), [Command.QUERY])
    answer = await session.ask(data, [Command.QUERY])
    await session.ask(_set_own(ON, session.capabilities), [Command.QUERY])
    session.client.write(answer)


def _set_own(value: str, capabilities: int) -> bytes:
    return build_query(f"SET SESSION {_USE} = {value}".encode(), capabilities)


def take_show_variables(router: Router, data: bytes, statement: str) -> bool:
    """Take over a SHOW VARIABLES that may list a variable of ours."""
    found = _SHOW.fullmatch(statement)
    if not found:
        return False
    pattern = found[1] or found[2]
    state = router.session.state
    values = {name: str(getattr(state, attribute)) for name, (attribute, _) in _OWN.items()}
    if router.is_mariadb or state.use_secondary_engine != ON:
        values[_USE] = state.use_secondary_engine
    if router.is_mariadb:
        values[_THRESHOLD] = repr(state.cost_threshold)
    shown = {name: value for name, value in values.items() if pattern is None or is_like(name, pattern)}
    if not shown:
        return False
    router.session.run(_show(router, data, shown), may_listen=True)
    return True


async def _show(router: Router, data: bytes, shown: dict[str, str]) -> None:
    """Put rows of ours among, or in place of, the backend's."""
    session = router.session
    raw = await session.ask(data, [Command.QUERY])
    answer = AnswerReader(raw, session.capabilities).result()
    if answer.error:
        session.client.write(raw)
        return
    names = {name.encode() for name in shown}
    rows = [row for row in answer.rows if row[0] not in names]
    rows += [[name.encode(), value.encode()] for name, value in shown.items()]
    rows.sort(key=lambda row: row[0] or b"")
    session.client.write(build_result(answer.definitions, rows, Status(answer.status), session.capabilities))


def is_like(name: str, pattern: str) -> bool:
    """Match as LIKE does, case-insensitively and without escapes."""
    expression = "".join(".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern)
    return bool(re.fullmatch(expression, name, re.IGNORECASE | re.DOTALL))
