"""Long statements are read in another process, with the same facts, whatever becomes of it."""

import asyncio
import os
import signal

import pytest

from proxy.sessions import apart as proxy_apart
from proxy.sessions.apart import Apart, is_quick
from statements.facts import statement_facts
from statements.parse import MAX_LENGTH, NotParsed, parse_statement

LONG = "SELECT " + ", ".join(f"SUM(a + {n})" for n in range(400)) + " FROM s.t WHERE b = @@sql_mode LIMIT 3"
CASES = {
    "long": LONG,
    "short": "SELECT 1",
    "not read": "SELECT (" * 700,
    "extras": LONG.replace("WHERE", "TABLESAMPLE (5) WHERE"),
    "too long": "SELECT '" + "x" * MAX_LENGTH + "'",
    "beyond ASCII": "SELECT '" + "ä\U0001f600" * 2048 + "' FROM t",
    "lone surrogate": "SELECT '\ud800" + "x" * 2048 + "' FROM t",
}


def test_facts_are_those_that_are_read_here() -> None:
    async def read() -> None:
        apart = Apart()
        try:
            for name, statement in CASES.items():
                for extras in (False, True):
                    assert await apart.facts(statement, extras) == statement_facts(statement, extras=extras), name
        finally:
            await apart.close()

    asyncio.run(read())


def test_who_asks_goes_on_when_the_process_dies() -> None:
    async def read() -> None:
        apart = Apart()
        try:
            assert (await apart.facts(LONG)).reason is None
            assert apart._process
            os.kill(apart._process.pid, signal.SIGKILL)
            await apart._process.wait()
            assert (await apart.facts(LONG + "0")) == statement_facts(LONG + "0")
            os.kill(apart._process.pid, signal.SIGSTOP)
            waiting = asyncio.create_task(apart.facts(LONG + "1"))
            await asyncio.sleep(0)
            os.kill(apart._process.pid, signal.SIGKILL)
            assert (await waiting).reason == "the statement could not be read"
            assert (await apart.facts(LONG + "1")) == statement_facts(LONG + "1")
        finally:
            await apart.close()

    asyncio.run(read())


def test_one_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def read() -> None:
        apart = Apart()
        try:
            await apart.facts(LONG)
            assert apart._process
            os.kill(apart._process.pid, signal.SIGSTOP)
            monkeypatch.setattr(proxy_apart, "_PATIENCE", 0.1)
            assert (await apart.facts(LONG + "0")).reason == "the statement could not be read"
            monkeypatch.undo()
            assert (await apart.facts(LONG + "0")) == statement_facts(LONG + "0")
        finally:
            await apart.close()

    asyncio.run(read())


@pytest.mark.parametrize(
    ("statement", "quick"),
    [
        ("SELECT 1", True),
        ("SELECT " + "(1), " * 100 + "1", True),
        ("SELECT " + "(" * 12 + "1" + ")" * 12, True),
        ("SELECT " + "(" * 13 + "1" + ")" * 13, False),
        ("SELECT " + "f[" * 13 + "1" + "]" * 13, False),
        ("SELECT '" + "(" * 100 + "'", True),
        ("SELECT 'it''s \\'" + ") -- " * 9 + "\n" + "(" * 13 + "1", False),
        ("SELECT '" + "x" * 2048 + "'", False),
    ],
)
def test_what_is_long_or_deep_is_not_quick(statement: str, quick: bool) -> None:
    assert is_quick(statement) is quick


def test_one_who_gives_up_does_not_get_others_their_answers() -> None:
    async def read() -> None:
        apart = Apart()
        try:
            await apart.facts(LONG)
            waiting = asyncio.create_task(apart.facts(LONG + "0"))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert (await apart.facts(LONG + "00")) == statement_facts(LONG + "00")
        finally:
            await apart.close()

    asyncio.run(read())


def test_what_is_raised_there_is_raised_here() -> None:
    async def read() -> None:
        apart = Apart()
        try:
            with pytest.raises(NotParsed, match="not one statement"):
                await apart.call(parse_statement, "SELECT 1; SELECT 2")
        finally:
            await apart.close()

    asyncio.run(read())
