"""Texts as literals: what has no marks is written as it is, what has some is escaped, whatever its neighbours have."""

import pyarrow as pa
import pytest

from engine.ml.written import LiteralWriter


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@pytest.mark.parametrize("first", [0, 2])
@pytest.mark.parametrize("last", [2, 4, 5])
def test_texts_are_escaped_where_they_must_be(kind: pa.DataType, first: int, last: int) -> None:
    texts = ["plain", None, "it's", "a\\b", ""]
    written = ["_utf8mb4'plain'", "NULL", "_utf8mb4'it''s'", "_utf8mb4'a\\\\b'", "_utf8mb4''"]
    table = pa.table({"a": pa.array(texts, kind), "b": pa.array(["x"] * 5)})[first:last]
    writer = LiteralWriter([])
    found = b",".join(text for _, text in writer.pieces(table, 1000)).decode()
    writer.close()
    assert found == ",".join(f"({text},_utf8mb4'x')" for text in written[first:last])
