"""The series that a model is evaluated on: its columns and its reading are the model's, the rest is what users say."""

from typing import Unpack

from edgeseq.series import Parts, Series, load
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.reading import durations
from edgeseq_runtime.reading.overrides import NONE, OverrideKeywords, Overrides
from edgeseq_runtime.reading.reading import Reading


class ModelSeriesKeywords(OverrideKeywords, total=False):
    """How a series is read for a model, as `evaluate` and `backtest` take it; what is not said is as in training."""

    sensor: str | None
    """Which of the sensors that the model was trained on this is; None: its scale is learned from the training part."""
    split: str | None
    """TRAIN:VAL:TEST; None: that of the training."""
    sort: bool
    """Whether rows are put in the order of their times."""


def load_for_model(
    predictor: Predictor,
    series: str | None,
    *,
    sensor: str | None = None,
    split: str | None = None,
    sort: bool = False,
    **said: Unpack[OverrideKeywords],
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
    trained = spec.known_reading
    loaded, parts = load(
        series,
        targets=names[:targets],
        features=names[targets:],
        split=split or spec.split or None,
        gap_limit=spec.gap_limit,
        sort=sort or trained.sort,
        period=spec.period,
        clocks=[feature.name for feature in spec.features if feature.clock],
        **_keywords(Overrides(**said).over(trained)),
    )
    if sensor is not None or spec.sensors:
        predictor.set_sensor(sensor if sensor is not None else parts.train[:, : len(names)])
    return loaded, parts


def _keywords(reading: Reading) -> OverrideKeywords:
    """Return a reading as what a user would say to have it."""
    return {
        "time": ",".join(reading.time) or NONE,
        "time_format": reading.time_format or None,
        "zone": reading.zone or None,
        "na": reading.missing,
        "decimal": reading.decimal if reading.decimal != "." else None,
        "id": None,
        "skip_rows": reading.skip_rows or None,
        "header": False if reading.header else None,
        "every": durations.text(reading.every) if reading.every else None,
        "aggregate": reading.aggregate if reading.every else None,
        "hold": durations.text(reading.hold) if reading.hold else None,
    }
