"""The process that trains one model: the order and the rows come in, progress and the finished model go out.

Standard input: a line of JSON, then an Arrow IPC stream for each source. Standard output: lines of JSON with
`progress`, the last one with `done`, the container's size in bytes, which follow it; or with `error`, which the user
is shown.
"""

import dataclasses
import json
import os
import sys
import time
import traceback
from typing import Any, BinaryIO

import pyarrow as pa

from automl import api
from automl.table.source import Column, Kind, Source
from engine.ml import working

_NICE = 10


def main() -> int:
    """Train what standard input says."""
    out = working.begin()
    os.nice(_NICE)  # not its session's: beside five busy ones a budget of seconds would give it nothing
    began = time.monotonic()
    try:
        order, (source, *others) = _read(sys.stdin.buffer)
        options = api.read_options(order["options"])
        tables = {other.table: other for other in others}
        model = api.train(
            source,
            order["target"],
            options,
            lambda step: working.say(out, {"progress": _plain(step)}),
            tables,
            order["called"],
        )
        metadata, explanation = model.metadata(), model.explanation()
        data = model.to_bytes()
    except api.AutoMLError as error:
        working.say(out, {"error": str(error)})
        return 1
    except MemoryError:
        working.say(out, {"error": "There is not enough memory for training: use fewer rows or columns"})
        return 1
    except Exception as error:
        traceback.print_exc()
        working.say(
            out, {"error": f"Training failed inside ({type(error).__name__}: {error}); the engine's log has more"}
        )
        return 1
    done = {"done": len(data), "metadata": metadata, "explanation": explanation, "seconds": time.monotonic() - began}
    working.say(out, done)
    out.write(data)
    out.flush()
    return 0


def _read(stream: BinaryIO) -> tuple[dict[str, Any], list[Source]]:
    order = json.loads(stream.readline())
    return order, [_source(stream, described) for described in order["sources"]]


def _source(stream: BinaryIO, described: dict[str, Any]) -> Source:
    with pa.ipc.open_stream(stream) as reader:
        rows = reader.read_all()
    columns = tuple(Column(name, Kind(kind)) for name, kind in described["columns"])
    return Source(described["table"], columns, rows.rename_columns([c.name for c in columns]), described["facts"])


def _plain(step: Any) -> Any:
    return dataclasses.asdict(step) if dataclasses.is_dataclass(step) and not isinstance(step, type) else step


if __name__ == "__main__":
    sys.exit(main())
