"""Bounds of loose doubles hold for every order of rows, and are one value where sums are exact."""

import itertools
import math
import random

import duckdb
import pytest

from engine.translate.lower.doubles import bounds
from engine.translate.lower.statement import Statement
from engine.translate.tree import Expr
from engine.translate.types import DOUBLE

COLUMN = Expr("column", DOUBLE, value=("t", "x"))


def _bounds(expr: Expr, values: list[float]) -> tuple[float, float]:
    duck = duckdb.connect()
    duck.execute("CREATE TABLE t (x DOUBLE)")
    duck.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values])
    lowering = Statement(lambda *_: None, lambda _: None, lambda _: None)
    found = duck.execute(f"SELECT {bounds(lowering, expr)} FROM t").fetchone()
    assert found is not None
    return found[0]["l"], found[0]["h"]


def _variance(values: list[float]) -> float:
    """The server's recurrence (Item_sum_variance), of the population."""
    mean = square = 0.0
    for count, value in enumerate(values, 1):
        before = mean
        mean = before + (value - before) / count
        square += (value - before) * (value - mean)
    return square / len(values)


def _orders(values: list[float], chance: random.Random) -> list[list[float]]:
    shuffled = [chance.sample(values, len(values)) for _ in range(20)]
    return [sorted(values), sorted(values, reverse=True), sorted(values, key=abs), *shuffled]


@pytest.mark.parametrize("seed", range(6))
def test_sums_and_variances_of_any_order_lie_between_the_bounds(seed: int) -> None:
    chance = random.Random(seed)
    values = [chance.uniform(-1, 1) * 10.0 ** chance.randint(-3, 6) for _ in range(500)]
    low, high = _bounds(Expr("double_sum", DOUBLE, (COLUMN,), value=False), values)
    sums = [sum_in_order(order) for order in _orders(values, chance)]
    assert low <= min(sums) <= max(sums) <= high
    assert low <= math.fsum(values) <= high
    assert high - low < 1e-6 * math.fsum(abs(value) for value in values)
    low, high = _bounds(Expr("spread", DOUBLE, (COLUMN,), value=(False, False)), values)
    variances = [_variance(order) for order in _orders(values, chance)]
    assert low <= min(variances) <= max(variances) <= high


def sum_in_order(values: list[float]) -> float:
    """Add one by one, as the server does."""
    return list(itertools.accumulate(values))[-1]


@pytest.mark.parametrize("unit", [1.0, 0.5, 0.125, 2.0**-20, 2.0**-30])
def test_sums_of_multiples_are_one_value(unit: float) -> None:
    chance = random.Random(1)
    values = [chance.randint(-(1 << 24), 1 << 24) * unit for _ in range(300)]
    low, high = _bounds(Expr("double_sum", DOUBLE, (COLUMN,), value=False), values)
    assert low == high == math.fsum(values)


def test_large_multiples_are_not_taken_for_exact() -> None:
    low, high = _bounds(Expr("double_sum", DOUBLE, (COLUMN,), value=False), [2.0**53, 1.0, 1.0])
    assert low < 2.0**53 + 2 < high
    assert low <= sum_in_order([2.0**53, 1.0, 1.0]) <= high


def test_equal_values_have_no_variance() -> None:
    assert _bounds(Expr("spread", DOUBLE, (COLUMN,), value=(False, True)), [0.1] * 7) == (0.0, 0.0)
