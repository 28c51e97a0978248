"""Packets of one connection while it is set up: awaited one by one, with sequence numbers of its own.

Until it is known whether TLS comes, bytes are read from the bare socket, exactly as many as the packet has:
what follows a TLS request then lies untouched in the socket and can only become part of the TLS handshake.
"""

import asyncio
import socket
from typing import cast

from base.errors import BadHandshake, PacketsOutOfOrder, PacketTooLarge
from wire.framing import PacketReader, build_packets

LOGIN_LIMIT = 1 << 17  # bytes; connection attributes are 64 KiB at most


class Gone(Exception):
    """The peer closed the connection, or it broke."""


async def read_exactly(loop: asyncio.AbstractEventLoop, sock: socket.socket, size: int) -> bytes:
    """Read `size` bytes from a non-blocking socket and not one more. Raises Gone."""
    out = b""
    while len(out) < size:
        try:
            part = await loop.sock_recv(sock, size - len(out))
        except OSError as problem:
            raise Gone from problem
        if not part:
            raise Gone
        out += part
    return out


async def read_first_packet(loop: asyncio.AbstractEventLoop, sock: socket.socket, header: bytes = b"") -> bytes:
    """Read one packet from a bare socket, `header` of it known; gives its payload.

    Raises PacketTooLarge, BadHandshake and Gone.
    """
    header = header or await read_exactly(loop, sock, 4)
    length = int.from_bytes(header[:3], "little")
    if length > LOGIN_LIMIT:
        raise PacketTooLarge
    if not length:
        raise BadHandshake
    return await read_exactly(loop, sock, length)


class PacketPipe(asyncio.Protocol):
    """One side during the connection phase. `sequence` is the number of the next packet, either way.

    `bell` rings when something has come; the two sides of a login share one.
    """

    def __init__(self, sequence: int, bell: asyncio.Event) -> None:
        self.sequence = sequence
        self.transport: asyncio.Transport | None = None
        self.lost = False
        self._reader = PacketReader(LOGIN_LIMIT)
        self._paused = False
        self.bell = bell

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own classes do not say so

    def data_received(self, data: bytes) -> None:
        """Collect bytes and ring the bell."""
        self._reader.feed(data)
        if self._reader.buffered > LOGIN_LIMIT + 4 and self.transport:
            self._paused = True
            self.transport.pause_reading()
        self.bell.set()

    def _read_on(self) -> None:
        self._paused = False
        if self.transport and not self.transport.is_closing():
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Remember the end and ring the bell."""
        self.lost = True
        self.bell.set()

    def try_read(self) -> bytes | None:
        """Give the next payload if it has come. Raises PacketsOutOfOrder."""
        payload = self._reader.next_payload()
        if payload is None:
            if self._paused:
                self._read_on()
            return None
        if self._reader.sequence != (self.sequence + 1) & 0xFF:
            raise PacketsOutOfOrder
        self.sequence = self._reader.sequence
        return payload

    async def read(self) -> bytes:
        """Wait for the next payload. Raises Gone."""
        while (payload := self.try_read()) is None:
            if self.lost:
                raise Gone
            self.bell.clear()
            await self.bell.wait()
        return payload

    def write(self, payload: bytes) -> None:
        """Send a payload as the next packet."""
        if self.transport and not self.lost:
            self.transport.write(build_packets(payload, self.sequence))
            self.sequence = (self.sequence + 1) & 0xFF

    def take_rest(self) -> bytes:
        """Hand over the bytes that came after the last payload read; more come from now on."""
        if self._paused:
            self._read_on()
        return self._reader.take_rest()
