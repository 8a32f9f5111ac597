"""A fleet: series of several sensors of one kind as one series, each in the typical sensor's numbers.

The sensors' samples lie one after the other with a gap between, so that whatever learns from a series with gaps learns
from a fleet: each sensor is a stream that begins afresh.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from edgeseq.series.series import Series, Values
from edgeseq.series.split import Part, Parts
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.streaming.sensors import Scale, as_sensors, statistics

_SAME_RATE = 1.5
"""How many times longer one sensor's period may be than another's, as for a series that a model is judged on."""


def join(name: str, members: Mapping[str, tuple[Series, Parts]], gap_limit: int) -> tuple[Series, Parts]:
    """Return the fleet's series, and its parts, of the members' by their sensors' names.

    A sensor's scale is taken from its own training part. Raises `UsageError` where sensors differ in their columns, and
    `DataError` where they differ in their period, or one of them has nothing to learn a scale from.
    """
    all_series = [series for series, _ in members.values()]
    _check_alike(dict(zip(members, all_series, strict=True)))
    first = all_series[0]
    scales = _scales(first, {sensor: parts.train for sensor, (_, parts) in members.items()})
    gap = np.full((gap_rows(gap_limit), len(first.columns)), np.nan, np.float32)
    typical = [_typical(parts, scale) for (_, parts), scale in zip(members.values(), scales, strict=True)]
    train, begins = _laid_out([parts.train for parts in typical], gap)
    values, _ = _laid_out([series.values for series in (parts.test for parts in typical)], gap)
    series = replace(
        first,
        name=name,
        values=values,
        rows=np.arange(len(values)),
        sensors=as_sensors(list(members), scales),
        seconds=None,  # sensors may have measured at the same times
    )
    parts = Parts(
        train=train,
        validation=_joined([parts.validation for parts in typical], gap),
        test=_joined([parts.test for parts in typical], gap),
        split=typical[0].split,
        begins=tuple(begins),
    )
    return series, parts


def gap_rows(gap_limit: int) -> int:
    """Return how many rows lie between two sensors: enough to part them."""
    return gap_limit + 1


def apart(part: Part, gap_limit: int) -> list[Values]:
    """Return the samples of each sensor in a part that was joined; all of them in another."""
    ends = [stop for _, stop in part.stretches]
    begins = [0, *(end + gap_rows(gap_limit) for end in ends)]
    return [part.values[begin:end] for begin, end in zip(begins, ends, strict=False)]


def _check_alike(members: Mapping[str, Series]) -> None:
    (first, one), *others = members.items()
    for name, other in others:
        if other.columns != one.columns:
            raise UsageError(
                f"the sensors differ in their columns: {first} has {', '.join(one.columns)}, {name} has "
                f"{', '.join(other.columns)}; name them with --target and --feature"
            )
        periods = sorted([one.period or 1.0, other.period or 1.0])
        if periods[1] >= _SAME_RATE * periods[0]:
            raise DataError(
                f"{first} has a sample every {one.period:g} s, {name} one every {other.period:g} s; "
                "--every makes them alike"
            )


def _scales(series: Series, trains: Mapping[str, Values]) -> list[Scale]:
    """Return each sensor's scale; the typical one's level is zero, its changes the geometric mean of theirs.

    At zero float32 is finest: what all sensors have in common would only cost digits.
    """
    measured = len(series.columns) - series.clocks
    means, changes = [], []
    for sensor, train in trains.items():
        mean, change = statistics(train[:, :measured].astype(np.float64))
        for column, size in zip(series.columns, change.tolist(), strict=False):
            if not size > 0:
                raise DataError(f"column {column!r} of {sensor} has no change to scale it by in the training part")
        means.append(mean)
        changes.append(change)
    usual = np.exp(np.mean(np.log(changes), axis=0))
    pairs = zip(means, changes, strict=True)
    return [Scale.between(usual, mean, change).padded(len(series.columns)) for mean, change in pairs]


def _typical(parts: Parts, scale: Scale) -> Parts:
    def turned(values: Values) -> Values:
        return scale.to_typical(values).astype(np.float32)

    return replace(
        parts,
        train=turned(parts.train),
        validation=replace(parts.validation, values=turned(parts.validation.values)),
        test=replace(parts.test, values=turned(parts.test.values)),
    )


def _laid_out(stretches: Sequence[Values], gap: Values) -> tuple[Values, list[int]]:
    """Return stretches (time, feature) one after the other with gaps between, and the row at which each begins."""
    begins = np.cumsum([0, *(len(stretch) + len(gap) for stretch in stretches)])[:-1]
    pieces = [piece for stretch in stretches for piece in (gap, stretch)][1:]
    return np.concatenate(pieces), begins.tolist()


def _joined(parts: Sequence[Part], gap: Values) -> Part:
    values, begins = _laid_out([part.values for part in parts], gap)
    starts = [begin + part.start for begin, part in zip(begins, parts, strict=True)]
    ends = [begin + len(part.values) for begin, part in zip(begins, parts, strict=True)]
    return Part(values, starts[0], tuple(zip(ends[:-1], starts[1:], strict=True)))
