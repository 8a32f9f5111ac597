"""onnxruntime without edgeseq: as a first program has it, with bindings, and by windows."""

from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.network import CannotError, Network
from benchmarks.peers.peer import Peer, Step
from edgeseq_runtime.arrays import Float32

_PACKAGES = ("onnxruntime",)
_WINDOW = 10


def open_naive(network: Network, streams: int) -> Step:
    """Call `session.run` with an array and a dictionary made anew for each sample."""
    session, states = _session(network.chunk), _fresh(network, streams)
    names, features = list(states), len(network.spec.features)

    def step(sample: Any) -> Any:
        nonlocal states
        x = np.array(sample, np.float32).reshape(1, streams, features)
        y, *following = session.run(None, {"x": x, **states})
        states = dict(zip(names, following, strict=True))
        return y

    return step


def open_binding(network: Network, streams: int) -> Step:
    """Bind arrays once, and call the public `run_with_iobinding`."""
    return _Bound(network, streams).step


class _Bound:
    """Two sets of states that take turns: one is read, the other written."""

    def __init__(self, network: Network, streams: int) -> None:
        self._session, self._spec = _session(network.chunk), network.spec
        self._x: Float32 = np.zeros((1, streams, len(self._spec.features)), np.float32)
        self._y: Float32 = np.zeros((1, streams, self._spec.outputs), np.float32)
        self._sets = _fresh(network, streams), _fresh(network, streams)
        self._bindings = self._bind(*self._sets), self._bind(*self._sets[::-1])
        self._turn = 0

    def step(self, sample: Any) -> Float32:
        """Take a sample of each stream."""
        self._x[...] = sample
        self._session.run_with_iobinding(self._bindings[self._turn])
        self._turn ^= 1
        return self._y.copy()

    def _bind(self, source: dict[str, Float32], target: dict[str, Float32]) -> Any:
        binding = self._session.io_binding()
        following = {state.next: target[state.name] for state in self._spec.states}
        for bind, arrays in (
            (binding.bind_input, {"x": self._x, **source}),
            (binding.bind_output, {"y": self._y, **following}),
        ):
            for name, array in arrays.items():
                bind(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        return binding


def open_windows(network: Network, streams: int) -> Step:
    """Keep no state: run the last samples anew, from a fresh one, at every sample."""
    if streams > 1:
        raise CannotError("one stream, as such programs have it")
    session, fresh, features = _session(network.chunk), _fresh(network, 1), len(network.spec.features)
    window: deque[Any] = deque(maxlen=_WINDOW)

    def step(sample: Any) -> Any:
        window.append(sample)
        x = np.array(window, np.float32).reshape(-1, 1, features)
        (y,) = session.run(["y"], {"x": x, **fresh})
        return y[-1]

    return step


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _fresh(network: Network, streams: int) -> dict[str, Float32]:
    return {state.name: np.zeros(state.sized(streams), np.float32) for state in network.spec.states}


NAIVE = Peer("onnxruntime, session.run", _PACKAGES, open_naive)
BINDING = Peer("onnxruntime, io_binding", _PACKAGES, open_binding)
WINDOWS = Peer(f"onnxruntime, windows of {_WINDOW}", _PACKAGES, open_windows, window=_WINDOW)
