"""Codes for "no value" among values: -127, 85, -999, 65535, as sensors and loggers write them.

A code is told by its statistics alone: it is the largest or smallest value, comes again exactly, and lies apart from
all others. What is known to be written as a code needs less of that than another number.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.printable import counted

_KNOWN = frozenset(
    np.float32(code)
    for code in (
        *(-127, 85, -40, -55, -46.85, -145.75, -273.15, 327.67, -327.68, 3276.7, -3276.8, 655.35, 6553.5),
        *(-99, -99.9, -99.99, 99.9, 99.99, -199, -888, 888, -88.8, 888.8, 999, -999, 999.9, -999.9, 999.99, -999.99),
        *(9999, -9999, 9999.9, -9999.9, 99999, -99999, 999999, -999999, -6999, -7999, 255, 32767, -32768, 65535),
        *(8388607, 16777215, 2147483647, -2147483648, 4294967295, 1e6, -1e6, 1e9, 1e10, 1e20, -1e20, 1e30, -1e30),
    )
)
"""Of sensors such as DS18B20, DHT and SHT, of weather services, of loggers, of Modbus and of integers that are full."""

_APART, _APART_IF_KNOWN = 5.0, 0.5
"""How far a code lies from all others at least, in the width of these."""

_FAR, _FAR_IF_KNOWN = 20.0, 2.0
"""The same where it comes twice only."""

_FAR_ONCE_IF_KNOWN = 5.0
"""The same where it comes once; another number that comes once is no code."""

_MOST, _MOST_IF_KNOWN = 0.1, 0.6
"""The largest share of the samples that a code has."""

_FEWEST_OTHERS = 8
"""Different values besides codes: what has fewer, such as a switch, is not measured."""

_OUTERMOST = 12
"""Values that are looked at, from outside to inside."""

_ENOUGH = 200_000
"""Values that show which come again; of more, only so many are put in order."""


@dataclass(frozen=True)
class Code:
    """A value that may stand for none."""

    value: float
    rows: int
    """How often it comes."""
    deviations: float
    """How far it lies from the nearest other value, in their deviation."""

    def __str__(self) -> str:
        said = text(self.value)
        return (
            f"{said} in {counted(self.rows, 'row')}, {self.deviations:.0f} deviations from all others: "
            f"--na {said} takes it as missing"
        )


def text(value: float) -> str:
    """Return a float32 as briefly as it may be written."""
    return np.format_float_positional(np.float32(value), trim="-")


def suspects(values: Float32) -> list[Code]:
    """Return the values (row,) that look like codes, NaN left out; the most frequent first."""
    known = values[np.isfinite(values)]
    if not len(known):
        return []
    step = max(1, len(known) // _ENOUGH)
    distinct = np.unique(known[::step])
    if step > 1 and (known.min() < distinct[0] or known.max() > distinct[-1]):
        low, high = _inner(distinct)
        outside = known[(known < low) | (known > high)]
        inside = distinct[(distinct >= low) & (distinct <= high)]
        distinct = np.unique(np.concatenate([outside, inside]))
    return sorted(_suspects(distinct, known), key=lambda code: -code.rows)


def _suspects(distinct: Float32, known: Float32) -> Iterator[Code]:
    """Yield the codes among the `distinct` values, in order."""
    begin, end = 0, len(distinct)
    outer: list[tuple[int, float, float]] = []
    for _ in range(_OUTERMOST):
        if end - begin <= _FEWEST_OTHERS:
            return
        low, high = np.quantile(distinct[begin:end].astype(np.float64), (0.05, 0.95))
        below = float(distinct[begin + 1]) - float(distinct[begin])
        above = float(distinct[end - 1]) - float(distinct[end - 2])
        width = float(high - low)
        if max(below, above) < _APART_IF_KNOWN * width:
            break
        at, gap = (begin, below) if below >= above else (end - 1, above)
        outer.append((at, gap, width))
        begin, end = (begin + 1, end) if below >= above else (begin, end - 1)
    if not outer or end - begin < _FEWEST_OTHERS:
        return
    inside = known[(known >= distinct[begin]) & (known <= distinct[end - 1])]
    spread = float(inside.std(dtype=np.float64))
    for at, gap, width in outer:
        value = distinct[at]
        rows = int(np.count_nonzero(known == value))
        is_known = value in _KNOWN
        most = len(known) * (_MOST_IF_KNOWN if is_known else _MOST)
        if gap >= _least_gap(rows, is_known) * width and rows <= max(most, 1):
            yield Code(float(value), rows, gap / spread if spread else np.inf)


def _least_gap(rows: int, is_known: bool) -> float:
    """Return how far a code lies from all others at least, in the width of these, where it comes so often."""
    if rows == 1:
        return _FAR_ONCE_IF_KNOWN if is_known else np.inf
    if rows == 2:
        return _FAR_IF_KNOWN if is_known else _FAR
    return _APART_IF_KNOWN if is_known else _APART


def _inner(distinct: Float32) -> tuple[float, float]:
    """Return between which values nothing is far from the others."""
    low, high = np.quantile(distinct.astype(np.float64), (0.05, 0.95))
    return float(low - _APART_IF_KNOWN * (high - low)), float(high + _APART_IF_KNOWN * (high - low))
