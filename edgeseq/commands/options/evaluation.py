"""The series that a model is evaluated on: its columns are the model's, the rest is said on the command line."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from edgeseq.commands.options.series import every_option, sort_option, split_option, time_option

if TYPE_CHECKING:
    from edgeseq.evaluation.model_series import ModelSeriesKeywords


def evaluation_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument SERIES and the options that say how to read it; call the command with `series` and `reading`."""

    @functools.wraps(function)
    def command(
        *,
        series: str | None,
        sensor: str | None,
        split: str | None,
        time: str | None,
        every: str | None,
        sort: bool,
        **others: Any,
    ) -> Any:
        reading: ModelSeriesKeywords = {"sensor": sensor, "split": split, "time": time, "every": every, "sort": sort}
        return function(series=series, reading=reading, **others)

    for option in (
        sort_option,
        every_option,
        time_option,
        click.option(
            "--sensor",
            metavar="NAME",
            help="Treat SERIES as this sensor, one seen in training.  "
            "[default: a new one, scaled by the training part of SERIES]",
        ),
        split_option("as in training"),
        click.argument("series", required=False),
    ):
        command = option(command)
    return command
