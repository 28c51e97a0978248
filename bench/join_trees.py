"""FROM clauses of several tables: commas beside JOINs of every kind, parentheses, USING and NATURAL."""

import math
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


_MOST_ROWS = 100_000  # of a product of tables


class JoinTree:
    """A FROM clause over tables of these names and numbers of rows; `aliases` are its tables', from left to right."""

    def __init__(self, chance: random.Random, tables: list[tuple[str, int]], count: int) -> None:
        self._chance, self._tables = chance, tables
        self._rows = 1  # of all tables multiplied
        self._names: Iterator[str] = (f"j{number}" for number in range(1 << 30))
        self.aliases: list[str] = []
        self.text = self._joined(count)

    def _item(self, count: int) -> str:
        if count > 1:
            return f"({self._joined(count)})"
        alias = next(self._names)
        self.aliases.append(alias)
        name, rows = self._chance.choice(self._tables)
        self._rows *= max(rows, 1)
        return f"{name} {alias}"

    def bounds(self) -> list[str]:
        """Give what WHERE has to ask for lest the product of all tables has too many rows: nothing where they are few.

        Rows that an outer join made of NULLs stay.
        """
        if self._rows <= _MOST_ROWS:
            return []
        each = math.floor(_MOST_ROWS ** (1 / len(self.aliases)))
        return [f"({alias}.id <= {each} OR {alias}.id IS NULL)" for alias in self.aliases]

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
