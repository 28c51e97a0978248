"""MySQL's own use_secondary_engine must be ON whenever MySQL runs a statement by itself.

A plain SET never gets there. One among several statements, in a prepared statement or in a procedure does; FORCED
would then make MySQL refuse every query, since it has no such engine. So after such a command the variable
is read and put back before the next statement that could notice, and the session takes the value over.
"""

import re
from collections.abc import Callable

from proxy.backend.answers import AnswerReader
from proxy.backend.preflight import build_query
from proxy.sessions.session import Session, knows_none
from proxy.sessions.state import ON
from statements.scan import first_word
from wire.constants import Command

_WORD = b"use_secondary_engine"
_ASSIGNS = re.compile(rb"use_secondary_engine`?\s*:?=", re.IGNORECASE)
_RUNS_UNSEEN = frozenset({b"call", b"execute"})  # what they run is not in their text
_ONLY_WRITTEN = frozenset({b"prepare", b"create", b"alter"})  # the assignment in it is not run now
# These ask about the statement before: nothing of ours may come between. SHOW, GET DIAGNOSTICS and the like are
# none of the words below.
_ASKS_BACK = re.compile(rb"row_count|found_rows|warning_count|error_count", re.IGNORECASE)
_NOTICE = frozenset(
    {
        *(b"select", b"with", b"(", b"table", b"values", b"explain", b"desc", b"describe"),
        *(b"insert", b"replace", b"create", b"update", b"delete", b"do", b"set", b"call", b"execute"),
    }
)
# Reading the variable is a query, whose number of rows FOUND_ROWS() would tell: its number of before is read with it.
_READ = b"SELECT @@SESSION.use_secondary_engine, FOUND_ROWS()"
_PUT_BACK = b"SET SESSION use_secondary_engine = ON"


class BackendSwitch:
    """Watches one session's commands for what may have set the variable on the backend."""

    def __init__(self, session: Session, text_at: int, is_mariadb: bool) -> None:
        """`text_at` is where the text of a framed COM_QUERY begins."""
        self._session = session
        self._text_at = text_at
        self._is_mariadb = is_mariadb
        self._in_prepared = False  # a prepared statement names the variable or calls a procedure
        self._assigned = False  # what passed assigns it in its text: ON is meant as well
        self._suspects = False
        self._carry = b""
        if not is_mariadb:
            session.on_relayed = self.watch_relayed

    def watch(self, data: bytes) -> None:
        """Look at a lone command that is passed to the backend as it is."""
        if self._is_mariadb:
            return
        command = data[4]
        if command == Command.QUERY:
            if _WORD in data.lower():
                word = first_word(data, self._text_at)
                self._suspect(word not in _ONLY_WRITTEN and bool(_ASSIGNS.search(data)))
            elif first_word(data, self._text_at) in _RUNS_UNSEEN:
                self._suspect(False)
        elif command == Command.STMT_PREPARE:
            if _WORD in data.lower() or first_word(data, 5) in _RUNS_UNSEEN:
                self._in_prepared = True
        elif command == Command.STMT_EXECUTE and self._in_prepared:
            self._suspect(False)

    def watch_relayed(self, data: bytes) -> None:
        """Look at bytes that are pipelined, or a piece of something large."""
        joined = (self._carry + data).lower()
        self._carry = joined[-len(_WORD) :]
        if _WORD in joined:
            self._in_prepared = True
            self._suspect(bool(_ASSIGNS.search(joined)))

    def _suspect(self, assigned: bool) -> None:
        self._assigned |= assigned
        if self._suspects:
            return
        self._suspects = True
        handlers = self._session.handlers
        # What needs no look would come before the value is read.
        known, self._session.known = self._session.known, knows_none
        kept = {command: handlers[command] for command in (Command.QUERY, Command.STMT_EXECUTE, Command.STMT_PREPARE)}

        def look(data: bytes) -> bool:
            if not self._would_notice(data):
                handler = kept[Command(data[4])]
                return handler is not None and handler(data)
            self._session.run(self._settle(data, restore), may_listen=True)
            return True

        def restore() -> None:
            for command, handler in kept.items():
                handlers[command] = handler
            self._session.known = known
            self._suspects = False

        for command in kept:
            handlers[command] = look

    def _would_notice(self, data: bytes) -> bool:
        if data[4] == Command.STMT_PREPARE:
            return not _ASKS_BACK.search(data)
        if data[4] == Command.STMT_EXECUTE:
            known = self._session.state.statements.get(int.from_bytes(data[5:9], "little"))
            return known is None or not _ASKS_BACK.search(known.text)
        if self._text_at == 7 and data[5:7] != b"\0\1":
            return True
        return first_word(data, self._text_at) in _NOTICE and not _ASKS_BACK.search(data)

    async def _settle(self, data: bytes, restore: Callable[[], None]) -> None:
        """Take the value over, put ON back, and let the command that waits be looked at again."""
        session = self._session
        raw = await session.ask(build_query(_READ, session.capabilities), [Command.QUERY])
        answer = AnswerReader(raw, session.capabilities).result()
        value = ON
        if answer.rows:
            value = (answer.rows[0][0] or b"").decode()
            session.state.counts = session.state.counts or {b"found_rows": int(answer.rows[0][1] or 0)}
        if value != ON:
            await session.ask(build_query(_PUT_BACK, session.capabilities), [Command.QUERY])
        if value != ON or self._assigned:
            session.state.use_secondary_engine = value
        self._assigned = False
        restore()
        session.put_back(data)
