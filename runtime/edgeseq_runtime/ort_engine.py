"""One stream's step by onnxruntime on the CPU: both of its states are bound, and take turns."""

from typing import Any

import numpy as np

from edgeseq_runtime.engine import Engine
from edgeseq_runtime.ort import onnxruntime
from edgeseq_runtime.ort_session import OrtSession, failure
from edgeseq_runtime.session import Array, States
from edgeseq_runtime.spec import SETTINGS


class OrtEngine(Engine):
    """An `Engine` with two sets of states that take turns.

    A step reads one set and writes the other, so a step that fails leaves the state as it was.
    """

    _session: OrtSession

    def __init__(self, session: OrtSession) -> None:
        super().__init__(session)
        self._sets = [session.fresh(), session.fresh()]
        self._turn = 0
        self._run, self._arguments = self._prepare()

    def advance(self) -> None:
        """Take the sample in `x`; see `Engine`."""
        try:
            self._run(*self._arguments[self._turn])
        except Exception as error:
            raise failure(error) from error
        self._turn ^= 1

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

    def _prepare(self) -> tuple[Any, list[tuple[Any, Any]]]:
        """Return onnxruntime's call that runs a binding, and its arguments for each turn."""
        options = onnxruntime.RunOptions()
        if self._session.providers == ["CPUExecutionProvider"]:
            # There is no device to wait for; asking costs time at every step.
            options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        bindings = [self._bind(source, target) for source, target in (self._sets, self._sets[::-1])]
        inner = getattr(self._session.raw, "_sess", None)
        if inner is None:
            return self._session.raw.run_with_iobinding, [(binding, options) for binding in bindings]
        # What the public method wraps. The wrapper itself takes a tenth of a small model's step.
        return inner.run_with_iobinding, [(binding._iobinding, options) for binding in bindings]  # noqa: SLF001

    def _bind(self, source: States, target: States) -> Any:
        binding, wire = self._session.raw.io_binding(), self._session.wire
        for name, value in wire.constants.items():
            binding.bind_cpu_input(name, value)
        _bind_array(binding.bind_input, wire.x, self.x, wire.x_shape(*self.x.shape))
        _bind_array(binding.bind_output, wire.y, self.y, wire.y_shape(self.y.shape))
        for state in self._session.spec.states:
            _bind_array(binding.bind_input, state.name, source[state.name])
            _bind_array(binding.bind_output, state.next, target[state.name])
        return binding


class PlainEngine(OrtEngine):
    """An `Engine` for a graph that takes more than the sample and its states: each step is prepared anew."""

    def advance(self) -> None:
        """Take the sample in `x`: leave its forecast in `y`, and the state moved on. Errors as those of `Engine`."""
        y, states = self._session.advance(self.x, self.states())
        self.y[...] = y
        self._turn ^= 1
        self.load(states)

    def _prepare(self) -> tuple[Any, list[tuple[Any, Any]]]:
        """There is nothing to prepare."""
        return None, []


def _bind_array(bind: Any, name: str, array: Array, shape: tuple[int, ...] | None = None) -> None:
    bind(name, "cpu", 0, np.float32, shape or array.shape, array.ctypes.data)
