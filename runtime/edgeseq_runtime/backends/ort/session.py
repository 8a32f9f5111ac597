"""A model file, run by onnxruntime."""

import math
import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np

from edgeseq_runtime.arrays import Float32, States
from edgeseq_runtime.backends.base import BatchEngine, Engine, Session, batch_axis
from edgeseq_runtime.backends.ort import providers
from edgeseq_runtime.backends.ort.api import raise_failure, reason
from edgeseq_runtime.backends.ort.batch import DeviceBatchEngine, OrtBatchEngine
from edgeseq_runtime.backends.ort.create import Placement, create_inference_session, placement
from edgeseq_runtime.backends.ort.engine import DeviceEngine, OrtEngine, PlainEngine, memory
from edgeseq_runtime.backends.ort.io_mapping import CONTEXT, GraphIO, MappedGraphIO
from edgeseq_runtime.backends.ort.providers import time_per_step
from edgeseq_runtime.errors import ModelFileError, UsageError
from edgeseq_runtime.model_file.source import Source
from edgeseq_runtime.printable import shown
from edgeseq_runtime.sidecar import MOST_VALUES, Sidecar
from edgeseq_runtime.spec import STEP, Spec, State

_MOST_NUMBERS = 1 << 24
"""In one stream's states, 64 MiB: more is a damaged file, and refused before memory is asked for."""


