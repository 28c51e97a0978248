"""Texts that are decompressed piece by piece: all of them, and never much at once."""

import bz2
import codecs

import pytest

from engine.lake.expanding import _EXPANDERS, _PIECE


def expanded(data: bytes, size: int, kind: str = "bzip2") -> list[bytes]:
    """What comes out of a file that is read so many bytes at a time."""
    expander = _EXPANDERS[kind]()
    made = [piece for at in range(0, len(data), size) for piece in expander.feed(data[at : at + size])]
    expander.end()
    return made


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
def test_streams_one_behind_the_other_are_one_text(size: int) -> None:
    texts = [b"", b"a,b\n" * 1000, b"x", bytes(300_000)]
    assert b"".join(expanded(b"".join(map(bz2.compress, texts)), size)) == b"".join(texts)


def test_a_bomb_comes_in_small_pieces() -> None:
    made = expanded(bz2.compress(bytes(20 << 20)), 1 << 20)
    assert sum(map(len, made)) == 20 << 20
    assert max(map(len, made)) <= _PIECE


def test_a_stream_that_is_cut_short_is_an_error() -> None:
    with pytest.raises(ValueError, match="cut short"):
        expanded(bz2.compress(b"a,b\n" * 100)[:-5], 1 << 20)


@pytest.mark.parametrize("size", [1, 2, 3, 1 << 20])
@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_utf16_is_read_in_both_orders(order: str, size: int) -> None:
    text = "1,é€😀\n" * 100
    assert b"".join(expanded(f"\ufeff{text}".encode(order), size, "utf-16")) == text.encode()
    for wrong in ("x".encode(order), "\ufeffx".encode(order)[:-1], "\ufeff\ud800x".encode(order, "surrogatepass")):
        with pytest.raises(ValueError, match=r"UTF-16|cut short|surrogate"):
            expanded(wrong, size, "utf-16")


@pytest.mark.parametrize("size", [1, 2, 3, 1 << 20])
def test_json_with_a_mark_loses_it(size: int) -> None:
    text = '{"a": "é€😀\ufeff"}\n' * 10
    for given in (text.encode("utf-8-sig"), text.encode(), b"[]"):
        assert b"".join(expanded(given, size, "utf-8-sig")) == given.removeprefix(codecs.BOM_UTF8)
    for wrong in (codecs.BOM_UTF8 + b"\xff{}", codecs.BOM_UTF8 + b"{}\xc3"):
        with pytest.raises(ValueError, match=r"decode|cut short"):
            expanded(wrong, size, "utf-8-sig")


def test_latin1_is_what_the_server_takes_it_for() -> None:
    given = bytes(range(256))
    made = b"".join(expanded(given, 100, "latin1")).decode()
    assert made[:128] == given[:128].decode("ascii")
    assert made[160:] == given[160:].decode("latin-1")
    assert (made[0x80], made[0x81], made[0x9D], made[0x9F]) == ("€", "\x81", "\x9d", "Ÿ")
    assert len(made) == 256
