"""CRC32 of columns against zlib's."""

import random
import zlib

import pyarrow as pa
import pytest

from engine.checksums import checksums


def _expected(texts: list[str | None]) -> list[int | None]:
    return [None if text is None else zlib.crc32(text.encode()) for text in texts]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_columns_are_zlibs(kind: pa.DataType) -> None:
    chance = random.Random(5)
    texts = [
        None,
        "",
        "a",
        "é日😀",
        *("".join(chance.choices("abü ", k=chance.randrange(40))) for _ in range(300)),
        None,
    ]
    column = pa.array(texts, kind)
    assert checksums(column).to_pylist() == _expected(texts)
    assert checksums(column.slice(7, 100)).to_pylist() == _expected(texts[7:107])
    assert checksums(pa.chunked_array([column, column])).to_pylist() == _expected(texts + texts)


@pytest.mark.parametrize("texts", [[], [None], ["", None]])
def test_columns_without_a_byte(texts: list[str | None]) -> None:
    assert checksums(pa.array(texts, pa.string())).to_pylist() == _expected(texts)


def test_a_long_text_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        checksums(pa.array(["x" * 70_000]))
