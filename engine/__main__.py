"""`python -m engine DIR/run/settings.json`: the engine process."""

import logging
import sys

from base import imports
from base import log as logs
from base.priority import set_nice
from base.settings import Settings
from base.traces import write_on_signal
from engine.warm import choose_cache


def main() -> int:
    """Run the engine; gives the exit code."""
    settings = Settings.read(sys.argv[1])
    logs.setup(settings.log_level)
    write_on_signal()
    _take_priority(settings.engine_nice)
    choose_cache(settings.paths.data_dir)
    with imports.at_start():
        from engine.process import run  # kernels are compiled, or read from their cache, when this is imported

    run(settings)
    return 0


def _take_priority(nice: int) -> None:
    if nice == 0:
        return
    try:
        set_nice(nice)
    except PermissionError:
        logging.getLogger("engine").warning(
            "engine_nice = %d is not allowed to this user: run as root, give the service CAP_SYS_NICE, or choose 0 or "
            "more; the engine goes on with its usual share of the processors",
            nice,
        )


if __name__ == "__main__":
    sys.exit(main())
