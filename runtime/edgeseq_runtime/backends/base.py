"""What a backend promises: a session for a model, an engine for one stream of it, a batch engine for many.

`Session` is the step function over arrays, whatever computes it. `Engine` steps one stream with everything bound once:
no array is made, no name looked up, per sample. `BatchEngine` holds the memory of many streams, a row for each without
gaps, and moves all or some of them.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from edgeseq_runtime.arrays import Float32, Float64, Rows, States, roomy
from edgeseq_runtime.backends.usual import StepArrays, UsualStep
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.spec import SETTINGS, Spec, State


@dataclass(frozen=True)
class Offer:
    """A provider that `--provider` takes here."""

    name: str
    """What a user types."""
    description: str
    """What it is and what it runs on, for people."""


CHUNK = 4096
"""Samples that `run` gives to the session in one call; longer calls are no faster, only larger."""


class Session(ABC):
    """The step function `(samples, states) -> (forecasts, next states)` of one model; `open_session` makes one."""

    spec: Spec
    measured: Mapping[str, float] = {}
    """Seconds a step on each provider that was to choose from, where there was a choice."""
    left_out: Mapping[str, str] = {}
    """And why the others among them cannot run this model."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        """The model file."""

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the model file: what a snapshot belongs to."""
        import hashlib  # brings OpenSSL, a tenth of a start's time and memory, and not every stream saves its state

        return hashlib.sha256(self.content).digest()

    @property
    @abstractmethod
    def providers(self) -> list[str]:
        """The providers in use, as onnxruntime names them, or "native"."""

    @property
    def takes_chunks(self) -> bool:
        """Whether many samples of a stream take one call, and not one each."""
        return True

    @property
    def placement(self) -> dict[str, Counter[str]]:
        """Which operators run on which provider; nothing where that is not known."""
        return {}

    def recipe(self) -> dict[str, Any]:
        """Return the arguments with which `open_session` makes the same again, in another process too."""
        return {"model": self.content, "provider": self.providers[0]}

    def fresh(self, batch: int = 1) -> States:
        """Return the states of `batch` fresh streams."""
        return {state.name: np.zeros(state.sized(batch), np.float32) for state in self.spec.states}

    @abstractmethod
    def advance(self, x: Float32, states: Mapping[str, Float32]) -> tuple[Float32, States]:
        """Run samples x (time, batch, input); return forecasts (time, batch, outputs) and the next states.

        Raises `ModelFileError` where that fails.
        """

    @abstractmethod
    def engine(self) -> "Engine":
        """Return what steps one fresh stream."""

    def batch_engine(self, room: int) -> "BatchEngine":
        """Return what steps many streams, with room for so many and more. Raises `UsageError` as `batch_axis` does."""
        return StatesBatchEngine(self, room)


def batch_axis(state: State) -> int:
    """Return which axis of a state's tensor the streams lie along. Raises `UsageError` where there can be one only."""
    if -1 not in state.shape:
        raise UsageError("the model takes one stream at a time")
    return state.shape.index(-1)


