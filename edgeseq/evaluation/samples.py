"""The rows of a series as a predictor takes them: the features, and what is known ahead at each row."""

from typing import Any, Protocol

import numpy as np

from edgeseq.series.ahead import over_horizon
from edgeseq.series.series import Values
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.outcomes import Outcomes
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.spec import Spec


class Streamer(Protocol):
    """What forecasts a stream: a `Predictor`, or what was compiled."""

    @property
    def spec(self) -> Spec:
        """What it says of itself."""

    def reset(self) -> None:
        """Start afresh."""

    def run(self, samples: Any, *, known: Any = None) -> Float32:
        """Take samples (time, feature), NaN where one is missing; return forecasts (time, horizon, target).

        `known` (time, horizon, column) is what is known ahead, of a model with such columns.
        """


class Samples:
    """Rows (time, column), those known ahead behind the features."""

    def __init__(self, spec: Spec, values: Values) -> None:
        features = len(spec.features)
        self._features = values[:, :features]
        self._known = over_horizon(values[:, features:], spec.horizon) if spec.known else None

    def run(self, predictor: Streamer, start: int = 0, stop: int | None = None) -> Float32:
        """Stream the rows from `start` to before `stop`; return forecasts (time, horizon, target)."""
        rows = slice(start, stop)
        return np.asarray(predictor.run(self._features[rows], **self._told(rows)))

    def process(self, predictor: Predictor, start: int = 0, stop: int | None = None) -> Outcomes:
        """Stream the rows as `run` does; return all that became of each."""
        rows = slice(start, stop)
        return predictor.process(self._features[rows], **self._told(rows))

    def _told(self, rows: slice) -> dict[str, Any]:
        """Return what is known ahead at the rows, of a model with such columns."""
        return {} if self._known is None else {"known": self._known[rows]}
