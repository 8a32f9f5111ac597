"""Distances of earlier samples from the last one: what a linear forecast of a change looks at, besides what is known.

A distance is a sum of changes, and the products of changes that lie i and j samples back, summed over consecutive rows,
are those of i - 1 and j - 1 back but for the first and the last row (displacement structure: T. Kailath, S.-Y. Kung,
M. Morf, Journal of Mathematical Analysis and Applications 68, 1979). So of the products of all pairs of lags only those
with the newest change are summed over all rows, by FFT; the others cost two rows for each run of consecutive ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32, Float64

Rows = npt.NDArray[np.int64]

LONG = 50_000
"""Rows from which on sums are made in this way; fewer take little time, and keep the rounding that they have."""

_LONGER_RUNS = 4
"""Rows in a run of consecutive ones, on average, from which on it pays."""

_FFT = 1 << 16
"""Places that one FFT takes, at least."""

_RUNS = 4096
"""Runs whose ends are looked at together."""


@dataclass(frozen=True)
class Sums:
    """Sums over rows of products of [design row - shift, 1]."""

    gram: Float64
    """With themselves, (column + 1, column + 1)."""
    moment: Float64
    """With the targets where these are known, (column + 1, output)."""


@dataclass(frozen=True)
class LaggedDistances:
    """Rows -> the distances of the `lags` samples before each from it, (row, feature * lag), the farthest first.

    Behind them stand the columns `beside`.
    """

    values: Float64
    """(place, feature): the samples in segments; before each its first sample, once for each lag."""
    places: Rows
    """The place of each row, (row,); rising."""
    lags: int
    beside: Float32 | Float64 = field(default_factory=lambda: np.zeros((0, 0)))
    """What else is known at each row (row, column); none where it is empty."""

    def __call__(self, rows: Rows) -> Float64:
        """Return the distances at the rows."""
        windows = np.lib.stride_tricks.sliding_window_view(self.values, self.lags + 1, axis=0)
        window = windows[self.places[rows] - self.lags]  # (row, feature, lag + 1)
        distances = np.asarray(window[:, :, :-1] - window[:, :, -1:]).reshape(len(rows), -1)
        return np.concatenate([distances, self.beside[rows]], axis=1) if self.beside.size else distances

    def has_long_runs(self, rows: Rows) -> bool:
        """Whether sums over the rows, rising, are made faster from runs than one by one."""
        return len(rows) >= LONG and len(rows) >= _LONGER_RUNS * len(_run_ends(self.places[rows])[0])

    def sums(self, rows: Rows, targets: Float32 | Float64, shift: Float64) -> Sums:
        """Return sums over the rows, rising, with the targets (row, output), NaN where they are unknown.

        In the time of a few FFTs over the series, whatever the number of lags.
        """
        if not self.beside.size:
            return self._sums_of_distances(rows, targets, shift)
        columns = self.lags * self.values.shape[1]
        beside = self.beside[rows] - shift[columns:]
        own = self._sums_of_distances(rows, np.concatenate([beside, targets], axis=1), shift[:columns])
        # From products of [distances, 1] with [beside, targets], and of `beside` with both, to those of all columns.
        other = beside.T @ np.concatenate([beside, _known(targets)], axis=1)
        across, moment = np.split(own.moment, [beside.shape[1]], axis=1)
        inner, others = np.split(other, [beside.shape[1]], axis=1)
        gram = np.block(
            [
                [own.gram[:-1, :-1], across[:-1], own.gram[:-1, -1:]],
                [across[:-1].T, inner, across[-1:].T],
                [own.gram[-1:, :-1], across[-1:], own.gram[-1:, -1:]],
            ]
        )
        return Sums(gram, np.concatenate([moment[:-1], others, moment[-1:]]))

    def _sums_of_distances(self, rows: Rows, targets: Float32 | Float64, shift: Float64) -> Sums:
        at = self.places[rows]
        changes = np.diff(self.values, axis=0, prepend=self.values[:1])
        mean = changes.mean(axis=0)  # less the mean, squares do not cancel
        changes = np.ascontiguousarray((changes - mean).T)  # (feature, place)
        products = self._with_newest(changes, at, targets)  # (lag, feature, feature + output + 1)
        features = len(changes)
        gram = np.empty((self.lags, features, self.lags, features))
        gram[:, :, 0] = products[..., :features]
        gram[0] = products[..., :features].transpose(2, 0, 1)
        ends = self._ends(changes, at)
        for lag in range(1, self.lags):
            gram[lag, :, 1:] = gram[lag - 1, :, :-1] + ends[lag - 1, :, :-1]
        gram = gram.cumsum(axis=0).cumsum(axis=2)[::-1, :, ::-1].transpose(1, 0, 3, 2)
        moment = -products[..., features:].cumsum(axis=0)[::-1].transpose(1, 0, 2)
        columns = self.lags * features
        own = -np.outer(mean, np.arange(self.lags, 0, -1)).reshape(-1)  # what is subtracted from the columns so far
        totals = np.append(np.sum(targets, axis=0, dtype=np.float64, where=np.isfinite(targets)), len(rows))
        return _shifted(gram.reshape(columns, columns), moment.reshape(columns, -1), totals, own - shift)

    def _with_newest(self, changes: Float64, at: Rows, targets: Float32 | Float64) -> Float64:
        """Return sums of the changes `lag` places before, times the newest changes, the targets, and 1.

        By FFT of overlapping blocks; `changes` (feature, place), `at` the places of the rows, the result (lag, feature,
        feature + output + 1).
        """
        size = max(_FFT, 1 << (4 * self.lags).bit_length())
        step = size - self.lags + 1
        features, places = changes.shape
        others = features + targets.shape[1] + 1
        total = np.zeros((features, others, size // 2 + 1), np.complex128)
        for start, chosen in _blocks(at, places, step):
            here = at[chosen] - start
            block = np.zeros((others, step))
            block[:features, here] = changes[:, at[chosen]]
            block[features:-1, here] = _known(targets[chosen]).T
            block[-1, here] = 1
            begin = start - self.lags + 1
            earlier = np.zeros((features, size))
            seen = changes[:, max(begin, 0) : start + step]
            earlier[:, max(-begin, 0) : max(-begin, 0) + seen.shape[1]] = seen
            spectra = np.fft.rfft(block, size).conj()
            for feature, spectrum in enumerate(np.fft.rfft(earlier)):
                total[feature] += spectrum * spectra
        return np.fft.irfft(total, size)[:, :, : self.lags][:, :, ::-1].transpose(2, 0, 1)

    def _ends(self, changes: Float64, at: Rows) -> Float64:
        """Return products of the changes before the first place of each run, less those at its last.

        (lag, feature, lag, feature)
        """
        windows = np.lib.stride_tricks.sliding_window_view(changes, self.lags, axis=1)  # (feature, place, lag)
        firsts, lasts = _run_ends(at)
        columns = self.lags * len(changes)
        products = np.zeros((columns, columns))
        for start in range(0, len(firsts), _RUNS):
            for places, sign in ((firsts - 1, 1.0), (lasts, -1.0)):
                window = windows[:, places[start : start + _RUNS] - self.lags + 1, ::-1]
                x = window.transpose(1, 2, 0).reshape(-1, columns)
                products += sign * (x.T @ x)
        return products.reshape(self.lags, len(changes), self.lags, len(changes))


def _known(targets: Float32 | Float64) -> Float64:
    """Return targets, 0 where they are unknown."""
    return np.nan_to_num(targets.astype(np.float64, copy=False))


def _run_ends(at: Rows) -> tuple[Rows, Rows]:
    """Return the first and the last place of each run of consecutive places."""
    breaks = np.flatnonzero(np.diff(at) != 1)
    return at[np.concatenate([[0], breaks + 1])], at[np.concatenate([breaks, [len(at) - 1]])]


def _blocks(at: Rows, places: int, step: int) -> Iterator[tuple[int, slice]]:
    """Return the start of each block of places, and which rows lie in it."""
    for start in range(0, places, step):
        first, stop = np.searchsorted(at, [start, start + step]).tolist()
        if first < stop:
            yield start, slice(first, stop)


def _shifted(gram: Float64, moment: Float64, totals: Float64, by: Float64) -> Sums:
    """Return the sums where `by` (column,) is added to each design row.

    `moment` (column, output + 1) has the sums of the columns behind those with the targets; `totals` (output + 1,) are
    sums of the targets, and the number of rows.
    """
    gram = gram + np.outer(moment[:, -1], by) + np.outer(by, moment[:, -1]) + totals[-1] * np.outer(by, by)
    moment = np.concatenate([moment + np.outer(by, totals), totals[None]])
    return Sums(np.block([[gram, moment[:-1, -1:]], [moment[:-1, -1:].T, totals[-1:, None]]]), moment[:, :-1])
