"""A fleet: series of several sensors of one kind as one series, each in the typical sensor's numbers.

The sensors' samples lie one after the other with a gap between, so that whatever learns from a series with gaps learns
from a fleet: each sensor is a stream that begins afresh.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np

from edgeseq.series.series import Series, Values
from edgeseq.series.split import Part, Parts
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.streaming.sensors import LEAST_SAMPLES, Scale, as_sensors, statistics

_SAME_RATE = 1.5
"""How many times longer one sensor's period may be than another's, as for a series that a model is judged on."""


Members = Mapping[str, tuple[Series, Parts]]
"""Each sensor's series and its parts, by its name."""


def usable(members: Members) -> tuple[Members, tuple[str, ...]]:
    """Return the sensors that a scale can be learned from, and a line for each of the others, which says why not.

    Raises `DataError` where there is none, and `UsageError` where sensors differ in their columns.
    """
    _check_columns(members)
    reasons = {sensor: _unusable(series, parts) for sensor, (series, parts) in members.items()}
    left_out = [f"{sensor} is left out: {reason}" for sensor, reason in reasons.items() if reason]
    if len(left_out) == len(members):
        raise DataError(f"none of {len(members)} sensors can be learned from; {left_out[0]}")
    return {sensor: members[sensor] for sensor, reason in reasons.items() if not reason}, tuple(left_out)


def join(
    name: str, members: Members, gap_limit: int, scales: Mapping[str, Scale] | None = None
) -> tuple[Series, Parts]:
    """Return the fleet's series, and its parts, of the members' by their sensors' names.

    A sensor's scale is taken from its own training part, which `usable` has found fit for that, unless the `scales` are
    known. Raises `UsageError` where sensors differ in their columns, and `DataError` where they differ in their period
    or in how they are written.
    """
    all_series = [series for series, _ in members.values()]
    _check_columns(members)
    _check_alike(dict(zip(members, all_series, strict=True)))
    first = all_series[0]
    known = scales or _scales(first, {sensor: parts.train for sensor, (_, parts) in members.items()})
    scales_in_order = [known[sensor] for sensor in members]
    gap = np.full((gap_rows(gap_limit), len(first.columns)), np.nan, np.float32)
    typical = [_typical(parts, scale) for (_, parts), scale in zip(members.values(), scales_in_order, strict=True)]
    train, begins = _laid_out([parts.train for parts in typical], gap)
    values, _ = _laid_out([series.values for series in (parts.test for parts in typical)], gap)
    series = replace(
        first,
        name=name,
        values=values,
        rows=np.arange(len(values)),
        sensors=as_sensors(list(members), scales_in_order),
        seconds=None,  # sensors may have measured at the same times
        notes=tuple(dict.fromkeys(note for series in all_series for note in series.notes)),
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


def _check_columns(members: Members) -> None:
    (first, (one, _)), *others = members.items()
    for name, (other, _) in others:
        if other.columns != one.columns:
            raise UsageError(
                f"the sensors differ in their columns: {first} has {', '.join(one.columns)}, {name} has "
                f"{', '.join(other.columns)}; name them with --target and --feature"
            )


def _check_alike(members: Mapping[str, Series]) -> None:
    (first, one), *others = members.items()
    for name, other in others:
        periods = sorted([one.period or 1.0, other.period or 1.0])
        if periods[1] >= _SAME_RATE * periods[0]:
            raise DataError(
                f"{first} has a sample every {one.period:g} s, {name} one every {other.period:g} s; "
                "--every makes them alike"
            )
        _check_read_alike(first, one.reading, name, other.reading)


def _check_read_alike(first: str, one: Reading | None, name: str, other: Reading | None) -> None:
    """Raise `DataError` where two sensors' files are written in ways that no single reader obeys."""
    if one is None or other is None:
        return
    there = asdict(replace(other, skip_rows=one.skip_rows, zoned=one.zoned))
    for field, value in asdict(one).items():
        if there[field] != value:
            raise DataError(
                f"{first} and {name} are written differently ({field.replace('_', ' ')}: {value!r} and "
                f"{there[field]!r}): a model has one way of reading; write them alike"
            )


def _unusable(series: Series, parts: Parts) -> str:
    """Return why a sensor cannot be learned from, "" where it can."""
    values = parts.train[:, : series.measured].astype(np.float64)
    samples = int(np.isfinite(values).all(axis=1).sum())
    if samples < LEAST_SAMPLES:
        return f"{samples} samples in its training part, {LEAST_SAMPLES} are the least"
    _, changes = statistics(values)
    still = next((column for column, size in zip(series.columns, changes.tolist(), strict=False) if not size > 0), "")
    return still and f"{still} never changes in its training part"


def _scales(series: Series, trains: Mapping[str, Values]) -> dict[str, Scale]:
    """Return each sensor's scale; the typical one's level is zero, its changes the geometric mean of theirs.

    At zero float32 is finest: what all sensors have in common would only cost digits.
    """
    measured = series.measured
    means, changes = [], []
    for train in trains.values():
        mean, change = statistics(train[:, :measured].astype(np.float64))
        assert np.all(change > 0), "`usable` leaves out what never changes"
        means.append(mean)
        changes.append(change)
    usual = np.exp(np.mean(np.log(changes), axis=0))
    return {
        sensor: Scale.between(usual, mean, change).padded(series.features)
        for sensor, mean, change in zip(trains, means, changes, strict=True)
    }


def _typical(parts: Parts, scale: Scale) -> Parts:
    def turned(values: Values) -> Values:
        return scale.padded(values.shape[1]).to_typical(values).astype(np.float32)  # what is known ahead is as it is

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
