"""Binary JSON as the server stores it, to the server's text: bytes and texts were both read from MySQL 9.7."""

import contextlib
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.images.json_binary import MalformedJson, json_texts

few = settings(max_examples=100, deadline=None)


def texts(*documents: bytes | None) -> list[str | None]:
    """Decode documents as one column."""
    data = np.frombuffer(b"".join(d or b"" for d in documents) + b"\0", np.uint8)
    lengths = np.array([len(d or b"") for d in documents], np.int32)
    at = np.cumsum(lengths, dtype=np.int64) - lengths
    null = np.array([d is None for d in documents], np.uint8)
    offsets, raw = json_texts(data, at, lengths, null)
    cut = [raw[a:b].tobytes().decode() for a, b in itertools.pairwise(offsets)]
    return [None if missing else text for text, missing in zip(cut, null, strict=True)]


DOCUMENTS = {
    "0000000400": "{}",
    "0200000400": "[]",
    "0401": "true",
    "0b0000000000000080": "-0.0",
    "0004004c00200001002100010022000100230001000f24000f2e000f38000f4200646d74750a08000000000044a5190c083f420ffb7efff37e"
    "0b080000000591cbffff0b08ffffffffffffffff": '{"d": "2020-01-02", "m": "9999-12-31 23:59:59.999999", '
    '"t": "-838:59:59.000000", "u": "-00:00:00.000001"}',
    "0209004f00050080071f00072300072700072b00092f000937000a3f00094700ff7fffffffff00000000010000000080ffffffff0000000000"
    "00000001000000ffffffffffffffff0000000000000080": "[-32768, -32769, 65535, 65536, -2147483648, 4294967295, "
    "4294967296, 18446744073709551615, -9223372036854775808]",
    "0208005a000f1c000b22000b2a000b32000b3a000b42000b4a000b5200f604020180000000901ec4bcd64200003426f56b0c439b2ba1869b84"
    "063d1656e79eaf03d23c355800662deb417e01000000000000009a9999999999b93f": "[0.0, 100000000000000.0, 1e15, "
    "0.00000000000001, 0.000000000000001, 1.5e300, 5e-324, 0.1]",
    "02040045000f10000f16000f38000f3e00f60402017ffaf620411e80bc614e35b7bf87350e34c02f075f79075bcd1500bc614e35b7bf87037a"
    "f6040302810af6050403800000": "[-0.5, 12345678901234567890123456789012345.123456789012345678901234567890, 1.10, "
    "0.000]",
    "02020049000f0a000f0d000f01050f3a" + "78" * 58: '["base64:type15:BQ==", "base64:type15:'
    'eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4\\neA=="]',
    "0003005100190001001a0001001b0002000c1d000233000c4700626f616115225c225c5c5c75303030315c75303031667f5c6e220400140004"
    "00000401000402000010000000040009c3a9e697a5f09f9880": r'{"b": "\"\\\"\\\\\\u0001\\u001f' + "\x7f" + r'\\n\"", '
    '"o": [null, true, false, {}], "aa": "é日😀"}',
}


def test_texts_are_the_servers() -> None:
    stored = [bytes.fromhex(document) for document in DOCUMENTS]
    assert texts(*stored) == list(DOCUMENTS.values())
    assert texts(None, *stored, None) == [None, *DOCUMENTS.values(), None]


def test_an_empty_value_is_the_literal_null() -> None:
    assert texts(b"", b"\x04\x01") == ["null", "true"]


def test_depth_is_bounded() -> None:
    small_array_of_one = bytes((1, 0, 0xFF, 0x7F))  # its element is an array that begins right behind its entry
    document = b"\x02" + (small_array_of_one + b"\x02\x07\x00") * 120 + bytes(0x8000)
    with pytest.raises(MalformedJson):
        texts(document)


@few
@given(st.sampled_from(sorted(DOCUMENTS)), st.integers(0), st.integers(0, 255))
def test_damaged_documents_are_text_or_malformed(document: str, at: int, byte: int) -> None:
    stored = bytearray.fromhex(document)
    stored[at % len(stored)] = byte
    for damaged in (bytes(stored), bytes(stored[: at % len(stored)])):
        with contextlib.suppress(MalformedJson, UnicodeDecodeError):
            texts(damaged)
