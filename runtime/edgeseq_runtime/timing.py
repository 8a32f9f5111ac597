"""Times of one model in one process: interleaved rounds, so that a noisy machine is noisy for all alike."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.session import Session

ROUNDS = 20
_SAMPLES = 1000
"""In one round of one way."""


@dataclass(frozen=True)
class Timing:
    """Microseconds a sample, over all rounds."""

    minimum: float
    p50: float
    p90: float
    p99: float


def measure(session: Session, rounds: int = ROUNDS) -> dict[str, Timing]:
    """Time a session's model in the ways to use it: naively, by `Predictor.step`, and by `Predictor.run`.

    The first two are timed sample by sample, in microseconds; `run` by blocks, so its percentiles are those of blocks.
    """
    spec = session.spec
    random = np.random.default_rng(0)
    means = np.array([feature.mean for feature in spec.features])
    changes = np.array([feature.change for feature in spec.features])
    block = (means + changes * random.standard_normal((_SAMPLES, len(means)))).astype(np.float32)
    rows: list[float] | list[list[float]] = block[:, 0].tolist() if len(means) == 1 else block.tolist()
    predictor = Predictor(session)
    times: dict[str, list[float]] = {"naive session.run": [], "Predictor.step": [], "Predictor.run": []}
    for _ in range(rounds):
        times["naive session.run"] += _each(_naive(session), rows)
        times["Predictor.step"] += _each(predictor.step, rows)
        begin = time.perf_counter_ns()
        predictor.run(block)
        times["Predictor.run"].append((time.perf_counter_ns() - begin) / len(block) / 1000)
    return {way: _timing(found) for way, found in times.items()}


def _naive(session: Session) -> Callable[[object], object]:
    """Return what a first program would do: arrays and a dictionary made anew for each sample."""
    states = session.fresh()
    names = list(states)
    raw, features = session.raw, len(session.spec.features)

    def step(sample: object) -> object:
        nonlocal states
        x = np.array(sample, np.float32).reshape(1, 1, features)
        y, *following = raw.run(None, {"x": x, **states})
        states = dict(zip(names, following, strict=True))
        return y

    return step


def _each(step: Callable[..., object], rows: list[float] | list[list[float]]) -> list[float]:
    clock = time.perf_counter_ns
    times = []
    for row in rows:
        begin = clock()
        step(row)
        times.append((clock() - begin) / 1000)
    return times


def _timing(times: list[float]) -> Timing:
    p50, p90, p99 = np.percentile(times, (50, 90, 99))
    return Timing(min(times), float(p50), float(p90), float(p99))
