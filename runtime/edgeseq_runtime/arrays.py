"""The array types that the packages share, and whether an array can be trusted, in the least time."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Float32: TypeAlias = npt.NDArray[np.float32]
"""What the step function computes with."""

Float64: TypeAlias = npt.NDArray[np.float64]
"""What statistics, training data and the oracle are computed with."""

Forecasts: TypeAlias = npt.NDArray[np.floating[Any]]
"""What is said of samples to come: float32, but float64 where streams are counted from an anchor (`anchors`)."""

States: TypeAlias = dict[str, Float32]
"""Name of a state -> its value, in the spec's shape."""

Rows: TypeAlias = slice | npt.NDArray[np.intp]
"""Which streams a step moves; a slice: all of them, from the first on."""

_MOST = 8192
"""Numbers whose squares BLAS sums by itself; it wakes threads for more, which takes longer than the sum."""

_LARGEST = float(np.finfo(np.float32).max)


def are_within(numbers: Float32, squares: float) -> bool:
    """Whether the sum of the squares is at most `squares`, which must be finite: False for what is not finite, too.

    A third of the time of a look at each number. False may be wrong, for many numbers and for large ones. `vdot`, since
    `dot` warns where the squares are too large for float32.
    """
    return numbers.size <= _MOST and bool(np.vdot(numbers, numbers) <= squares)


def are_finite(numbers: Float32) -> bool:
    """Whether all numbers are finite."""
    return are_within(numbers, _LARGEST) or bool(np.isfinite(numbers).all())


def roomy(array: npt.NDArray[Any], count: int, axis: int = 0, filled: float = 0) -> npt.NDArray[Any]:
    """Return an array with `count` rows or more along an axis: itself, or twice as large."""
    room = array.shape[axis]
    if count <= room:
        return array
    shape = (*array.shape[:axis], max(count, 2 * room) - room, *array.shape[axis + 1 :])
    return np.concatenate([array, np.full(shape, filled, array.dtype)], axis=axis)
