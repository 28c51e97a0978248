"""Rows of a statement that changes them: read out of packets as the wire's own reader does, and summed."""

import hashlib
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from base.errors import MalformedPacket
from engine.ml.changing import lookup, texts_of
from wire.framing import build_packets
from wire.responses import build_end_of_rows, build_text_row

_TEXTS = ["a", None, "", "é" * 130, "x" * 70_000, "a", "'\\"]
_NEWS = b"\xfe\0\0\2\0\0\0" + b"\4news"  # an OK packet that ends rows, with what changed in the session


def packets(texts: list[str | None], end: bytes) -> bytes:
    rows = [build_text_row([None if text is None else text.encode()]) for text in texts]
    return b"".join(build_packets(payload, 7 + place) for place, payload in enumerate([*rows, end]))


@pytest.mark.parametrize("end", [build_end_of_rows(2, 0, 0), build_end_of_rows(2, 0, 1 << 24), _NEWS])
@pytest.mark.parametrize("texts", [_TEXTS, [], [None]])
def test_rows_are_read_out_of_packets(texts: list[str | None], end: bytes) -> None:
    assert texts_of(packets(texts, end)).to_pylist() == texts


@pytest.mark.parametrize("cut", [1, 5, 9, 12])
def test_rows_without_an_end_are_refused(cut: int) -> None:
    with pytest.raises(MalformedPacket):
        texts_of(packets(["a", "b"], build_end_of_rows(2, 0, 0))[:-cut])


def test_each_different_text_is_answered_once() -> None:
    asked: list[str] = []

    def answered(texts: pa.Array) -> Iterator[pa.Array]:
        asked.extend(texts.to_pylist())
        for start in range(0, len(texts), 2):
            part = texts.slice(start, 2)
            yield pc.if_else(pc.equal(part, "a"), None, part)

    found = pa.concat_tables([table for _, table in lookup(packets(_TEXTS, _NEWS), answered)]).to_pylist()
    assert asked == ["a", "", "é" * 130, "x" * 70_000, "'\\"]
    assert [row["warmfront_input"] for row in found] == [hashlib.sha256(text.encode()).digest() for text in asked]
    assert [row["warmfront_answer"] for row in found] == [None, *asked[1:]]


def test_no_rows_are_a_table_of_none() -> None:
    ((_, table),) = lookup(packets([None], _NEWS), lambda texts: iter(()))
    assert (table.num_rows, table.column_names) == (0, ["warmfront_input", "warmfront_answer"])
