"""Commands that a client sends ahead and that go to the backend at once: batches of writes.

All others wait for the answers to those before them, for what they mean may depend on these.
"""

from proxy.routing.router import Router
from statements.ml import may_use_functions
from statements.scan import first_word
from wire.constants import Command

_WRITES = frozenset({b"insert", b"replace", b"update", b"delete"})
# With a query in it, one of the server's counts, or a variable of ours, a statement is looked at in its turn.
_LOOKED_AT = (b"select", b"rows", b"count", b"secondary", b";")
_PREPARED_LAST = b"\xff\xff\xff\xff"


class Ahead:
    """Tells for one session which commands need not wait."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._session = router.session
        handlers = router.session.handlers
        self._handlers = {int(command): handlers[command] for command in (Command.QUERY, Command.STMT_EXECUTE)}
        router.session.ahead = self.goes

    def goes(self, data: bytes) -> bool:
        """Tell whether a whole command may go while answers are owed, and note what follows from it."""
        command = data[4]
        if command not in self._handlers or self._session.handlers[command] != self._handlers[command]:
            return False  # somebody waits for the next command
        return self._goes_as_text(data) if command == Command.QUERY else self._goes_as_execution(data)

    def _goes_as_text(self, data: bytes) -> bool:
        at = self._router.text_at
        if at == 7 and data[5:7] != b"\0\1":
            return False
        text = data[at:].lower()
        state = self._session.state
        if state.counts or first_word(text) not in _WRITES or any(word in text for word in _LOOKED_AT):
            return False
        if may_use_functions(text) or self._session.worker.engine.loaded.names_lake(text):
            return False
        state.tainted = True
        return True

    def _goes_as_execution(self, data: bytes) -> bool:
        state = self._session.state
        number = int.from_bytes(data[5:9], "little")
        if state.ml_statements or number in state.sets or number in state.statements or data[5:9] == _PREPARED_LAST:
            return False
        if state.counts:
            return False
        state.cursors.pop(number, None)
        state.tainted = True
        self._router.switch.watch(data)
        return True
