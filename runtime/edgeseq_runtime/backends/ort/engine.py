"""One stream's step by onnxruntime: on the CPU with both of its states bound, elsewhere with the state left there."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from edgeseq_runtime.arrays import Float32, States
from edgeseq_runtime.backends.base import Engine, Session
from edgeseq_runtime.backends.ort.api import onnxruntime, raise_failure
from edgeseq_runtime.backends.ort.io_mapping import GraphIO
from edgeseq_runtime.backends.ort.providers import CPU
from edgeseq_runtime.errors import ModelFileError
from edgeseq_runtime.spec import SETTINGS, State

_MEMORY = {
    "CUDAExecutionProvider": "cuda",
    "TensorrtExecutionProvider": "cuda",
    "NvTensorRTRTXExecutionProvider": "cuda",
    "WebGpuExecutionProvider": "webgpu",
}
"""Provider -> onnxruntime's name for its memory. The others take what lies in the CPU's."""


class OrtEngine(Engine):
    """An `Engine` with two sets of states that take turns.

    A step reads one set and writes the other, so a step that fails leaves the state as it was.
    """

    def __init__(self, session: Session, raw: Any, io: GraphIO) -> None:
        super().__init__(session)
        self._raw, self._io = raw, io
        self._sets = [session.fresh(), session.fresh()]
        self._turn = 0
        self._steps = self._prepare()

    def advance(self) -> None:
        """Take the sample in `x`; see `Engine`."""
        try:
            self._steps[self._turn]()
        except Exception as error:  # noqa: BLE001 - it is raised again
            self.put_back()
            raise_failure(error)
        self._turn ^= 1
        self._kept = self._both.tobytes()  # `keep`, without a call

    def states(self) -> States:
        """Return the states that the next step reads, by name; views, not copies."""
        return self._sets[self._turn]

    def load(self, states: States) -> None:
        """Make `states` what the next step reads."""
        for name, value in self.states().items():
            value[...] = states[name]

    def clear(self) -> None:
        """Make the stream fresh: all states zero but its sensor's settings."""
        for name, value in self.states().items():
            if name not in SETTINGS:
                value.fill(0)

    def _prepare(self) -> list[Callable[[], object]]:
        """Return the step for each set as the one that is read."""
        turns = (self._sets, self._sets[::-1])
        states = self._session.spec.states
        return [bound_run(self._raw, bind(self._raw, self._io, states, self.x, self.y, *sets)) for sets in turns]


class PlainEngine(OrtEngine):
    """An `Engine` for a graph that takes more than the sample and its states: each step is prepared anew."""

    def advance(self) -> None:
        """Take the sample in `x`: leave its forecast in `y`, and the state moved on. Errors as those of `Engine`."""
        try:
            y, states = self._session.advance(self.x, self.states())
        except ModelFileError:
            self.put_back()
            raise
        self.y[...] = y
        self._turn ^= 1
        self.load(states)
        self.keep()

    def _prepare(self) -> list[Callable[[], object]]:
        """There is nothing to prepare."""
        return []


class DeviceEngine(Engine):
    """An `Engine` whose states are onnxruntime's values: what a step leaves on the device, the next one reads there."""

    def __init__(self, session: Session, raw: Any, io: GraphIO) -> None:
        super().__init__(session)
        self._raw, self._io = raw, io
        self._memory = memory(session)
        self._values = on_device(session.fresh())

    def advance(self) -> None:
        """Take the sample in `x`: leave its forecast in `y`, and the state moved on. Errors as those of `Engine`."""
        try:
            y, values = run_on_device(
                self._raw, self._io, self._session.spec.states, self.x, self._values, self._memory
            )
            self.y[...] = y.reshape(self.y.shape)
        except Exception as error:  # noqa: BLE001 - it is raised again
            self.put_back()
            raise_failure(error)
        self.keep()
        self._values = values

    def states(self) -> States:
        """Return the states that the next step reads, by name; copies."""
        return {name: value.numpy() for name, value in self._values.items()}

    def load(self, states: States) -> None:
        """Make `states` what the next step reads."""
        self._values = on_device({name: states[name] for name in self._values})


def memory(session: Session) -> str:
    """Return onnxruntime's name for the memory of a session's provider: "cpu" where it has none of its own."""
    return _MEMORY.get(session.providers[0], "cpu")


def on_device(states: States) -> dict[str, Any]:
    """Return states as onnxruntime's values, still in the CPU's memory: the step that reads them takes them over."""
    return {name: onnxruntime.OrtValue.ortvalue_from_numpy(np.array(value)) for name, value in states.items()}


def run_on_device(
    raw: Any, io: GraphIO, states: Sequence[State], x: Float32, values: dict[str, Any], memory: str
) -> tuple[Float32, dict[str, Any]]:
    """Take samples x (1, batch, feature) from the states `values`; return the forecasts and the next states.

    The forecasts come to the CPU, the states stay in `memory` as onnxruntime's values. A binding copies its inputs to
    the device when they are bound, not when it runs, so each sample is bound anew.
    """
    binding = raw.io_binding()
    for name, value in io.constants.items():
        binding.bind_cpu_input(name, value)
    binding.bind_cpu_input(io.x, x.reshape(io.x_shape(*x.shape)))
    binding.bind_output(io.y, "cpu")
    for state in states:
        binding.bind_ortvalue_input(state.name, values[state.name])
        binding.bind_output(state.next, memory)
    raw.run_with_iobinding(binding)
    y, *next_values = binding.get_outputs()
    return y.numpy(), {state.name: value for state, value in zip(states, next_values, strict=True)}


def bind(raw: Any, io: GraphIO, states: Sequence[State], x: Float32, y: Float32, source: States, target: States) -> Any:
    """Return a binding of onnxruntime's: samples and states to read, forecasts and states to write.

    Each array is without gaps, x (1, batch, feature), y (1, batch, outputs), and must stay where it is.
    """
    binding = raw.io_binding()
    for name, value in io.constants.items():
        binding.bind_cpu_input(name, value)
    _bind_array(binding.bind_input, io.x, x, io.x_shape(*x.shape))
    _bind_array(binding.bind_output, io.y, y, io.y_shape(y.shape))
    for state in states:
        _bind_array(binding.bind_input, state.name, source[state.name])
        _bind_array(binding.bind_output, state.next, target[state.name])
    return binding


def bound_run(raw: Any, binding: Any) -> Callable[[], object]:
    """Return what runs a binding, as directly as this onnxruntime lets it."""
    options = onnxruntime.RunOptions()
    if raw.get_providers() == [CPU]:
        # There is no device to wait for; asking costs time at every step.
        options.add_run_config_entry("disable_synchronize_execution_providers", "1")
    inner = getattr(raw, "_sess", None)
    if inner is None:
        return partial(raw.run_with_iobinding, binding, options)
    # What the public method wraps. The wrapper itself takes a tenth of a small model's step.
    return partial(inner.run_with_iobinding, binding._iobinding, options)  # noqa: SLF001


def _bind_array(bind: Any, name: str, array: Float32, shape: tuple[int, ...] | None = None) -> None:
    assert array.flags.c_contiguous
    bind(name, "cpu", 0, np.float32, shape or array.shape, array.ctypes.data)
