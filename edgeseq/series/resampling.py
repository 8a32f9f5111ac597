"""Sampling: samples in the order of their times, and evenly spaced, which is what a network steps along."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from edgeseq.series import gaps
from edgeseq.series.series import Values
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.reading import durations
from edgeseq_runtime.streaming.time_features import time_features

_JITTER = 1 / 3
"""How far a step may be from a whole number of periods, in periods: well short of the half at which rounding errs."""

_STRAY = 0.1
"""The part of the steps that may be further off: a logger that restarts, a packet that comes late and the next one not.

Times that come at random, which is what is to be found, have a third or more of their steps further off.
"""

_ANOTHER_RATE = 1.5
"""Ratio of two periods from which they are not the same: months have 28 to 31 days, and clocks jitter."""


@dataclass(frozen=True)
class Samples:
    """Rows of a file with their times."""

    seconds: Float64
    """Since 1970; (row,)."""
    values: Values
    """(row, feature)"""
    place: Callable[[int], str]
    """Says where a row stands in the file, and its time: "line 3: date 2020-01-01"."""

    def sorted(self) -> Self:
        """Return the rows in the order of their times."""
        order = np.argsort(self.seconds, kind="stable")
        return replace(
            self, seconds=self.seconds[order], values=self.values[order], place=lambda row: self.place(int(order[row]))
        )


@dataclass(frozen=True)
class Spacing:
    """How samples become evenly spaced."""

    every: float | None = None
    """Seconds of the intervals over which samples are averaged; None takes the samples as they are."""
    sort: bool = False
    """Whether rows are put in the order of their times."""
    gap_limit: int = gaps.LIMIT
    """Missing samples in a row that are filled in."""
    expected: float | None = None
    """Seconds from one sample to the next that a model was trained on."""
    clocks: tuple[str, ...] = ()
    """Features to be read off the samples' times, as columns behind the others."""


@dataclass(frozen=True)
class EvenSamples:
    """Samples in even steps; rows of NaN stand in a gap."""

    values: Values
    rows: npt.NDArray[np.int64]
    """Row of the given samples that each is or, in a gap, is before; of the intervals that hold any, with `every`."""
    seconds: Float64
    """Since 1970; (time,)."""
    period: float | None
    """Seconds from one to the next; None where there is one sample."""


def evenly(samples: Samples, spacing: Spacing) -> EvenSamples:
    """Return the samples in even steps. Raises `DataError` where they are not, and for times that do not increase."""
    if spacing.sort:
        samples = samples.sorted()
    check_order(samples, repeats=spacing.every is not None)
    period = _usual_step(samples)
    if spacing.every is not None:
        check_interval(spacing.every, period, spacing.gap_limit)
        samples, period = resample(samples, spacing.every), spacing.every
    elif period is not None:
        check_even(samples, period, spacing)
    if spacing.clocks:
        read_off = time_features(samples.seconds, spacing.clocks)
        samples = replace(samples, values=np.column_stack([samples.values, read_off]).astype(np.float32))
    if period is None:
        return EvenSamples(samples.values, np.arange(len(samples.values)), samples.seconds, None)
    if spacing.expected is not None:
        check_period(period, spacing.expected)
    values, rows = gaps.insert_missing(samples.seconds, samples.values, spacing.gap_limit, period)
    return EvenSamples(values, rows, _times_of(rows, samples.seconds, period), period)


def _times_of(rows: npt.NDArray[np.int64], seconds: Float64, period: float) -> Float64:
    """Return when each sample was taken; those that stand in a gap, a period apart after the one before it."""
    stands_in = np.append(rows[1:] == rows[:-1], False)
    within = np.arange(len(rows)) - np.searchsorted(rows, rows)
    return np.where(stands_in, seconds[np.maximum(rows - 1, 0)] + period * (within + 1), seconds[rows])


def _usual_step(samples: Samples) -> float | None:
    """Return the median of the steps between times, None where there is none."""
    steps = np.diff(samples.seconds)
    steps = steps[steps > 0]
    return float(np.median(steps)) if len(steps) else None


def check_order(samples: Samples, *, repeats: bool = False) -> None:
    """Raise `DataError` where a time is before the one in the row before or, without `repeats`, the same."""
    steps = np.diff(samples.seconds)
    wrong = np.flatnonzero(steps < 0 if repeats else steps <= 0)
    if len(wrong):
        at = int(wrong[0])
        this, other = samples.place(at + 1), samples.place(at)
        if steps[at] < 0:
            raise DataError(f"{this} goes back behind {other}; times must increase: --sort puts the rows in order")
        raise DataError(f"{this} repeats {other}; times must increase: --every averages what shares a time")


def resample(samples: Samples, every: float) -> Samples:
    """Return the mean of the samples in each interval of `every` seconds that has any, at the interval's start.

    Intervals begin at multiples of `every` since 1970 (UTC) and hold their start, not their end. In each column the
    mean is that of the finite values, NaN where there are none. Whole microseconds keep rounding out of it.
    """
    length = round(every * 1e6)
    interval = np.rint(samples.seconds * 1e6).astype(np.int64) // length
    begins = np.flatnonzero(np.diff(interval, prepend=interval[0] - 1))
    known = np.isfinite(samples.values)
    count = np.add.reduceat(known, begins, axis=0, dtype=np.int64)
    total = np.add.reduceat(np.where(known, samples.values, 0), begins, axis=0, dtype=np.float64)
    mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return Samples(
        seconds=(interval[begins] * length / 1e6).astype(np.float64),
        values=mean.astype(np.float32),
        place=lambda row: samples.place(int(begins[row])),
    )


def check_interval(every: float, step: float | None, limit: int) -> None:
    """Raise `UsageError` for intervals so short that the usual step between samples is a gap."""
    if step is not None and step > every * (limit + 1.5):
        raise UsageError(
            f"--every {durations.text(every)} is too short: samples usually come {durations.text(step)} apart, "
            f"and at most {limit} missing ones are filled in"
        )


def check_even(samples: Samples, period: float, spacing: Spacing) -> None:
    """Raise `DataError` where too many steps are no whole number of periods, and say what to type.

    A leap that parts the series may end at any time.
    """
    steps = np.diff(samples.seconds)
    periods = steps / period
    off = (np.abs(periods - np.maximum(np.rint(periods), 1)) > _JITTER) & (periods < spacing.gap_limit + 1.5)
    if off.sum() > max(_STRAY * len(steps), 1):
        # Nine of ten steps fit into the interval, so that few intervals stay empty.
        suggested = spacing.expected or durations.at_least(float(np.quantile(steps, 0.9)))
        at = int(off.argmax())
        raise DataError(
            f"the times are irregular: {int(off.sum())} of {len(steps)} steps are no multiple of the usual "
            f"{durations.text(period)}, the first at {samples.place(at + 1)}; "
            f"--every {durations.text(suggested)} averages them into even steps"
        )


def check_period(period: float, expected: float) -> None:
    """Raise `DataError` where a series has another period than the model that it is to be streamed through."""
    have, wanted = durations.text(period), durations.text(expected)
    if period * _ANOTHER_RATE < expected:
        raise DataError(f"a sample every {have}; the model was trained on one every {wanted}: add --every {wanted}")
    if period > expected * _ANOTHER_RATE:
        raise DataError(f"a sample every {have} is too seldom; the model was trained on one every {wanted}")
