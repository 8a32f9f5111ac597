"""LiteRT, with XNNPACK."""

from typing import Any

import numpy as np

from benchmarks.peers.network import Network
from benchmarks.peers.peer import Peer, Step


def convert(network: Network, streams: int) -> None:
    """Write LiteRT's own format."""
    from benchmarks.peers.recipes import litert

    litert.convert(network, streams)


def open_written_out(network: Network, streams: int) -> Step:
    """Copy the state back after each step."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(network.written_out(streams, "tflite")), num_threads=1)
    interpreter.allocate_tensors()
    details = [*interpreter.get_input_details(), *interpreter.get_output_details()]
    numbers = {entry["name"]: entry["index"] for entry in details}
    x, state, y, following = (numbers[name] for name in ("x", "state", "y", "state_next"))
    sample_array = np.zeros((streams, 1), np.float32)
    interpreter.set_tensor(state, np.zeros((streams, network.packed_width), np.float32))

    def step(sample: Any) -> Any:
        sample_array[...] = sample
        interpreter.set_tensor(x, sample_array)
        interpreter.invoke()
        interpreter.set_tensor(state, interpreter.get_tensor(following))
        return interpreter.get_tensor(y)

    return step


LITERT = Peer("LiteRT, written out", ("ai-edge-litert", "numpy"), open_written_out, convert)
