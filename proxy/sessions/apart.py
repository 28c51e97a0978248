"""Long and deeply nested statements are read in a process of their own (`statements.apart`): nobody else waits for it.

It is started with the first of them, and again when it has died or was ended because it took too long.
"""

import asyncio
import contextlib
import logging
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from base.errors import BackendError
from statements.apart import LENGTH
from statements.facts import StatementFacts, statement_facts
from statements.nesting import depth_of
from statements.parse import MAX_LENGTH

log = logging.getLogger("proxy")

_SHORT = 1 << 11  # characters that are read at once: some 5 ms
_SHALLOW = 12  # brackets in brackets: what is read twice at each of them takes 4,096 times as long
_PATIENCE = 10.0  # seconds for one call; the longest statement takes 0.2 on an idle machine
_KEPT = 64  # facts of long statements; one statement is asked for more than once on its way
_UNREADABLE = StatementFacts("other", reason="the statement could not be read")
T = TypeVar("T")


def is_quick(statement: str) -> bool:
    """Tell whether a statement is read at once where it is."""
    brackets = statement.count("(") + statement.count("[") + statement.count("{")
    return len(statement) <= _SHORT and (brackets <= _SHALLOW or depth_of(statement) <= _SHALLOW)


class Apart:
    """The other process of one worker."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._facts: OrderedDict[tuple[str, bool], StatementFacts] = OrderedDict()

    async def facts(self, statement: str, extras: bool = False) -> StatementFacts:
        """Read a statement as `statements.facts.statement_facts` does; never raises."""
        if is_quick(statement) or len(statement) > MAX_LENGTH:
            return statement_facts(statement, extras=extras)
        key = (statement, extras)
        found = self._facts.get(key)
        if found is None:
            try:
                found = await self.call(statement_facts, statement, "", extras)
            except BackendError as problem:
                log.warning("a statement of %d characters is for the backend: %s", len(statement), problem)
                return _UNREADABLE
            self._facts[key] = found
            if len(self._facts) > _KEPT:
                self._facts.popitem(last=False)
        return found

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function of the floor below there, those before it first. Raises what it raises, and BackendError
        when the process died of it or took too long."""
        asked = pickle.dumps((function, arguments))
        async with self._turn:
            try:
                async with asyncio.timeout(_PATIENCE):
                    answer = await self._ask(asked)
                returned, value = pickle.loads(answer)
            except TimeoutError as problem:
                self._end()
                raise BackendError(3877, "HY000", "a statement takes too long to read") from problem
            except (OSError, asyncio.IncompleteReadError) as problem:
                self._end()
                raise BackendError(3877, "HY000", "the process that reads long statements died") from problem
            except asyncio.CancelledError:
                self._end()  # its answer would be the next one's
                raise
        if not returned:
            raise value
        return value  # type: ignore[no-any-return]

    async def _ask(self, asked: bytes) -> bytes:
        process = self._process
        if process is None or process.returncode is not None:
            process = self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "statements.apart"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for us, and our end is its
            )
        assert process.stdin
        assert process.stdout
        process.stdin.write(LENGTH.pack(len(asked)) + asked)
        await process.stdin.drain()
        return await process.stdout.readexactly(*LENGTH.unpack(await process.stdout.readexactly(LENGTH.size)))

    def _end(self) -> asyncio.subprocess.Process | None:
        process, self._process = self._process, None
        if process and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        return process

    async def close(self) -> None:
        """End the process, and wait for that."""
        if process := self._end():
            await process.wait()
