"""tract, by its Python package."""

from typing import Any

import numpy as np

from benchmarks.peers.network import Network
from benchmarks.peers.peer import Peer, Step, as_onnx


def open_written_out(network: Network, streams: int) -> Step:
    """Hand each state back as the tensor that it came as."""
    import tract

    model = tract.onnx().load(str(network.written_out(streams))).into_model().into_runnable()
    running = model.spawn_state()
    x = np.zeros((streams, 1), np.float32)
    state = tract.Tensor.from_numpy(np.zeros((streams, network.packed_width), np.float32))

    def step(sample: Any) -> Any:
        nonlocal state
        x[...] = sample
        y, state = running.run([x, state])
        return y.to_numpy()

    return step


TRACT = Peer("tract, written out", ("tract",), open_written_out, as_onnx)
