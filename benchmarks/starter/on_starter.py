"""The starter, as the package ships it: streamed from the first sample, with and without adaptation."""

from dataclasses import dataclass

import numpy as np

from benchmarks.starter.figures import LEVEL, Forecasts, Task
from edgeseq_runtime import Predictor
from edgeseq_runtime.files import AnyPath


@dataclass(frozen=True)
class OnStarter:
    """A stream of the starter with the defaults: data-quality rules, intervals, no times."""

    adapt: bool
    model: AnyPath = "starter"
    """The one in the package, or another file of its kind."""
    missing: str = ""

    @property
    def name(self) -> str:
        """As the table calls it."""
        return "starter, adapted" if self.adapt else "starter"

    @property
    def note(self) -> str:
        """What it was given."""
        return "the shipped file, streamed from the first sample" + (", as it is used by default" * self.adapt)

    def forecasts(self, task: Task) -> Forecasts:
        """Stream the series in blocks, which gives what streaming it by samples does."""
        predictor = Predictor(self.model, provider="cpu", monitor=True, adapt=self.adapt)
        return streamed(predictor, task)


def streamed(predictor: Predictor, task: Task) -> Forecasts:
    """Return what a predictor that has intervals says of a series, for the first `task.horizon` steps ahead."""
    outcomes = predictor.process(task.values)
    assert outcomes.interval is not None
    assert LEVEL == 0.9  # which the intervals of outcomes are of
    made, lower, upper = (
        one[:, : task.horizon, 0].astype(np.float64) for one in (outcomes.forecasts, *outcomes.interval)
    )
    return Forecasts(made, task.holds(lower, upper))
