"""How an export becomes Parquet: groups of rows, dictionaries where values come again, batches in their order."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.lake.export import Exporter
from lakehouse.descriptions.export_spec import read_spec
from lakehouse.stores.places import Places
from wire.constants import FieldType
from wire.responses import ColumnDefinition

DEFINITIONS = [
    ColumnDefinition("id", FieldType.LONGLONG, charset=63, length=20),
    ColumnDefinition("group.of", FieldType.LONGLONG, charset=63, length=20),
    ColumnDefinition("name", FieldType.VAR_STRING, charset=255, length=80),
]
BATCH, BATCHES = 16_384, 40


def batches() -> Iterator[pa.RecordBatch]:
    """Rows that are counted, of few groups, with a text of their own."""
    for number in range(BATCHES):
        ids = np.arange(number * BATCH, (number + 1) * BATCH)
        names = pa.array(ids).cast(pa.string())
        yield pa.RecordBatch.from_arrays([pa.array(ids), pa.array(ids % 7), names], names=["id", "group.of", "name"])


@pytest.fixture
def exported(places: Callable[..., Places], lake: Path, tmp_path: Path) -> Callable[[Iterator[pa.RecordBatch]], Path]:
    """Export batches and give the one file."""

    def export(given: Iterator[pa.RecordBatch]) -> Path:
        exporter = Exporter(places(), tmp_path / "journals", 1 << 30)
        spec = read_spec({"file": [{"uri": f"{lake}/out/"}], "dialect": {"format": "parquet"}})
        exporter.export(spec, DEFINITIONS, given, "mysql", lambda: None, lambda _: None).commit()
        (path,) = (path for path in lake.rglob("n1-*") if path.is_file())
        return path

    return export


def test_rows_come_in_groups_and_values_that_come_again_as_dictionaries(
    exported: Callable[[Iterator[pa.RecordBatch]], Path],
) -> None:
    path = exported(batches())
    table, about = pq.read_table(path), pq.ParquetFile(path).metadata
    assert table["id"].to_pylist() == list(range(BATCH * BATCHES))
    assert table["group.of"].to_numpy().tolist() == (np.arange(BATCH * BATCHES) % 7).tolist()
    assert [about.row_group(at).num_rows for at in range(about.num_row_groups)] == [1 << 18, 1 << 18, 131_072]
    for at in range(about.num_row_groups):
        coded = {about.row_group(at).column(place).path_in_schema: place for place in range(3)}
        has = {name: about.row_group(at).column(place).has_dictionary_page for name, place in coded.items()}
        assert has == {"id": False, "group.of": True, "name": False}


def test_an_export_without_rows_has_its_columns(exported: Callable[[Iterator[pa.RecordBatch]], Path]) -> None:
    table = pq.read_table(exported(iter(())))
    assert (table.num_rows, table.column_names) == (0, ["id", "group.of", "name"])


def test_what_breaks_while_reading_ahead_ends_the_export(
    exported: Callable[[Iterator[pa.RecordBatch]], Path], lake: Path
) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        for number, batch in enumerate(batches()):
            if number == 20:
                raise ArithmeticError("of the twenty-first batch")
            yield batch

    with pytest.raises(ArithmeticError, match="twenty-first"):
        exported(broken())
    assert [path for path in lake.rglob("*") if not path.is_dir()] == []
