"""The series that a model is evaluated on: its columns and its reading are the model's, the rest is what users say."""

from dataclasses import replace
from pathlib import Path
from typing import Unpack

from edgeseq.series import Parts, Series, fleet
from edgeseq.series.files.options import ReadingOptions
from edgeseq.series.loading import load_members, load_series
from edgeseq.series.series import Values
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.printable import listed, shown
from edgeseq_runtime.reading import durations
from edgeseq_runtime.reading.lines import column_names
from edgeseq_runtime.reading.overrides import NONE, OverrideKeywords, Overrides
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.sensors import Scale


class ModelSeriesKeywords(OverrideKeywords, total=False):
    """How a series is read for a model, as `evaluate` and `backtest` take it; what is not said is as in training."""

    target: str | None
    """The column to forecast, of a model for any sensor; None: the only one of numbers."""
    sensor: str | None
    """Which of the sensors that the model was trained on this is; of a file of several, the one to take. None: by its
    name in the file; for one that the model does not know, the scale is learned from its training part."""
    split: str | None
    """TRAIN:VAL:TEST; None: that of the training."""
    sort: bool
    """Whether rows are put in the order of their times."""


def load_for_model(
    predictor: Predictor,
    series: str | None,
    *,
    target: str | None = None,
    sensor: str | None = None,
    split: str | None = None,
    sort: bool = False,
    **said: Unpack[OverrideKeywords],
) -> tuple[Series, Parts]:
    """Load the columns that a model was trained on, and tell a model of several sensors which of them this is.

    `series` is a file or the name of an example; None means the sine, for a model that was trained on it. A file of
    several sensors becomes one series in the typical sensor's numbers, as in training. Raises `UsageError` for what
    does not exist and `DataError` for what cannot be used.
    """
    spec = predictor.spec
    if series is None and spec.split:
        raise UsageError(f"this model was trained on {spec.series}: name the series to evaluate it on")
    if target is not None and not spec.takes_any:
        raise UsageError(f"--target: this model forecasts {listed(spec.targets)}")
    options = _options(spec, Overrides(**said), sort=sort)
    if spec.takes_any:
        options = replace(options, time=said.get("time"), targets=(target,) if target else (), features=())
    split, id_may_lack = split or spec.split or None, said.get("id") is None
    try:
        return _load(predictor, series, sensor, split, options, id_may_lack=id_may_lack)
    except UsageError:
        if options.skip_rows is not None or not spec.known_reading.skip_rows:
            raise
        options = replace(options, skip_rows=spec.known_reading.skip_rows)  # in another file they need not be there
        return _load(predictor, series, sensor, split, options, id_may_lack=id_may_lack)


def _load(
    predictor: Predictor,
    series: str | None,
    sensor: str | None,
    split: str | None,
    options: ReadingOptions,
    *,
    id_may_lack: bool,
) -> tuple[Series, Parts]:
    spec = predictor.spec
    if series is None or not options.tells_apart:
        loaded, parts = load_series(series, split, options)
        if sensor is not None or spec.sensors:
            predictor.set_sensor(sensor if sensor is not None else _measured(spec, parts))
        return loaded, parts
    members, left_out = load_members([series], split, options, id_may_lack=id_may_lack)
    if sensor is not None:
        members = {sensor: _chosen(members, sensor, options.id or "")}
    loaded, parts = _together(predictor, Path(series).stem, members, left_out)
    return replace(loaded, notes=(*loaded.notes, *left_out)), parts


def _options(spec: Spec, said: Overrides, *, sort: bool) -> ReadingOptions:
    """Return how to read a file for a model: as training did, but for what is said."""
    known = said.over(spec.known_reading)
    names = [feature.name for feature in spec.measured]
    nameless = tuple(column_names([""] * len(known.header))) or None
    return ReadingOptions(
        time=",".join(known.time) or NONE,
        time_format=known.time_format or None,
        zone=known.zone or None,
        na=known.missing,
        decimal=known.decimal if known.decimal != Reading.decimal else None,
        id=known.id or said.id,
        skip_rows=said.skip_rows,
        header=False if known.header == nameless else None,
        every=durations.text(known.every) if known.every else None,
        aggregate=known.aggregate if known.every else None,
        hold=durations.text(known.hold) if known.hold else None,
        targets=names[: len(spec.targets)],
        features=names[len(spec.targets) :],
        known=[column.name for column in spec.known],
        gap_limit=spec.gap_limit,
        sort=sort or known.sort,
        period=spec.period,
        clocks=[feature.name for feature in spec.features if feature.clock],
    )


def _chosen(members: fleet.Members, sensor: str, column: str) -> tuple[Series, Parts]:
    """Return one of the sensors of a file, or the only one. Raises `UsageError` for one that is not there."""
    if sensor not in members and list(members) != [""]:
        raise UsageError(f"{column} names no sensor {shown(sensor)}; it names {listed(members)}")
    return members.get(sensor) or members[""]


def _together(predictor: Predictor, name: str, members: fleet.Members, left_out: list[str]) -> tuple[Series, Parts]:
    """Return one sensor's series in its own numbers, or those of several in the typical one's; the model is told which.

    `left_out` is given a line for each sensor that the model does not know and whose scale cannot be learned.
    """
    spec = predictor.spec
    if len(members) == 1:
        ((sensor, (series, parts)),) = members.items()
        if spec.sensors:
            predictor.set_sensor(_scale(spec, sensor, parts))
        return series, parts
    scales = {}
    for sensor, (_, parts) in members.items():
        try:
            scales[sensor] = _scale(spec, sensor, parts)
        except DataError as error:
            left_out.append(f"{sensor} is left out: {error}")
    if not scales:
        raise DataError(left_out[-1])
    if spec.sensors:
        predictor.set_sensor(Scale.identity(spec))
    return fleet.join(name, {sensor: members[sensor] for sensor in scales}, spec.gap_limit, scales)


def _scale(spec: Spec, sensor: str, parts: Parts) -> Scale:
    """Return a sensor's scale: by its name or, where the model does not know it, by what it has measured in training.

    A model of one series has one scale. Raises what `Scale.fit` does.
    """
    if not spec.sensors:
        return Scale.identity(spec)
    known = any(sensor == other.name for other in spec.sensors)
    return Scale.by_name(spec, sensor) if known else Scale.fit(spec, _measured(spec, parts))


def _measured(spec: Spec, parts: Parts) -> Values:
    """Return what a sensor's scale is learned from."""
    return parts.train[:, : len(spec.measured)]
