"""FROM clauses of several tables: commas beside JOINs of every kind, parentheses, USING and NATURAL."""

import random
from collections.abc import Iterator

_WORDS = (
    "JOIN",
    "INNER JOIN",
    "LEFT JOIN",
    "LEFT OUTER JOIN",
    "RIGHT JOIN",
    "RIGHT JOIN",
    "CROSS JOIN",
    "STRAIGHT_JOIN",
)
_NATURAL = ("NATURAL JOIN", "NATURAL LEFT JOIN", "NATURAL RIGHT JOIN")
_NESTED = 0.3  # share of the tables in whose place others in parentheses stand
_COMMAS = 0.3  # share of the joins that are written as one
_COLUMNS = ("id", "k", "g")  # of every table
_TESTS = ("{0}.id = {1}.id", "{0}.k = {1}.k", "{0}.id = {1}.k", "{0}.g = {1}.g AND {0}.id < 5", "{0}.id = {1}.id + 1")


class JoinTree:
    """A FROM clause over tables of these names; `aliases` are its tables', from left to right."""

    def __init__(self, chance: random.Random, tables: list[str], count: int) -> None:
        self._chance, self._tables = chance, tables
        self._names: Iterator[str] = (f"j{number}" for number in range(1 << 30))
        self.aliases: list[str] = []
        self.text = self._joined(count)

    def _item(self, count: int) -> str:
        if count > 1:
            return f"({self._joined(count)})"
        alias = next(self._names)
        self.aliases.append(alias)
        return f"{self._chance.choice(self._tables)} {alias}"

    def _joined(self, count: int) -> str:
        """Join `count` tables, some of them in parentheses; an ON names tables since the last comma."""
        begin, text, left = len(self.aliases), self._item(1), count - 1
        while left:
            size = 2 if left > 1 and self._chance.random() < _NESTED else 1
            left, before, kind = left - size, len(self.aliases), self._chance.random()
            if kind < _COMMAS:
                begin = before
                text += f", {self._item(size)}"
                continue
            word = self._chance.choice(_NATURAL if kind > 0.9 else _WORDS)
            item = self._item(size)
            text += f" {word} {item}{self._condition(word, self.aliases[begin:before], self.aliases[before:])}"
        return text

    def _condition(self, word: str, left: list[str], right: list[str]) -> str:
        if word in (*_NATURAL, "CROSS JOIN"):
            return ""
        if self._chance.random() < 0.3 and word != "STRAIGHT_JOIN":
            return f" USING ({self._chance.choice(_COLUMNS)})"
        return f" ON {self._chance.choice(_TESTS).format(self._chance.choice(left), self._chance.choice(right))}"
