"""The curves: times of all points in turns in one process, memory of each in a process of its own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scaling import memory
from benchmarks.scaling.axes import BY_NAME, POOL, POOL_SIZE, Case, Point
from benchmarks.scaling.opening import opened, opened_pools
from edgeseq_runtime.benchmark import latency
from edgeseq_runtime.model_file.library_file import NATIVE

_SAMPLES = 20_000
"""That a case takes in one round, but for the limits on its calls."""
_FEWEST, _MOST = 3, 100
"""Calls in a round, where pools do not take turns: then it is one of each."""


@dataclass(frozen=True)
class Measured:
    """A point on the curves."""

    point: Point
    minimum: float
    """Microseconds a sample."""
    median: float
    """Likewise, of all calls."""
    grown: int
    """Resident bytes, beyond what the imports take."""

    @property
    def rate(self) -> float:
        """Arithmetic, 1e9 operations a second, at the least time."""
        return self.point.network.operations / self.minimum / 1000

    def row(self) -> dict[str, Any]:
        """Return the row of the table."""
        network = self.point.network
        return {
            "along": f"{self.point.axis} {self.point.value}",
            "case": str(self.point.case),
            "weights, kB": network.weight_bytes / 1000,
            "states, kB": network.state_bytes * max(1, self.point.streams) * self.point.pools / 1000,
            "minimum, us": self.minimum,
            "median, us": self.median,
            "GFLOP/s": self.rate,
            "grown, MB": self.grown / 1e6,
        }


def measure(points: Iterable[Point], folder: Path, rounds: int) -> list[Measured]:
    """Write the model files into a folder, and measure."""
    files = {point: model_file(point, folder) for point in points}
    wanted = {point: (path, point.streams, point.pools) for point, path in files.items()}
    grown = {held: memory.measure(*held).grown for held in dict.fromkeys(wanted.values())}
    times = latency.interleaved({str(point): _timed(point, path) for point, path in files.items()}, rounds)
    return [Measured(point, times[str(point)].minimum, times[str(point)].p50, grown[wanted[point]]) for point in files]


def along(measured: Sequence[Measured], axis: str, case: Case) -> list[Measured]:
    """Return one curve; empty where it was not measured."""
    return [one for one in measured if (one.point.axis, one.point.case) == (axis, case)]


def model_file(point: Point, folder: Path) -> Path:
    """Write a point's network as a model file or as a library, where that has not been done; return where.

    A library is built anew for each folder: the user's cache may hold one that an earlier exporter made.
    """
    network, native = point.network, point.case.file == NATIVE
    name = f"{network.hidden}-{network.layers}-{network.horizon}-{point.case.file}"
    path = folder / f"{name}.{'so' if native else 'onnx'}"
    if not path.exists():
        path.write_bytes(network.library() if native else network.file(point.case.file))
    return path


def _timed(point: Point, path: Path) -> latency.Case:
    calls = 1 if point.axis == POOL_SIZE else min(max(_SAMPLES // point.samples, _FEWEST), _MOST)
    random = np.random.default_rng(0)
    noise = random.standard_normal((calls, max(1, point.streams))).astype(np.float32)
    if point.case.call == BY_NAME:
        (pool,) = opened_pools(path, point.streams, 1)
        names = random.integers(point.streams, size=calls).tolist()
        return latency.Case(pool.step, [{name: 0.1} for name in names])
    step = opened(path, point.streams, point.pools)
    return latency.Case(step, list(noise) if point.case.call == POOL else noise[:, 0].tolist(), point.samples)
