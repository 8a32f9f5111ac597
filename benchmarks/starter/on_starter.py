"""The starter, as the package ships it: streamed from the first sample, with and without adaptation."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.starter.figures import LEVEL, Forecasts, Task
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.arrays import Float64


@dataclass(frozen=True)
class OnStarter:
    """A stream of the starter with the defaults: data-quality rules, intervals, no times."""

    adapt: bool

    @property
    def name(self) -> str:
        """As the table calls it."""
        return "starter, adapted" if self.adapt else "starter"

    @property
    def note(self) -> str:
        """What it was given."""
        return "the shipped file, streamed from the first sample" + (", as it is used by default" * self.adapt)

    def forecasts(self, tasks: Mapping[str, Task]) -> dict[str, Forecasts]:
        """Stream all series side by side in a pool, which gives what a predictor of each does, in less time."""
        pool = Pool("starter", provider="cpu", monitor=True, adapt=self.adapt)
        pool.add(*tasks)
        said = {name: np.empty((3, len(task.values), task.horizon), np.float32) for name, task in tasks.items()}
        for row in range(max(len(task.values) for task in tasks.values())):
            for name in [name for name in pool.names if row == len(tasks[str(name)].values)]:
                pool.remove(name)
            names = [str(name) for name in pool.names]
            made = pool.step_array(np.array([[tasks[name].values[row]] for name in names], np.float32))
            for name, *three in zip(names, made, *pool.interval(LEVEL), strict=True):
                said[name][:, row] = [one[: tasks[name].horizon, 0] for one in three]
        return {name: _as_forecasts(tasks[name], *three.astype(np.float64)) for name, three in said.items()}


def streamed(predictor: Predictor, task: Task) -> Forecasts:
    """Return what a predictor that has intervals says of a series, for the first `task.horizon` steps ahead."""
    outcomes = predictor.process(task.values)
    assert outcomes.interval is not None
    assert LEVEL == 0.9  # which the intervals of outcomes are of
    three = (outcomes.forecasts, *outcomes.interval)
    return _as_forecasts(task, *(one[:, : task.horizon, 0].astype(np.float64) for one in three))


def _as_forecasts(task: Task, made: Float64, lower: Float64, upper: Float64) -> Forecasts:
    return Forecasts(made, task.holds(lower, upper))
