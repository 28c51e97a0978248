"""Columns of numbers as JSON texts, in one compiled pass: the shortest digits that read back as the same double.

Digits are found as in Raffaele Giulietti's "The Schubfach way to render doubles" (2020): the interval of decimals that
round to a double, scaled by a power of ten of 126 bits, is looked at for one with fewer digits, then for the nearest.
The layout is that of Arrow's cast, which writes such texts elsewhere: 1.5, 20, 0.000001, 1e-7, 1e+10.

Places are unsigned words in here: of a signed one numba asks each time whether it counts from the end.
"""

from typing import Any

import numba
import numpy as np
import pyarrow as pa
from numba import types
from numpy.typing import NDArray

from automl.errors import AutoMLError

Floats = NDArray[np.float64]
_LONGEST = 25  # bytes of a number: sign, 17 digits, a point, and e-324 or five zeros in front
_MOST_BYTES = 2**31 - 1  # of an Arrow array of strings
_FIRST, _LAST = -324, 324  # powers of ten that doubles need
_LOW, _WORD = np.uint64(0xFFFFFFFF), np.uint64(32)
_ZERO, _ONE, _TWO, _FOUR, _TEN, _FORTY = (np.uint64(n) for n in (0, 1, 2, 4, 10, 40))
_FRACTION, _HIDDEN = np.uint64((1 << 52) - 1), np.uint64(1 << 52)
_NULL = np.frombuffer(b"null", np.uint8)
_PAIRS = np.frombuffer(b"".join(b"%02d" % n for n in range(100)), np.uint8)
_TENS = np.array([10**n for n in range(18)], np.uint64)
_HUNDRED, _DIGIT, _POINT, _SIGN = (np.uint64(n) for n in (100, 48, 46, 63))


