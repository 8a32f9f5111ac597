"""Times of one model in one process: interleaved rounds, so that a noisy machine is noisy for all alike."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.backends.base import Session
from edgeseq_runtime.backends.ort.session import OrtSession
from edgeseq_runtime.model_file.source import vouched
from edgeseq_runtime.pool import Pool
from edgeseq_runtime.predictor import Predictor

NAIVE, STEP, RUN = "naive session.run", "Predictor.step", "Predictor.run"
"""What `measure` calls the cases of one stream."""

POOL_SIZES = (1, 8, 64, 512)
ROUNDS = 20
BLOCK = 1000
"""Samples of a block for `run`, and of one round of each case that takes one at a time."""


@dataclass(frozen=True)
class Timing:
    """Microseconds a sample, over all calls of all rounds."""

    minimum: float
    p50: float
    p90: float
    p99: float
    p999: float


@dataclass(frozen=True)
class Case:
    """One way to use a model."""

    call: Callable[[Any], object]
    inputs: Sequence[Any]
    """What it is called with in one round, one after the other."""
    samples: int = 1
    """That one call takes."""


def pooled(size: int) -> str:
    """Return what `measure` calls the case of a pool of so many streams."""
    return f"Pool.step_array, {size} stream{'s' * (size > 1)}"


def measure(session: Session, rounds: int = ROUNDS, sizes: Sequence[int] = POOL_SIZES) -> dict[str, Timing]:
    """Time a session's model in several uses: by a naive loop, by `Predictor.step` and `run`, and in pools.

    Each call is timed; where one takes many samples, the percentiles are those of calls.
    """
    samples = synthetic_samples(session, BLOCK)
    predictor, ahead = Predictor(session), _ahead(session)
    by_ort = session if isinstance(session, OrtSession) else OrtSession(vouched(session.content), provider="cpu")
    cases = {
        NAIVE: Case(baseline(by_ort), as_rows(samples)),
        STEP: Case(_given(predictor.step, ahead), as_rows(samples)),
        RUN: Case(_given(predictor.run, ahead, BLOCK), [samples], BLOCK),
    }
    return interleaved(cases | {pooled(size): in_pool(session, size) for size in sizes}, rounds)


def interleaved(cases: Mapping[str, Case], rounds: int) -> dict[str, Timing]:
    """Time the cases in turns, so that a noisy machine is noisy for all alike."""
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            times[name] += _each(case)
    return {name: _timing(values) for name, values in times.items()}


def baseline(session: OrtSession, raw: Any = None) -> Callable[[object], object]:
    """Return a step as a first program would have it, arrays and a dictionary made anew for each sample.

    `raw` is the `onnxruntime.InferenceSession` to run where it is not the session's own: of a graph with the same
    inputs and outputs.
    """
    raw = raw or session.raw
    io, names = session.io, [state.name for state in session.states]
    states = {name: value for name, value in session.fresh().items() if name in names}
    shape = io.x_shape(1, 1, session.spec.inputs + io.overlap)
    before = np.zeros(io.overlap, np.float32)
    ahead = _ahead(session).reshape(-1)

    def step(sample: object) -> object:
        nonlocal states
        x = np.array(sample, np.float32)
        if io.overlap or ahead.size:
            x = np.concatenate([before, x.reshape(-1), ahead])
        y, *next_states = raw.run(session.outputs, {io.x: x.reshape(shape), **states, **io.constants})
        states = dict(zip(names, next_states, strict=True))
        return y

    return step


def in_pool(session: Session, size: int, calls: int = 0) -> Case:
    """Return the case of a pool of `size` streams that is given arrays, in a round so often or for 256 samples."""
    pool = Pool(session)
    pool.add(*range(size))
    calls = calls or max(1, 256 // size)
    samples = synthetic_samples(session, calls * size).reshape(calls, size, -1)
    return Case(_given(pool.step_array, _ahead(session), size), list(samples), size)


def _ahead(session: Session) -> Float32:
    """Return values of the columns known ahead, (horizon, column)."""
    means = np.array([column.mean for column in session.spec.known], np.float32)
    return np.tile(means, (session.spec.horizon, 1))


def _given(call: Callable[..., object], ahead: Float32, count: int = 0) -> Callable[[Any], object]:
    """Return a call that is given what is known ahead, of `count` samples at once; 0: of one by itself."""
    if not ahead.size:
        return call
    return partial(call, known=np.tile(ahead, (count, 1, 1)) if count else ahead)


def synthetic_samples(session: Session, count: int) -> Float32:
    """Return samples (count, feature) as large as the training part's."""
    features = session.spec.features
    means = np.array([feature.mean for feature in features])
    changes = np.array([feature.change for feature in features])
    noise = np.random.default_rng(0).standard_normal((count, len(features)))
    return (means + changes * noise).astype(np.float32)


def as_rows(samples: Float32) -> list[Any]:
    """Return samples (time, feature) as a caller has them one at a time: numbers, or lists of numbers."""
    rows: list[Any] = samples[:, 0].tolist() if samples.shape[1] == 1 else samples.tolist()
    return rows


def _each(case: Case) -> list[float]:
    clock, call = time.perf_counter_ns, case.call
    times = []
    for item in case.inputs:
        begin = clock()
        call(item)
        times.append((clock() - begin) / 1000 / case.samples)
    return times


def _timing(times: list[float]) -> Timing:
    return Timing(min(times), *(float(value) for value in np.percentile(times, (50, 90, 99, 99.9))))
