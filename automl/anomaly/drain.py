"""Templates of log lines by Drain (He, Zhu, Zheng and Lyu 2017), the method of Drain3.

A line goes down a tree of fixed depth: by its number of words, then by its first word (one with a digit counts as any),
to a leaf with groups. It joins the most alike group whose template shares enough of its words, and the words that
differ become `<*>`; else it begins a group.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

ANY = "<*>"
_DEPTH = 1  # first words that a line is led by
_ALIKE = 0.5  # share of the words that must be the template's
_BRANCHES = 100  # words that a node tells apart; further ones count as any
_GROUPS = 5000


@dataclass
class Group:
    """A template as words, and how many lines it stands for."""

    words: list[str]
    lines: int = 0

    @property
    def template(self) -> str:
        """The template as a text."""
        return " ".join(self.words)


@dataclass
class Drain:
    """Groups of lines, by the keys of their leaves."""

    leaves: dict[tuple[str, ...], list[Group]] = field(default_factory=dict)
    branches: dict[tuple[str, ...], set[str]] = field(default_factory=dict)
    count: int = 0

    def _key(self, words: Sequence[str]) -> tuple[str, ...]:
        key: tuple[str, ...] = (str(len(words)),)
        for word in words[:_DEPTH]:
            known = self.branches.setdefault(key, set())
            if any(letter.isdigit() for letter in word) or (word not in known and len(known) >= _BRANCHES):
                word = ANY
            known.add(word)
            key = (*key, word)
        return key

    def add(self, line: str, lines: int = 1) -> Group | None:
        """Put a line, which occurs so many times, into a group; None when there are too many groups."""
        words = line.split()
        groups = self.leaves.setdefault(self._key(words), [])
        best, most = None, -1.0
        for group in groups:
            shared = sum(mine == other for mine, other in zip(words, group.words, strict=True))
            if shared > most:
                best, most = group, shared
        if best is None or most < _ALIKE * len(words):
            if self.count >= _GROUPS:
                return None
            self.count += 1
            best = Group(words)
            groups.append(best)
        best.words = [mine if mine == other else ANY for mine, other in zip(words, best.words, strict=True)]
        best.lines += lines
        return best


def templates(lines: Sequence[str], counts: Sequence[int], most: int) -> list[str]:
    """Give the templates of different lines, those of most lines first, at most `most`."""
    drain = Drain()
    for line, count in zip(lines, counts, strict=True):
        drain.add(line, count)
    sizes: dict[str, int] = {}
    for groups in drain.leaves.values():
        for group in groups:
            sizes[group.template] = sizes.get(group.template, 0) + group.lines
    return sorted(sizes, key=lambda template: (-sizes[template], template))[:most]
