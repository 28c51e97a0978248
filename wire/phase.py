"""The command phase as a state table: which command was sent, what may come back, when the answer is over.

`AnswerTracker` looks at packet headers and first bytes only, so it can watch every byte a relay forwards:
one `unpack_from` per packet. It never guesses: what it does not know makes it `lost`, for good.
"""

from collections import deque
from struct import Struct

from base.errors import MalformedPacket
from wire.constants import MAX_PACKET_PAYLOAD, Capability, Command, Status
from wire.integers import read_lenenc
from wire.rows import pass_rows

_HEAD_AND_FIRST = Struct("<IB").unpack_from  # 3 bytes length, 1 byte sequence, first payload byte
_EOF_MAX = 9  # a classic EOF packet is shorter than this

_NO_HEAD = b"\xff" * 8  # no first packet of an answer begins so: its sequence number is 1
_HEAD_LIMIT = 4096  # bytes of what is kept of an answer
_HEAD_KEY = 9  # the packet with the number of columns, and the header of the first definition
_MOST_HEADS = 8
_OK_LIMIT = 64
# Where the status of an OK packet stands behind a last id of more bytes than one, by what its first byte says; nowhere.
_STATUS_AT = {0xFB: 99, 0xFC: 9, 0xFD: 10, 0xFE: 15, 0xFF: 99}

# What answers a command.
NOTHING, ONE_PACKET, RESULT, FIELDS, PREPARED, ROWS_ONLY = range(6)

ANSWERS: dict[int, int] = {
    Command.QUIT: NOTHING,
    Command.STMT_CLOSE: NOTHING,
    Command.STMT_SEND_LONG_DATA: NOTHING,
    Command.INIT_DB: ONE_PACKET,
    Command.CREATE_DB: ONE_PACKET,
    Command.DROP_DB: ONE_PACKET,
    Command.REFRESH: ONE_PACKET,
    Command.SHUTDOWN: ONE_PACKET,
    Command.STATISTICS: ONE_PACKET,
    Command.PROCESS_KILL: ONE_PACKET,
    Command.DEBUG: ONE_PACKET,
    Command.PING: ONE_PACKET,
    Command.STMT_RESET: ONE_PACKET,
    Command.SET_OPTION: ONE_PACKET,
    Command.RESET_CONNECTION: ONE_PACKET,
    Command.REGISTER_SLAVE: ONE_PACKET,
    Command.SLEEP: ONE_PACKET,
    Command.CONNECT: ONE_PACKET,
    Command.TIME: ONE_PACKET,
    Command.DELAYED_INSERT: ONE_PACKET,
    Command.DAEMON: ONE_PACKET,
    Command.QUERY: RESULT,
    Command.STMT_EXECUTE: RESULT,
    Command.STMT_BULK_EXECUTE: RESULT,
    Command.PROCESS_INFO: RESULT,
    Command.FIELD_LIST: FIELDS,
    Command.STMT_PREPARE: PREPARED,
    Command.STMT_FETCH: ROWS_ONLY,
}

# Plain numbers: combining an int with a member of an IntFlag costs as much as the rest of a short answer.
_MORE_RESULTS = int(Status.MORE_RESULTS_EXISTS)
_CURSOR = int(Status.CURSOR_EXISTS)
# What a status says of the session, not of one answer.
_OF_SESSION = int(
    Status.IN_TRANS | Status.AUTOCOMMIT | Status.NO_BACKSLASH_ESCAPES | Status.IN_TRANS_READONLY | Status.ANSI_QUOTES
)

# Where in an answer the next packet stands.
IDLE, FIRST, COLUMNS, COLUMNS_END, ROWS, SINGLE, LIST, PREPARE, DEFINITIONS, INFILE, LOST = range(11)
_START = {ONE_PACKET: SINGLE, RESULT: FIRST, FIELDS: LIST, PREPARED: PREPARE, ROWS_ONLY: ROWS, NOTHING: IDLE}
_BEGIN = {int(command): _START[kind] for command, kind in ANSWERS.items()}  # IDLE: nothing answers it


