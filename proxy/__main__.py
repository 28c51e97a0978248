"""`python -m proxy DIR/run/settings.json [FILE]`: one proxy worker.

FILE is the number of an open file: the listening socket that all workers of an instance inherit.
"""

import asyncio
import logging
import signal
import socket
import sys

import uvloop

from base import log as logs
from base.errors import SettingsError
from base.settings import Settings
from proxy.server import Worker, listen


async def _serve(settings: Settings, inherited: list[socket.socket]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    worker = Worker(settings)
    listener = listen(settings)
    logging.getLogger("proxy").info("listening on %s port %d", *listener.getsockname()[:2])
    await worker.serve([listener, *inherited], stop)


def main() -> int:
    """Run one worker; gives the exit code."""
    if len(sys.argv) not in (2, 3):
        print("usage: python -m proxy DIR/run/settings.json [FILE]", file=sys.stderr)
        return 2
    try:
        settings = Settings.read(sys.argv[1])
        logs.setup(settings.log_level)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, [socket.socket(fileno=int(number)) for number in sys.argv[2:]]))
    except SettingsError as problem:
        print(f"warmfront proxy: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
