"""Decimal arithmetic that loses no digit: Python's own context rounds every result to 28 digits, minus a number too."""

from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow

# MySQL's decimals have 65 digits; what were to need more than this fails.
_EXACT = Context(prec=400, traps=[Inexact, InvalidOperation, Overflow])


def negated(value: Decimal) -> Decimal:
    """Give minus a number, with all its digits."""
    return _EXACT.minus(value)


def plus(value: Decimal, other: Decimal | int) -> Decimal:
    """Add with all digits."""
    return _EXACT.add(value, other)


def scaled(digits: int, scale: int) -> Decimal:
    """Give the number of these digits, the last `scale` of them behind the point."""
    return Decimal(digits).scaleb(-scale, _EXACT)
