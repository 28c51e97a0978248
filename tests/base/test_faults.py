"""Fault points: inert unless armed, and then at one place, once."""

import os
import signal

import pytest

from base import faults


@pytest.fixture(autouse=True)
def _disarmed():
    yield
    faults.disarm()


def test_nothing_happens_unless_armed():
    for step in faults.STEPS:
        faults.point("before", step)
        faults.point("after", step)


def test_an_armed_place_fails_once_at_its_turn():
    faults.arm("before apply:error:2")
    faults.point("before", "apply")
    faults.point("after", "apply")
    with pytest.raises(faults.InjectedFault, match="before apply"):
        faults.point("before", "apply")
    faults.point("before", "apply")


def test_a_crash_is_a_kill():
    if (pid := os.fork()) == 0:
        faults.arm("after file:crash")
        faults.point("after", "file")
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL


@pytest.mark.parametrize("text", ["", "before nothing:crash", "before apply", "before apply:explode"])
def test_what_names_no_fault_is_refused(text):
    with pytest.raises(ValueError, match="names no fault"):
        faults.arm(text)
