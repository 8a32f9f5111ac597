"""A model file, opened: onnxruntime's session, the spec, and the step function over arrays."""

import math
import os
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime import files, providers
from edgeseq_runtime.choosing import seconds_a_step
from edgeseq_runtime.errors import ModelFileError, UsageError
from edgeseq_runtime.opening import Placement, opened, placement
from edgeseq_runtime.ort import reason
from edgeseq_runtime.spec import KEY, STEP, Spec, State

Array = npt.NDArray[np.float32]
States = dict[str, Array]
"""Name of a state -> its value, in the spec's shape."""

_MOST_NUMBERS = 1 << 26
"""In one stream's state, 256 MiB: more is a damaged file, and refused before memory is asked for."""


class Session:
    """The step function `(samples, states) -> (forecasts, next states)` of one model file.

    `model` is a path or the file's bytes; `provider` as in `providers.candidates`: where it allows several, each
    takes a few steps of one stream, and the fastest is kept. `threads` within one operator. Raises `ModelFileError`
    and, for a provider that is not here or cannot run the model, `UsageError`.
    """

    spec: Spec
    raw: Any
    """The `onnxruntime.InferenceSession`."""

    def __init__(self, model: str | os.PathLike[str] | bytes, *, provider: str = "auto", threads: int = 1) -> None:
        if threads < 1:
            raise UsageError(f"threads is {threads}, must be at least 1")
        content = model if isinstance(model, bytes) else files.read(model)
        name = "the model" if isinstance(model, bytes) else os.fspath(model)
        first, *others = providers.candidates(provider)
        self.raw = opened(content, name, first, threads)
        self.spec = _read_spec(self.raw, name)
        self._outputs = ["y", *(state.next for state in self.spec.states)]
        self.content = content
        """The model file."""
        self.measured: dict[str, float] = {}
        """Seconds a step on each provider that was to choose from, where there was a choice."""
        self.left_out: dict[str, str] = {}
        """And why the others among them cannot run this model."""
        if others:
            self._keep_fastest([first, *others], partial(opened, content, name, threads=threads))

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the model file: what a snapshot belongs to."""
        import hashlib  # brings OpenSSL, a tenth of a start's time and memory, and not every stream saves its state

        return hashlib.sha256(self.content).digest()

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
        x = np.zeros((1, 1, len(self.spec.features)), np.float32)
        feeds = {"x": x, **self.fresh()}
        sessions = {candidates[0]: self.raw}
        for candidate in candidates:
            try:
                session = sessions.get(candidate) or open_on(candidate)
                self.measured[candidate] = seconds_a_step(partial(session.run, self._outputs, feeds))
                sessions[candidate] = session
            except Exception as error:  # noqa: BLE001 - onnxruntime's share no other base; the provider is left out
                self.left_out[candidate] = reason(error)
        if self.measured:
            self.raw = sessions[min(self.measured, key=self.measured.__getitem__)]

    def fresh(self, batch: int = 1) -> States:
        """Return the states of `batch` fresh streams."""
        return {state.name: np.zeros(state.sized(batch), np.float32) for state in self.spec.states}

    def advance(self, x: Array, states: Mapping[str, Array]) -> tuple[Array, States]:
        """Run samples x (time, batch, feature); return forecasts (time, batch, outputs) and the next states.

        Raises `ModelFileError` where onnxruntime cannot.
        """
        if len(x) > 1 and self.spec.form == STEP:
            return self._advance_by_steps(x, states)
        try:
            y, *following = self.raw.run(self._outputs, {"x": x, **states})
        except Exception as error:
            raise failure(error) from error
        return y, {state.name: value for state, value in zip(self.spec.states, following, strict=True)}

    def _advance_by_steps(self, x: Array, states: Mapping[str, Array]) -> tuple[Array, States]:
        forecasts, current = [], dict(states)
        for row in x:
            y, current = self.advance(row[None], current)
            forecasts.append(y)
        return np.concatenate(forecasts), current


def failure(error: Exception) -> ModelFileError:
    """Return what to raise for an exception of onnxruntime's, which share no base but `Exception`, at a step."""
    return ModelFileError(f"the model fails when it is run: {reason(error)}")


def batch_axis(state: State) -> int:
    """Return which axis of a state's tensor the streams lie along."""
    return state.shape.index(-1)


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
    raise ModelFileError(f"{name} is an ONNX file, but not one that edgeseq wrote: its metadata has no spec")


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
