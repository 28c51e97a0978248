"""Threads that read through the proxy: what they see must be one point in time, and not older than it may be."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pymysql

from tests.chaos.shapes import SCHEMA
from tests.chaos.writers import TOTAL, Connect, Gate, Worker

_REFUSED = 3889  # the engine may not run it now
_SUMS = (
    f"SELECT (SELECT SUM(v) FROM {SCHEMA}.left_side), (SELECT SUM(v) FROM {SCHEMA}.right_side), "
    f"(SELECT COALESCE(SUM(v), 0) FROM {SCHEMA}.ledger), (SELECT SUM(n) FROM {SCHEMA}.ticks)"
)


class WrongAnswer(AssertionError):
    """A reader saw what was never true."""


class Reader(Worker):
    """Asks for the sums; `mode` is the session's use_secondary_engine, `floor` what was committed for certain."""

    def __init__(self, mode: str, seed: int, gate: Gate, connect: Connect, floor: Callable[[], int]) -> None:
        super().__init__(f"reader {mode}", seed, gate, connect)
        self.mode = mode
        self.outcomes: Counter[str] = Counter()
        self.answers = 0
        self._floor = floor

    def work(self, cursor: Any) -> None:
        cursor.execute(f"SET use_secondary_engine = {self.mode}")
        for _ in range(20):
            floor = self._floor()
            try:
                cursor.execute(_SUMS)
            except pymysql.err.MySQLError as error:
                if error.args[0] == _REFUSED:
                    self.outcomes["refused: " + re.sub(r"[\d.]+", "N", str(error.args[1]))[36:90]] += 1
                    self.pause(0.02)
                    continue
                raise
            (row,) = cursor.fetchall()
            left, right, ledger, ticks = map(int, row)
            if left + right + ledger != TOTAL:
                raise WrongAnswer(f"{self.mode}: {left} + {right} + {ledger} = {left + right + ledger}, not {TOTAL}")
            if ticks < floor:
                raise WrongAnswer(f"{self.mode}: {ticks} commits seen after {floor} were acknowledged")
            self.outcomes["answered"] += 1
            self.answers += 1
