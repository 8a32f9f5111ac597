"""Sampling: samples in the order of their times, and evenly spaced, which is what a network steps along."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from edgeseq.series import gaps, rounded_times
from edgeseq.series.calendar import are_ends_of_summer, months_between
from edgeseq.series.intervals import gather
from edgeseq.series.series import Values
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.reading import durations
from edgeseq_runtime.reading.intervals import check_gathering
from edgeseq_runtime.reading.reading import MEAN
from edgeseq_runtime.reading.zones import local
from edgeseq_runtime.rules import ANOTHER_RATE
from edgeseq_runtime.streaming.time_features import time_features

_JITTER = 1 / 3
"""How far a step may be from a whole number of periods, in periods: well short of the half at which rounding errs."""

_STRAY = 0.1
"""The part of the steps that may be further off: a logger that restarts, a packet that comes late and the next one not.

Times that come at random, which is what is to be found, have a third or more of their steps further off.
"""

_AT_ONCE = 1 << 16
"""Steps that are looked at in one piece of memory, which is far quicker than in one for all."""

_UNEVEN = 0.15
"""How far from a whole number of periods a step may be, where hardly any two samples in a row are equal."""

_SELDOM = 0.02
"""Part of the steps with equal samples that is hardly any."""

_OFTEN = 0.25
"""Part of such a series' steps that may be `_UNEVEN`: of real loggers' they are a twentieth."""

_FEW = 20
"""Steps that say nothing yet about how a sensor reports, nor how often."""

_STEADY = 0.9
"""Part of the steps on either side of a change that have the rate of that side."""


@dataclass(frozen=True)
class Samples:
    """Rows of a file with their times."""

    seconds: Float64
    """Since 1970; (row,)."""
    values: Values
    """(row, feature)"""
    place: Callable[[int], str]
    """Says where a row stands in the file, and its time: "line 3: date 2020-01-01"."""

    @cached_property
    def steps(self) -> Float64:
        """Seconds from each row to the next."""
        return np.diff(self.seconds)

    @cached_property
    def even_step(self) -> float | None:
        """Seconds of each step, where all are the same and forwards: then there is nothing to look for in them."""
        step = float(self.seconds[1] - self.seconds[0]) if len(self.seconds) > 1 else 0.0
        starts = range(0, len(self.seconds) - 1, _AT_ONCE)
        return step if step > 0 and all(self._is_even(start, step) for start in starts) else None

    def _is_even(self, start: int, step: float) -> bool:
        return bool((np.diff(self.seconds[start : start + _AT_ONCE + 1]) == step).all())

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
    aggregate: str = MEAN
    """What stands for the samples of an interval."""
    hold: float | None = None
    """Seconds for which a value holds where no newer one comes."""
    zone: str = ""
    """IANA name of the zone at whose midnight intervals of days begin, and whose clock features show; "": UTC."""
    sort: bool = False
    """Whether rows are put in the order of their times."""
    gap_limit: int = gaps.LIMIT
    """Missing samples in a row that are filled in."""
    expected: float | None = None
    """Seconds from one sample to the next that a model was trained on."""
    clocks: tuple[str, ...] = ()
    """Features to be read off the samples' times, as columns behind the others."""

    def __post_init__(self) -> None:
        check_gathering(self.every, self.aggregate, self.hold)


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
    notes: tuple[str, ...] = ()
    """What a user should know of their times."""


def evenly(samples: Samples, spacing: Spacing) -> EvenSamples:
    """Return the samples in even steps. Raises `DataError` where they are not, and for times that do not increase."""
    if spacing.sort:
        samples = samples.sorted()
    if samples.even_step is None:
        check_order(samples, repeats=spacing.every is not None, zone=spacing.zone)
    period = months_between(samples.seconds, spacing.zone) or _usual_step(samples)
    if spacing.every is not None:
        if spacing.hold is None:
            check_interval(spacing.every, period, spacing.gap_limit)
        samples, period = resample(samples, spacing), spacing.every
    elif period is not None and samples.even_step is None:
        rounded = rounded_times.find(samples.steps)
        if rounded and rounded.fits:
            return _finished(_in_even_steps(samples, spacing, rounded.period), spacing, rounded.note)
        check_rate(samples, spacing)
        check_even(samples, period, spacing)
        if rounded:
            return _finished(_in_even_steps(samples, spacing, period), spacing, rounded.note)
    return _finished(_in_even_steps(samples, spacing, period), spacing)


