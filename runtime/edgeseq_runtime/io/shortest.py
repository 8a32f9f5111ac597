"""Float32 numbers as the float64 numbers whose text is the shortest that reads back as the same float32.

That is `float(str(x))` of each, for many at once. Between powers of two float32 numbers are evenly spaced. Decimals of
k digits behind the point that are spaced at least as far have at most one that reads back as x, and it is the nearest
to x; decimals that are spaced less far always have one. So two k decide: the last of the first kind, the first of the
second.
"""

import math
from typing import Any

import numpy as np

from edgeseq_runtime.arrays import Float32, Float64, Forecasts

_FEW = 12
"""Numbers up to which one by one is faster."""

_EXACT = 22
"""Powers of ten up to this one are exact in float64."""

_BIAS, _DIGITS = 127, 23
"""Of float32: what is added to its exponent, and the bits of its fraction."""


def _power(exponent: int) -> float:
    """Return ten to the first k for a biased exponent; NaN where x times ten to the second k is not exact in float64.

    It is up to the twelfth: 24 bits times five to that power are 52 bits.
    """
    places = math.floor((_DIGITS + _BIAS - exponent) * math.log10(2))
    return 10.0**places if 0 <= places < 12 else math.nan


_POWERS = np.array([_power(exponent) for exponent in range(256)] * 2)  # of both signs


def shortest(numbers: Float32) -> Float64:
    """Return numbers of any shape as float64 whose `repr` is the shortest text that reads back as the same float32."""
    exact = numbers.astype(np.float64)
    power = _POWERS[numbers.view(np.uint32) >> _DIGITS]
    short = np.rint(exact * power) / power
    power *= 10
    found: Float64 = np.where(short.astype(np.float32) == numbers, short, np.rint(exact * power) / power)
    is_right = found.astype(np.float32) == numbers
    if not is_right.all():
        odd = np.flatnonzero(~is_right)
        found.flat[odd] = [float(str(number)) for number in numbers.flat[odd]]
    return found


def shortest_from(anchors: Float64 | float, numbers: Forecasts) -> Float64:
    """Return numbers (..., any) that lie a float32 from `anchors` without the digits that say nothing.

    That is the sum of an anchor and the shortest text of the float32, to the 15 digits that float64 keeps of any
    decimal.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        sums = anchors + shortest((numbers - anchors).astype(np.float32))
    return _of_digits(sums, 15)


def _of_digits(numbers: Float64, digits: int) -> Float64:
    """Return numbers rounded to so many digits; those whose last one is no exact power of ten one by one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        places = digits - 1 - np.floor(np.log10(np.abs(numbers)))
        power = 10.0 ** np.where((places >= 0) & (places <= _EXACT), places, np.nan)
        found: Float64 = np.rint(numbers * power) / power
    odd = np.flatnonzero(np.isnan(found))
    found.flat[odd] = [float(f"{number:.{digits}g}") for number in numbers.flat[odd].tolist()]
    return found


def shortest_lists(numbers: Float32) -> Any:
    """Return the same as nested lists; a few numbers one by one."""
    if numbers.size > _FEW:
        return shortest(np.ascontiguousarray(numbers)).tolist()
    if numbers.ndim == 1:
        return [float(str(number)) for number in numbers]
    return [shortest_lists(part) for part in numbers]
