"""Find the characters whose weights do not simply concatenate: contractions, reorderings, context.

Within each block of 256 code points every pair of assigned characters is put next to each other, and every character
next to every combining mark; the server's weight string of such a text must be the characters' weights concatenated.
Where it is not, the smallest set of characters that covers all failing pairs is refused.
"""

import hashlib
import random
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.collate.fetch import Cursor, Facts, as_text, full_weight
from engine.collate.weights import Weights

_QUERY_BYTES = 1 << 19  # of SQL text at a time, far below any max_allowed_packet
_UNPROBED = ((0x3400, 0x9FFF), (0xAC00, 0xD7A3), (0xD800, 0xF8FF), (0x12000, 0x15FFF), (0x17000, 0x1AFFF))
_LAST = 0x1FFFF
_MARKS = range(0x300, 0x370)
_SAMPLES = 16  # random texts per block, against contractions of three and more


def refused_points(cursor: Cursor, facts: Facts, weights: Weights) -> set[int]:
    """List the code points to refuse, beyond those already refused."""
    blocks = list(_blocks(weights))
    failing = list(_failing(cursor, facts, _pair_texts(blocks, weights)))
    pairs = sorted({text[i : i + 2] for text in failing for i in range(len(text) - 1)})
    bad = list(_failing(cursor, facts, (_Text(_Characters.of(pair, weights)) for pair in pairs)))
    refused = _cover({(ord(pair[0]), ord(pair[1])) for pair in bad})
    unexplained = [text for text in failing if not any(pair in text for pair in bad)]
    refused.update(ord(character) for text in unexplained for character in text)
    for text in _failing(cursor, facts, _samples(blocks, refused)):
        refused.update(ord(character) for character in text)
    return refused


@dataclass(frozen=True, slots=True)
class _Characters:
    """Characters, and what each is in UTF-8 and weighs on each level: looked up once for all texts that have them."""

    characters: list[str]
    written: list[str]
    weights: list[list[bytes]]

    @classmethod
    def of(cls, characters: Sequence[str], weights: Weights) -> "_Characters":
        none = (b"",) * weights.levels
        found = [weights.of(ord(character)) or none for character in characters]
        by_level = [[weight[level] for weight in found] for level in range(weights.levels)]
        return cls(list(characters), [character.encode().hex() for character in characters], by_level)

    def chosen(self, places: Sequence[int]) -> "_Characters":
        """Characters of these, by their places."""
        return _Characters(
            [self.characters[place] for place in places],
            [self.written[place] for place in places],
            [[level[place] for place in places] for level in self.weights],
        )


@dataclass(frozen=True, slots=True)
class _Text:
    """Characters from a place on, with one of `between` before, between and behind them when `at` names it."""

    characters: _Characters
    first: int = 0
    between: _Characters | None = None
    at: int = 0

    @property
    def text(self) -> str:
        between = self.between.characters[self.at] if self.between else ""
        return between + between.join(self.characters.characters[self.first :]) + between

    @property
    def literal(self) -> str:
        between = self.between.written[self.at] if self.between else ""
        return f"_utf8mb4 x'{between}{between.join(self.characters.written[self.first :])}{between}'"

    @property
    def levels(self) -> list[bytes]:
        """The characters' weights on each level, concatenated."""
        made = []
        for level, weights in enumerate(self.characters.weights):
            between = self.between.weights[level][self.at] if self.between else b""
            made.append(between + between.join(weights[self.first :]) + between)
        return made


def _blocks(weights: Weights) -> Iterator[_Characters]:
    """Yield the assigned, not refused characters of each block of 256."""
    for first in range(0, _LAST, 256):
        if any(low <= first <= high for low, high in _UNPROBED):
            continue
        points = first + np.flatnonzero(~weights.refused[first : first + 256])
        characters = [chr(p) for p in points if unicodedata.category(chr(p)) not in {"Cn", "Co", "Cs"}]
        if characters:
            yield _Characters.of(characters, weights)


def _pair_texts(blocks: list[_Characters], weights: Weights) -> Iterator[_Text]:
    marks = _Characters.of([chr(point) for point in _MARKS if not weights.refused[point]], weights)
    for block in blocks:
        for at in range(len(block.characters)):
            yield _Text(block, at, block, at)
            if marks.characters:
                yield _Text(marks, 0, block, at)


def _samples(blocks: list[_Characters], refused: set[int]) -> Iterator[_Text]:
    chance = random.Random(1)
    for block in blocks:
        usable = [place for place, character in enumerate(block.characters) if ord(character) not in refused]
        for _ in range(_SAMPLES if usable else 0):
            yield _Text(block.chosen(chance.choices(usable, k=64)))


def _failing(cursor: Cursor, facts: Facts, texts: Iterable[_Text]) -> Iterator[str]:
    """Yield the texts whose weight string is not the concatenation of their characters' weights."""
    for batch in _batches(texts):
        asked = ", ".join(f"IFNULL(SHA2(WEIGHT_STRING({facts.text(literal)}), 256), '')" for _, literal in batch)
        # One column: the definitions of many cost more than what is in them.
        cursor.execute(f"SELECT CONCAT_WS(',', {asked}) AS digests")
        digests = as_text(cursor.fetchall()[0][0]).split(",")
        for (text, _), digest in zip(batch, digests, strict=True):
            if digest != hashlib.sha256(full_weight(facts, text.levels)).hexdigest():
                yield text.text


def _batches(texts: Iterable[_Text]) -> Iterator[list[tuple[_Text, str]]]:
    """Group texts, with their literals."""
    batch: list[tuple[_Text, str]] = []
    size = 0
    for text in texts:
        literal = text.literal
        batch.append((text, literal))
        size += len(literal) + 100
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
