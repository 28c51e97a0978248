"""`python -m engine DIR/run/settings.json`: the engine process."""

import sys

from base import log as logs
from base.settings import Settings
from engine.warm import choose_cache


def main() -> int:
    """Run the engine; gives the exit code."""
    settings = Settings.read(sys.argv[1])
    logs.setup(settings.log_level)
    choose_cache(settings.paths.data_dir)
    from engine.process import run  # kernels are compiled, or read from their cache, when this is imported

    run(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
