"""Calls that read an argument more than once, each in the next: refused at once, or translated in a moment."""

import time

import pytest

from engine.translate.refusal import Refusal
from engine.translate.translator import Translation
from tests.engine.translate.conftest import Run

NESTED = {
    "CASE with an operand": ("CASE ", "i", " WHEN 1 THEN 1 END"),
    "CASE with two cases": ("CASE ", "i", " WHEN 1 THEN 1 WHEN 2 THEN 3 END"),
    "NULLIF": ("NULLIF(", "i", ", 1)"),
    "FIELD": ("FIELD(", "i", ", 1, 2)"),
    "BETWEEN": ("(", "i", " BETWEEN 1 AND 3)"),
    "rows": ("((", "i", ", 1) IN ((1, 2), (3, 4)))"),
    "STRCMP": ("STRCMP(", "a", ", 'x')"),
}


@pytest.mark.parametrize("nested", NESTED)
def test_what_is_read_twice_at_each_level_takes_no_time(run: Run, nested: str) -> None:
    before, inside, behind = NESTED[nested]
    began = time.process_time()
    for depth in (8, 16, 40):
        run(f"SELECT {before * depth}{inside}{behind * depth} FROM t")
    assert time.process_time() - began < 5


@pytest.mark.parametrize("nested", NESTED)
def test_what_people_write_is_translated(run: Run, nested: str) -> None:
    before, inside, behind = NESTED[nested]
    found = run(f"SELECT {before * 2}{inside}{behind * 2} FROM t")
    assert isinstance(found, Translation) or (isinstance(found, Refusal) and "too long" not in found.reason)


def test_a_long_list_is_no_long_expression(run: Run) -> None:
    assert isinstance(run(f"SELECT COUNT(*) FROM t WHERE i IN ({','.join(map(str, range(12_000)))})"), Translation)
