"""Walking over rows: compiled and plain are the same walk."""

from struct import Struct

from hypothesis import given
from hypothesis import strategies as st

from wire.rows import RowWalk

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
