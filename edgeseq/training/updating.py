"""What `edgeseq update` trains on and with: what came since a model's training, and that model's settings."""

import math
from dataclasses import dataclass, replace

from edgeseq.evaluation.model_series import ModelSeriesKeywords, load_for_model
from edgeseq.evaluation.old_and_new import LEAST_BLOCK, LEAST_BLOCKS
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Parts, Series, analysis, fleet, newest
from edgeseq.series.split import DEFAULT_SPLIT
from edgeseq.text import moment
from edgeseq.training.options import TrainingOptions
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.printable import counted
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.sensors import Scale


@dataclass(frozen=True)
class NewSamples:
    """What has come since a model was trained."""

    series: Series
    parts: Parts
    note: str
    """What counts as new, for the user to read."""


def load_new(predictor: Predictor, series: str | None, reading: ModelSeriesKeywords) -> NewSamples:
    """Load a series for a model, and part what is newer than its training part; `reading` is for `load_for_model`.

    A series of several sensors, or of one of several, is in the typical one's numbers; all of it counts as new. Raises
    `DataError` where too little is new.
    """
    spec = predictor.session.spec
    split, sensor = reading.get("split") or spec.split or DEFAULT_SPLIT, reading.get("sensor")
    whole = ":".join(f"{share:.9g}" for share in newest.shares(split))  # of rows there need not be so many
    evenly = reading.copy()
    evenly["split"] = whole
    loaded, parts = load_for_model(predictor, series, **evenly)
    if spec.sensors:
        return _of_sensors(spec, loaded, parts, split, sensor)
    first = newest.first_new(loaded, spec.last_time)
    _check_enough(spec, loaded, len(loaded) - first, split)
    new, parts = newest.part(loaded, first, split)
    return NewSamples(new, parts, _note(spec, loaded, first))


def _of_sensors(spec: Spec, series: Series, parts: Parts, split: str, sensor: str | None) -> NewSamples:
    """Return the samples of one or several sensors in the typical one's numbers, as the model has them."""
    if not series.sensors:
        measured = parts.train[:, : len(spec.measured)]
        scale = Scale.by_name(spec, sensor) if sensor else Scale.fit(spec, measured)
        called = sensor or series.name
        series, parts = fleet.join(series.name, {called: (series, parts)}, spec.gap_limit, {called: scale})
    between = (len(parts.begins) - 1) * fleet.gap_rows(spec.gap_limit)
    new = counted(len(parts.train) - between + parts.validation.samples + parts.test.samples, "sample")
    note = f"new: all {new}, since a model of several sensors does not say when its training ended"
    return NewSamples(series, replace(parts, split=split), note)


def options_of(spec: Spec, parts: Parts, steps: int | None, learning_rate: float | None) -> TrainingOptions:
    """Return the settings that a model was trained with, but for its shape; `steps` and rate are the user's, if any."""
    return TrainingOptions(
        gap_limit=spec.gap_limit,
        season=spec.season if spec.season and spec.season < len(parts.train) else None,
        steps=steps or (spec.training.steps if spec.training else None),
        learning_rate=learning_rate,
    )


def with_sensors(checkpoint: Checkpoint, known: Spec) -> Checkpoint:
    """Return the checkpoint with the sensors that the old model knows and the new samples are not of."""
    own = {sensor.name for sensor in checkpoint.spec.sensors}
    others = tuple(sensor for sensor in known.sensors if sensor.name not in own)
    return replace(checkpoint, spec=replace(checkpoint.spec, sensors=(*checkpoint.spec.sensors, *others)))


def _note(spec: Spec, series: Series, first: int) -> str:
    new = counted(len(series) - first, "sample")
    if series.seconds is None:
        return f"new: all {new}, since they have no times to tell what the model was trained on"
    if spec.last_time is None:
        return f"new: all {new}, since the model does not say when its training ended"
    since = moment(spec.last_time)
    known = f"; the {counted(first, 'sample')} before only warm it up" if first else ""
    return f"new: {new} after the model's training, which ended {since}{known}"


def _check_enough(spec: Spec, series: Series, new: int, split: str) -> None:
    """Refuse too few new samples to learn from, choose by and compare on."""
    train, validation, test = newest.shares(split)
    horizon = spec.horizon
    least = max(
        max(2 * horizon + 2 * analysis.DEFAULT_WARMUP, spec.linear_path + 1) / train,
        (horizon + LEAST_BLOCK) / validation,
        (LEAST_BLOCKS * max(LEAST_BLOCK, horizon) + horizon) / test,
    )
    if new >= least:
        return
    since = f" after {moment(spec.last_time)}, when the model's training ended" if spec.last_time is not None else ""
    found = f"{counted(new, 'new sample')}{since if series.seconds is not None else ''}"
    needed = f"an update with a horizon of {horizon} and the split {split} needs {math.ceil(least)}"
    raise DataError(f"{series.name} has {found}: {needed}")
