"""The compiled loops of loads: framing at any cut, exact decimals, dates, presence."""

import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.collate.presence import of_array
from engine.load import kernels
from engine.store.presence import byte_presence, merge_presence
from wire.framing import build_packets


@settings(max_examples=200, deadline=None)
@given(st.integers(-(10**38) + 1, 10**38 - 1), st.integers(0, 38))
def test_decimals_are_exact(number: int, scale: int) -> None:
    digits = str(abs(number)).rjust(scale + 1, "0")
    point = len(digits) - scale
    text = (("-" if number < 0 else "") + digits[:point] + ("." + digits[point:] if scale else "")).encode()
    low, high, good = kernels.parse_decimal(np.frombuffer(text, np.uint8), 0, len(text), scale)
    assert good
    assert (high << 64) + (low % (1 << 64)) == number


@pytest.mark.parametrize("text", [b"1", b"1.234", b"1.2x", b"1..2", b"9" * 39 + b".00", b"abc"])
def test_decimals_of_another_scale_are_refused(text: bytes) -> None:
    assert not kernels.parse_decimal(np.frombuffer(text, np.uint8), 0, len(text), 2)[2]


@settings(deadline=None)
@given(st.dates())
def test_days(day: datetime.date) -> None:
    expected = (day - datetime.date(1970, 1, 1)).days
    assert kernels.days_from_civil(day.year, day.month, day.day) == expected
    assert kernels.check_date(day.year, day.month, day.day) == kernels.OK


@pytest.mark.parametrize(
    ("day", "why"),
    [
        ((0, 1, 1), kernels.NO_DATE),
        ((2020, 0, 1), kernels.NO_DATE),
        ((2020, 1, 0), kernels.NO_DATE),
        ((2021, 2, 29), kernels.NO_DATE),
        ((1900, 2, 29), kernels.NO_DATE),
        ((2020, 13, 1), kernels.NO_DATE),
        ((2020, 4, 31), kernels.NO_DATE),
    ],
)
def test_dates_that_are_none(day: tuple[int, int, int], why: int) -> None:
    assert kernels.check_date(*day) == why


def _frame(data: bytes, cut: int) -> tuple[list[bytes], int]:
    """Frame with the first `cut` bytes there, then with all."""
    buffer = np.frombuffer(data, np.uint8).copy()
    starts, ends = np.zeros(100, np.int64), np.zeros(100, np.int64)
    rows, at, how = kernels.frame_rows(buffer, 0, cut, starts, ends, 0)
    if how == kernels.MORE:
        rows, at, how = kernels.frame_rows(buffer, at, len(data), starts, ends, rows)
    return [buffer[starts[i] : ends[i]].tobytes() for i in range(rows)], how


@settings(deadline=None)
@given(st.lists(st.binary(max_size=20), max_size=6), st.data())
def test_rows_are_framed_whatever_has_arrived(bodies: list[bytes], data: st.DataObject) -> None:
    rows = [b"\0" + body for body in bodies]
    stream = b"".join(build_packets(row, n) for n, row in enumerate(rows)) + build_packets(b"\xfe\0\0\x02\0", 9)
    cut = data.draw(st.integers(0, len(stream)))
    assert _frame(stream, cut) == (rows, kernels.END)


def test_rows_of_several_packets_are_joined() -> None:
    rows = [b"\0" + bytes([n]) * size for n, size in enumerate((0xFFFFFE, 0xFFFFFF + 5, 2 * 0xFFFFFF - 1, 3))]
    stream = b"".join(build_packets(row, 0) for row in rows) + build_packets(b"\xfe\0\0\x02\0", 9)
    for cut in (0, 3, 0xFFFFFF + 4, 0xFFFFFF + 7, len(stream) - 1, len(stream)):
        assert _frame(stream, cut) == (rows, kernels.END)


def test_an_error_ends_the_rows() -> None:
    stream = build_packets(b"\0row", 0) + build_packets(b"\xff\x48\x04#HY000gone", 1)
    assert _frame(stream, len(stream)) == ([b"\0row"], kernels.ERROR)


_TEXTS = st.lists(st.none() | st.text(max_size=5) | st.sampled_from(["a ", " ", ""]), max_size=8)


@settings(deadline=None)
@given(_TEXTS, st.data())
def test_presence(texts: list[str | None], data: st.DataObject) -> None:
    array = pa.array(texts, pa.string())
    start = data.draw(st.integers(0, len(texts)))
    seen = {byte for text in texts[start:] if text for byte in text.encode()}
    if any(text and text.endswith(" ") for text in texts[start:]):
        seen.add(255)
    bits = byte_presence(array.slice(start))
    assert {b for b in range(256) if bits[b >> 3] >> (b & 7) & 1} == seen
    assert bits == of_array(array.slice(start))
    assert merge_presence(bits, byte_presence(array)) == byte_presence(array)
