"""One stream's step by onnxruntime on the CPU: both of its states are bound, and take turns."""

from collections.abc import Callable
from functools import partial
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
        self._steps = self._prepare()

    def advance(self) -> None:
        """Take the sample in `x`; see `Engine`."""
        try:
            self._steps[self._turn]()
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

    def _prepare(self) -> list[Callable[[], object]]:
        """Return the step for each set as the one that is read."""
        turns = (self._sets, self._sets[::-1])
        return [bound_run(self._session, bind(self._session, self.x, self.y, *sets)) for sets in turns]


class PlainEngine(OrtEngine):
    """An `Engine` for a graph that takes more than the sample and its states: each step is prepared anew."""

    def advance(self) -> None:
        """Take the sample in `x`: leave its forecast in `y`, and the state moved on. Errors as those of `Engine`."""
        y, states = self._session.advance(self.x, self.states())
        self.y[...] = y
        self._turn ^= 1
        self.load(states)

    def _prepare(self) -> list[Callable[[], object]]:
        """There is nothing to prepare."""
        return []


def bind(session: OrtSession, x: Array, y: Array, source: States, target: States) -> Any:
    """Return a binding of onnxruntime's: samples and states to read, forecasts and states to write.

    Each array is without gaps, x (1, batch, feature), y (1, batch, outputs), and must stay where it is.
    """
    binding, wire = session.raw.io_binding(), session.wire
    for name, value in wire.constants.items():
        binding.bind_cpu_input(name, value)
    _bind_array(binding.bind_input, wire.x, x, wire.x_shape(*x.shape))
    _bind_array(binding.bind_output, wire.y, y, wire.y_shape(y.shape))
    for state in session.spec.states:
        _bind_array(binding.bind_input, state.name, source[state.name])
        _bind_array(binding.bind_output, state.next, target[state.name])
    return binding


def bound_run(session: OrtSession, binding: Any) -> Callable[[], object]:
    """Return what runs a binding, as directly as this onnxruntime lets it."""
    options = onnxruntime.RunOptions()
    if session.providers == ["CPUExecutionProvider"]:
        # There is no device to wait for; asking costs time at every step.
        options.add_run_config_entry("disable_synchronize_execution_providers", "1")
    inner = getattr(session.raw, "_sess", None)
    if inner is None:
        return partial(session.raw.run_with_iobinding, binding, options)
    # What the public method wraps. The wrapper itself takes a tenth of a small model's step.
    return partial(inner.run_with_iobinding, binding._iobinding, options)  # noqa: SLF001


def _bind_array(bind: Any, name: str, array: Array, shape: tuple[int, ...] | None = None) -> None:
    assert array.flags.c_contiguous
    bind(name, "cpu", 0, np.float32, shape or array.shape, array.ctypes.data)
