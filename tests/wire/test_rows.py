"""Walking over rows: compiled and plain are the same walk."""

from struct import Struct

from hypothesis import given
from hypothesis import strategies as st

from wire.rows import RowWalk, pass_alike

_HEAD = Struct("<I").pack

rows = st.builds(
    lambda size, number, first: _HEAD(size | number << 24) + bytes([first]) + b"\xfe" * max(0, size - 1),
    st.one_of(st.integers(0, 300), st.sampled_from([0xFFFE, 0x10000])),
    st.integers(0, 255),
    st.sampled_from([0, 1, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF]),
)
streams = st.one_of(st.binary(max_size=64), st.lists(rows, min_size=1, max_size=30).map(b"".join))

compiled = RowWalk()
compiled.load()
_PAD = b"\1\0\0\0x" * 1000  # so many bytes that the compiled walk is taken


@given(streams, st.integers(0, 6))
def test_compiled_and_plain_end_at_the_same_row(stream: bytes, at: int) -> None:
    for data in (stream, _PAD + stream):
        assert compiled(data, at) == RowWalk()(data, at)


def test_a_full_packet_and_an_end_stop_the_walk() -> None:
    row = b"\2\0\0\7ab"
    for stop in (b"\5\0\0\0\xfe\0\0\0\0", b"\xff\xff\xff\0a", b"\3\0\0\0\xff\1\2", b"\4\0\0\0"):
        assert compiled(_PAD + row + stop, 0) == (len(_PAD) + len(row), 1001)
    assert compiled(_PAD + b"\xfe\xff\xff\0a", 0) == (len(_PAD) + 4 + 0xFFFFFE, 1001)


def alone(count: int) -> bytes:
    return b"\1\0\0\0x" * count


alike = st.builds(
    lambda size, firsts: b"".join(
        _HEAD(size | (number & 0xFF) << 24) + bytes([first]) + b"\xfe\0\0" * (size // 3) + b"\xff" * ((size - 1) % 3)
        for number, first in enumerate(firsts)
    ),
    st.sampled_from([1, 2, 3, 7, 120, 300]),
    st.lists(st.sampled_from([0, 1, 0xFB, 0xFD, *[0x31] * 40, 0xFE, 0xFF]), min_size=1, max_size=40),
)


@given(st.lists(st.one_of(alike, rows), max_size=3).map(b"".join), st.integers(0, 3))
def test_rows_of_one_length_are_those_that_would_be_passed_one_by_one(stream: bytes, cut: int) -> None:
    data = stream[: len(stream) - cut]
    found = pass_alike(data, 0)
    if found:
        step = 4 + int.from_bytes(data[:3], "little")
        for at in range(0, found * step, step):
            assert data[at : at + 3] == data[:3]
            assert compiled(data[: at + step], at) == (at + step, 1)
    assert pass_alike(alone(20) + data, 0) >= 20
    assert compiled(_PAD + data, 0) == RowWalk()(_PAD + data, 0)


def test_few_rows_of_one_length_are_passed_one_by_one() -> None:
    assert pass_alike(alone(7), 0) == 0
    assert pass_alike(alone(8), 0) == 8
    assert pass_alike(alone(8) + b"\1\0\0\0\xfe" + alone(8), 0) == 8
    assert pass_alike(b"\0\0\0\1" * 50, 0) == 0
