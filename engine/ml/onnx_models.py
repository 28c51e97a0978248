"""ONNX models, each in a process of its own that can be ended: for its memory, its time, or to make room for another.

A process that has gone is started anew when its model is asked again.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from automl.errors import AutoMLError
from automl.onnx import tensors
from automl.onnx.model import Runs
from automl.onnx.ports import Ports, port_from
from automl.onnx.tensors import Tensor

T = TypeVar("T")
_MOST = 4  # processes at once
_SECONDS = 120.0  # that one run may take, or reading the file


class _Ended(AutoMLError):
    """The process has gone by itself."""


class OnnxModels:
    """Opens models. `memory` is what a process may have, in bytes. Safe to use from several threads."""

    def __init__(self, memory: int, seconds: float = _SECONDS) -> None:
        self.memory = memory
        self.seconds = seconds
        self._alive: OrderedDict[int, weakref.ref[_InProcess]] = OrderedDict()
        self._lock = threading.RLock()  # a model that goes while it is held takes it once more

    def open(self, data: bytes) -> Runs:
        """Start a process with a model. Raises AutoMLError, BadModel among them."""
        made = _InProcess(data, self)
        try:
            made.start()
        except BaseException:
            made.close()
            raise
        return made

    def used(self, model: "_InProcess") -> None:
        """Note that a model was asked; the process of the one unused for longest gives way."""
        with self._lock:
            self._alive[id(model)] = weakref.ref(model)
            self._alive.move_to_end(id(model))
            for key, kept in list(self._alive.items())[: max(0, len(self._alive) - _MOST)]:
                other = kept()
                if other is None or other.rest():
                    self._alive.pop(key, None)

    def forget(self, model: "_InProcess") -> None:
        """A model is not needed any more."""
        with self._lock:
            self._alive.pop(id(model), None)

    def close(self) -> None:
        """End all processes."""
        for kept in list(self._alive.values()):
            if (model := kept()) is not None:
                model.close()


class _InProcess:
    """A model and the process that runs it, while there is one."""

    def __init__(self, data: bytes, models: OnnxModels) -> None:
        self._data = data
        self._models = models
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._ports: Ports | None = None

    @property
    def ports(self) -> Ports:
        """What goes in and out."""
        assert self._ports
        return self._ports

    def start(self) -> None:
        """Start the process. Raises AutoMLError."""
        with self._lock:
            self._started()

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Give the outputs. Raises AutoMLError."""
        with self._lock:
            before = self._process
            try:
                return self._ask(feeds)
            except _Ended:
                if before is None:
                    raise
                return self._ask(feeds)  # it may have gone while nobody asked

    def _ask(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        into, out = self._started()

        def ask() -> dict[str, Tensor]:
            tensors.write(into, feeds)
            _read(out)
            return tensors.read(out, out.readline())

        return self._within(ask)

    def rest(self) -> bool:
        """End the process; False when it is at work."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self._end()
            return True
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the process, at work or not."""
        self._models.forget(self)
        self._end()

    def __del__(self) -> None:
        self.close()

    def _started(self) -> tuple[BinaryIO, BinaryIO]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "engine.ml.onnx_worker", str(self._models.memory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=Path(__file__).parents[2],
                start_new_session=True,
            )
            into, out = _pipes(self._process)

            def send() -> dict[str, Any]:
                into.write(len(self._data).to_bytes(8, "little"))
                into.write(self._data)
                into.flush()
                return _read(out)

            said = self._within(send)
            self._ports = Ports(*(tuple(port_from(each) for each in said[key]) for key in ("inputs", "outputs")))
        self._models.used(self)
        return _pipes(self._process)

    def _within(self, act: Callable[[], T]) -> T:
        """Do something with the process while its time runs. Raises AutoMLError."""
        late = threading.Event()

        def end() -> None:
            late.set()
            self._kill()

        timer = threading.Timer(self._models.seconds, end)
        timer.daemon = True
        timer.start()
        try:
            return act()
        except (OSError, ValueError, EOFError) as problem:  # pyarrow's errors are such
            self._end()
            if late.is_set():
                raise AutoMLError(
                    f"The model took longer than {self._models.seconds:g} seconds and was stopped: ask for fewer rows."
                ) from None
            raise _Ended(
                "The process of the model ended before it was done: it needs more memory than ml_memory_limit allows, "
                "or has stopped onnxruntime."
            ) from problem
        except AutoMLError:
            raise
        finally:
            timer.cancel()

    def _kill(self) -> None:
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                assert pipe
                pipe.close()
        process.wait()


def _pipes(process: "subprocess.Popen[bytes]") -> tuple[BinaryIO, BinaryIO]:
    assert process.stdin
    assert process.stdout
    return process.stdin, process.stdout  # type: ignore[return-value]


def _read(out: BinaryIO) -> dict[str, Any]:
    line = out.readline()
    if not line:
        raise EOFError
    said: dict[str, Any] = json.loads(line)
    if "error" in said:
        raise AutoMLError(said["error"])
    return said
