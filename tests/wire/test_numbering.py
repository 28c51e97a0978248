"""Sequence numbers of packets that came compressed, as a server without compression wants them."""

from hypothesis import given
from hypothesis import strategies as st

from wire.constants import MAX_PACKET_PAYLOAD
from wire.framing import build_packets
from wire.numbering import Numbering


def unnumbered(*payloads: bytes) -> bytes:
    return b"".join(len(payload).to_bytes(3, "little") + b"\0" + payload for payload in payloads)


def test_each_command_begins_at_zero() -> None:
    numbering = Numbering()
    assert numbering.rewrite(unnumbered(b"\x19abcd", b"\x0e"), 0) == build_packets(b"\x19abcd", 0) + build_packets(
        b"\x0e", 0
    )
    numbering.follow(build_packets(b"ok", 1))
    assert numbering.rewrite(unnumbered(b"\x0e"), 0) == build_packets(b"\x0e", 0)


@given(st.lists(st.integers(1, 40), max_size=4))
def test_a_local_file_goes_on_from_the_servers_last_number(cuts: list[int]) -> None:
    numbering = Numbering()
    numbering.rewrite(unnumbered(b"\x03LOAD; LOAD"), 0)
    answer = build_packets(b"ok", 1) + build_packets(b"\xfbfile", 2)
    numbering.follow(answer[:5])
    numbering.follow(answer[5:])
    data = unnumbered(b"one", b"two", b"three", b"")
    out, at = b"", 0
    for cut in cuts:
        out += numbering.rewrite(data[at : at + cut], 2)
        at += cut
    out += numbering.rewrite(data[at:], 3)
    assert out == b"".join(
        build_packets(part, number) for number, part in enumerate((b"one", b"two", b"three", b""), 3)
    )


def test_what_is_larger_than_a_packet_counts_on() -> None:
    numbering = Numbering()
    payload = b"\x03" + b"x" * MAX_PACKET_PAYLOAD
    whole = build_packets(payload, 0)
    plain = bytearray(whole)
    plain[MAX_PACKET_PAYLOAD + 7] = 0
    assert numbering.rewrite(bytes(plain[:100]), 0) + numbering.rewrite(bytes(plain[100:]), 1) == whole
    assert numbering.rewrite(unnumbered(b"\x0e"), 0) == build_packets(b"\x0e", 0)
