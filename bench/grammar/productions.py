"""The templates of every kind of expression."""

from bench.grammar.numbers import NUMBERS
from bench.grammar.texts import TEXTS
from bench.grammar.times import TIMES
from bench.grammar.truths import TRUTHS

PRODUCTIONS: dict[str, tuple[str, ...]] = {**NUMBERS, **TEXTS, **TIMES, **TRUTHS}