class OrtSession(Session):
    """A `Session` by onnxruntime; arguments and errors are those of `open_session`."""

    raw: Any
    """The `onnxruntime.InferenceSession`."""

    def __init__(
        self,
        source: Source,
        *,
        provider: str = "auto",
        threads: int = 1,
        sidecar: Sidecar | str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(source.content)
        content, name = source.content, source.name
        first, *others = providers.candidates(provider)
        self.raw = create_inference_session(content, name, first, threads)
        if sidecar is not None and not isinstance(sidecar, Sidecar):
            sidecar = Sidecar.read(sidecar)
        self._opened = {"threads": threads, "sidecar": sidecar}
        try:
            self.io, self.spec = _described(self.raw, source, sidecar)
        except UnicodeDecodeError as error:
            raise ModelFileError(f"{name} is damaged: its text is not UTF-8") from error
        self.states = [state for state in self.spec.states if state.name != CONTEXT]
        """Those that the graph itself has."""
        self.outputs = [self.io.y, *(state.next for state in self.states)]
        """The graph's outputs: the forecast, then the states."""
        self.measured: dict[str, float] = {}
        self.left_out: dict[str, str] = {}
        if others:
            self._keep_fastest([first, *others], partial(create_inference_session, content, name, threads=threads))

    def recipe(self) -> dict[str, Any]:
        """Return the arguments with which `open_session` makes the same again, in another process too."""
        return super().recipe() | self._opened

    @property
    def placement(self) -> Placement:
        """Which operators run on which provider; nothing where this onnxruntime does not tell."""
        return placement(self.raw)

    @property
    def providers(self) -> list[str]:
        """The providers in use, as onnxruntime names them."""
        return list(self.raw.get_providers())

    def _keep_fastest(self, candidates: list[str], open_on: Callable[[str], Any]) -> None:
        """Time each provider on this model, and keep the session of the fastest."""
        feeds, _ = self._feeds(np.zeros((1, 1, self.spec.inputs), np.float32), self.fresh())
        sessions = {candidates[0]: self.raw}
        for candidate in candidates:
            try:
                session = sessions.get(candidate) or open_on(candidate)
                self.measured[candidate] = time_per_step(partial(session.run, self.outputs, feeds))
                sessions[candidate] = session
            except Exception as error:  # noqa: BLE001 - onnxruntime's share no other base; the provider is left out
                self.left_out[candidate] = reason(error)
        if self.measured:
            self.raw = sessions[min(self.measured, key=self.measured.__getitem__)]

    @property
    def takes_chunks(self) -> bool:
        """Whether the graph is of the form for that."""
        return self.spec.form != STEP

    def engine(self) -> Engine:
        """Return the engine that fits what the session runs on."""
        if self.io.overlap:
            return PlainEngine(self, self.raw, self.io)
        if self.providers == [providers.CPU]:
            return OrtEngine(self, self.raw, self.io)
        return DeviceEngine(self, self.raw, self.io)

    def batch_engine(self, room: int) -> BatchEngine:
        """Return what steps many streams, with room for so many and more. Raises `UsageError` as `batch_axis` does."""
        if memory(self) != "cpu" and not self.io.overlap:
            return DeviceBatchEngine(self, self.raw, self.io, room)
        lie_together = all(math.prod(state.shape[: batch_axis(state)]) == 1 for state in self.spec.states)
        if isinstance(self.io, MappedGraphIO) or not lie_together or self.providers != [providers.CPU]:
            return super().batch_engine(room)
        return OrtBatchEngine(self, self.raw, self.io, room)

    def advance(self, x: Float32, states: Mapping[str, Float32]) -> tuple[Float32, States]:
        """Run samples x (time, batch, input); return forecasts (time, batch, outputs) and the next states.

        Raises `ModelFileError` where onnxruntime cannot.
        """
        if len(x) > 1 and not self.takes_chunks:
            return self._advance_by_steps(x, states)
        feeds, left = self._feeds(x, states)
        try:
            y, *next_states = self.raw.run(self.outputs, feeds)
        except Exception as error:  # noqa: BLE001 - it is raised again
            raise_failure(error)
        moved = {state.name: value for state, value in zip(self.states, next_states, strict=True)}
        return y.reshape(*x.shape[:2], self.spec.outputs), moved | left

    def _feeds(self, x: Float32, states: Mapping[str, Float32]) -> tuple[dict[str, Any], States]:
        """Return what the graph takes, and the states that are none of its own."""
        left = {}
        if self.io.overlap:
            x = np.concatenate([states[CONTEXT][None], x], axis=2)
            left = {CONTEXT: x[0, :, -self.io.overlap :]}
        values = x.reshape(self.io.x_shape(*x.shape))
        return {self.io.x: values, **{s.name: states[s.name] for s in self.states}, **self.io.constants}, left

    def _advance_by_steps(self, x: Float32, states: Mapping[str, Float32]) -> tuple[Float32, States]:
        forecasts, current = [], dict(states)
        for row in x:
            y, current = self.advance(row[None], current)
            forecasts.append(y)
        return np.concatenate(forecasts), current


def _described(session: Any, source: Source, sidecar: Sidecar | None) -> tuple[GraphIO, Spec]:
    """Return how a graph's tensors are called, and its spec."""
    name = source.name
    if sidecar is None:
        assert source.spec is not None, "a source that was checked has a spec, or a sidecar beside it"
        _check_graph(session, source.spec, name)
        return GraphIO(), source.spec
    io = MappedGraphIO(session, sidecar)
    _check_size(io.states, name)
    _check_values(io.x, io.features)
    own = [state for state in io.states if state.name != CONTEXT]
    feeds = {io.x: np.zeros(io.x_shape(1, 1, io.features), np.float32), **io.constants}
    feeds |= {state.name: np.zeros(state.sized(1), np.float32) for state in own}
    try:  # one step tells what shapes alone may leave open
        y, *next_states = session.run([io.y, *(state.next for state in own)], feeds)
    except Exception as error:
        raise UsageError(f"{name} does not run as its sidecar says: {reason(error)}") from error
    for state, value in zip(own, next_states, strict=True):
        if value.shape != state.sized(1):
            raise UsageError(f"{state.next!r} has shape {value.shape}, and cannot be fed back as {state.name!r}")
    _check_values(io.y, y.size)
    io.seen = y.shape
    return io, io.spec(name, y.size)


def _check_graph(session: Any, spec: Spec, name: str) -> None:
    """Refuse a graph that is not the step function which the spec describes."""
    time = 1 if spec.form == STEP else -1
    inputs = [("x", (time, -1, spec.inputs)), *((state.name, state.shape) for state in spec.states)]
    outputs = [("y", (time, -1, spec.outputs)), *((state.next, state.shape) for state in spec.states)]
    if _signature(session.get_inputs()) != sorted(inputs) or _signature(session.get_outputs()) != sorted(outputs):
        raise ModelFileError(f"{name}: the graph's inputs and outputs are not those of its spec")
    _check_size(spec.states, name)


def _check_size(states: Iterable[State], name: str) -> None:
    """Refuse states that no device has room for."""
    numbers = sum(math.prod(state.sized(1)) for state in states)
    if numbers > _MOST_NUMBERS:
        raise ModelFileError(f"{name}: its states have {numbers:,} numbers; at most {_MOST_NUMBERS:,} can be kept")


def _check_values(tensor: str, size: int) -> None:
    if size > MOST_VALUES:
        raise UsageError(f"{shown(tensor)} has {size:,} values for one sample; at most {MOST_VALUES:,} are taken")


def _signature(values: Any) -> list[tuple[str, tuple[int, ...]]]:
    """Return name and shape of each tensor, sorted, with -1 for a free axis and no shape for what is not float32."""
    return sorted(
        (
            value.name,
            tuple(size if isinstance(size, int) else -1 for size in value.shape)
            if value.type == "tensor(float)"
            else (),
        )
        for value in values
    )
