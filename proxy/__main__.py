"""`python -m proxy DIR/run/settings.json [--instead-of PID] [FILE]`: one proxy worker.

FILE is the number of an open file: the listening socket that all workers of an instance inherit. PID is a worker that
this one replaces: as soon as this one listens, SIGUSR1 tells that one to take no more clients and to end with its last.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys

import uvloop

from base import log as logs
from base.errors import SettingsError
from base.settings import Settings
from proxy.server import Server, listen


async def _serve(settings: Settings, inherited: list[socket.socket], before: int | None) -> None:
    stop, drain = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, drain.set)
    server = Server(settings)
    await server.hear(stop)
    listener = listen(settings)
    logging.getLogger("proxy").info("listening on %s port %d", *listener.getsockname()[:2])
    if before:
        with contextlib.suppress(ProcessLookupError):
            os.kill(before, signal.SIGUSR1)
    await server.serve([listener, *inherited], stop, drain)


def main() -> int:
    """Run one worker; gives the exit code."""
    path, *rest = sys.argv[1:] or [""]
    before = int(rest[1]) if rest[:1] == ["--instead-of"] else None
    files = [int(number) for number in rest[2 if before else 0 :]]
    if not path or len(files) > 1:
        print("usage: python -m proxy DIR/run/settings.json [--instead-of PID] [FILE]", file=sys.stderr)
        return 2
    try:
        settings = Settings.read(path)
        logs.setup(settings.log_level)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, [socket.socket(fileno=number) for number in files], before))
    except SettingsError as problem:
        print(f"warmfront proxy: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
