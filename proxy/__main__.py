"""`python -m proxy DIR/run/settings.json`: one proxy worker."""

import asyncio
import logging
import signal
import sys

import uvloop

from base import log as logs
from base.errors import SettingsError
from base.settings import Settings
from proxy.server import Worker, listen


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    worker = Worker(settings)
    listener = listen(settings)
    logging.getLogger("proxy").info("listening on %s port %d", *listener.getsockname()[:2])
    await worker.serve(listener, stop)


def main() -> int:
    """Run one worker; gives the exit code."""
    if len(sys.argv) != 2:
        print("usage: python -m proxy DIR/run/settings.json", file=sys.stderr)
        return 2
    try:
        settings = Settings.read(sys.argv[1])
        logs.setup(settings.log_level)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings))
    except SettingsError as problem:
        print(f"warmfront proxy: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