def _finished(even: EvenSamples, spacing: Spacing, *notes: str) -> EvenSamples:
    """Return even samples with notes, and with the features of their times where there are any."""
    even = replace(even, notes=notes)
    return replace(even, values=_with_clocks(even, spacing)) if spacing.clocks else even


def _in_even_steps(samples: Samples, spacing: Spacing, period: float | None) -> EvenSamples:
    """Return the samples with rows of NaN where some are missing."""
    if period is None:
        return EvenSamples(samples.values, np.arange(len(samples.values)), samples.seconds, None)
    if spacing.expected is not None:
        check_period(period, spacing.expected)
    if samples.even_step == period:
        return EvenSamples(samples.values, np.arange(len(samples.values)), samples.seconds, period)
    values, rows = gaps.insert_missing(samples.seconds, samples.values, spacing.gap_limit, period)
    return EvenSamples(values, rows, _times_of(rows, samples.seconds, period), period)


def _with_clocks(even: EvenSamples, spacing: Spacing) -> Values:
    """Return the values with the features of their times, which are known of missing samples as well."""
    read_off = time_features(local(even.seconds, spacing.zone), spacing.clocks)
    return np.column_stack([even.values, read_off]).astype(np.float32)


def _times_of(rows: npt.NDArray[np.int64], seconds: Float64, period: float) -> Float64:
    """Return when each sample was taken; those that stand in a gap, a period apart after the one before it."""
    stands_in = np.append(rows[1:] == rows[:-1], False)
    within = np.arange(len(rows)) - np.searchsorted(rows, rows)
    return np.where(stands_in, seconds[np.maximum(rows - 1, 0)] + period * (within + 1), seconds[rows])


def _usual_step(samples: Samples) -> float | None:
    """Return the median of the steps between times, None where there is none."""
    if samples.even_step is not None:
        return samples.even_step
    steps = samples.steps
    steps = steps[steps > 0]
    return float(np.median(steps)) if len(steps) else None


def check_order(samples: Samples, *, repeats: bool = False, zone: str = "") -> None:
    """Raise `DataError` where a time is before the one in the row before or, without `repeats`, the same.

    Without a `zone`, times that come again only where summer time ends are local ones, which nothing makes right but
    their zone.
    """
    steps = samples.steps
    wrong = np.flatnonzero(steps <= 0)
    if not zone and are_ends_of_summer(samples.seconds, wrong):
        this, other = samples.place(int(wrong[0]) + 1), samples.place(int(wrong[0]))
        raise DataError(
            f"{this} follows {other}: a local clock is put back there; "
            "--zone, e.g. --zone Europe/Berlin, tells the two hours apart"
        )
    wrong = np.flatnonzero(steps < 0 if repeats else steps <= 0)
    if len(wrong):
        at = int(wrong[0])
        this, other = samples.place(at + 1), samples.place(at)
        if steps[at] < 0:
            raise DataError(f"{this} goes back behind {other}; times must increase: --sort puts the rows in order")
        raise DataError(f"{this} repeats {other}; times must increase: --every averages what shares a time")


def resample(samples: Samples, spacing: Spacing) -> Samples:
    """Return what stands for the samples in each interval of `spacing.every` that has any, at the interval's start."""
    assert spacing.every is not None, "there are intervals"
    found = gather(samples.seconds, samples.values, spacing.every, spacing.aggregate, spacing.hold, spacing.zone)
    return Samples(found.seconds, found.values, place=lambda row: samples.place(int(found.rows[row])))


