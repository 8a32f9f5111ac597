"""The series that a model is evaluated on: its columns are the model's, the rest is said on the command line."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from edgeseq.commands.options.series import AS_IN_TRAINING, reading_options, sort_option, split_option

if TYPE_CHECKING:
    from edgeseq.evaluation.model_series import ModelSeriesKeywords
    from edgeseq_runtime.reading.overrides import OverrideKeywords


target_option = click.option(
    "--target",
    metavar="COL",
    help="Column to forecast, where MODEL is for any sensor.  [default: the only one of numbers]",
)
"""Beside `evaluation_options`, of commands that take a model for any sensor."""


def evaluation_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument SERIES and the options that say how to read it; call the command with `series` and `reading`."""

    @functools.wraps(function)
    def command(
        *,
        series: str | None,
        target: str | None = None,
        sensor: str | None,
        split: str | None,
        sort: bool,
        overrides: "OverrideKeywords",
        **others: Any,
    ) -> Any:
        reading: ModelSeriesKeywords = {"target": target, "sensor": sensor, "split": split, "sort": sort, **overrides}
        return function(series=series, reading=reading, **others)

    for option in (
        sort_option,
        reading_options(AS_IN_TRAINING),
        click.option(
            "--sensor",
            metavar="NAME",
            help="Treat SERIES as this sensor, one seen in training.  "
            "[default: a new one, scaled by the training part of SERIES]",
        ),
        split_option(AS_IN_TRAINING),
        click.argument("series", required=False),
    ):
        command = option(command)
    return command
