"""No digit is lost: Python's own operators round at 28."""

from decimal import Decimal, Inexact

import pytest

from base.decimals import negated, plus, scaled

LONG = Decimal("99999999999999999999999999999999.000000000000000000000000000001")


def test_long_numbers_keep_their_digits():
    assert str(negated(LONG)) == f"-{LONG}"
    assert str(plus(LONG, 1)) == "100000000000000000000000000000000.000000000000000000000000000001"
    assert str(scaled(-(10**64) + 1, 30)) == "-9999999999999999999999999999999999.999999999999999999999999999999"


def test_what_has_no_exact_result_fails():
    with pytest.raises(Inexact):
        plus(Decimal("1e500"), Decimal("1e-500"))
