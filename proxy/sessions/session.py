"""One client from login to goodbye: the relay between its connection and its own connection to the backend.

Bytes pass as they came. A command is looked at when it is whole and the backend owes nothing: commands that a client
sends ahead wait for the answers to those before them, as they would in the server. Only what is larger than
HOLD_LIMIT, and the rows of a local file, are relayed in pieces and followed, so that it is known when the backend is
idle again. What takes more than a look runs as a task while the client's next bytes wait.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from struct import Struct
from typing import Any

from base.errors import BackendError, WarmfrontError
from proxy.backend.answers import AnswerTooLarge
from proxy.decisions import ALWAYS
from proxy.line.endings import abort_later, end, reset
from proxy.line.flow import Flow
from proxy.line.login import LoggedIn
from proxy.line.side import Side
from proxy.sessions import kept
from proxy.sessions.dialogue import Dialogue
from proxy.sessions.state import ON, SessionState
from proxy.sessions.worker import Worker
from wire.constants import Command
from wire.framing import build_packets
from wire.phase import FIRST, IDLE, INFILE, LOST, AnswerTracker, CommandReader
from wire.responses import build_err, parse_ok

log = logging.getLogger("proxy")

_HEAD = Struct("<IB").unpack_from
_LAST_SINGLE = 0xFFFFFF + 3  # a packet of this many bytes or fewer, header included, is not continued
HOLD_LIMIT = 1 << 20  # bytes of a statement that is waited for as a whole
PENDING_LIMIT = 1 << 18  # bytes kept from a client that talks on while its statement runs
_NUMBERED = 9  # bytes that tell a command and the statement it is about
_FOLLOWED = (INFILE, LOST)  # states in which the client's bytes are no commands, or cannot be told from others
_READY = (IDLE, INFILE, LOST)  # states in which what waits can go on
_AHEAD_LIMIT = 1 << 13  # bytes of a command that may go while answers are owed
_ENOUGH = 1 << 17  # bytes of an answer after which others have a turn
_ANSWER_LIMIT = 1 << 24  # bytes of an answer to a question of our own


# A handler looks at one lone command and tells whether it took it over.
Handler = Callable[[bytes], bool]


def knows_none(command: bytes) -> float | None:
    """Stand in for `decisions.StayCache.known` where each command has to be looked at."""
    return None


class Session:
    """Relay of one client. Built when the login has succeeded; `start` must be called once."""

    # With more than thirty attributes a dictionary of each session's own would hold them, and be searched.
    __slots__ = (
        "_answered",
        "_awaited",
        "_busy",
        "_client_paused",
        "_collected",
        "_commands",
        "_cut_off",
        "_dialogue",
        "_ending",
        "_free",
        "_may_listen",
        "_pending",
        "_stands_for",
        "_task",
        "_tell_closed",
        "_was_reset",
        "ahead",
        "backend",
        "capabilities",
        "client",
        "client_gone",
        "closed",
        "finishes",
        "flow",
        "handlers",
        "known",
        "logged_in",
        "on_close",
        "on_relayed",
        "state",
        "thread_id",
        "tracker",
        "worker",
    )

    def __init__(self, worker: Worker, logged_in: LoggedIn, closed: "Callable[[Session], None]") -> None:
        """`closed` is told when it is over."""
        client, backend = logged_in.client.transport, logged_in.backend.transport
        assert client
        assert backend
        self.worker = worker
        self.client: asyncio.Transport = client
        self.backend: asyncio.Transport = backend
        self.logged_in = logged_in
        self.capabilities = logged_in.capabilities
        self.thread_id = logged_in.greeting.thread_id
        self.tracker = AnswerTracker(self.capabilities, int(parse_ok(logged_in.accepted).status))
        self.state = SessionState(worker.settings)
        self.closed = False
        self._tell_closed = closed
        self.finishes = False  # work is under way that undoes what it wrote when its client goes away
        self.client_gone = False
        self._cut_off = False  # the client went away with a reset, or with answers unread
        self._was_reset = False  # the backend ended it with a reset
        self.handlers: list[Handler | None] = [None] * 256
        self.known: Callable[[bytes], float | None] = knows_none  # `decisions.StayCache.known`
        self.on_close: list[Callable[[], None]] = []
        self.ahead: Callable[[bytes], bool] | None = None  # tells which commands need not wait for answers
        self.on_relayed: Callable[[bytes], None] | None = None  # sees what is passed on without being looked at
        self._commands = CommandReader()
        self._free = True  # the next bytes start a command, and nothing of ours is going on
        self._busy = False
        self._may_listen = False  # the work under way goes on for a while when the client sends its end
        self._pending = bytearray()  # client's bytes that wait
        self._awaited = 0  # how many there must be before they are looked at: a command that comes in pieces
        self._client_paused = False
        self._stands_for = (b"", b"")
        self._collected: bytearray | None = None
        self._answered: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._dialogue: Dialogue | None = None
        self.flow = Flow(backend)
        self._ending = False  # the client sends nothing more, and is owed answers

    def start(self) -> None:
        """Take the two connections over from the login."""
        self.handlers[Command.RESET_CONNECTION] = self._reset_connection
        full, empty = self.flow.pause, self.flow.resume
        self.client.set_protocol(Side(self.from_client, self._lose_client, full, empty, self._client_ended))
        pause = self.client.pause_reading
        self.backend.set_protocol(Side(self.from_backend, self._lose_backend, pause, self._resume_client))
        early = self.logged_in.backend.take_rest()
        if early:
            self.from_backend(early)
        early = self.logged_in.client.take_rest()
        if early:
            self.from_client(early)

    # --- back-pressure ---

    def _resume_client(self) -> None:
        if not self._client_paused and not self.client.is_closing():
            self.client.resume_reading()

    # --- client to backend ---

    def from_client(self, data: bytes) -> None:
        """Take bytes from the client."""
        tracker = self.tracker
        size = len(data)
        if self._free and tracker.state == IDLE and size > 4:
            cost = self.known(data)  # the way of most statements
            if cost is not None:
                state = self.state
                # Nothing is called that can be said here: behind many clients a call finds its code out of the caches.
                if (
                    ALWAYS <= cost <= state.cost_threshold and not state.counts and state.use_secondary_engine == ON
                ) or state.takes_known(cost, tracker):
                    tracker.begun += 1
                    tracker.state = FIRST
                    tracker.rows = 0
                    self.backend.write(data)
                    return
            head, command = _HEAD(data)
            if head + 4 == size and size <= _LAST_SINGLE:  # with a sequence number of 0
                handler = self.handlers[command]
                if handler is not None and handler(data):
                    return
                tracker.begin(command)
                self.backend.write(data)
                return
        self._from_client_slowly(data)

    def _from_client_slowly(self, data: bytes) -> None:
        if not self._pending and not self._busy and self._streams(data):
            self._relay(data)
            return
        self._pending += data
        if self._dialogue:
            self._dialogue.poke()
        elif self._busy or len(self._pending) >= self._awaited:
            self._go_on()  # however small the pieces of one command are, each costs no more than itself

    def _streams(self, data: bytes | bytearray) -> bool:
        """Tell whether bytes are a piece of a large command, of a local file, or of what cannot be followed."""
        return self.tracker.state in _FOLLOWED or self._commands.reach(data) == len(data)

    def _go_on(self) -> None:
        """Take up the commands that wait, each when those before it are answered."""
        pending = self._pending
        self._awaited = 0
        while pending and not self._busy and not self.closed:
            if self._streams(pending):
                self._relay(self._take(len(pending)))
            elif not self._commands.aligned:
                if not (size := self._commands.reach(pending)):
                    break
                self._relay(self._take(size))
            elif not (self._begin() if self.tracker.state == IDLE else self._pass_ahead()):
                break
        self._free = not pending and not self._busy and self._commands.aligned
        if len(pending) > PENDING_LIMIT and len(pending) > self._awaited:
            self._client_paused = True
            self.client.pause_reading()
        elif self._client_paused:
            self._client_paused = False
            self.client.resume_reading()
        if self._ending:
            self._hand_on_end()

    def _begin(self) -> bool:
        """Deal with the command at the front; False when more of it has to come first."""
        pending = self._pending
        if len(pending) < 4:
            return False
        size = int.from_bytes(pending[:3], "little") + 4
        if size == 4:
            self._relay(self._take(4))
            return True
        if len(pending) < min(size, _NUMBERED):
            return False
        command = pending[4]
        if size <= len(pending) and size <= _LAST_SINGLE:
            self._free = False
            self._one(self._take(size))
        elif size <= HOLD_LIMIT and self.handlers[command] is not None:
            self._awaited = size
            return False
        else:
            self.state.begins_unseen(command, int.from_bytes(pending[5:9], "little"))
            self._relay(self._take(min(size, len(pending))))
        return True

    def _pass_ahead(self) -> bool:
        """Let the command at the front go although answers are owed, when nobody has to look at it in its turn."""
        pending = self._pending
        size = int.from_bytes(pending[:3], "little") + 4
        if self.ahead is None or not _NUMBERED <= size <= min(len(pending), _AHEAD_LIMIT):
            return False
        data = bytes(pending[:size])
        if not self.ahead(data):
            return False
        del pending[:size]
        self.tracker.begin(data[4])
        self.backend.write(data)
        return True

    def _one(self, data: bytes) -> None:
        """Hand a whole command to who looks at it, or to the backend, which refuses packets that are out of order."""
        handler = self.handlers[data[4]]
        if data[3] or handler is None or not handler(data):
            self.tracker.begin(data[4])
            self.backend.write(data)

    def _take(self, size: int) -> bytes:
        """Take bytes off the front of what waits."""
        out = bytes(self._pending[:size])
        del self._pending[:size]
        return out

    def _relay(self, data: bytes) -> None:
        """Pass bytes on and follow them: pieces of large commands, local files."""
        in_file = self.tracker.state == INFILE
        if self.on_relayed and not in_file:
            self.on_relayed(data)
        for command in self._commands.feed(data):
            if in_file:
                continue  # packets of a local file are no commands
            if command == Command.CHANGE_USER:
                self.tracker.lose()  # not alone: its dialogue cannot be told from what else is under way
            self.tracker.begin(command)
            self.state.relayed_unseen()
        if self._commands.broken:
            self.tracker.lose()
        self._free = self._commands.aligned and not self._busy and not self._pending
        self.backend.write(data)

    # --- backend to client ---

    def from_backend(self, data: bytes) -> None:
        """Take bytes from the backend."""
        if self._collected is None:
            self.client.write(data)
            self.tracker.feed(data)
            if len(data) >= _ENOUGH:
                self.flow.rest()
            if self._pending and self.tracker.state in _READY:
                self._go_on()
            return
        if self._dialogue:
            self._collected += data
            self._dialogue.poke()
            return
        if len(self._collected) <= _ANSWER_LIMIT:
            self._collected += data
        done = self.tracker.feed(data)
        if self.tracker.state == LOST:
            self.close()
        elif done and self._answered and not self._answered.done():
            self._answered.set_result(None)

    # --- work of our own between a client's command and its answer ---

    def run(self, work: Coroutine[Any, Any, None], may_listen: bool = False) -> None:
        """Do something with the client's command while its next bytes wait; what `may_listen` answers after its end."""
        self._busy = True
        self._free = False
        self._may_listen = may_listen
        self._task = asyncio.get_running_loop().create_task(self._run(work))
        if self._ending and may_listen:
            self._answer_for_a_while()

    async def _run(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            self.close()
            raise
        except WarmfrontError as problem:
            self.tracker.failed = True
            if not self.closed and not self.client_gone:
                self.client.write(build_packets(build_err(problem.number, problem.sqlstate, str(problem)), 1))
        except Exception:
            if not self.closed:  # a transport that has closed takes no writes: the client left meanwhile
                log.exception("connection %d: a statement could not be handled", self.thread_id)
            self.close()
        finally:
            self._task = None
            self._stands_for = (b"", b"")
            self._busy = False
            self._collected = None
        if self.client_gone:
            self.close()
        if self.closed:
            return
        self._go_on()

    async def ask(self, data: bytes, commands: list[int]) -> bytes:
        """Send commands of our own, framed, to the idle backend; gives the bytes of all answers.

        Raises BackendError when the connection ends, and AnswerTooLarge.
        """
        if self.closed:
            raise BackendError(2013, "HY000", "Lost connection to MySQL server during query")
        self._collected = bytearray()
        for command in commands:
            self.tracker.begin(command)
        self._answered = asyncio.get_running_loop().create_future()
        self.backend.write(data)
        await self._answered
        out = bytes(self._collected)
        self._collected = None
        if len(out) > _ANSWER_LIMIT:
            raise AnswerTooLarge(out)
        return out

    def stand_in(self, plain: bytes, data: bytes) -> None:
        """Let a command be dealt with in another form, and passed on as it came."""
        self._stands_for = (plain, data)

    def _as_it_came(self, data: bytes) -> bytes:
        plain, came = self._stands_for
        return came if data is plain else data

    def pass_on(self, data: bytes) -> None:
        """Relay a lone command after all: its answer goes to the client by itself."""
        if self.closed:
            return
        data = self._as_it_came(data)
        self._collected = None
        self.tracker.begin(data[4])
        self.backend.write(data)

    def put_back(self, data: bytes) -> None:
        """Look at a lone command again once the work that took it over is done."""
        self._pending[:0] = self._as_it_came(data)

    # --- commands that change the session itself ---

    def _reset_connection(self, data: bytes) -> bool:
        kept.keep_found_rows(self.state, self.tracker)
        counts = self.state.counts
        self.state = SessionState(self.worker.settings)
        self.state.counts = counts
        return False

    def begin_dialogue(self, dialogue: Dialogue) -> None:
        """Let both sides' bytes wait for `take_pending` and `take_collected` until `end_dialogue`."""
        self._collected = bytearray()
        self._dialogue = dialogue
        self.run(dialogue.run())

    # --- the end ---

    def _lose_backend(self, problem: Exception | None) -> None:
        self._was_reset = isinstance(problem, ConnectionResetError)
        self.close()

    def _lose_client(self, problem: Exception | None) -> None:
        """The client has gone: so does the session, when nothing is to be undone first."""
        self.client_gone = True
        self._cut_off = problem is not None or self.flow.full
        if not self.finishes:
            self.close()
            return
        for act in list(self.on_close):
            act()

    def _client_ended(self) -> bool:
        """Tell whether a client that sends nothing more stays for its answers, as it does at a server.

        One that closed looks the same, until something is written to it: what it asked of the engine is computed for
        a few seconds more, and not for nobody.
        """
        if self._ending:
            return True
        state = self.tracker.state
        if self.closed or (not self._may_listen if self._busy else state == IDLE and not self._pending):
            return False
        if (state in _FOLLOWED or not self._commands.aligned) and not self.backend.can_write_eof():
            return False  # a backend that waits for more of a file, or of a large command, would wait for ever
        self._ending = True
        pause = self.client.pause_reading
        self.backend.set_protocol(Side(self._last_from_backend, self._lose_backend, pause, self._resume_client))
        if self._busy:
            self._answer_for_a_while()
        self._hand_on_end()
        return True

    def _answer_for_a_while(self) -> None:
        task = self._task  # once rows are sent it shows whether there is somebody
        abort_later(self.client, lambda: self._task is task and self.flow.source is self.backend)

    def _hand_on_end(self) -> None:
        """Pass the client's end on when all that it sent has gone: the backend closes behind its last answer."""
        if self._busy or self.closed or (self._pending and self.tracker.state != IDLE):
            return
        if self._pending:
            self.backend.write(self._take(len(self._pending)))  # half a command
        if self.backend.can_write_eof():
            self.backend.write_eof()
        elif self.tracker.state in _READY:  # TLS has no half-open connections, and no more of a file will come
            self.close()

    def _last_from_backend(self, data: bytes) -> None:
        self.from_backend(data)
        if not self._pending and self._collected is None:
            self._hand_on_end()

    def close(self) -> None:
        """Close both sides; what was written still goes out."""
        if self.closed:
            return
        self.closed = True
        # What a client sent that reads no answers is not waited for, as its reset would tell the backend, which may
        # itself be waiting for somebody to read.
        if self._cut_off:
            self.backend.abort()
        elif self.client_gone and self._pending and not self._busy:
            self.backend.write(bytes(self._pending))  # a server reads what came before the end
        (reset if self._was_reset else end)(self.client)
        end(self.backend)
        if self._answered and not self._answered.done():
            self._answered.set_exception(BackendError(2013, "HY000", "Lost connection to MySQL server during query"))
        for act in self.on_close:
            act()
        for cursor in self.state.cursors.values():
            cursor.close()  # their files would stay until the next collection of cycles
        if self._dialogue:
            self._dialogue.poke()
        self._tell_closed(self)

    def end_dialogue(self, accepted: bytes | None) -> None:
        """Return to the command phase after COM_CHANGE_USER."""
        self._dialogue = None
        self._collected = None
        if accepted is not None:
            self.state = SessionState(self.worker.settings)
            self.tracker.status = int(parse_ok(accepted).status)

    def take_pending(self) -> bytes:
        """Hand over the client's bytes that wait."""
        out = bytes(self._pending)
        self._pending.clear()
        return out

    def take_collected(self) -> bytes:
        """Hand over the backend's bytes that were collected."""
        out = bytes(self._collected or b"")
        self._collected = bytearray()
        return out
