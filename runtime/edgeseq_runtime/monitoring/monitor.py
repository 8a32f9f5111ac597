"""What compares a stream's forecasts with the samples that they were forecasts of, when those have come."""

from collections.abc import Mapping

import numpy as np

from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.monitoring.conformal import WIDEST, Intervals
from edgeseq_runtime.monitoring.drift import Drift
from edgeseq_runtime.spec import Spec


class Monitor:
    """Keeps the last forecasts of a stream until their truth comes, and tells intervals and drift of the errors.

    Raises `DataError` for a model without residual quantiles.
    """

    def __init__(self, spec: Spec) -> None:
        self.intervals = Intervals(spec)
        self.drift = Drift(spec)
        self._horizon = spec.horizon
        self._steps = np.arange(spec.horizon)
        # [sample modulo horizon][steps ahead - 1][target]: what has been said of each of the next samples
        self._pending: Float32 = np.full((spec.horizon, spec.horizon, len(spec.targets)), np.nan, np.float32)

    def update(self, truth: Float32, forecast: Float32 | None, number: int) -> None:
        """Take one sample and the forecast after it.

        `truth` is its targets (target,), NaN where unknown; `forecast` (horizon, target), None where it does not count;
        `number` counts the samples before it since the fresh start.
        """
        errors = truth - self._pending[number % self._horizon]
        self.intervals.update(errors)
        self.drift.update(errors[0])
        rows = (number + 1 + self._steps) % self._horizon
        self._pending[rows, self._steps] = np.nan if forecast is None else forecast

    def forget(self) -> None:
        """The stream starts afresh: nothing has been said of the samples to come. What was learned stays."""
        self._pending.fill(np.nan)

    def reset(self) -> None:
        """Begin anew in every respect."""
        self.forget()
        self.intervals.log_width.fill(0)
        self.drift.forget()

    def arrays(self) -> dict[str, Float32]:
        """Return views of all that a snapshot has to keep."""
        return {
            "monitor.said": self._pending,
            "monitor.log_width": self.intervals.log_width,
            "monitor.shares": self.drift.shares,
            "monitor.raised": self.drift.raised,
        }

    @staticmethod
    def might_hold(arrays: Mapping[str, Float32]) -> bool:
        """Whether arrays, of those that `arrays` names, can be what a monitor has learned."""
        widths, shares, raised = (
            arrays.get(f"monitor.{name}", np.zeros(0)) for name in ("log_width", "shares", "raised")
        )
        within = (np.abs(widths) <= WIDEST).all() and ((shares >= 0) & (shares <= 1)).all()
        return bool(within and np.isin(raised, (0, 1)).all())
