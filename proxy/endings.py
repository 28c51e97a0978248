"""How a connection ends: when what was written has gone out, or cut off as the other side was."""

import asyncio
import socket
from struct import pack

_UNREAD = 60.0  # seconds that the last bytes may wait for their reader, MySQL's net_write_timeout
_AT_ONCE = pack("ii", 1, 0)  # of SO_LINGER: closing resets the connection


def end(transport: asyncio.Transport) -> None:
    """Close when what was written has gone out, or when nobody has taken it for as long as MySQL waits."""
    transport.close()
    if transport.get_write_buffer_size():
        asyncio.get_running_loop().call_later(_UNREAD, transport.abort)


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
