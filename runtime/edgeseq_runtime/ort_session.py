"""A model file, run by onnxruntime."""

import math
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from edgeseq_runtime import providers
from edgeseq_runtime.bank import Bank
from edgeseq_runtime.choosing import seconds_a_step
from edgeseq_runtime.engine import Engine
from edgeseq_runtime.errors import ModelFileError, UsageError
from edgeseq_runtime.foreign import CONTEXT, ForeignWire, Sidecar, Wire
from edgeseq_runtime.opening import Placement, opened, placement
from edgeseq_runtime.ort import reason
from edgeseq_runtime.session import Array, Session, States, batch_axis
from edgeseq_runtime.spec import KEY, STEP, Spec

_MOST_NUMBERS = 1 << 26
"""In one stream's state, 256 MiB: more is a damaged file, and refused before memory is asked for."""


class OrtSession(Session):
    """A `Session` by onnxruntime; arguments and errors are those of `Session.open`, `name` is what errors call it."""

    raw: Any
    """The `onnxruntime.InferenceSession`."""

    def __init__(
        self,
        content: bytes,
        name: str = "the model",
        *,
        provider: str = "auto",
        threads: int = 1,
        sidecar: Sidecar | str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(content)
        first, *others = providers.candidates(provider)
        self.raw = opened(content, name, first, threads)
        self.wire, self.spec = _described(self.raw, name, sidecar)
        self.states = [state for state in self.spec.states if state.name != CONTEXT]
        """Those that the graph itself has."""
        self.outputs = [self.wire.y, *(state.next for state in self.states)]
        """The graph's outputs: the forecast, then the states."""
        self.measured: dict[str, float] = {}
        self.left_out: dict[str, str] = {}
        if others:
            self._keep_fastest([first, *others], partial(opened, content, name, threads=threads))

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
        feeds, _ = self._feeds(np.zeros((1, 1, len(self.spec.features)), np.float32), self.fresh())
        sessions = {candidates[0]: self.raw}
        for candidate in candidates:
            try:
                session = sessions.get(candidate) or open_on(candidate)
                self.measured[candidate] = seconds_a_step(partial(session.run, self.outputs, feeds))
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
        if self.wire.overlap:
            from edgeseq_runtime.ort_engine import PlainEngine

            return PlainEngine(self)
        if self.providers == [providers.CPU]:
            from edgeseq_runtime.ort_engine import OrtEngine

            return OrtEngine(self)
        from edgeseq_runtime.device_engine import DeviceEngine

        return DeviceEngine(self)

    def bank(self, room: int) -> Bank:
        """Return what steps many streams, with room for so many and more. Raises `UsageError` as `batch_axis` does."""
        lie_together = all(math.prod(state.shape[: batch_axis(state)]) == 1 for state in self.spec.states)
        if isinstance(self.wire, ForeignWire) or not lie_together or self.providers != [providers.CPU]:
            return super().bank(room)
        from edgeseq_runtime.ort_bank import OrtBank

        return OrtBank(self, room)

    def advance(self, x: Array, states: Mapping[str, Array]) -> tuple[Array, States]:
        """Run samples x (time, batch, feature); return forecasts (time, batch, outputs) and the next states.

        Raises `ModelFileError` where onnxruntime cannot.
        """
        if len(x) > 1 and not self.takes_chunks:
            return self._advance_by_steps(x, states)
        feeds, left = self._feeds(x, states)
        try:
            y, *following = self.raw.run(self.outputs, feeds)
        except Exception as error:
            raise failure(error) from error
        moved = {state.name: value for state, value in zip(self.states, following, strict=True)}
        return y.reshape(*x.shape[:2], self.spec.outputs), moved | left

    def _feeds(self, x: Array, states: Mapping[str, Array]) -> tuple[dict[str, Any], States]:
        """Return what the graph takes, and the states that are none of its own."""
        left = {}
        if self.wire.overlap:
            x = np.concatenate([states[CONTEXT][None], x], axis=2)
            left = {CONTEXT: x[0, :, -self.wire.overlap :]}
        values = x.reshape(self.wire.x_shape(*x.shape))
        return {self.wire.x: values, **{s.name: states[s.name] for s in self.states}, **self.wire.constants}, left

    def _advance_by_steps(self, x: Array, states: Mapping[str, Array]) -> tuple[Array, States]:
        forecasts, current = [], dict(states)
        for row in x:
            y, current = self.advance(row[None], current)
            forecasts.append(y)
        return np.concatenate(forecasts), current


def failure(error: Exception) -> ModelFileError:
    """Return what to raise for an exception of onnxruntime's, which share no base but `Exception`, at a step."""
    return ModelFileError(f"the model fails when it is run: {reason(error)}")


def _described(session: Any, name: str, sidecar: Sidecar | str | os.PathLike[str] | None) -> tuple[Wire, Spec]:
    """Return how a graph's tensors are called, and its spec."""
    if sidecar is None:
        return Wire(), _read_spec(session, name)
    wire = ForeignWire(session, sidecar if isinstance(sidecar, Sidecar) else Sidecar.read(sidecar))
    own = [state for state in wire.states if state.name != CONTEXT]
    feeds = {wire.x: np.zeros(wire.x_shape(1, 1, wire.features), np.float32), **wire.constants}
    feeds |= {state.name: np.zeros(state.sized(1), np.float32) for state in own}
    try:  # one step tells what shapes alone may leave open
        y, *following = session.run([wire.y, *(state.next for state in own)], feeds)
    except Exception as error:
        raise UsageError(f"{name} does not run as its sidecar says: {reason(error)}") from error
    for state, value in zip(own, following, strict=True):
        if value.shape != state.sized(1):
            raise UsageError(f"{state.next!r} has shape {value.shape}, and cannot be fed back as {state.name!r}")
    wire.seen = y.shape
    return wire, wire.spec(name, y.size)


def _read_spec(session: Any, name: str) -> Spec:
    try:
        text = session.get_modelmeta().custom_metadata_map.get(KEY)
        if text is not None:
            spec = Spec.from_json(text)
            _check_graph(session, spec)
            return spec
    except UnicodeDecodeError as error:
        raise ModelFileError(f"{name} is damaged: its text is not UTF-8") from error
    except ModelFileError as error:
        raise ModelFileError(f"{name}: {error}") from error
    raise ModelFileError(
        f"{name} is an ONNX file, but not one that edgeseq wrote: its metadata has no spec; a sidecar can stand in"
    )


def _check_graph(session: Any, spec: Spec) -> None:
    """Refuse a graph that is not the step function which the spec describes."""
    time = 1 if spec.form == STEP else -1
    inputs = [("x", (time, -1, len(spec.features))), *((state.name, state.shape) for state in spec.states)]
    outputs = [("y", (time, -1, spec.outputs)), *((state.next, state.shape) for state in spec.states)]
    if _signature(session.get_inputs()) != sorted(inputs) or _signature(session.get_outputs()) != sorted(outputs):
        raise ModelFileError("the graph's inputs and outputs are not those of its spec")
    for state in spec.states:
        numbers = math.prod(state.sized(1))
        if numbers > _MOST_NUMBERS:
            raise ModelFileError(f"the state {state.name} has {numbers} numbers; at most {_MOST_NUMBERS} can be kept")


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
