"""One stream's step on a provider with memory of its own: the state stays there from step to step."""

from typing import Any

import numpy as np

from edgeseq_runtime.engine import Engine
from edgeseq_runtime.ort import onnxruntime
from edgeseq_runtime.ort_session import OrtSession, failure
from edgeseq_runtime.session import States

_MEMORY = {
    "CUDAExecutionProvider": "cuda",
    "TensorrtExecutionProvider": "cuda",
    "NvTensorRTRTXExecutionProvider": "cuda",
    "WebGpuExecutionProvider": "webgpu",
}
"""Provider -> onnxruntime's name for its memory. The others take what lies in the CPU's."""


class DeviceEngine(Engine):
    """An `Engine` whose states are onnxruntime's values: what one step leaves on the device, the next one reads there.

    A binding copies its inputs to the device when they are bound, not when it runs, so each sample is bound anew.
    """

    _session: OrtSession

    def __init__(self, session: OrtSession) -> None:
        super().__init__(session)
        self._memory = _MEMORY.get(session.providers[0], "cpu")
        self._values = _values(session.fresh())

    def advance(self) -> None:
        """Take the sample in `x`: leave its forecast in `y`, and the state moved on. Errors as those of `Engine`."""
        states = self._session.spec.states
        try:
            binding, wire = self._session.raw.io_binding(), self._session.wire
            for name, value in wire.constants.items():
                binding.bind_cpu_input(name, value)
            binding.bind_cpu_input(wire.x, self.x.reshape(wire.x_shape(*self.x.shape)))
            binding.bind_output(wire.y, "cpu")
            for state in states:
                binding.bind_ortvalue_input(state.name, self._values[state.name])
                binding.bind_output(state.next, self._memory)
            self._session.raw.run_with_iobinding(binding)
            y, *following = binding.get_outputs()
            self.y[...] = y.numpy().reshape(self.y.shape)
        except Exception as error:
            raise failure(error) from error
        self._values = {state.name: value for state, value in zip(states, following, strict=True)}

    def states(self) -> States:
        """Return the states that the next step reads, by name; copies."""
        return {name: value.numpy() for name, value in self._values.items()}

    def load(self, states: States) -> None:
        """Make `states` what the next step reads."""
        self._values = _values({name: states[name] for name in self._values})


def _values(states: States) -> dict[str, Any]:
    """Return states as onnxruntime's values, in the CPU's memory: the step that reads them takes them over."""
    return {name: onnxruntime.OrtValue.ortvalue_from_numpy(np.array(value)) for name, value in states.items()}
