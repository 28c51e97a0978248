"""An export that runs out of room leaves nothing: the kernel refuses to let its files grow."""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from base.errors import LakeError
from engine.lake.export import Exporter
from lakehouse.descriptions.export_spec import read_spec
from lakehouse.stores.places import Places
from wire.constants import FieldType
from wire.responses import ColumnDefinition

DEFINITIONS = [ColumnDefinition("id", FieldType.LONGLONG, charset=63, length=20)]


@contextmanager
def little_room() -> Iterator[None]:
    """No file of this process grows beyond 64 kB, which is an error and no signal in Python."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("format", ["csv", "parquet", "delta"])
def test_nothing_is_left(places: Callable[..., Places], lake: Path, tmp_path: Path, format: str) -> None:
    exporter = Exporter(places(), tmp_path / "journals", 40_000)
    spec = read_spec({"file": [{"uri": f"{lake}/out/"}], "dialect": {"format": format}})
    numbers = pa.array(range(0, 7_000_000_000_000, 7_000_000), pa.int64())
    batches = [pa.RecordBatch.from_arrays([numbers[at : at + 4000]], names=["id"]) for at in range(0, 20_000, 4000)]
    batches.append(pa.RecordBatch.from_arrays([numbers], names=["id"]))  # too much for one file

    def export() -> None:
        exporter.export(spec, DEFINITIONS, batches, "mysql", lambda: None, lambda _: None).commit()

    with little_room(), pytest.raises(LakeError, match="cannot be written: File too large"):
        export()
    assert [path for path in lake.rglob("*") if not path.is_dir()] == []
    assert list((tmp_path / "journals").iterdir()) == []
    export()
    assert len([path for path in lake.rglob("n1-*") if path.is_file()]) > 1
