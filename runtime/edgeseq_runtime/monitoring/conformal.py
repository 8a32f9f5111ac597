"""Prediction intervals on the device: the validation part's residual quantiles, kept honest by what comes.

Adaptive conformal inference. I. Gibbs, E. Candes, Adaptive conformal inference under distribution shift, NeurIPS
(2021): after each truth a number moves by gamma * (missed - alpha), where alpha = 1 - level is the share of truths that
an interval may miss; over T truths the share that it did miss then is alpha but for (range of the number) / (gamma T),
whatever the series does. There the number is the level at which quantiles are taken. A model file holds five levels
only, which say nothing about what lies beyond the outermost, where a noisier series would need it; so here
the number is the logarithm of the interval's width, as a multiple of what validation showed. The argument needs no more
than that a larger number gives a wider interval. There is one for each step ahead and target.

Hits narrow so slowly that an interval which is far too wide would stay so for thousands of samples: the first one of a
sensor that nobody has trained for, or any after a season was found. Where it is proven that a width is wrong (see
`evidence`), hits and misses move it in haste, ten times as far. By how much haste has moved it, all in all, is kept and
bounded. So the argument still holds: over T truths the share missed is alpha but for (range of the number + range of
what haste has moved) / (gamma T), whatever the series does.
"""

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32, Float64, Forecasts, Rows
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.monitoring.evidence import HASTE, TOO_WIDE, scores
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.row_arrays import RowArrays

if TYPE_CHECKING:
    from collections.abc import Callable

LEVEL = 0.9
"""The level that the width is adapted to. An interval of another level is as many times as wide as validation
showed, which holds as far as the residuals have changed in size and not in shape."""

GAMMA = 0.01
"""A miss widens an interval by 0.9 %, a hit narrows it by 0.1 %, without haste."""

WIDEST = np.float32(math.log(1000.0))
"""No interval becomes a thousand times wider or narrower than over validation."""

_WIDER, _NARROWER = np.float32(GAMMA * LEVEL), np.float32(GAMMA * (1 - LEVEL))

_MORE = HASTE - np.float32(1)

FURTHEST = np.float32(math.log(100.0))
"""Haste makes no interval a hundred times wider or narrower, all in all."""

HASTY = float(WIDEST), float(_MORE), float(FURTHEST)
"""How far from 0 the logarithm of a width may come; by how many times as much haste moves it besides, and how far all
in all."""

# What is computed with for one stream: Python's numbers, and arrays, which a ufunc takes in half a number's time.
_WIDEST, _MORE_OF_MOVE, _FURTHEST = HASTY
_NOT = np.asarray(np.float32(0))


class Quantiles:
    """A model's residual quantiles at any level. Raises `DataError` for a model without, or with unusable ones."""

    def __init__(self, spec: Spec) -> None:
        if spec.residuals is None:
            raise DataError("the model carries no residual quantiles: its validation part was too short for intervals")
        levels = np.array(spec.residuals.levels, np.float64)
        try:
            self._table = np.array(spec.residuals.quantiles, np.float64)  # (horizon, target, level)
        except ValueError:
            self._table = np.zeros(0)
        ordered = len(levels) >= 2 and levels[0] > 0 and levels[-1] < 1 and (np.diff(levels) > 0).all()
        if not ordered or self._table.shape != (spec.horizon, len(spec.targets), len(levels)):
            raise DataError("the model's residual quantiles are no table of levels by step ahead and target")
        self._scores = np.array([NormalDist().inv_cdf(level) for level in levels])

    def at(self, level: float) -> Float64:
        """Return the residual quantiles at a level between 0 and 1, (horizon, target).

        Between the levels of the file, and beyond them, along straight lines over the normal distribution's quantiles:
        exact for normal residuals of any size and mean.
        """
        score = NormalDist().inv_cdf(level)
        right = int(np.clip(np.searchsorted(self._scores, score), 1, len(self._scores) - 1))
        low, high = self._scores[right - 1 : right + 1]
        share = (score - low) / (high - low)
        return np.asarray(self._table[..., right - 1] * (1 - share) + self._table[..., right] * share)


def _hurry(hurried: Float32, moved: Float32, is_proven: npt.NDArray[np.bool_]) -> Float32:
    """Return by how much haste moves widths besides, and add it to what it has `hurried`, in place."""
    after = np.where(is_proven, hurried + _MORE * moved, hurried)
    after = np.minimum(np.maximum(after, -FURTHEST), FURTHEST)
    besides = after - hurried
    hurried[...] = after
    return np.asarray(besides)


_FEW = 4
"""Numbers that Python moves on one by one before NumPy has begun."""

_FIRST = slice(0, 1)


