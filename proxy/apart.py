"""Long statements are read in a process of their own (`statements.apart`), so that no other session waits for it.

It is started with the first of them, and again when it has died.
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
from statements.parse import MAX_LENGTH

log = logging.getLogger("proxy")

SHORT = 1 << 11  # characters that are read at once: some 5 ms
_KEPT = 64  # facts of long statements; one statement is asked for more than once on its way
_UNREADABLE = StatementFacts("other", reason="the statement could not be read")
T = TypeVar("T")


class Apart:
    """The other process of one worker."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._facts: OrderedDict[tuple[str, bool], StatementFacts] = OrderedDict()

    async def facts(self, statement: str, extras: bool = False) -> StatementFacts:
        """Read a statement as `statements.facts.statement_facts` does; never raises."""
        if not SHORT < len(statement) <= MAX_LENGTH:
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
        when the process died of it."""
        asked = pickle.dumps((function, arguments))
        async with self._turn:
            try:
                returned, value = pickle.loads(await self._ask(asked))
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
