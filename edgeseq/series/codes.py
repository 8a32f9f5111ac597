"""Codes for "no value" among values: -127, 85, -999, 65535, as sensors and loggers write them.

A code is told by its statistics alone: it is the largest or smallest value, comes again exactly, and lies apart from
all others. What is known to be written as a code needs less of that than another number.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.printable import counted

_KNOWN = frozenset(
    np.float32(code)
    for code in (
        *(-127, 85, -40, -55, -99, -99.9, -199, -273.15, -300, 255, 327.67, -327.68, 3276.7, -3276.8, 6553.5, 655.35),
        *(-999, -999.9, -9999, -99999, 999, 999.9, 9999, 99999, 999999, 32767, -32768, 65535, 2147483647, -2147483648),
        *(1e6, -1e6, 1e9, 1e10, 1e20, -1e20, 1e30, -1e30, 4294967295, 16777215, 8388607, -888, 888, -88.8, 888.8),
    )
)
"""Of the sensors DS18B20 and DHT, of weather services, of Modbus and integers that are full, of historians."""

_APART, _APART_IF_KNOWN = 5.0, 0.5
"""How far a code lies from all others at least, in the width of these."""

_FAR, _FAR_IF_KNOWN = 20.0, 2.0
"""The same where it comes twice only."""

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
    distinct, counts = np.unique(known[::step], return_counts=True)
    if step > 1 and (known.min() < distinct[0] or known.max() > distinct[-1]):
        low, high = _inner(distinct)
        outside = known[(known < low) | (known > high)]
        inside = distinct[(distinct >= low) & (distinct <= high)]
        distinct, counts = np.unique(np.concatenate([outside, inside]), return_counts=True)
    return sorted(_suspects(distinct, counts, known), key=lambda code: -code.rows)


def _suspects(distinct: Float32, counts: npt.NDArray[np.int64], known: Float32) -> Iterator[Code]:
    """Yield the codes among the `distinct` values, in order, of which there are so many each."""
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
        rows = int(np.count_nonzero(known == value)) if counts[at] > 1 else 1
        is_known = value in _KNOWN
        apart = (_FAR_IF_KNOWN if is_known else _FAR) if rows == 2 else (_APART_IF_KNOWN if is_known else _APART)
        if rows > 1 and gap >= apart * width and rows <= len(known) * (_MOST_IF_KNOWN if is_known else _MOST):
            yield Code(float(value), rows, gap / spread if spread else np.inf)


def _inner(distinct: Float32) -> tuple[float, float]:
    """Return between which values nothing is far from the others."""
    low, high = np.quantile(distinct.astype(np.float64), (0.05, 0.95))
    return float(low - _APART_IF_KNOWN * (high - low)), float(high + _APART_IF_KNOWN * (high - low))
