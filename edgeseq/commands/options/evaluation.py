"""The series that a model is evaluated on: its columns are the model's, the rest is said on the command line."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from edgeseq.commands.options.series import every_option, sort_option, split_option, time_option
from edgeseq_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgeseq.series import Parts, Series
    from edgeseq_runtime.predictor import Predictor


@dataclass(frozen=True)
class EvaluationSeries:
    """A series as the user names it."""

    name: str | None
    """A file or an example; None for the sine."""
    sensor: str | None
    """Which of the model's sensors it is of; None: its scale is learned from the training part."""
    split: str | None
    """None: that of the training."""
    time: str | None
    every: str | None
    sort: bool

    def load(self, predictor: "Predictor") -> "tuple[Series, Parts]":
        """Load the columns that the model was trained on, and tell a model of several sensors which one this is."""
        from edgeseq.series import load

        spec = predictor.spec
        names = [feature.name for feature in spec.measured]
        if self.name is None and spec.split:
            raise UsageError(f"this model was trained on {spec.series}: name the series to evaluate it on")
        targets = len(spec.targets)
        series, parts = load(
            self.name,
            targets=names[:targets],
            features=names[targets:],
            time=self.time or spec.time or "none",
            split=self.split or spec.split or None,
            gap_limit=spec.gap_limit,
            every=self.every,
            sort=self.sort,
            period=spec.period,
            clocks=[feature.name for feature in spec.features if feature.clock],
        )
        if self.sensor is not None or spec.sensors:
            predictor.set_sensor(self.sensor if self.sensor is not None else parts.train[:, : len(names)])
        return series, parts


def evaluation_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument SERIES and the options that say how to read it; call the command with `source` made of them."""

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
        return function(source=EvaluationSeries(series, sensor, split, time, every, sort), **others)

    for option in (
        sort_option,
        every_option,
        time_option,
        click.option(
            "--sensor",
            metavar="NAME",
            help="Which of the sensors it was trained on MODEL is to take this for.  [learned from the training part]",
        ),
        split_option("; that of the training if not given."),
        click.argument("series", required=False),
    ):
        command = option(command)
    return command