class Engine(ABC):
    """Buffers for one sample and its forecast, and a state that moves on by each `advance`."""

    advance: Callable[[], object]
    """Take the sample in `x`: leave its forecast in `y`, and the state moved on.

    Raises `ModelFileError` where that fails; state, sample and forecast are then as they were.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        inputs = session.spec.inputs
        both = np.zeros(inputs + session.spec.outputs, np.float32)
        self.x: Float32 = both[:inputs].reshape(1, 1, -1)
        """The sample, with what is known ahead behind it, written by the caller before `advance`."""
        self.y: Float32 = both[inputs:].reshape(1, 1, -1)
        """The forecast, valid after `advance`."""
        self.anchor: Float64 = np.zeros(1)
        """What the stream's samples were counted from, written by the caller."""
        self.own: Float64 | None = None
        """Shaped as `y`: the forecast with `anchor` added, valid after `advance` and after a usual step.

        None where that sum is the caller's to make.
        """
        self._both = memoryview(both.data).cast("B")
        self._kept = self._both.tobytes()

    def keep(self) -> None:
        """Keep sample and forecast as they are, for `put_back`; where a step can fail, each does so at its end."""
        self._kept = self._both.tobytes()

    def put_back(self) -> None:
        """Have sample and forecast as they were kept: the step after that has failed."""
        self._both[:] = self._kept

    def run(self, samples: Float32) -> Float32:
        """Take samples (time, input) as if one by one, in few calls where the session can; return (time, outputs)."""
        if not self._session.takes_chunks:
            return self.run_by_steps(samples)
        states, parts = self.states(), []
        for start in range(0, len(samples), CHUNK):
            y, states = self._session.advance(samples[start : start + CHUNK, None], states)
            parts.append(y[:, 0])
        self.load(states)
        self.x[0, 0] = samples[-1]
        self.y[0, 0] = parts[-1][-1]
        self.keep()
        return np.concatenate(parts)

    def run_by_steps(self, samples: Float32) -> Float32:
        """Take samples (time, input) one by one; return (time, outputs)."""
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

    def usual_step(self, arrays: StepArrays) -> UsualStep | None:
        """Return what takes the stream's usual steps whole; None where judgement is to be in NumPy."""
        del arrays
        return None

    def clear(self) -> None:
        """Make the stream fresh: all states zero but its sensor's settings."""
        kept = {name: value for name, value in self.states().items() if name in SETTINGS}
        self.load(self._session.fresh() | kept)


class BatchEngine(ABC):
    """What a pool is over, as an engine is what a predictor is over: `Session.batch_engine` makes one."""

    x: Float32
    """Each stream's last sample (stream, input)."""
    y: Float32
    """And its last forecast (stream, outputs); NaN where there is none yet."""

    def __init__(self, session: Session, room: int) -> None:
        self._session = session
        self.names = tuple(state.name for state in session.spec.states)
        """The states' names."""
        self.x = np.zeros((room, session.spec.inputs), np.float32)
        self.y = np.full((room, session.spec.outputs), np.nan, np.float32)

    @abstractmethod
    def advance(self, rows: Rows, x: Float32) -> Float32:
        """Move the streams at `rows` by a sample each, x (stream, input); return forecasts (stream, outputs), a copy.

        Raises `ModelFileError` where that fails, and leaves all as they were.
        """

    def usual_step(self, arrays: StepArrays) -> UsualStep | None:
        """Return what takes usual steps whole, as long as rows stay where they are; None where judgement is NumPy's."""
        del arrays
        return None

    def forget_bindings(self) -> None:  # noqa: B027 - most have none
        """Look up anew where everything lies: a step was interrupted, perhaps while it did so."""

    @abstractmethod
    def by_row(self, name: str) -> Float32:
        """Return a view of the state `name` of all streams, with the rows first."""

    def states_at(self, rows: Any) -> States:
        """Return a copy of the states of the streams at `rows`, with the rows first."""
        return {name: np.array(self.by_row(name)[rows]) for name in self.names}

    def put_states(self, rows: Any, states: Mapping[str, Float32]) -> None:
        """Make these what the next step of the streams at `rows` reads; see `states_at`. Others stay as they are."""
        for name, state in states.items():
            self.by_row(name)[rows] = state

    def clear(self, rows: Any) -> None:
        """Make the streams at `rows` fresh: all zero but their sensors' settings, and no forecast."""
        for name in self.names:
            if name not in SETTINGS:
                self.by_row(name)[rows] = 0
        self.x[rows], self.y[rows] = 0, np.nan

    def put(self, rows: Any, x: Float32, y: Float32) -> None:
        """Make these the last samples and forecasts of the streams at `rows`."""
        self.x[rows], self.y[rows] = x, y

    def put_forecasts(self, rows: Any, y: Float32) -> None:
        """Make these the last forecasts of the streams at `rows`, in place of the network's own."""
        self.y[rows] = y

    def make_room(self, count: int) -> None:
        """Have so many rows, or more; new ones are those of fresh streams."""
        self.x, self.y = roomy(self.x, count), roomy(self.y, count, filled=np.nan)


