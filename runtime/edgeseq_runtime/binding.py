"""One stream's step with everything bound once: no array is made, no name looked up, per sample."""

import math
from typing import Any

import numpy as np

from edgeseq_runtime.ort import onnxruntime
from edgeseq_runtime.session import Array, Session, States

_ALIGNMENT = 16  # floats: a state starts on a cache line of its own


class Binding:
    """Buffers for one sample, its forecast and two sets of states that take turns.

    A step reads one set and writes the other, so a step that is refused or fails leaves the state as it was.
    """

    def __init__(self, session: Session) -> None:
        spec = session.spec
        self._session = session
        self.x: Array = np.zeros((1, 1, len(spec.features)), np.float32)
        """The sample, written by the caller before `advance`."""
        self.y: Array = np.zeros((1, 1, spec.outputs), np.float32)
        """The forecast, valid after `advance`."""
        self._offsets, length = _layout([math.prod(state.sized(1)) for state in spec.states])
        self._memories = [np.zeros(length, np.float32) for _ in range(2)]
        self._turn = 0
        self._bindings = [self._bind(0, 1), self._bind(1, 0)]
        self._run, self._arguments = _runner(session, self._bindings)

    def advance(self) -> None:
        """Take the sample in `x`: leave its forecast in `y`, and the state moved on."""
        self._run(*self._arguments[self._turn])
        self._turn ^= 1

    @property
    def memory(self) -> Array:
        """All states in one flat array that `advance` reads next; write to it to set the state."""
        return self._memories[self._turn]

    def states(self) -> States:
        """Return views of the current states by name, in their shapes for one stream."""
        return self._views(self._turn)

    def load(self, states: States) -> None:
        """Make `states` the current ones."""
        for name, view in self.states().items():
            view[...] = states[name]

    def _views(self, turn: int) -> States:
        views = {}
        for state, start in zip(self._session.spec.states, self._offsets, strict=True):
            shape = state.sized(1)
            views[state.name] = self._memories[turn][start : start + math.prod(shape)].reshape(shape)
        return views

    def _bind(self, source: int, target: int) -> Any:
        binding = self._session.raw.io_binding()
        _bind_array(binding.bind_input, "x", self.x)
        _bind_array(binding.bind_output, "y", self.y)
        for name, view in self._views(source).items():
            _bind_array(binding.bind_input, name, view)
        following = self._views(target)
        for state in self._session.spec.states:
            _bind_array(binding.bind_output, state.next, following[state.name])
        return binding


def _layout(sizes: list[int]) -> tuple[list[int], int]:
    """Return the aligned offset of each state in one flat array, and the array's length."""
    offsets, end = [], 0
    for size in sizes:
        offsets.append(end)
        end += -(-size // _ALIGNMENT) * _ALIGNMENT
    return offsets, end


def _bind_array(bind: Any, name: str, array: Array) -> None:
    bind(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)


def _runner(session: Session, bindings: list[Any]) -> tuple[Any, list[tuple[Any, Any]]]:
    """Return onnxruntime's call that runs a binding, and its arguments for each binding."""
    options = onnxruntime.RunOptions()
    if session.providers == ["CPUExecutionProvider"]:
        # There is no device to wait for; asking costs time at every step.
        options.add_run_config_entry("disable_synchronize_execution_providers", "1")
    inner = getattr(session.raw, "_sess", None)
    if inner is None:
        return session.raw.run_with_iobinding, [(binding, options) for binding in bindings]
    # What the public method wraps. The wrapper itself takes a tenth of a small model's step.
    return inner.run_with_iobinding, [(binding._iobinding, options) for binding in bindings]  # noqa: SLF001
