"""onnx's own evaluator, which is there to define what operators do."""

from typing import Any, cast

import numpy as np

from benchmarks.peers.network import Network
from benchmarks.peers.peer import Peer, Step
from edgeseq_runtime.arrays import Float32


def open_reference(network: Network, streams: int) -> Step:
    """Open the model file."""
    from onnx.reference import ReferenceEvaluator

    evaluator, spec = ReferenceEvaluator(str(network.chunk)), network.spec
    states = {state.name: np.zeros(state.sized(streams), np.float32) for state in spec.states}

    def step(sample: Any) -> Float32:
        nonlocal states
        x = np.array(sample, np.float32).reshape(1, streams, len(spec.features))
        y, *following = cast("list[Float32]", evaluator.run(None, {"x": x, **states}))
        states = dict(zip(states, following, strict=True))
        return y

    return step


REFERENCE = Peer("onnx ReferenceEvaluator", ("onnx",), open_reference)
