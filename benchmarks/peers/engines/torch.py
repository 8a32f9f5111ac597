"""torch itself: the layers that the network was trained in, eager, traced and compiled."""

import shutil
import warnings
from collections.abc import Callable
from typing import Any

from benchmarks.peers.network import CannotError, Network
from benchmarks.peers.peer import Peer, Step


def open_eager(network: Network, streams: int) -> Step:
    """Call the module as it is."""
    return _stepping(network, streams, lambda module, _inputs: module)


def open_traced(network: Network, streams: int) -> Step:
    """Trace the module once, and freeze the trace."""
    import torch

    def trace(module: Any, inputs: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is deprecated, and that sizes become constants
            return torch.jit.freeze(torch.jit.trace(module, inputs))  # type: ignore[no-untyped-call]

    return _stepping(network, streams, trace)


def open_compiled(network: Network, streams: int) -> Step:
    """Compile the module, which needs a C++ compiler wherever that happens."""
    if not shutil.which("g++"):
        raise CannotError("needs a C++ compiler")
    import torch

    return _stepping(network, streams, lambda module, _inputs: torch.compile(module))


def _stepping(network: Network, streams: int, made: Callable[[Any, Any], Any]) -> Step:
    import torch

    from benchmarks.peers.recipes.torch_module import StepModule

    torch.set_num_threads(1)
    module = StepModule(network.spec, network.weights).eval()
    x, *states = module.fresh(streams)
    sample_array = x.numpy()
    with torch.inference_mode():
        call = made(module, (x, *states))

    @torch.inference_mode()
    def step(sample: Any) -> Any:
        nonlocal states
        sample_array[...] = sample
        y, *states = call(x, *states)
        return y.numpy()

    return step


EAGER = Peer("torch, eager", ("torch", "numpy"), open_eager)
TRACED = Peer("torch, traced", ("torch", "numpy"), open_traced)
COMPILED = Peer("torch, compiled", ("torch", "numpy"), open_compiled)