class AnswerTracker:
    """Follow the answers of one server connection. `capabilities` are those of the connection.

    `state` is IDLE exactly when every command begun has been answered in full, and LOST when the bytes cannot
    be followed (any more). `status` are the flags of the last OK or EOF packet.
    """

    __slots__ = (
        "_back",
        "_continued",
        "_deprecate_eof",
        "_end",
        "_front",
        "_heads",
        "_left",
        "_queue",
        "_row_size",
        "_row_status",
        "_skip",
        "_tail",
        "_then",
        "_wanted",
        "begun",
        "error",
        "failed",
        "prepared",
        "rows",
        "state",
        "status",
    )

    def __init__(self, capabilities: int, status: int = Status.AUTOCOMMIT) -> None:
        self.state = IDLE
        self.status = int(status)
        self.begun = 0  # commands sent
        self.failed = False  # the last answer ended with an ERR packet
        self.error = 0  # number in the last of these
        self.rows = 0  # packets of rows in the answers since the last `begin` while idle
        self.prepared = 0  # number of the first statement that was prepared since somebody made it 0
        self._deprecate_eof = bool(capabilities & Capability.DEPRECATE_EOF)
        # Payload of the shortest end of rows; its status stands 7 bytes behind its header's start either way.
        self._end = 7 if self._deprecate_eof else 5
        self._queue: deque[int] = deque()
        # Column counts and definitions of results that came before, each by its first bytes: many have the same.
        self._heads: dict[bytes, bytes] = {}
        # The last answer of one row: what stands before and behind what the row holds, and its status.
        self._row_size, self._row_status = -1, 0
        self._front = self._back = _NO_HEAD
        self._left = 0  # definitions still to come, with the packet that ends them
        self._then = 0  # those behind them
        self._skip = 0  # bytes of the current packet still to come
        self._tail: bytes | bytearray = b""  # start of a packet that has to be read as a whole
        self._wanted = 0  # bytes that there must be of it before it is looked at again
        self._continued = False  # the packet before was full: this one continues it

    def begin(self, command: int) -> None:
        """Note that a whole command was sent; pipelined ones wait for their turn."""
        self.begun += 1
        start = _BEGIN.get(command, LOST)
        if start == IDLE:
            return
        if self.state == IDLE:
            self.state = start
            self.rows = 0
        elif self.state != LOST:
            self._queue.append(start)

    def lose(self) -> None:
        """Stop following: nothing is known of this connection from here on."""
        self.state = LOST
        self._tail = b""

    def feed(self, data: bytes) -> bool:
        """Follow received bytes; True when nothing is owed after them."""
        if self.state == FIRST:
            # A whole answer that ends where it did before, or an OK packet: looked at without a call.
            size = len(data)
            if not (self._skip or self._tail or self._queue):
                if (
                    size == self._row_size
                    and data.startswith(self._front)
                    and data.endswith(self._back)
                    and data[len(self._front)] < 0xFE
                ):
                    self.rows += 1
                    self.status = self._row_status
                    self.failed = False
                    self.state = IDLE
                    return True
                # Length, sequence number, OK, then rows written in one byte, and the last id.
                if 11 <= size <= _OK_LIMIT and data[4] == 0 and data[0] + 4 == size and data[5] < 0xFB:
                    at = 7 if data[6] < 0xFB else _STATUS_AT[data[6]]
                    if at + 4 <= size:
                        status = data[at] | data[at + 1] << 8
                        if not (status & _MORE_RESULTS or data[1] or data[2]):
                            self.status = status
                            self.failed = False
                            self.state = IDLE
                            return True
        elif self.state == LOST:
            return False
        if self._tail:
            self._tail += data
            if len(self._tail) < self._wanted:
                return False  # however small the pieces of a packet are, each costs no more than itself
            data = bytes(self._tail)
            self._tail = b""
        self._wanted = 0
        at = self._skip
        size = len(data)
        fresh = self.state == FIRST and not at
        if fresh and data.startswith(head := self._heads.get(data[:_HEAD_KEY], _NO_HEAD)):
            at = len(head)
            if self._is_one_row(data, at, size):
                return True
            self.state = ROWS
            at, rows = pass_rows(data, at)
            self.rows += rows
            if self._is_end(data, at, size):
                return True
            fresh = False  # what comes further on in these bytes may be another answer's head
        while at + 4 < size or (at + 4 == size and data[at : at + 3] == b"\0\0\0"):
            if self.state == ROWS and not self._continued:
                at, rows = pass_rows(data, at)
                self.rows += rows
                if at + 4 > size or (at + 4 == size and data[at : at + 3] != b"\0\0\0"):
                    break
            if at + 4 == size:
                length, first = 0, -1
            else:
                head, first = _HEAD_AND_FIRST(data, at)
                length = head & 0xFFFFFF
            if self._continued or (self.state == ROWS and first != 0xFE and first != 0xFF):
                if not self._continued:
                    self.rows += 1
                self._continued = length == MAX_PACKET_PAYLOAD
                at += 4 + length
                continue
            if at + 4 + length > size and self._must_be_whole(first, length):
                self._wanted = 4 + length
                break
            was = self.state
            try:
                self._step(data, at + 4, length, first)
            except MalformedPacket:
                self.lose()
            if self.state == LOST:
                return False
            self._continued = length == MAX_PACKET_PAYLOAD
            at += 4 + length
            if fresh and self.state not in (COLUMNS, COLUMNS_END, ROWS):
                fresh = False  # an answer has ended: what follows is the head of the next one, which waits in the queue
            if fresh and self.state == ROWS and was in (COLUMNS, COLUMNS_END):
                # The same bytes from the same state lead here again.
                fresh = False
                if at <= size and at <= _HEAD_LIMIT:
                    if len(self._heads) >= _MOST_HEADS:
                        self._heads.clear()
                    self._heads[data[:_HEAD_KEY]] = data[:at]
        if at >= size:
            self._skip = at - size
        else:
            self._skip = 0
            self._tail = bytearray(data[at:])
        return self.state == IDLE and not self._skip and not self._tail and not self._continued

    def _is_one_row(self, data: bytes, at: int, size: int) -> bool:
        """Take one row and the end of the last answer at once: all that most point selects answer."""
        if at + 5 > size:
            return False
        head, first = _HEAD_AND_FIRST(data, at)
        if first >= 0xFE or head & 0xFFFFFF == MAX_PACKET_PAYLOAD:
            return False
        row = at + 4
        at += 4 + (head & 0xFFFFFF)
        if not self._is_end(data, at, size):
            return False
        self.rows += 1
        if size <= _HEAD_LIMIT:
            self._row_size, self._row_status = size, self.status
            self._front, self._back = data[:row], data[at:]
        return True

    def _is_end(self, data: bytes, at: int, size: int) -> bool:
        """Take the end of the last answer, if nothing but it is left."""
        if at + 4 + self._end != size or self._queue:
            return False
        head, first = _HEAD_AND_FIRST(data, at)
        if first != 0xFE or head & 0xFFFFFF != self._end or (self._end == 7 and data[at + 5 : at + 7] != b"\0\0"):
            return False
        status = data[at + 7] | data[at + 8] << 8
        if status & _MORE_RESULTS:
            return False
        self.status = status
        self.failed = False
        self.state = IDLE
        return True

    def _must_be_whole(self, first: int, length: int) -> bool:
        """Tell whether a packet is one whose content is read; rows and definitions only pass."""
        if self.state in (COLUMNS, DEFINITIONS):
            return False
        return self.state != ROWS or length < MAX_PACKET_PAYLOAD

    def _step(self, data: bytes, at: int, length: int, first: int) -> None:
        state = self.state
        if state == COLUMNS:
            self._left -= 1
            if not self._left:
                self.state = ROWS if self._deprecate_eof else COLUMNS_END
        elif state == ROWS:
            self._row_or_end(data, at, length, first)
        elif first == 0xFF:
            # MariaDB reports progress in ERR packets numbered 0xFFFF, which end nothing.
            if data[at + 1 : at + 3] != b"\xff\xff":
                self.error = int.from_bytes(data[at + 1 : at + 3], "little")
                self._finish(failed=True)
        elif state in (FIRST, INFILE):
            self._first(data, at, first)
        elif state == COLUMNS_END and first == 0:
            self._finish()  # MySQL 9.7, of a statement that is executed while it has a cursor
        elif state == COLUMNS_END:
            self.status = int.from_bytes(data[at + 3 : at + 5], "little")
            if self.status & _CURSOR:
                self._finish()
            else:
                self.state = ROWS
        elif state == SINGLE:
            if first == 0:
                self._read_ok_status(data, at)
            self._finish()
        elif state == LIST:
            if first == 0xFE:
                self._finish()
        elif state == PREPARE:
            self._prepare_ok(data, at, length)
        elif state == DEFINITIONS:
            self._definition(length, first)
        else:
            self.lose()  # bytes that nobody asked for

    def _row_or_end(self, data: bytes, at: int, length: int, first: int) -> None:
        if first == 0xFF:
            if data[at + 1 : at + 3] != b"\xff\xff":
                self.error = int.from_bytes(data[at + 1 : at + 3], "little")
                self._finish(failed=True)
        elif self._deprecate_eof:
            if length < MAX_PACKET_PAYLOAD:
                self._read_ok_status(data, at)
                self._next_result()
        elif length < _EOF_MAX:
            self.status = int.from_bytes(data[at + 3 : at + 5], "little")
            self._next_result()

    def _first(self, data: bytes, at: int, first: int) -> None:
        if first == 0:
            self._read_ok_status(data, at)
            self._next_result()
        elif first == 0xFB:
            self.state = INFILE
        elif self.state == INFILE:
            self.lose()
        else:
            count, _ = read_lenenc(data, at)
            self._left = count or 0
            self.state = COLUMNS

    def _prepare_ok(self, data: bytes, at: int, length: int) -> None:
        self.prepared = self.prepared or int.from_bytes(data[at + 1 : at + 5], "little")
        columns = int.from_bytes(data[at + 5 : at + 7], "little")
        parameters = int.from_bytes(data[at + 7 : at + 9], "little")
        ends = 0 if self._deprecate_eof else 1
        self._left, self._then = (count + ends if count else 0 for count in (parameters, columns))
        self.state = DEFINITIONS
        self._next_definitions()

    def _definition(self, length: int, first: int) -> None:
        # MySQL counts a parameter that it has thrown away (GROUP_CONCAT(id ORDER BY ?)), and sends the end without it.
        ended = first == 0xFE and length < _EOF_MAX and not self._deprecate_eof
        self._left = 0 if ended else self._left - 1
        self._next_definitions()

    def _next_definitions(self) -> None:
        if not self._left:
            self._left, self._then = self._then, 0
        if not self._left:
            self._finish()

    def _read_ok_status(self, data: bytes, at: int) -> None:
        _, at = read_lenenc(data, at + 1)
        _, at = read_lenenc(data, at)
        self.status = int.from_bytes(data[at : at + 2], "little")

    def _next_result(self) -> None:
        if self.status & _MORE_RESULTS:
            self.state = FIRST
        else:
            self._finish()

    @property
    def lasting_status(self) -> Status:
        """The flags that tell of the session: what an answer made by ourselves says."""
        return Status(self.status & _OF_SESSION)

    def _finish(self, failed: bool = False) -> None:
        self.failed = failed
        self.state = self._queue.popleft() if self._queue else IDLE


