"""A client's connection that is compressed after its login, under a transport that looks like any other.

Only this line is compressed: the backend is asked for plain packets, so that the relay, which has to follow them, sees
the same bytes for every client.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from base.errors import MalformedPacket
from wire.compression import Codec
from wire.framing import build_packets
from wire.numbering import Numbering
from wire.responses import build_err

_PIECE = 1 << 16  # plain bytes that are handed over at once


class _Unpacking(asyncio.Protocol):
    """Stands between the real transport and a protocol: its bytes decompressed, its other events as they are."""

    def __init__(self, take: Callable[[bytes], None], protocol: asyncio.Protocol) -> None:
        self._take = take
        self._protocol = protocol

    def data_received(self, data: bytes) -> None:
        """Decompress."""
        self._take(data)

    def eof_received(self) -> bool | None:
        """Pass the end of file on."""
        return self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass the end on."""
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass it on that the client does not read."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on that the client reads again."""
        self._protocol.resume_writing()


class CompressedTransport(asyncio.Transport):
    """Compresses what is written and hands decompressed bytes to the protocol that is set."""

    def __init__(self, inner: asyncio.Transport, codec: Codec, early: bytes) -> None:
        """Wrap a transport; `early` are bytes of the client that were read with its login."""
        super().__init__()
        self._inner = inner
        self.codec = codec
        self._numbering = Numbering()
        self._early = early
        self._protocol: asyncio.Protocol | None = None
        self._outer, self._rest = 0, memoryview(b"")  # of a packet: its number, and what was not handed over yet
        self._paused = False
        self._goes_on = False  # more of what has come is about to be decompressed

    def get_extra_info(self, name: str, default: object = None) -> object:
        """What the line below tells."""
        return self._inner.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Give the bytes from now on to a session's side, beginning with those that have come already."""
        self._protocol = cast(asyncio.Protocol, protocol)  # a session's side has no base that says so
        self._inner.set_protocol(_Unpacking(self._take, self._protocol))
        early, self._early = self._early, b""
        if early:
            self._take(early)

    def _take(self, data: bytes) -> None:
        self.codec.feed(data)
        if not self._goes_on and not self._paused:
            self._hand_over()

    def _hand_over(self) -> None:
        """Decompress a piece, and leave the rest for the next turn: 16 KiB may stand for 16 MiB, many times over."""
        assert self._protocol
        parts: list[bytes] = []
        size = 0
        try:
            while size < _PIECE:
                if not self._rest:
                    packet = self.codec.next_packet()
                    if packet is None:
                        break
                    self._outer, self._rest = packet[0], memoryview(packet[1])
                part, self._rest = self._rest[: _PIECE - size], self._rest[_PIECE - size :]
                size += len(part)
                parts.append(self._numbering.rewrite(bytes(part), self._outer))
        except MalformedPacket as problem:
            self.write(build_packets(build_err(problem.number, problem.sqlstate, str(problem)), 0))
            self._inner.close()
            return
        if size >= _PIECE:
            self._inner.pause_reading()
            self._schedule()
        if plain := b"".join(parts):
            self._protocol.data_received(plain)

    def _schedule(self) -> None:
        if not self._goes_on:
            self._goes_on = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._goes_on = False
        if self._paused or self._inner.is_closing():
            return
        self._hand_over()
        if not self._goes_on and not self._paused and not self._inner.is_closing():
            self._inner.resume_reading()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send plain bytes compressed."""
        if len(data):
            self._numbering.follow(data)
            self._inner.write(self.codec.pack(data))

    def close(self) -> None:
        """Close after what was written has gone out."""
        self._inner.close()

    def abort(self) -> None:
        """Close at once."""
        self._inner.abort()

    def get_write_buffer_size(self) -> int:
        """Bytes that are still to go out, compressed."""
        return self._inner.get_write_buffer_size()

    def is_closing(self) -> bool:
        """Tell whether the connection ends."""
        return self._inner.is_closing()

    def pause_reading(self) -> None:
        """Let the client wait."""
        self._paused = True
        self._inner.pause_reading()

    def resume_reading(self) -> None:
        """Read again, first what has come already."""
        self._paused = False
        self._schedule()
