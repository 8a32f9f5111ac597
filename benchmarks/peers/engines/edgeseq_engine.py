"""edgeseq itself: a predictor, step by step and in blocks, and a pool."""

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.peers.network import CannotError, Network
from benchmarks.peers.peer import Peer, Step

if TYPE_CHECKING:
    from edgeseq_runtime import Predictor

_PACKAGES = ("edgeseq", "onnxruntime")


def open_step(network: Network, streams: int) -> Step:
    """Open the file of the form "chunk"."""
    return _predictor(network.chunk, streams).step


def open_step_form(network: Network, streams: int) -> Step:
    """Open the file of the form "step"."""
    return _predictor(network.step, streams).step


def open_run(network: Network, streams: int) -> Step:
    """Open for blocks of many samples."""
    return _predictor(network.chunk, streams).run


def open_native(network: Network, streams: int) -> Step:
    """Open the model's C, compiled: for one stream a predictor, for many a pool."""
    from edgeseq_runtime import Pool, Predictor

    if streams == 1:
        return Predictor(network.chunk, provider="native").step
    pool = Pool(network.chunk, provider="native")
    pool.add(*range(streams))
    return pool.step_array


def open_pool(network: Network, streams: int) -> Step:
    """Open a pool of so many streams."""
    from edgeseq_runtime import Pool

    pool = Pool(network.chunk, provider="cpu")
    pool.add(*range(streams))
    return pool.step_array if streams > 1 else lambda sample: pool.step_array([sample])


def _predictor(path: Path, streams: int) -> "Predictor":
    if streams > 1:
        raise CannotError("one stream; many are a pool's")
    from edgeseq_runtime import Predictor

    return Predictor(path, provider="cpu")


STEP = Peer("edgeseq Predictor.step", _PACKAGES, open_step)
STEP_FORM = Peer("edgeseq Predictor.step, --form step", _PACKAGES, open_step_form)
RUN = Peer("edgeseq Predictor.run, blocks of 1,000", _PACKAGES, open_run, block=1000)
POOL = Peer("edgeseq Pool.step_array", _PACKAGES, open_pool)
NATIVE = Peer("edgeseq, provider native", ("edgeseq",), open_native)
