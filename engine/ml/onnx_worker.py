"""The process that runs one ONNX model: the file comes in, then tensors for tensors, until the engine closes it.

Standard input: the file's length as 8 bytes, the file, then tensors again and again (`automl.onnx.tensors`). Standard
output: a line of JSON with `ports` or `error`; for each run a line with `error`, or one with `rows` and the outputs.
Nothing that a model is made of is read anywhere else, and this process may write no file.
"""

import contextlib
import resource
import sys
from typing import BinaryIO

from automl.errors import AutoMLError
from automl.onnx import tensors
from automl.onnx.session import Session
from engine.ml import working

_OF_LIBRARIES = 2 << 30  # bytes of addresses that libraries and threads take, and no memory


def main() -> int:
    """Run the model that standard input brings."""
    out = working.begin()
    stream = sys.stdin.buffer
    _limit(int(sys.argv[1]))
    try:
        session = Session(_file(stream))
    except AutoMLError as error:
        working.say(out, {"error": str(error)})
        return 1
    except MemoryError:
        working.say(out, {"error": "The model needs more memory than ml_memory_limit allows."})
        return 1
    ports = session.ports
    working.say(
        out, {"inputs": [each.plain() for each in ports.inputs], "outputs": [each.plain() for each in ports.outputs]}
    )
    while line := stream.readline():
        given = tensors.read(stream, line)
        try:
            found = session.run(given)
        except AutoMLError as error:
            working.say(out, {"error": str(error)})
            continue
        except MemoryError:
            working.say(out, {"error": "The model needs more memory for these rows than ml_memory_limit allows."})
            continue
        working.say(out, {})
        tensors.write(out, found)
    return 0


def _file(stream: BinaryIO) -> bytes:
    return stream.read(int.from_bytes(stream.read(8), "little"))


def _limit(memory: int) -> None:
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (memory + _OF_LIBRARIES, memory + _OF_LIBRARIES))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main())
