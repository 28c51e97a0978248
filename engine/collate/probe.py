"""Find the characters whose weights do not simply concatenate: contractions, reorderings, context.

Within each block of 256 code points every pair of assigned characters is put next to each other, and every character
next to every combining mark; the server's weight string of such a text must be the characters' weights concatenated.
Where it is not, the smallest set of characters that covers all failing pairs is refused.
"""

import hashlib
import random
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from engine.collate.fetch import Cursor, Facts, full_weight
from engine.collate.weights import Weights

_QUERY_BYTES = 1 << 19  # of SQL text at a time, far below any max_allowed_packet
_UNPROBED = ((0x3400, 0x9FFF), (0xAC00, 0xD7A3), (0xD800, 0xF8FF), (0x12000, 0x15FFF), (0x17000, 0x1AFFF))
_LAST = 0x1FFFF
_MARKS = range(0x300, 0x370)
_SAMPLES = 16  # random texts per block, against contractions of three and more


def refused_points(cursor: Cursor, facts: Facts, weights: Weights) -> set[int]:
    """List the code points to refuse, beyond those already refused."""
    blocks = list(_blocks(weights))
    failing = list(_failing(cursor, facts, weights, _pair_texts(blocks, weights)))
    pairs = {text[i : i + 2] for text in failing for i in range(len(text) - 1)}
    bad = list(_failing(cursor, facts, weights, sorted(pairs)))
    refused = _cover({(ord(pair[0]), ord(pair[1])) for pair in bad})
    unexplained = [text for text in failing if not any(pair in text for pair in bad)]
    refused.update(ord(character) for text in unexplained for character in text)
    for text in _failing(cursor, facts, weights, _samples(blocks, refused)):
        refused.update(ord(character) for character in text)
    return refused


def _blocks(weights: Weights) -> Iterator[list[str]]:
    """Yield the assigned, not refused characters of each block of 256."""
    for first in range(0, _LAST, 256):
        if any(low <= first <= high for low, high in _UNPROBED):
            continue
        points = first + np.flatnonzero(~weights.refused[first : first + 256])
        characters = [chr(p) for p in points if unicodedata.category(chr(p)) not in {"Cn", "Co", "Cs"}]
        if characters:
            yield characters


def _pair_texts(blocks: list[list[str]], weights: Weights) -> Iterator[str]:
    marks = [chr(point) for point in _MARKS if not weights.refused[point]]
    for block in blocks:
        for at, character in enumerate(block):
            yield character + character.join(block[at:]) + character
            if marks:
                yield character + character.join(marks) + character


def _samples(blocks: list[list[str]], refused: set[int]) -> Iterator[str]:
    chance = random.Random(1)
    for block in blocks:
        usable = [character for character in block if ord(character) not in refused]
        for _ in range(_SAMPLES if usable else 0):
            yield "".join(chance.choices(usable, k=64))


def _failing(cursor: Cursor, facts: Facts, weights: Weights, texts: Iterable[str]) -> Iterator[str]:
    """Yield the texts whose weight string is not the concatenation of their characters' weights."""
    tables: list[dict[str, bytes]] = [_Level(weights, level) for level in range(weights.levels)]
    for batch in _batches(texts):
        columns = ", ".join(f"SHA2(WEIGHT_STRING({facts.text(_literal(text))}), 256)" for text in batch)
        cursor.execute(f"SELECT {columns}")
        digests = cursor.fetchall()[0]
        for text, digest in zip(batch, digests, strict=True):
            levels = [b"".join(map(table.__getitem__, text)) for table in tables]
            if digest != hashlib.sha256(full_weight(facts, levels)).hexdigest():
                yield text


class _Level(dict[str, bytes]):
    """The weights of characters on one level, looked up once each."""

    def __init__(self, weights: Weights, level: int) -> None:
        super().__init__()
        self._weights = weights
        self._level = level

    def __missing__(self, character: str) -> bytes:
        weight = (self._weights.of(ord(character)) or ())[self._level]
        self[character] = weight
        return weight


def _literal(text: str) -> str:
    return f"_utf8mb4 x'{text.encode().hex()}'"


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += 2 * len(text.encode()) + 100
        if size > _QUERY_BYTES or len(batch) == 1000:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _cover(pairs: set[tuple[int, int]]) -> set[int]:
    """Choose few characters so that each pair has one of them; ASCII last: a refused letter refuses whole columns."""
    chosen: set[int] = set()
    while pairs:
        counts = Counter(point for pair in pairs for point in set(pair))
        worst = max(counts, key=lambda point: (point > 0x7F, counts[point], point))
        chosen.add(worst)
        pairs = {pair for pair in pairs if worst not in pair}
    return chosen
