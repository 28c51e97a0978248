"""What the column store's HTTP client takes from the environment: by which way it connects.

curl asks for these variables at every request, and no setting of DuckDB's does the same: its own `http_proxy` takes
proxies of HTTP only, which are told where a connection goes to for https:// alone.
"""

import ctypes
from contextlib import ExitStack

_libc = ctypes.CDLL(None)
_libc.getenv.restype = ctypes.c_char_p
_WAY = b"all_proxy"
_OTHERS = tuple(
    name.encode()
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
)


def leading_by(proxy: str) -> ExitStack:
    """Lead every connection of curl's in this process by a proxy; what was there is back when the stack is closed.

    Of the process, not of Python: `os.environ` and what Python's libraries take from it stay as they are.
    """
    led = ExitStack()
    for name, value in {_WAY: proxy.encode(), **dict.fromkeys(_OTHERS)}.items():
        led.callback(_put, name, _libc.getenv(name))
        _put(name, value)
    return led


def _put(name: bytes, value: bytes | None) -> None:
    if value is None:
        _libc.unsetenv(name)
    else:
        _libc.setenv(name, value, 1)