class CommandReader:
    """Follow a client's packets: which commands start in the bytes, and whether they end with a whole packet."""

    __slots__ = ("_continued", "_head", "_skip", "broken")

    def __init__(self) -> None:
        self.broken = False
        self._skip = 0
        self._head = b""
        self._continued = False

    @property
    def aligned(self) -> bool:
        """Tell whether the next byte starts a new command."""
        return not self._skip and not self._head and not self._continued

    def reach(self, data: bytes | bytearray) -> int:
        """How many of the next bytes belong to the command under way, as far as whole headers tell."""
        at, continued, size = self._skip, self._continued, len(data)
        if self._head:
            return size  # bytes that were no commands left the reader amid a header
        while continued and at + 4 <= size:
            length = int.from_bytes(data[at : at + 3], "little")
            continued = length == MAX_PACKET_PAYLOAD
            at += 4 + length
        return min(at, size)

    def feed(self, data: bytes) -> list[int]:
        """Give the command bytes of the packets that start in `data`; -1 for a packet without a payload.

        With two of those in a row it is `broken`, and looks at nothing any more: no client means it.
        """
        if self.broken:
            return []
        if self._head:
            data = self._head + data
            self._head = b""
        commands: list[int] = []
        at, size = self._skip, len(data)
        while at < size:
            if size - at < 4 or (size - at == 4 and not self._continued and data[at : at + 3] != b"\0\0\0"):
                self._head = data[at:]
                self._skip = 0
                return commands
            length = int.from_bytes(data[at : at + 3], "little")
            if not self._continued:
                commands.append(data[at + 4] if length else -1)
                if not length and data[at + 4 : at + 7] == b"\0\0\0":
                    self.broken = True
                    return commands
            self._continued = length == MAX_PACKET_PAYLOAD
            at += 4 + length
        self._skip = at - size
        return commands
