"""Packets from bytes in any pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import PacketTooLarge
from wire.constants import MAX_PACKET_PAYLOAD
from wire.framing import PacketReader, build_packets, count_packets


@given(st.lists(st.binary(max_size=70), max_size=8), st.data())
def test_any_pieces_give_the_same_payloads(payloads: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(build_packets(payload, number) for number, payload in enumerate(payloads))
    reader = PacketReader()
    found = []
    at = 0
    while at < len(stream):
        step = data.draw(st.integers(1, len(stream) - at))
        reader.feed(stream[at : at + step])
        at += step
        while (payload := reader.next_payload()) is not None:
            found.append(payload)
    assert found == payloads
    assert reader.take_rest() == b""


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_payloads_around_16_mib(extra: int) -> None:
    payload = b"x" * (MAX_PACKET_PAYLOAD + extra)
    framed = build_packets(payload, 254)
    assert count_packets(len(payload)) == (1 if extra < 0 else 2)
    assert len(framed) == len(payload) + 4 * count_packets(len(payload))
    reader = PacketReader()
    reader.feed(framed)
    assert reader.next_payload() == payload
    assert reader.sequence == (254 + count_packets(len(payload))) & 0xFF


def test_the_limit_holds_before_the_bytes_are_kept() -> None:
    reader = PacketReader(limit=10)
    reader.feed(b"\x0b\x00\x00\x00")
    with pytest.raises(PacketTooLarge):
        reader.next_payload()


def test_bytes_behind_a_packet_can_be_handed_over() -> None:
    reader = PacketReader()
    reader.feed(build_packets(b"one", 0) + b"rest")
    assert reader.next_payload() == b"one"
    assert reader.buffered == 4
    assert reader.take_rest() == b"rest"
    assert reader.next_payload() is None
