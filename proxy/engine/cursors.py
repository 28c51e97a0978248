"""Cursors of prepared statements that the engine has answered: the rows wait here, in a file without a name, for FETCH.

MySQL puts a cursor's rows into a temporary table when the statement is executed, and so do we: what the client does
between its fetches changes nothing, and an engine that stops takes nothing away. What is told is what MySQL and
MariaDB tell: CURSOR_EXISTS behind the columns and each fetch, LAST_ROW_SENT when fewer rows were left than asked for.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

from base.errors import MalformedPacket
from proxy.backend.answers import find_rows
from proxy.engine.link import EngineLink
from wire.constants import MAX_PACKET_PAYLOAD, Capability, Status
from wire.framing import build_packets
from wire.responses import Err, build_end_of_rows, parse_err

MOST = 64  # open cursors of a session
_LIMIT = 1 << 30  # bytes of a cursor's rows
_HEAD_LIMIT = 1 << 22  # bytes of column definitions
_PIECE = 1 << 18  # bytes that are written to the file, or sent, at a time
_ERR_LIMIT = 4 + 9 + 512  # bytes of an ERR packet of the engine's
_EOF = 4 + 5  # bytes of the packet between definitions and rows


class Cursor:
    """The rows of one execution: a sink of the engine's answer first, then read in pieces."""

    def __init__(self, folder: Path, capabilities: int) -> None:
        self._folder = folder
        self._capabilities = capabilities
        self._file: IO[bytes] | None = None
        self._kept = bytearray()  # what is not in the file, later what was read of it and not yet sent
        self._size = 0
        self._writing: asyncio.Future[None] | None = None
        self._link: EngineLink | None = None
        self._head = b""  # count and definitions
        self._last = b""  # the last bytes of the answer
        self._continued = False  # the packet sent last is not the end of its row
        self._over = False
        self.started = False  # nothing of the rows has gone to the client
        self.whole = False  # all rows are here
        self.error: Err | None = None
        self.failed = False  # it cannot be kept

    def attach(self, link: EngineLink) -> None:
        """Name the connection whose bytes will be taken."""
        self._link = link

    def take(self, data: bytes) -> None:
        """Take the next bytes of the answer."""
        if self.error or self.failed:
            return
        self._kept += data
        self._last = (self._last + data)[-_ERR_LIMIT:]
        if not self._head:
            at, self.error = find_rows(bytes(self._kept), self._capabilities)
            if at < 0 or self.error:
                if len(self._kept) > _HEAD_LIMIT:
                    self._fail()
                return
            self._head = bytes(self._kept[: at if self._capabilities & Capability.DEPRECATE_EOF else at - _EOF])
            del self._kept[:at]
        if len(self._kept) >= _PIECE and self._writing is None:
            self._write()

    def _write(self) -> None:
        """Let a thread write what has come, and the engine wait for it."""
        assert self._link
        self._size += len(self._kept)
        if self._size > _LIMIT:
            self._fail()
            return
        if self._link.transport:
            self._link.transport.pause_reading()
        self._writing = asyncio.get_running_loop().run_in_executor(None, self._append, bytes(self._kept))
        self._writing.add_done_callback(self._written)
        self._kept.clear()

    def _append(self, data: bytes) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
        self._file.write(data)
        self._file.flush()

    def _written(self, done: "asyncio.Future[None]") -> None:
        self._writing = None
        if done.cancelled() or done.exception():
            self._fail()  # the disk is full, or the like: the backend has its own
        elif self._link and self._link.transport and not self._link.transport.is_closing():
            self._link.transport.resume_reading()

    def _fail(self) -> None:
        self.failed = True
        if self._link:
            self._link.close()

    async def finish(self) -> None:
        """Make ready for fetches when the answer is whole."""
        if self._writing:
            await asyncio.wait([self._writing])
        if self._file and not self.failed:
            try:
                await asyncio.get_running_loop().run_in_executor(None, self._append, bytes(self._kept))
                self._file.seek(0)
            except OSError:
                self.failed = True
            self._kept.clear()
        if self._link and self._link.failed and not self.error:
            self.error = _last_err(self._last)
        self.whole = bool(self._head) and not self.failed and not self.error
        self._link = None

    def opened(self, columns: int, status: Status) -> bytes:
        """The answer to the execution."""
        end = build_end_of_rows(status | Status.CURSOR_EXISTS, 0, self._capabilities)
        return self._head + build_packets(end, columns + 2 & 0xFF)

    async def packets(self, most: int) -> AsyncIterator[tuple[int, bytes]]:
        """Give packets of the next rows, `most` at most, numbered from 1, with how many they are.

        Raises MalformedPacket when there are fewer rows than the engine has told of.
        """
        sequence = 1
        while most and not self._over:
            data, packets, rows = self._cut(most, sequence)
            if packets:
                sequence += packets
                most -= rows
                yield packets, data
            elif not self._over:
                await self._read()

    async def _read(self) -> None:
        data = await asyncio.get_running_loop().run_in_executor(None, self._file.read, _PIECE) if self._file else b""
        if not data:
            raise MalformedPacket("the rows of a cursor")
        self._kept += data

    def _cut(self, most: int, sequence: int) -> tuple[bytes, int, int]:
        """Take packets off what was read, numbered anew; gives them, how many they are, and how many rows end."""
        kept = self._kept
        at = packets = rows = 0
        while rows < most and at + 5 <= len(kept):
            length = int.from_bytes(kept[at : at + 3], "little")
            if not self._continued and kept[at + 4] == 0xFE:
                self._over = True
                break
            if at + 4 + length > len(kept):
                break
            kept[at + 3] = (sequence + packets) & 0xFF
            at += 4 + length
            packets += 1
            self._continued = length == MAX_PACKET_PAYLOAD
            rows += not self._continued
        data = bytes(kept[:at])
        del kept[:at]
        return data, packets, rows

    def close(self) -> None:
        """Let go of the rows: their session has ended."""
        self._kept.clear()
        if self._file:
            self._file.close()

    @property
    def over(self) -> bool:
        """Tell whether the client has been told of the end."""
        return self._over


def _last_err(data: bytes) -> Err | None:
    """Read the ERR packet with which these bytes end."""
    for at in range(len(data) - 4):
        if data[at + 4] == 0xFF and int.from_bytes(data[at : at + 3], "little") == len(data) - at - 4:
            return parse_err(data[at + 4 :])
    return None
