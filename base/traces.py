"""Have a process write where each of its threads is into its log, when it is sent a signal."""

import faulthandler
import signal

TRACE = signal.SIGUSR2


def write_on_signal() -> None:
    """From now on TRACE writes the stacks of all threads to standard error, whoever holds the interpreter."""
    faulthandler.register(TRACE, all_threads=True)
