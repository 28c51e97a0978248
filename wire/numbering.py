"""Sequence numbers of the packets inside compressed ones. Sans-IO."""

from base.errors import MalformedPacket
from wire.constants import MAX_PACKET_PAYLOAD


class Numbering:
    """Numbers a client's packets anew: servers do not look at these, and some clients leave them all at 0.

    A server that is spoken to without compression does look. `outer` is the compressed packet's own number, which
    is 0 where a command begins.
    """

    def __init__(self) -> None:
        self._skip = 0  # bytes of the client's packet under way still to come
        self._head = b""  # the beginning of a header
        self._continued = False
        self._number = 0
        self._replied = False
        self._server_skip = 0
        self._server_head = b""
        self._last = 0  # the server's last number

    def rewrite(self, data: bytes, outer: int) -> bytes:
        """Number the packets that begin in a compressed packet's content.

        Raises MalformedPacket where empty ones follow each other: four million of them may come in 16 KiB.
        """
        out = bytearray(self._head + data)
        at, self._head = self._skip, b""
        while at + 4 <= len(out):
            length = int.from_bytes(out[at : at + 3], "little")
            if not length and out[at + 4 : at + 7] == b"\0\0\0":
                raise MalformedPacket("empty packet")
            self._number = self._next(outer)
            out[at + 3] = self._number
            self._continued = length == MAX_PACKET_PAYLOAD
            at += 4 + length
        if at < len(out):
            self._head, self._skip = bytes(out[at:]), 0
            del out[at:]
        else:
            self._skip = at - len(out)
        return bytes(out)

    def _next(self, outer: int) -> int:
        if not self._continued and not outer:
            self._replied = False
            return 0
        if self._replied:  # a local file, or a password, that the server has asked for
            self._replied = False
            return (self._last + 1) & 0xFF
        return (self._number + 1) & 0xFF

    def follow(self, data: bytes | bytearray | memoryview) -> None:
        """See what the server answers."""
        self._replied = True
        whole = self._server_head + bytes(data)
        at, size = self._server_skip, len(whole)
        while at + 4 <= size:
            self._last = whole[at + 3]
            at += 4 + int.from_bytes(whole[at : at + 3], "little")
        self._server_head, self._server_skip = (whole[at:], 0) if at < size else (b"", at - size)