def check_interval(every: float, step: float | None, limit: int) -> None:
    """Raise `UsageError` for intervals so short that the usual step between samples is a gap."""
    if step is not None and step > every * (limit + 1.5):
        raise UsageError(
            f"--every {durations.text(every)} is too short: samples usually come {durations.text(step)} apart, "
            f"and at most {limit} missing ones are filled in"
        )


def check_rate(samples: Samples, spacing: Spacing) -> None:
    """Raise `DataError` where samples come at one rate up to some row, and at another one from there on."""
    steps = samples.steps
    width = min(_FEW, len(steps) // 2)
    if width < _FEW // 2:
        return
    before, after = float(np.median(steps[:width])), float(np.median(steps[-width:]))
    if max(before, after) < ANOTHER_RATE * min(before, after):
        return
    are_first, are_later = _of_rate(steps, before), _of_rate(steps, after)
    wrong = np.cumsum(np.append(0, are_later)) + np.cumsum(np.append(are_first, 0)[::-1])[::-1]
    at = int(wrong.argmin())
    parts = are_first[:at], are_later[at:]
    if not all(len(part) >= width // 2 and part.mean() >= _STEADY for part in parts):
        return
    suggested = max(before, after, spacing.expected or 0.0)
    raise DataError(
        f"from {samples.place(at).partition(': ')[0]} on a sample comes every {durations.text(after)} instead of "
        f"{durations.text(before)}: --every {durations.text(suggested)}"
    )


def _of_rate(steps: Float64, period: float) -> npt.NDArray[np.bool_]:
    """Return which steps are about as long as a period; a gap is not."""
    return np.asarray(np.abs(np.log(steps / period)) < np.log(ANOTHER_RATE) / 2)


def check_even(samples: Samples, period: float, spacing: Spacing) -> None:
    """Raise `DataError` where too many steps are no whole number of periods, and say what to type.

    A leap that parts the series may end at any time. Fewer such steps are too many where hardly any two samples in a
    row are equal: that is how sensors look that report changes only, whose times say when something changed.
    """
    steps = samples.steps
    periods = steps / period
    far = np.abs(periods - np.maximum(np.rint(periods), 1))
    off = (far > _JITTER) & (periods < spacing.gap_limit + 1.5)
    reports_changes = len(steps) >= _FEW and _equal_in_a_row(samples.values) < _SELDOM
    limit = max(_STRAY * len(steps), 1)
    if off.sum() <= limit and reports_changes and (far > _UNEVEN).mean() > _OFTEN:
        off = far > _UNEVEN
    if off.sum() > limit:
        # Nine of ten steps fit into the interval, so that few intervals stay empty.
        suggested = spacing.expected or durations.at_least(float(np.quantile(steps, 0.9)))
        at = int(off.argmax())
        advice = f"--every {durations.text(suggested)} averages them into even steps"
        if reports_changes:
            every = spacing.expected or durations.at_least(period)
            hold = durations.at_least(max(1.5 * float(np.quantile(steps, 0.95)), every))
            advice += (
                "; where the sensor reports changes only (hardly any two samples in a row are equal), "
                f"--every {durations.text(every)} --hold {durations.text(hold)} lets each value hold until the next"
            )
        raise DataError(
            f"the times are irregular: {int(off.sum())} of {len(steps)} steps are no multiple of the usual "
            f"{durations.text(period)}, the first at {samples.place(at + 1)}; {advice}"
        )


def _equal_in_a_row(values: Values) -> float:
    """Return the part of the samples that equal the one before."""
    return float((values[1:] == values[:-1]).all(axis=1).mean())


def check_period(period: float, expected: float) -> None:
    """Raise `DataError` where a series has another period than the model that it is to be streamed through."""
    have, wanted = durations.text(period), durations.text(expected)
    if period * ANOTHER_RATE < expected:
        raise DataError(f"a sample every {have}; the model was trained on one every {wanted}: add --every {wanted}")
    if period > expected * ANOTHER_RATE:
        raise DataError(f"a sample every {have} is too seldom; the model was trained on one every {wanted}")
