"""The series that a model is evaluated on: its columns are the model's, the rest is what the user says."""

from typing import TypedDict

from edgeseq.series import Parts, Series, load
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.predictor import Predictor


class ModelSeriesKeywords(TypedDict, total=False):
    """How a series is read for a model, as `evaluate` and `backtest` take it."""

    sensor: str | None
    """Which of the sensors that the model was trained on this is; None: its scale is learned from the training part."""
    split: str | None
    """TRAIN:VAL:TEST; None: that of the training."""
    time: str | None
    """The time column; None: that of the training."""
    every: str | None
    """Intervals over which samples are averaged, such as "15min"."""
    sort: bool
    """Whether rows are put in the order of their times."""


def load_for_model(
    predictor: Predictor,
    series: str | None,
    *,
    sensor: str | None = None,
    split: str | None = None,
    time: str | None = None,
    every: str | None = None,
    sort: bool = False,
) -> tuple[Series, Parts]:
    """Load the columns that a model was trained on, and tell a model of several sensors which of them this is.

    `series` is a file or the name of an example; None means the sine, for a model that was trained on it. Raises
    `UsageError` for what does not exist and `DataError` for what cannot be used.
    """
    spec = predictor.spec
    names = [feature.name for feature in spec.measured]
    if series is None and spec.split:
        raise UsageError(f"this model was trained on {spec.series}: name the series to evaluate it on")
    targets = len(spec.targets)
    loaded, parts = load(
        series,
        targets=names[:targets],
        features=names[targets:],
        time=time or spec.time or "none",
        split=split or spec.split or None,
        gap_limit=spec.gap_limit,
        every=every,
        sort=sort,
        period=spec.period,
        clocks=[feature.name for feature in spec.features if feature.clock],
    )
    if sensor is not None or spec.sensors:
        predictor.set_sensor(sensor if sensor is not None else parts.train[:, : len(names)])
    return loaded, parts
