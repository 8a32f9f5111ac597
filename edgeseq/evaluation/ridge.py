"""Ridge regression of many outputs over many rows, in the memory of a few blocks of rows.

A. Hoerl and R. Kennard, Technometrics 12 (1970). The normal equations are summed up block by block; one
eigendecomposition then gives the solutions for all penalties. A machine-learning library would add a large
package for it. Where the columns are lags of a long series, their structure gives the sums (`lagged`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq.evaluation.lagged import LaggedDistances, Sums
from edgeseq_runtime.arrays import Float32, Float64

Rows: TypeAlias = npt.NDArray[np.int64]

Design: TypeAlias = Callable[[Rows], Float64]
"""Rows (n,) -> their design rows (n, column), all finite. Called for a block of rows at a time."""

PENALTIES = tuple(10.0**power for power in range(-12, 3))
"""Those that a validation part chooses from."""

BLOCK = 4096
"""Rows looked at together: the blocks of 95 columns then fit into a processor's cache."""

_COLUMNS = 512
"""Predictions of a row that are made together."""


def solve(design: Design, rows: Rows, targets: Float32 | Float64, penalties: Sequence[float]) -> Float64:
    """Return coefficients (penalty, column + 1, output) for targets (row, output); the last one is the intercept.

    Each output is fitted on the rows where it is known; NaN marks the others. Where no row is, the coefficients
    are NaN. A penalty, above 0, counts for columns scaled to deviation 1 and the mean of the squares; the
    intercept is free.
    """
    assert min(penalties) > 0
    known = np.isfinite(targets)
    columns = design(rows[:1]).shape[1] + 1
    solutions = np.full((len(penalties), columns, targets.shape[1]), np.nan)
    if not known.any():
        return solutions
    shift = design(rows[:BLOCK]).mean(axis=0)  # near the mean, so that squares do not cancel
    whole = _sums(design, rows, targets, shift)
    for outputs in _alike(known):
        there = known[:, outputs[0]]
        if there.any():
            gram = _gram(design, rows, there, shift, whole.gram)
            solutions[:, :, outputs] = _solutions(gram, whole.moment[:, outputs], shift, penalties)
    return solutions


def beside(design: Design, columns: Float32) -> Design:
    """Return the design with further columns, whose rows lie in an array (row, column)."""
    if not columns.shape[1]:
        return design
    if isinstance(design, LaggedDistances):
        return replace(design, beside=columns)
    return lambda rows: np.concatenate([design(rows), columns[rows]], axis=1)


def predict(design: Design, rows: Rows, coefficients: Float64) -> Float64:
    """Return what coefficients (column + 1, output) say at the rows, (row, output)."""
    predictions = np.empty((len(rows), coefficients.shape[1]))
    for at in _blocks(len(rows)):
        predictions[at] = _applied(design(rows[at]), coefficients)
    return predictions


def squares(design: Design, rows: Rows, targets: Float32 | Float64, coefficients: Float64) -> Float64:
    """Return the sums of squared errors (penalty, output) of coefficients (penalty, column + 1, output)."""
    outputs = targets.shape[1]
    total = np.zeros((len(coefficients), outputs))
    together = max(1, _COLUMNS // max(1, outputs))  # penalties whose predictions are one product
    for first in range(0, len(coefficients), together):
        chosen = coefficients[first : first + together]
        side_by_side = np.concatenate(list(chosen), axis=1)
        for at in _blocks(len(rows)):
            made = _applied(design(rows[at]), side_by_side).reshape(-1, len(chosen), outputs)
            error = made - targets[at][:, None]
            error[np.isnan(error)] = 0
            total[first : first + together] += np.square(error, out=error).sum(axis=0)
    return total


def _blocks(rows: int) -> Iterator[slice]:
    return (slice(start, start + BLOCK) for start in range(0, rows, BLOCK))


def _applied(x: Float64, coefficients: Float64) -> Float64:
    return np.asarray(x @ coefficients[:-1] + coefficients[-1])


def _sums(design: Design, rows: Rows, targets: Float32 | Float64, shift: Float64) -> Sums:
    """Return the sums over rows of products of [x - shift, 1] with themselves and with the known targets."""
    if isinstance(design, LaggedDistances) and design.has_long_runs(rows):
        return design.sums(rows, targets, shift)
    gram, moment = np.zeros((len(shift) + 1, len(shift) + 1)), np.zeros((len(shift) + 1, targets.shape[1]))
    for at in _blocks(len(rows)):
        x = _shifted(design, rows[at], shift)
        gram += x.T @ x
        moment += x.T @ np.where(np.isfinite(targets[at]), targets[at], 0)
    return Sums(gram, moment)


def _shifted(design: Design, rows: Rows, shift: Float64) -> Float64:
    """Return design rows less the shift, with a column of ones for the intercept."""
    x = np.ones((len(rows), len(shift) + 1))
    x[:, :-1] = design(rows) - shift
    return x


def _alike(known: npt.NDArray[np.bool_]) -> list[list[int]]:
    """Return the outputs that are known in the same rows, together: they share a Gram matrix."""
    groups: dict[bytes, list[int]] = {}
    for output in range(known.shape[1]):
        groups.setdefault(np.packbits(known[:, output]).tobytes(), []).append(output)
    return list(groups.values())


def _gram(design: Design, rows: Rows, there: npt.NDArray[np.bool_], shift: Float64, whole: Float64) -> Float64:
    """Return the Gram matrix of some rows: those of all less those of the others, if these are fewer."""
    fewer = 2 * there.sum() < len(rows)
    looked_at = rows[there if fewer else ~there]
    part = _sums(design, looked_at, np.zeros((len(looked_at), 0)), shift).gram
    return part if fewer else whole - part


def _solutions(gram: Float64, moment: Float64, shift: Float64, penalties: Sequence[float]) -> Float64:
    """Solve the normal equations of [x - shift, 1] for each penalty, (penalty, column + 1, output)."""
    count = gram[-1, -1]
    mean, middle = gram[:-1, -1] / count, moment[-1] / count
    covariance = gram[:-1, :-1] / count - np.outer(mean, mean)
    scale = np.sqrt(np.maximum(np.diag(covariance), 0))
    scale[scale <= 1e-12 * np.abs(shift)] = 1  # constant, but for rounding
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    projected = vectors.T @ ((moment[:-1] / count - np.outer(mean, middle)) / scale[:, None])
    damped = np.maximum(values, 0) + np.array(penalties)[:, None]  # (penalty, column)
    slopes = vectors @ (projected / damped[:, :, None]) / scale[:, None]
    intercept = middle - (mean + shift) @ slopes  # (penalty, output)
    return np.concatenate([slopes, intercept[:, None]], axis=1)
