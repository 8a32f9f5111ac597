"""Whether an engine computes what the oracle does: nothing is timed that has not been compared."""

import numpy as np
import numpy.typing as npt

from benchmarks.peers.network import Network
from benchmarks.peers.peer import Peer, Step
from edgeseq.reference import Oracle
from edgeseq_export.synthetic import random_walk
from edgeseq_runtime.benchmark.latency import as_rows

SAMPLES = 300
"""Of each stream that are compared."""

LARGEST = 1e-4
"""The largest deviation, as a share of the target's standard deviation, with which an engine is not wrong."""


def deviation(oracle: Oracle, network: Network, peer: Peer, step: Step, streams: int) -> float:
    """Return the largest difference from the oracle, as a share of the target's standard deviation; NaN stays NaN."""
    samples = random_walk(network.spec, SAMPLES, streams, seed=1)  # (time, stream, feature)
    wanted = _by_windows(oracle, samples, peer.window) if peer.window else oracle.run(samples)[0]
    found = np.concatenate([np.reshape(step(item), (-1, *wanted.shape[1:])) for item in items(samples, peer.block)])
    stds = np.tile([feature.std for feature in network.spec.target_features], network.spec.horizon)
    return float((np.abs(found - wanted) / stds).max())


def items(samples: npt.NDArray[np.float32], block: int) -> list[object]:
    """Return what a step is called with, one after the other, for samples (time, stream, feature)."""
    if block > 1:
        return [samples[start : start + block, 0] for start in range(0, len(samples), block)]
    return list(samples) if samples.shape[1] > 1 else as_rows(samples[:, 0])


def _by_windows(oracle: Oracle, samples: npt.NDArray[np.float32], window: int) -> npt.NDArray[np.float64]:
    """Return the oracle's forecasts from a fresh state and the last samples of each moment."""
    ends = range(1, len(samples) + 1)
    return np.stack([oracle.run(samples[max(0, end - window) : end])[0][-1] for end in ends])
