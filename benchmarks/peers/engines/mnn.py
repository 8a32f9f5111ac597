"""MNN. It runs the model file too, but far slower: its converter makes loops over time of recurrent nodes."""

from typing import Any

import numpy as np

from benchmarks.peers.network import Network
from benchmarks.peers.peer import Peer, Step, as_onnx
from edgeseq_runtime.arrays import Float32


def convert(network: Network, streams: int) -> None:
    """Write MNN's own format, by its converter.

    What `mnnconvert` calls is called here: the command itself reports its use, and has pip install what that needs.
    """
    import _tools

    as_onnx(network, streams)
    source, target = network.written_out(streams), network.written_out(streams, "mnn")
    words = ["-f", "ONNX", "--modelFile", str(source), "--MNNModel", str(target), "--bizCode", "edgeseq"]
    _tools.mnnconvert(["mnnconvert", *words])


def open_written_out(network: Network, streams: int) -> Step:
    """Hand each state back as the variable that it came as."""
    from MNN import expr, nn

    manager = nn.create_runtime_manager(({"numThread": 1, "backend": 0, "precision": "high"},))
    names = ["x", "state"], ["y", "state_next"]
    module = nn.load_module_from_file(str(network.written_out(streams, "mnn")), *names, runtime_manager=manager)
    x = np.zeros((streams, 1), np.float32)
    variable = expr.placeholder([streams, 1], expr.NCHW, expr.float)
    width = network.packed_width
    state = expr.const(np.zeros((streams, width), np.float32), [streams, width], expr.NCHW)

    def step(sample: Any) -> Float32:
        nonlocal state
        x[...] = sample
        variable.write(x)
        y, state = module.forward([variable, state])
        return np.array(y.read())

    return step


MNN = Peer("MNN, written out", ("mnn", "numpy"), open_written_out, convert)
