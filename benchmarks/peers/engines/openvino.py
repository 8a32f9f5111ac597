"""OpenVINO. It runs the model file too, at twice the time: each of its tensors costs some in the Python interface."""

from typing import Any

import numpy as np

from benchmarks.peers.network import Network
from benchmarks.peers.peer import Peer, Step, as_onnx
from edgeseq_runtime.arrays import Float32

_CHOICES = {
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "PERFORMANCE_HINT": "LATENCY",
    "INFERENCE_PRECISION_HINT": "f32",
}


def open_written_out(network: Network, streams: int) -> Step:
    """Share arrays with two requests that take turns."""
    return _Shared(network, streams).step


class _Shared:
    """Two requests: what one writes as the next state, the other reads as the state."""

    def __init__(self, network: Network, streams: int) -> None:
        import openvino

        self._tensor = openvino.Tensor
        self._model = openvino.Core().compile_model(network.written_out(streams), "CPU", _CHOICES)
        self._x: Float32 = np.zeros((streams, 1), np.float32)
        self._y: Float32 = np.zeros((streams, network.spec.outputs), np.float32)
        self._states = [np.zeros((streams, network.packed_width), np.float32) for _ in range(2)]
        self._requests = self._request(*self._states), self._request(*self._states[::-1])
        self._turn = 0

    def step(self, sample: Any) -> Float32:
        """Take a sample of each stream."""
        self._x[...] = sample
        self._requests[self._turn].infer(share_outputs=True)
        self._turn ^= 1
        return self._y.copy()

    def _request(self, source: Float32, target: Float32) -> Any:
        request = self._model.create_infer_request()
        for name, array in {"x": self._x, "state": source, "y": self._y, "state_next": target}.items():
            request.set_tensor(name, self._tensor(array, shared_memory=True))
        return request


OPENVINO = Peer("OpenVINO, written out", ("openvino", "numpy"), open_written_out, as_onnx)
