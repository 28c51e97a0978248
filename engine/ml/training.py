"""Training in a process of its own: fed from a snapshot, watched for its memory, ended by KILL within a moment."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil
import pyarrow as pa

from automl.errors import AutoMLError
from base.errors import SecondaryEngineError
from engine.ml.source import OpenSource
from engine.running.cancel import Running

_ROWS = 65536  # of one batch on its way to the worker
_LOOK = 0.2  # seconds between two looks at the worker's memory
_MOST_OF_MEMORY = 0.5  # of the machine's, where no limit is set
_SHOWN = ("metadata", "explanation", "seconds")

Step = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Trained:
    """A model in its container, with what the catalog shows of it."""

    data: bytes
    metadata: dict[str, Any]
    explanation: dict[str, Any]


class TrainingFailed(AutoMLError):
    """Training came upon something in the data; the catalog notes it."""

    sqlstate = "WFM02"


class _Killed:
    """The worker as something to interrupt."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def interrupt(self) -> None:
        """End it, and whatever it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


def memory_limit(configured: int) -> int:
    """Bytes that a worker may have resident; 0 for half of the machine's memory."""
    return configured or int(psutil.virtual_memory().total * _MOST_OF_MEMORY)


def train(sources: Sequence[OpenSource], order: dict[str, Any], running: Running, limit: int, told: Step) -> Trained:
    """Train on the rows of the first source and give the model; blocks, so call it from a thread.

    The other sources are tables that the options name. `order` has target and options; `told` is called with each
    step. Raises TrainingFailed for what the user can put right, SecondaryEngineError for a worker that ended badly,
    and the error that `running` was cancelled with.
    """
    described = [
        {"table": each.table, "columns": [[c.name, str(c.kind)] for c in each.columns], "facts": each.facts}
        for each in sources
    ]
    head = {**order, "sources": described}
    process = subprocess.Popen(
        [sys.executable, "-m", "engine.ml.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )
    killed = _Killed(process)
    watch = _Watch(process.pid, limit, killed.interrupt)
    try:
        with process:
            assert process.stdin
            assert process.stdout
            _feed(process.stdin, head, sources, running)
            running.attach(killed)
            watch.start()
            return _follow(process.stdout, running, watch, told)
    finally:
        killed.interrupt()
        running.detach()
        watch.stop()


def _feed(stream: IO[bytes], head: dict[str, Any], sources: Sequence[OpenSource], running: Running) -> None:
    """Send order and rows, source by source. A worker that has gone already says why on its own output."""
    with contextlib.suppress(BrokenPipeError):
        stream.write(json.dumps(head).encode() + b"\n")
        for opened in sources:
            reader = opened.batches(_ROWS)
            with pa.ipc.new_stream(stream, reader.schema) as writer:
                for batch in reader:
                    running.check()
                    writer.write_batch(batch)
        stream.close()


def _follow(stream: IO[bytes], running: Running, watch: "_Watch", told: Step) -> Trained:
    for line in stream:
        said = json.loads(line)
        if "progress" in said:
            told(said["progress"])
        elif "error" in said:
            raise TrainingFailed(said["error"])
        else:
            data = stream.read(said["done"])
            if len(data) == said["done"]:
                return Trained(data, said["metadata"], said["explanation"])
    running.check()
    if watch.exceeded:
        raise TrainingFailed(
            f"Training needed more than {watch.limit >> 20} MiB, which ml_memory_limit allows: use fewer rows or "
            "columns, or set it higher"
        )
    raise SecondaryEngineError("The process that trains ended before it was done; the engine's log may say why")


class _Watch:
    """Ends a process that has more memory than it may."""

    def __init__(self, pid: int, limit: int, end: Callable[[], None]) -> None:
        self.limit = limit
        self.exceeded = False
        self._pid = pid
        self._end = end
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="training-memory", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def _run(self) -> None:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self._pid)
            while not self._over.wait(_LOOK):
                if process.memory_info().rss > self.limit:
                    self.exceeded = True
                    self._end()
                    return
