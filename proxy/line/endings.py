"""How a connection ends: when what was written has gone out, or cut off as the other side was."""

import asyncio
import socket
from collections.abc import Callable
from struct import pack

_UNREAD = 60.0  # seconds that the last bytes may wait for their reader, MySQL's net_write_timeout
_LISTENS = 2.0  # seconds for which who sends nothing more is thought to wait for an answer, and not to have gone
_STUCK = 3600.0  # seconds that a client may take nothing of an answer: more than net_write_timeout is set to
_AT_ONCE = pack("ii", 1, 0)  # of SO_LINGER: closing resets the connection


def end_if_stuck(sock: socket.socket, seconds: float = _STUCK) -> None:
    """Let the system end a TCP connection whose other side has taken nothing of what waits for it for so long.

    The server ends its own by net_write_timeout, behind bytes that we do not read while our client does not.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


def end(transport: asyncio.Transport) -> None:
    """Close when what was written has gone out, or when nobody has taken it for as long as MySQL waits."""
    transport.close()
    if transport.get_write_buffer_size():
        asyncio.get_running_loop().call_later(_UNREAD, transport.abort)


def abort_later(transport: asyncio.Transport, still: Callable[[], bool]) -> None:
    """Cut a client off that has sent its end, if what it waits for is still under way after a while.

    One that listens on looks like one that closed, until something is written to it.
    """

    def abort() -> None:
        if still() and not transport.is_closing():
            transport.abort()

    asyncio.get_running_loop().call_later(_LISTENS, abort)


def reset(transport: asyncio.Transport) -> None:
    """Reset a connection, unless there is something to go out first.

    MariaDB resets that of a client which was idle for longer than wait_timeout: its next command then fails as it is
    sent (error 2006), where behind a plain end the answer would be missed (2013).
    """
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family == socket.AF_UNIX or transport.get_write_buffer_size():
        end(transport)
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()
