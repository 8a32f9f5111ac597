"""One stream's step with everything bound once: no array is made, no name looked up, per sample."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from edgeseq_runtime.session import Array, Session, States
from edgeseq_runtime.spec import SETTINGS

CHUNK = 4096
"""Samples that `run` gives to the session in one call; longer calls are no faster, only larger."""


class Engine(ABC):
    """Buffers for one sample and its forecast, and a state that moves on by each `advance`."""

    advance: Callable[[], object]
    """Take the sample in `x`: leave its forecast in `y`, and the state moved on.

    Raises `ModelFileError` where that fails; the state is then as it was.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.x: Array = np.zeros((1, 1, len(session.spec.features)), np.float32)
        """The sample, written by the caller before `advance`."""
        self.y: Array = np.zeros((1, 1, session.spec.outputs), np.float32)
        """The forecast, valid after `advance`."""

    def run(self, samples: Array) -> Array:
        """Take samples (time, feature) as if one by one, in few calls where the session can; return (time, outputs)."""
        if not self._session.takes_chunks:
            return self._run_by_steps(samples)
        states, parts = self.states(), []
        for start in range(0, len(samples), CHUNK):
            y, states = self._session.advance(samples[start : start + CHUNK, None], states)
            parts.append(y[:, 0])
        self.load(states)
        self.x[0, 0] = samples[-1]
        self.y[0, 0] = parts[-1][-1]
        return np.concatenate(parts)

    def _run_by_steps(self, samples: Array) -> Array:
        forecasts = np.empty((len(samples), self.y.size), np.float32)
        for row, sample in enumerate(samples):
            self.x[0, 0] = sample
            self.advance()
            forecasts[row] = self.y[0, 0]
        return forecasts

    @abstractmethod
    def states(self) -> States:
        """Return the states that the next step reads, by name; views or copies."""

    @abstractmethod
    def load(self, states: States) -> None:
        """Make `states` what the next step reads."""

    def clear(self) -> None:
        """Make the stream fresh: all states zero but its sensor's settings."""
        kept = {name: value for name, value in self.states().items() if name in SETTINGS}
        self.load(self._session.fresh() | kept)
