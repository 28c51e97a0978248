"""How much of a busy machine a process is given."""

import os
from pathlib import Path

_AUTOGROUP = Path("/proc/self/autogroup")


def set_nice(nice: int) -> None:
    """Give this process a nice value, -20 (first) to 19 (last); call it before other threads are started.

    Where the kernel groups processes by session (CONFIG_SCHED_AUTOGROUP, sched(7)), a thread's own nice value counts
    only inside its group: it is the group's that other programs feel. So a process that leads a session of its own,
    as all that warmfront starts do, sets that too.

    Raises PermissionError for a value that needs CAP_SYS_NICE.
    """
    os.setpriority(os.PRIO_PROCESS, 0, nice)
    if os.getsid(0) == os.getpid():
        try:
            _AUTOGROUP.write_text(str(nice))
        except PermissionError:
            raise
        except OSError:  # no such groups, a /proc that is only read, or EAGAIN: the threads' value is all there is
            return
