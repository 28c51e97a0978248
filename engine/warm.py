"""Compile every kernel once, or load it from the cache: `python -m engine.warm` at installation.

Compiling takes 80 seconds of processor time in all, which no client should have to wait for.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from base import imports


def choose_cache(data_dir: Path) -> None:
    """Give compiled kernels a folder in the data dir when neither the package nor the user's home can keep them.

    Numba asks when a kernel's module is imported: call this before.
    """
    package = Path(__file__).parent / "results"
    kept = package / "__pycache__"
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    if not any(_can_write(place) for place in (kept if kept.exists() else package, home)):
        os.environ.setdefault("NUMBA_CACHE_DIR", str(data_dir / "store" / "kernels"))


def _can_write(place: Path) -> bool:
    while not place.exists():
        place = place.parent
    return os.access(place, os.W_OK)


def warm_results() -> None:
    """The kernels that write rows have fixed types: they are compiled when they are imported."""
    import engine.results.encoder
    import engine.results.lines  # noqa: F401


def warm_loads() -> None:
    """Read no rows of one column."""
    import numpy as np
    import pyarrow as pa

    from engine.load import kernels
    from engine.store.presence import byte_presence

    data, places, offsets = np.zeros(8, np.uint8), np.zeros(1, np.int64), np.zeros(1, np.int32)
    matrix, valid = np.zeros((1, 1), np.int64), np.zeros((1, 1), np.uint8)
    kernels.frame_rows(data, 0, 0, places, places, 0)
    kernels.slice_rows(data, places, places, 0, places, places, matrix, matrix, valid, np.zeros(3, np.int64))
    kernels.gather(data, matrix[0], offsets, data)
    byte_presence(pa.array(["a "]))


def warm_changes() -> None:
    """Decode one row image of every type."""
    from engine.replicate.decode import warm_up

    warm_up()


def warm_images() -> None:
    """Complete an update that says only its key and a JSON difference."""
    import numpy as np
    import pyarrow as pa

    from engine.changes.changes import DIFFERENCE, VALUE, Missing
    from engine.images.complete import complete
    from statements.schema import Column, Table

    table = Table("s", "t", (Column("k", 0, "int", "int"), Column("j", 1, "json", "json")), ("k",))
    rows = pa.RecordBatch.from_pydict({"k": pa.array([1, 1], pa.int32()), "j": ['{"a": 1}', None]})
    known = np.array([[VALUE, VALUE], [VALUE, DIFFERENCE]], np.uint8)
    difference = b"\x00\x03$.a\x09\x0b" + bytes(8)  # replace, path, a double
    missing = Missing(known, {"j": pa.array([None, difference], pa.binary())})
    complete(table, np.array([0, 1], np.int8), rows, missing, None, idempotent=False)


def warm_collations() -> None:
    """Make keys of one string, by code point and by weights, and fold it."""
    import numpy as np
    import pyarrow as pa

    from engine.collate.folds import Folder
    from engine.collate.keys import Keyer
    from engine.collate.weights import Kind, Weights

    plain = Weights.plain("utf8mb4_bin", "utf8mb4", Kind.POINTS, pad_space=True)
    Keyer(plain)(pa.array(["a"]))
    points = np.arange(256, dtype=np.uint32)
    ones = np.ones((1, 256), np.uint8)
    weights = np.frombuffer(bytes(range(256)), np.uint8)
    table = Weights("a", "utf8mb4", Kind.TABLE, True, 1, points, ones, weights, np.zeros(256, np.bool_))
    Keyer(table)(pa.array(["a"]))
    Folder(table)(pa.array(["a"]))


def warm_trees() -> None:
    """The kernels of rows, texts and trees have fixed types: they are compiled when they are imported."""


def warm_checksums() -> None:
    """Check a few bytes."""
    import numpy as np

    from lakehouse.snappy import checksum

    checksum(np.frombuffer(b"123456789", np.uint8))


def warm_deviations() -> None:
    """Add up no values."""
    import pyarrow as pa

    from engine.deviations import squares

    squares(pa.array([[]], pa.list_(pa.float64())))


def warm_stores() -> None:
    """Compiled when it is imported."""
    import lakehouse.stores.relay  # noqa: F401


def warm_text() -> None:
    """Look at one line, and write one anew."""
    from lakehouse.text import escapes, plain

    plain.warm_up()
    escapes.warm_up()


def warm_documents() -> None:
    """Put the members of one document in order."""
    import pyarrow as pa

    from engine.lake.json_text import normal

    normal(pa.array(['{"b": [1, -0.5, "\\u00e9"], "a": true}']))


def warm_relay() -> None:
    """Compiled when it is imported."""
    import wire.cell_walk
    import wire.row_walk  # noqa: F401


STEPS: dict[str, Callable[[], None]] = {
    "rows that pass": warm_relay,
    "rows of results": warm_results,
    "rows of loads": warm_loads,
    "row images of the binary log": warm_changes,
    "row images that lack columns": warm_images,
    "collation keys": warm_collations,
    "trees of models": warm_trees,
    "checksums of files": warm_checksums,
    "deviations": warm_deviations,
    "bytes of stores": warm_stores,
    "lines of files": warm_text,
    "documents of files": warm_documents,
}


def main() -> int:
    """Compile everything and say what is being done; gives the exit code."""
    with imports.at_start():  # as where they are used
        for number, (name, step) in enumerate(STEPS.items(), 1):
            print(f"setup: compiling kernels {number}/{len(STEPS)}: {name}", file=sys.stderr, flush=True)
            step()
    return 0


if __name__ == "__main__":
    sys.exit(main())
