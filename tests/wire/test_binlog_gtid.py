"""GTID sets and positions: text, binary and set arithmetic against plain Python sets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.gtid import NAMELESS, GtidPosition, GtidSet, MalformedGtid, parse_gtid_set

A = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
B = "4e11fa47-71ca-11e1-9e33-c80aa9429562"

members = st.sets(st.tuples(st.sampled_from([A, B]), st.sampled_from(["", "tag", "x_1"]), st.integers(1, 30)))


def make(numbers: set[tuple[str, str, int]]) -> GtidSet:
    gtids = GtidSet()
    for uuid, tag, gno in sorted(numbers, key=lambda n: hash(n)):
        gtids.add(uuid, gno, tag)
    return gtids


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("", ""),
        (f"{A}:1", f"{A}:1"),
        (f"{A.upper()}:5:1-3:4", f"{A}:1-5"),
        (f"{A}:1-3:tag:7:9-11,{B}:2", f"{A}:1-3:tag:7:9-11,{B}:2"),
        (f"{A}:tag:7,\n{A}:1-3", f"{A}:1-3:tag:7"),
        (f"{A}:Tag:7", f"{A}:tag:7"),
        (f"{A}:5-3", ""),
    ],
)
def test_text_is_normalised(text: str, normal: str) -> None:
    assert str(GtidSet(text)) == normal


@pytest.mark.parametrize(
    "text", ["x", f"{A}:0", f"{A}:1-x", f"{A}:-1", "1-2-3", f"{A}:9tag:1", f"{A}:1-9223372036854775807"]
)
def test_no_gtid_set(text: str) -> None:
    with pytest.raises(MalformedGtid):
        GtidSet(text)


@given(members, members)
def test_sets_behave_as_sets(left: set[tuple[str, str, int]], right: set[tuple[str, str, int]]) -> None:
    a, b = make(left), make(right)
    assert len(a) == len(left)
    assert a.subtract(b) == make(left - right)
    assert a.contains(b) == (left >= right)
    union = a.copy()
    union.update(b)
    assert union == make(left | right)
    assert a == make(left)
    assert all(a.has(uuid, gno, tag) == ((uuid, tag, gno) in left) for uuid, tag, gno in left | right)


@given(members)
def test_text_and_bytes_round_trip(numbers: set[tuple[str, str, int]]) -> None:
    gtids = make(numbers)
    assert GtidSet(str(gtids)) == gtids
    assert parse_gtid_set(gtids.build()) == gtids


def test_mariadb_positions() -> None:
    position = GtidPosition("1-2-3, 0-1-10")
    assert str(position) == "0-1-10,1-2-3"
    position.add(0, 7, 11)
    assert str(position) == "0-7-11,1-2-3"
    assert position.contains(GtidPosition("0-1-11"))
    assert not position.contains(GtidPosition("0-1-12"))
    assert not position.contains(GtidPosition("2-1-1"))
    assert str(position.subtract(GtidPosition("0-7-11,1-2-2"))) == "1-2-3"


@pytest.mark.parametrize("text", ["1-2", "a-b-c", "1-2-3,1-2-4", "4294967296-1-1", f"{A}:1"])
def test_no_mariadb_position(text: str) -> None:
    with pytest.raises(MalformedGtid):
        GtidPosition(text)


def test_a_note_that_not_all_transactions_have_names() -> None:
    gtids = GtidSet("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5")
    gtids.add_nameless()
    again = GtidSet(str(gtids))
    assert again.has(NAMELESS, 1)
    assert str(again.named()) == "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5"
    assert (gtids.end("3e11fa47-71ca-11e1-9e33-c80aa9429562"), gtids.end("unknown")) == (6, 1)
    position = GtidPosition("0-1-5,1-1-9")
    position.add(0, 1, 6)
    assert NAMELESS not in str(position)
    position.add(0, 2, 6)
    again_position = GtidPosition(str(position))
    assert str(again_position) == f"0-2-6,1-1-9,{NAMELESS}"
    assert str(again_position.named()) == "0-2-6,1-1-9"
    assert again_position == position