def _powers() -> NDArray[np.uint64]:
    """Give 10^k for each k, two words each: scaled to 128 bits, rounded up."""
    words: list[int] = []
    for power in range(_FIRST, _LAST + 1):
        shift = 127 - (power * 1741647 >> 19)  # of floor(log2(10^k))
        over = 10 ** max(power, 0) << max(shift, 0)
        under = 10 ** max(-power, 0) << max(-shift, 0)
        words += divmod(-(-over // under), 1 << 64)
    return np.array(words, np.uint64)


_POWERS = _powers()
_U64 = types.uint64


@numba.njit(_U64(_U64, _U64), nogil=True, cache=True, inline="always")
def _high(a: Any, b: Any) -> Any:  # pragma: no cover - compiled
    """Give the upper word of a product."""
    low = (a & _LOW) * (b & _LOW)
    first = (a >> _WORD) * (b & _LOW) + (low >> _WORD)
    second = (a & _LOW) * (b >> _WORD) + (first & _LOW)
    return (a >> _WORD) * (b >> _WORD) + (first >> _WORD) + (second >> _WORD)


@numba.njit(_U64(_U64, _U64, _U64), nogil=True, cache=True, inline="always")
def _scaled(upper: Any, lower: Any, value: Any) -> Any:  # pragma: no cover - compiled
    """Give the upper word of a product of three words, its last bit set when something was cut off."""
    rest = upper * value
    total = _high(upper, value)
    carried = rest + _high(lower, value)
    if carried < rest:
        total += _ONE
    return total | _ONE if carried > _ONE else total


@numba.njit("UniTuple(uint64, 2)(uint64)", nogil=True, cache=True)
def _shortest(bits: Any) -> Any:  # pragma: no cover - compiled
    """Give digits and the power of ten (as a signed word) of a finite double that is not zero."""
    fraction = bits & _FRACTION
    field = np.int64(bits >> np.uint64(52)) & 0x7FF
    whole = fraction | _HIDDEN if field else fraction
    exponent = (field if field else 1) - 1075
    if -53 < exponent <= 0 and whole & ((_ONE << np.uint64(-exponent)) - _ONE) == _ZERO:
        return whole >> np.uint64(-exponent), _ZERO
    odd = whole & _ONE
    nearer = _ONE if fraction == _ZERO and field > 1 else _ZERO  # the next smaller double is half as far away
    power = (exponent * 1262611 - (524031 if nearer else 0)) >> 22
    shift = np.uint64(exponent + (-power * 1741647 >> 19) + 1)
    place = 2 * (-power - _FIRST)
    upper, lower = _POWERS[place], _POWERS[place + 1]
    middle = _FOUR * whole
    least = _scaled(upper, lower, (middle - _TWO + nearer) << shift) + odd
    exact = _scaled(upper, lower, middle << shift)
    most = _scaled(upper, lower, (middle + _TWO) << shift) - odd
    digits = exact // _FOUR
    if digits >= _TEN:
        fewer = digits // _TEN
        below, above = least <= _FORTY * fewer, _FORTY * fewer + _FORTY <= most
        if below != above:
            return fewer + (_ONE if above else _ZERO), np.uint64(power + 1)
    below, above = least <= _FOUR * digits, _FOUR * digits + _FOUR <= most
    if below != above:
        return digits + (_ONE if above else _ZERO), np.uint64(power)
    half = _FOUR * digits + _TWO
    up = exact > half or (exact == half and digits & _ONE == _ONE)
    return digits + (_ONE if up else _ZERO), np.uint64(power)


_BYTES = types.Array(types.uint8, 1, "C", readonly=True)
_NUMBERS = types.Array(types.float64, 1, "C", readonly=True)


@numba.njit(_U64(types.uint8[::1], _U64, _BYTES), nogil=True, cache=True)
def _put(out: Any, at: Any, text: Any) -> Any:  # pragma: no cover - compiled
    for place in range(np.uint64(len(text))):
        out[at + place] = text[place]
    return at + np.uint64(len(text))


@numba.njit(_U64(types.uint8[::1], _U64, types.int64), nogil=True, cache=True)
def _exponent(out: Any, at: Any, power: Any) -> Any:  # pragma: no cover - compiled
    out[at], out[at + _ONE] = 101, 45 if power < 0 else 43
    at += _TWO
    shown, reach = np.uint64(abs(power)), _HUNDRED
    while reach > _ONE and shown < reach:
        reach //= _TEN
    while reach > _ZERO:
        out[at] = shown // reach % _TEN + _DIGIT
        at += _ONE
        reach //= _TEN
    return at


@numba.njit(_U64(types.uint8[::1], _U64, _U64, types.int64), nogil=True, cache=True)
def _number(out: Any, at: Any, digits: Any, power: Any) -> Any:  # pragma: no cover - compiled
    """Lay digits * 10^power out; gives the place behind."""
    while digits % _TEN == _ZERO:
        digits //= _TEN
        power += 1
    places = np.uint64(16)  # behind the first digit
    while digits < _TENS[places]:
        places -= _ONE
    count = np.int64(places) + 1
    point = count + power  # digits before the point
    plain = -6 < point <= 10
    skipped = 2 - point if plain and point <= 0 else 0 if plain and point >= count else 1
    first, behind = at + np.uint64(skipped), at + np.uint64(skipped + count)
    last, rest = behind, digits
    while rest >= _TEN:
        pair = rest % _HUNDRED << _ONE
        rest //= _HUNDRED
        last -= _TWO
        out[last], out[last + _ONE] = _PAIRS[pair], _PAIRS[pair + _ONE]
    if last > first:
        out[first] = rest + _DIGIT
    if plain and point <= 0:
        for place in range(at, first):
            out[place] = _DIGIT
        out[at + _ONE] = _POINT
        return behind
    if plain and point >= count:
        for place in range(behind, at + np.uint64(point)):
            out[place] = _DIGIT
        return at + np.uint64(point)
    ahead = np.uint64(point if plain else 1)
    for place in range(at, at + ahead):
        out[place] = out[place + _ONE]
    out[at + ahead] = _POINT
    at = behind if first + ahead < behind else at + ahead
    return at if plain else _exponent(out, at, point - 1)


@numba.njit(
    _U64(_NUMBERS, types.Array(_U64, 1, "C", readonly=True), _BYTES, _BYTES, types.int32[::1], types.uint8[::1]),
    nogil=True,
    cache=True,
)
def _write(values: Any, bits: Any, before: Any, after: Any, ends: Any, out: Any) -> Any:  # pragma: no cover - compiled
    at = _ZERO
    for row in range(np.uint64(len(values))):
        at = _put(out, at, before)
        if not abs(values[row]) < np.inf:
            at = _put(out, at, _NULL)
        else:
            if bits[row] >> _SIGN:
                out[at] = 45
                at += _ONE
            if values[row] == 0.0:
                out[at] = _DIGIT
                at += _ONE
            else:
                digits, power = _shortest(bits[row])
                at = _number(out, at, digits, np.int64(power))
        at = _put(out, at, after)
        ends[row] = at
    return at


def number_texts(values: Floats, before: str = "", after: str = "") -> pa.Array:
    """Give numbers as JSON has them between two texts, without losing a digit; `null` for what JSON has no number for.

    Raises AutoMLError when the texts are more than two gigabytes.
    """
    numbers = np.ascontiguousarray(values, np.float64)
    ahead, behind = (np.frombuffer(text.encode(), np.uint8) for text in (before, after))
    most = len(numbers) * (_LONGEST + len(ahead) + len(behind))
    if most > _MOST_BYTES:
        raise AutoMLError(f"Answers for {len(numbers)} rows at once are too many: ask about fewer.")
    offsets, out = np.zeros(len(numbers) + 1, np.int32), np.empty(most, np.uint8)
    size = _write(numbers, numbers.view(np.uint64), ahead, behind, offsets[1:], out)
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(out[:size]))
