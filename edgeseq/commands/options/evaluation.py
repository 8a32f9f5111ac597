"""The series that a model is judged on: its columns are the model's, the rest is said on the command line."""

from typing import TYPE_CHECKING

import click

from edgeseq.commands.options.common import Function, every_option, sort_option
from edgeseq_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgeseq.series import Parts, Series
    from edgeseq_runtime.predictor import Predictor


def evaluation_options(function: Function) -> Function:
    """Add the argument SERIES and the options that say how to read it."""
    for option in (
        sort_option,
        every_option,
        click.option("--time", metavar="COL", help="The time column; found by itself if obvious; none: go by order."),
        click.option(
            "--sensor",
            metavar="NAME",
            help="Which of the sensors it was trained on MODEL is to take this for.  [learned from the training part]",
        ),
        click.option("--split", metavar="TRAIN:VAL:TEST", help="Rows or fractions; that of the training if not given."),
        click.argument("series", required=False),
    ):
        function = option(function)
    return function


def load_series(
    predictor: "Predictor",
    *,
    series: str | None,
    sensor: str | None,
    split: str | None,
    time: str | None,
    every: str | None,
    sort: bool,
) -> "tuple[Series, Parts]":
    """Load the columns that the model was trained on, and tell a model of several sensors which one this is."""
    from edgeseq.series import load

    spec = predictor.spec
    names = [feature.name for feature in spec.measured]
    if series is None and spec.split:
        raise UsageError(f"this model was trained on {spec.series}: name the series to evaluate it on")
    targets = len(spec.targets)
    data, parts = load(
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
    return data, parts
