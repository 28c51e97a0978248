"""A stopped process is told from one that works and one that waits."""

import os
import signal
import subprocess
import sys
import time

from base.pulse import Pulse


def test_own_work_is_seen() -> None:
    pulse = Pulse(os.getpid())
    deadline = time.process_time() + 0.05
    while time.process_time() < deadline:
        pass
    assert pulse.beats()
    assert not pulse.stopped


def test_stopped_and_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"], stdout=-1)
    try:
        assert child.stdout
        child.stdout.readline()
        pulse = Pulse(child.pid)
        assert not pulse.stopped
        child.send_signal(signal.SIGSTOP)
        deadline = time.monotonic() + 10
        while not pulse.stopped:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        pulse.beats()
        assert not pulse.beats()
    finally:
        child.kill()
        child.communicate()
    assert not pulse.stopped  # nothing is known of a process that is no more
    assert not pulse.beats()