class Intervals(RowArrays):
    """The interval around each step of streams' forecasts."""

    moving: Float32
    """(stream, 3, horizon, target): `log_width`, and the two of `evidence`. Hits and misses move them together."""
    width: Float32
    """(stream, horizon, target): the exponential of `log_width`."""
    hurried: Float32
    """(stream, horizon, target): by how much haste has moved `log_width`, all in all."""

    def __init__(self, spec: Spec, room: int) -> None:
        super().__init__(room)
        self._quantiles = Quantiles(spec)
        low, middle, high = ends = self._ends(LEVEL)
        self._asked = LEVEL, ends  # the level asked for last, and its ends
        self.validated = middle, low, high
        """(horizon, target) each: the median of validation's residuals, and the interval's ends relative to it."""
        self.exponentials: Callable[[Float32, Float32], object] = np.exp
        """Writes the exponentials of numbers, the first, to the second; a backend may have its own."""
        self._flat = middle.reshape(-1), low.reshape(-1), high.reshape(-1)
        self._made = np.empty((3, middle.size), np.float32)
        self._find_moves(*middle.shape)
        self._by_number = list(zip(*(numbers.tolist() for numbers in self._flat), strict=True))
        self._rounded: Any = memoryview(np.zeros(1, np.float32).data)
        self._begin("moving", (3, *middle.shape), np.float32)
        self._begin("width", middle.shape, np.float32, 1)
        self._begin("hurried", middle.shape, np.float32)
        # The residuals of a model for any sensor are those of other sensors: most of these vary more than this one.
        self._is_others = spec.takes_any
        self._doubt(slice(None))
        self._bind()

    @property
    def log_width(self) -> Float32:
        """(stream, horizon, target): the one number of each, 0 where the interval is as wide as validation showed."""
        return self.moving[:, 0]

    @property
    def evidence(self) -> Float32:
        """(stream, 2, horizon, target): that it is too wide, and too narrow; 1 is proof. See `evidence`."""
        return self.moving[:, 1:]

    def _find_moves(self, horizon: int, targets: int) -> None:
        """Have what a hit and a miss add to `moving`, and how far that may come."""
        held, more = scores(horizon, targets, 1 - LEVEL)
        widths = np.ones((1, horizon, targets), np.float32)
        self.held = np.concatenate([-_NARROWER * widths, held])
        """(3, horizon, target): what a hit adds to `moving`."""
        self.more = np.concatenate([(_WIDER + _NARROWER) * widths, more])
        """(3, horizon, target): what a miss adds to that."""
        self._least, self._most = (
            np.repeat(np.array(ends, np.float32), horizon * targets).reshape(self.held.shape)
            for ends in ((-WIDEST, 0, 0), (WIDEST, 1, 1))
        )
        self._flat_moves = tuple(each.reshape(3, -1) for each in (self.held, self.more, self._least, self._most))
        self._added = np.empty_like(self._flat_moves[0])
        self._by_outcome = [each.reshape(3, -1).T.tolist() for each in (self.held, self.held + self.more)]

    def _bind(self) -> None:
        """Find the first stream's numbers, which `update_known` has no time to look for."""
        self._first = self.moving[0].reshape(3, -1), self.width[0].reshape(-1), self.hurried[0].reshape(-1)
        moving, *others = self._first
        self._numbers: list[Any] = [memoryview(some.data) for some in (*moving, *others)]

    def _doubt(self, rows: Any) -> None:
        """Have streams that have seen nothing begin with what is known of their intervals."""
        if self._is_others:
            self.evidence[rows, TOO_WIDE] = 1

    def make_room(self, count: int) -> None:
        """Have so many rows, or more."""
        before = len(self.moving)
        super().make_room(count)
        self._doubt(slice(before, None))
        self._bind()

    def erase(self, rows: Any) -> None:
        """Make the rows those of streams that have seen nothing."""
        super().erase(rows)
        self._doubt(rows)

    def update(self, rows: Rows, errors: Float32) -> None:
        """Move on by the errors (stream, horizon, target) of what forecasts 1, 2, ... samples ago said of one sample.

        An error is truth minus forecast, in the typical sensor's numbers, NaN where there was no forecast or no truth.
        """
        middle, low, high = self.validated
        distance, moving, width = errors - middle, self.moving[rows], self.width[rows]
        beyond = np.maximum(distance - high * width, low * width - distance)
        added = self.more * (beyond > 0).astype(np.float32)[:, None]
        added += self.held
        unknown = np.isnan(beyond)
        if unknown.any():
            np.copyto(added, np.float32(0), where=unknown[:, None])
        evidence = moving[:, 1:]
        if evidence.max(initial=0) >= 1:
            hurried = self.hurried[rows]
            added[:, 0] += _hurry(hurried, added[:, 0], np.any(evidence >= 1, axis=1))
            if not isinstance(rows, slice):
                self.hurried[rows] = hurried
        moving += added
        np.minimum(np.maximum(moving, self._least, out=moving), self._most, out=moving)
        self.exponentials(np.ascontiguousarray(moving[:, 0]), width)
        if not isinstance(rows, slice):
            self.moving[rows], self.width[rows] = moving, width

    def update_known(self, errors: Float32) -> None:
        """Move the first stream on by errors (horizon * target,) that are all known.

        Bit for bit as `update`, without new arrays: for one stream these are what takes the time.
        """
        moving, width, hurried = self._first
        if len(errors) <= _FEW:
            self._move_few(errors.tolist())
        else:
            (middle, low, high), (below, above, missed), added = self._flat, self._made, self._added
            held, more, least, most = self._flat_moves
            np.subtract(errors, middle, missed)
            np.multiply(low, width, below)
            np.multiply(high, width, above)
            np.subtract(below, missed, below)
            np.subtract(missed, above, above)
            np.maximum(below, above, out=missed)
            np.heaviside(missed, _NOT, missed)  # 1 for a miss, 0 for a hit
            np.multiply(more, missed, added)
            np.add(added, held, added)
            evidence = moving[1:]
            if evidence.item(evidence.argmax()) >= 1:
                added[0] += _hurry(hurried, added[0], np.any(evidence >= 1, axis=0))
            np.add(moving, added, moving)
            np.maximum(moving, least, out=moving)
            np.minimum(moving, most, out=moving)
        self.exponentials(moving[0], width)

    def _move_few(self, errors: list[float]) -> None:
        """Move the first stream on; a difference or product is rounded as the arrays have it."""
        rounded, (log_widths, wide, narrow, widths, hurried) = self._rounded, self._numbers
        for at, (middle, low, high) in enumerate(self._by_number):
            width = widths[at]
            rounded[0] = errors[at] - middle
            distance = rounded[0]
            rounded[0] = high * width
            above = rounded[0]
            rounded[0] = low * width
            is_missed = distance > above or distance < rounded[0]
            moved, *scored = self._by_outcome[is_missed][at]
            if wide[at] >= 1 or narrow[at] >= 1:
                before = hurried[at]
                rounded[0] = _MORE_OF_MOVE * moved
                hurried[at] = min(max(before + rounded[0], -_FURTHEST), _FURTHEST)
                rounded[0] = hurried[at] - before
                rounded[0] += moved
                moved = rounded[0]
            log_widths[at] = min(max(log_widths[at] + moved, -_WIDEST), _WIDEST)
            for known, score in zip((wide, narrow), scored, strict=True):
                known[at] = min(max(known[at] + score, 0.0), 1.0)

    def update_through(self, errors: Float32) -> Float32:
        """Move the first stream on by the errors (time, horizon, target) of samples in a row; return each one's width.

        (time, horizon, target): the interval's after that sample.
        """
        through, width = np.empty(errors.shape, np.float32), self.width[0]
        known: list[bool] = np.asarray(np.isfinite(errors).all(axis=(1, 2))).tolist()
        for at, flat in enumerate(errors.reshape(len(errors), -1)):
            if known[at]:
                self.update_known(flat)
            else:
                self.update(_FIRST, errors[at : at + 1])
            through[at] = width
        return through

    def load(self, row: int, log_width: Float32, evidence: npt.ArrayLike, hurried: npt.ArrayLike) -> None:
        """Go on with a stream's numbers as they were saved."""
        self.moving[row, 0], self.moving[row, 1:], self.hurried[row] = log_width, evidence, hurried
        self.exponentials(self.moving[row, 0], self.width[row])

    def around(
        self, rows: Any, forecasts: Forecasts, level: float, gains: Float32 | None = None
    ) -> tuple[Forecasts, Forecasts]:
        """Return lower and upper end, each of shape and type of the forecasts (stream, horizon, target).

        `gains` (stream, target) are the sensors' where these are several. Raises `UsageError` for a level that is not
        between 0 and 1.
        """
        return self.with_width(self.width[rows], forecasts, level, gains)

    def with_width(
        self, width: Float32, forecasts: Forecasts, level: float, gains: Float32 | None = None
    ) -> tuple[Forecasts, Forecasts]:
        """Return the ends around forecasts for a width of each (sample, horizon, target); see `around`."""
        if not 0 < level < 1:
            raise UsageError(f"level: expected between 0 and 1, got {level}")
        if level != self._asked[0]:
            self._asked = level, self._ends(level)
        low, middle, high = self._asked[1]
        if gains is None:
            centre = forecasts + middle
            return centre + low * width, centre + high * width
        scale = gains[..., None, :]
        centre = forecasts + scale * middle
        return centre + scale * low * width, centre + scale * high * width

    def _ends(self, level: float) -> tuple[Float32, Float32, Float32]:
        """Return lower end, median and upper end of the residuals over validation; the ends relative to the median."""
        middle, half = self._quantiles.at(0.5), level / 2
        low, high = self._quantiles.at(0.5 - half) - middle, self._quantiles.at(0.5 + half) - middle
        return low.astype(np.float32), middle.astype(np.float32), high.astype(np.float32)
