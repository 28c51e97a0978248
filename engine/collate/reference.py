"""Weight keys of single strings in plain Python: literals, and what the kernel in `keys` must agree with."""

from engine.collate.weights import Weights

# A run of spaces in a PAD SPACE key: the space's weight, a marker, the run's length. The end of the string is an
# endless run, so a run before something lighter than a space sorts below the end, the longer the later; before
# something heavier, above the end, the longer the earlier.
BEFORE_LIGHTER = 1
END = 2
BEFORE_HEAVIER = 3


def levels_of(text: str, weights: Weights) -> list[bytes] | None:
    """Concatenate the weights of a text level by level; None when a character is refused."""
    parts: list[list[bytes]] = [[] for _ in range(weights.levels)]
    for character in text:
        weight = weights.of(ord(character))
        if weight is None:
            return None
        for level, piece in enumerate(weight):
            parts[level].append(piece)
    return [b"".join(pieces) for pieces in parts]


def units(level: bytes, unit: int) -> list[bytes]:
    """Cut a level into single weights."""
    return [level[i : i + unit] for i in range(0, len(level), unit)]


def trim(level: list[bytes], space: bytes) -> list[bytes]:
    """Drop the trailing weights that equal the space's."""
    end = len(level)
    while end and level[end - 1] == space:
        end -= 1
    return level[:end]


def weight_key(text: str, weights: Weights) -> bytes | None:
    """Make the key of a text: bytes that compare as the collation compares. None when a character is refused."""
    levels = levels_of(text, weights)
    if levels is None:
        return None
    if not weights.pad_space:
        separator = bytes(weights.unit)
        return separator.join(levels)
    return b"".join(
        _padded(trim(units(level, weights.unit), space), space)
        for level, space in zip(levels, weights.space, strict=True)
    )


def _padded(level: list[bytes], space: bytes) -> bytes:
    out: list[bytes] = []
    run = 0
    for weight in level:
        if weight == space:
            run += 1
            continue
        if run:
            out.append(space + _run(run, lighter=weight < space))
            run = 0
        out.append(weight)
    out.append(space + bytes([END]))
    return b"".join(out)


def _run(count: int, lighter: bool) -> bytes:
    full, rest = divmod(count, 255)
    digits = bytes([255] * full + [rest])
    if lighter:
        return bytes([BEFORE_LIGHTER]) + digits
    return bytes([BEFORE_HEAVIER]) + bytes(255 - digit for digit in digits)
