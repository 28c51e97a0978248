"""Binary strings in columns against the same done one string at a time."""

import random

import numpy as np

from engine.collate.binaries import BETWEEN, NULL, Binaries, divided, joined


def read(values: list[bytes | None]) -> Binaries:
    texts = [NULL if value is None else value.hex().upper() for value in values]
    middle = len(texts) // 2
    return Binaries.read([BETWEEN.join(texts[:middle]), BETWEEN.join(texts[middle:])])


def pieces(binaries: Binaries) -> list[list[bytes]]:
    """Each string's pieces, level after level."""
    data, found = binaries.data.tobytes(), []
    for lengths in binaries.lengths.T.tolist():
        found.append([])
        for length in lengths:
            found[-1].append(data[:length])
            data = data[length:]
    assert not data
    return found


def made(seed: int, count: int = 400) -> list[bytes | None]:
    draw = random.Random(seed)
    return [draw.choice((None, b"", draw.randbytes(draw.randrange(9)), draw.randbytes(2))) for _ in range(count)]


def test_hexadecimal_texts_are_read() -> None:
    values = made(1)
    found = read(values)
    assert pieces(found) == [[value or b""] for value in values]
    assert found.null.tolist() == [value is None for value in values]


def test_levels_are_joined_and_compared_with_the_whole() -> None:
    first, second = made(2), made(3)
    whole = [None if a is None or b is None else a + b for a, b in zip(first, second, strict=True)]
    wrong = {7, 50, 399}
    altered = [b"\1" + (value or b"") if at in wrong else value for at, value in enumerate(whole)]
    same_length = next(at for at, value in enumerate(whole) if value and at not in wrong)
    altered[same_length] = bytes(byte ^ 1 for byte in whole[same_length] or b"")
    found, agrees = joined([read(first), read(second)], read(altered))
    assert pieces(found) == [[a or b"", b or b""] for a, b in zip(first, second, strict=True)]
    expected = [value is not None and other == value for value, other in zip(whole, altered, strict=True)]
    assert agrees.tolist() == expected
    assert not agrees[same_length]
    assert agrees.any()


def test_units_are_divided_at_those_that_are_zero() -> None:
    draw = random.Random(4)
    choices = (b"\0\0", b"\0\1", b"\1\0", b"ab", b"\xff\xff")
    values = [b"".join(draw.choices(choices, k=draw.randrange(6))) for _ in range(400)] + [b"odd", b""]
    parts = [_parts(value) for value in values]
    wanted = np.array([len(part) <= 3 for part in parts])
    found, agrees = divided(read(list(values)), wanted)
    assert agrees.tolist() == [
        len(part) == 3 and len(value) % 2 == 0 for part, value in zip(parts, values, strict=True)
    ]
    cut = pieces(found)
    for at in np.flatnonzero(agrees):
        assert cut[at] == parts[at]


def _parts(value: bytes) -> list[bytes]:
    parts = [b""]
    for at in range(0, len(value), 2):
        unit = value[at : at + 2]
        if unit == b"\0\0":
            parts.append(b"")
        else:
            parts[-1] += unit
    return parts
