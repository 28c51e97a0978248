"""Bytes carried between two connections by the kernel of the system, with no Python in between.

What the column store reads of stores and web servers comes by here: a gigabyte a second, and Python's lock is not held.
"""

import fcntl
import os
import select
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numba
import numpy as np
from numba import types

_INT, _SIZE, _FLAGS, _ENDS = types.int32, types.uint64, types.uint32, types.int32[::1]
_compiled: Callable[[Any], Any] = numba.njit(types.int64(_ENDS, _ENDS, _INT), cache=True, nogil=True)
_poll: Any = types.ExternalFunction("poll", _INT(types.voidptr, _SIZE, _INT))
_splice: Any = types.ExternalFunction("splice", types.int64(_INT, _SIZE, _INT, _SIZE, _SIZE, _FLAGS))
_shutdown: Any = types.ExternalFunction("shutdown", _INT(_INT, _INT))

_PIECE = 1 << 20  # bytes that are carried together, if the system lets a pipe hold as many
_F_SETPIPE_SZ = 1031
_MOVE = 1  # SPLICE_F_MOVE
_NOWHERE = np.uint64(0)  # no offset: these are no files
_IN = select.POLLIN


@_compiled
def _carried(ends: Any, pipe: Any, patience: Any) -> Any:
    """Carry what comes at each of two descriptors to the other, until both have ended; give the number of bytes.

    It ends as well when one fails, or nothing comes at either for `patience` milliseconds.
    """
    asked = np.empty(4, np.int32)  # two of struct pollfd: a descriptor, and what is asked and told in 16 bits each
    asked[0], asked[2] = ends[0], ends[1]
    total, are_open = 0, 2
    while are_open:
        asked[1] = asked[3] = _IN
        if _poll(asked.ctypes, np.uint64(2), patience) <= 0:
            return total
        for at in range(2):
            if asked[2 * at] < 0 or not asked[2 * at + 1] >> 16:
                continue
            left = _splice(ends[at], _NOWHERE, pipe[1], _NOWHERE, np.uint64(_PIECE), np.uint32(_MOVE))
            if left < 0:
                return total
            if left == 0:
                _shutdown(ends[1 - at], np.int32(socket.SHUT_WR))
                asked[2 * at] = -1  # which poll passes over
                are_open -= 1
            while left > 0:
                gone = _splice(pipe[0], _NOWHERE, ends[1 - at], _NOWHERE, np.uint64(left), np.uint32(_MOVE))
                if gone <= 0:
                    return total
                left -= gone
                total += gone
    return total


def carry(one: socket.socket, other: socket.socket, patience: float) -> None:
    """Carry bytes both ways until both sides have ended, one fails, or nothing moves for `patience` seconds."""
    with suppress(OSError):  # no descriptor is left
        pipe = os.pipe()
        try:
            with suppress(OSError):  # more than a user may have in pipes: they hold less then
                fcntl.fcntl(pipe[1], _F_SETPIPE_SZ, _PIECE)
            for end in (one, other):
                end.settimeout(None)  # of Python's own: what it means is that the descriptor blocks
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(patience), 0))
            ends = np.array([one.fileno(), other.fileno()], np.int32)
            _carried(ends, np.array(pipe, np.int32), int(patience * 1000))
        finally:
            os.close(pipe[0])
            os.close(pipe[1])