class OneStream(BatchEngine):
    """A `BatchEngine` of one stream over its `Engine`; `x` and `y` are the engine's own."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, 0)
        self.engine = session.engine()
        self.x, self.y = self.engine.x.reshape(1, -1), self.engine.y.reshape(1, -1)
        self.y.fill(np.nan)
        self.engine.keep()
        self._axes = {state.name: batch_axis(state) if -1 in state.shape else None for state in session.spec.states}

    def advance(self, rows: Rows, x: Float32) -> Float32:
        """Move the stream by a sample; see `BatchEngine`."""
        del rows
        self.x[...] = x
        self.engine.advance()
        return self.y.copy()

    def usual_step(self, arrays: StepArrays) -> UsualStep | None:
        """Return what takes usual steps whole; see `BatchEngine`."""
        return self.engine.usual_step(arrays)

    def by_row(self, name: str) -> Float32:
        """Return a state as `BatchEngine` has it; a copy where the engine keeps it elsewhere."""
        state, axis = self.engine.states()[name], self._axes[name]
        return state[None] if axis is None else np.moveaxis(state, axis, 0)

    def put_states(self, rows: Any, states: Mapping[str, Float32]) -> None:
        """Make these what the next step reads; see `BatchEngine`."""
        del rows
        axes = self._axes
        given = {
            name: state[0]
            if (axis := axes[name]) is None
            else np.moveaxis(state.reshape(self.by_row(name).shape), 0, axis)
            for name, state in states.items()
        }
        self.engine.load(self.engine.states() | given)

    def clear(self, rows: Any) -> None:
        """Make the stream fresh; see `BatchEngine`."""
        self.engine.clear()
        self.put(rows, np.zeros_like(self.x), np.full_like(self.y, np.nan))

    def put(self, rows: Any, x: Float32, y: Float32) -> None:
        """Make these the last sample and forecast."""
        del rows
        self.x[...], self.y[...] = x, y
        self.engine.keep()

    def put_forecasts(self, rows: Any, y: Float32) -> None:
        """Make these the last forecast; see `BatchEngine`."""
        del rows
        self.y[...] = y
        self.engine.keep()


class StatesBatchEngine(BatchEngine):
    """A `BatchEngine` of arrays in the session's own shapes, so that a step of every stream takes them as they are."""

    def __init__(self, session: Session, room: int) -> None:
        super().__init__(session, room)
        # What selects all of the axes that lie before the streams', to index a state with them and rows.
        self._before = {state.name: (slice(None),) * batch_axis(state) for state in session.spec.states}
        self._states = session.fresh(room)

    def advance(self, rows: Rows, x: Float32) -> Float32:
        """Move the streams at `rows` by a sample each; see `BatchEngine`."""
        states = {name: state[*self._before[name], rows] for name, state in self._states.items()}
        y, next_states = self._session.advance(x[None], states)
        all_moved = isinstance(rows, slice)
        if all_moved:
            self._states = next_states  # there is nothing to copy
        else:
            for name, state in next_states.items():
                self._states[name][*self._before[name], rows] = state
        forecasts: Float32 = y[0]
        self.x[rows], self.y[rows] = x, forecasts
        return forecasts

    def by_row(self, name: str) -> Float32:
        """Return a view of the state `name` of all streams, with the rows first."""
        return np.moveaxis(self._states[name], len(self._before[name]), 0)

    def make_room(self, count: int) -> None:
        """Have so many rows, or more; see `BatchEngine`."""
        super().make_room(count)
        for name, state in self._states.items():
            self._states[name] = roomy(state, count, axis=len(self._before[name]))
