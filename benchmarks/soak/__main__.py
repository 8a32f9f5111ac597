"""A long stream with faults in its input: memory that grows, forecasts that are no numbers, an error that creeps up.

    python -m benchmarks.soak [--steps 10000000] [--provider native] [--static]

A sine with noise through a briefly trained network that adapts to what comes, with all that goes wrong in a cabinet:
missing values, spikes of a thousand deviations, text, a sensor that is stuck, a level that shifts, outages, repeated
times, clocks that are set back and times that are none.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import math
import resource
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np

import edgeseq_export
from benchmarks.common import arguments, publish
from edgeseq.series import load
from edgeseq.training import fitting
from edgeseq_runtime import Predictor
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.rules import Rules

_NOISE = 0.05
_HORIZON = 6
"""Forecasts of so many steps are adapted at three of them, and between."""
_FAULTY = 0.02
"""The share of samples at which a fault begins."""
_SHIFTED = 0.001
"""The share at which the level shifts, for a hundred samples on average: nothing is wrong with these."""
_LARGEST_SHIFT = 7.0
"""Ten deviations of the sine."""


_SETTLED = 20
"""Good samples after a fault before errors count: what a fault leaves behind is not what creeps up."""
_SETTLED_AFTER_SHIFT = 100
"""Good samples before these, once the level is back: the network's memory goes on from another one."""


@dataclass(frozen=True)
class Soaked:
    """What a long stream came to."""

    steps: int
    refused: int
    """Samples that were no samples, and raised an error."""
    not_finite: int
    """Forecasts with a number that is none, where the status is not missing."""
    grown_mb: float
    """Resident memory at the end, less that after the first tenth."""
    first_rmse: float
    """Of one-step forecasts where the last samples were good and at the usual level, over the first tenth."""
    last_rmse: float
    """Over the last tenth."""
    farthest: float
    """The largest error among all that count."""
    counts: dict[str, int]


def brief_model() -> bytes:
    """Return the model file of a network that was trained for a moment on two thousand samples, one a second."""
    values = next(_truths(np.random.default_rng(1), 2000))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "noisy.csv"
        path.write_text("v\n" + "".join(f"{value}\n" for value in values))
        checkpoint = fitting.fit(*load(str(path)), steps=30, hidden=4, horizon=_HORIZON)
    return edgeseq_export.build(replace(checkpoint, spec=replace(checkpoint.spec, period=1.0)))


def soak(model: bytes, steps: int, seed: int = 0, *, adapt: bool = True, provider: str = "cpu") -> Soaked:
    """Stream `steps` samples one by one, faults and all; the level shifts for streams that adapt only."""
    p = Predictor(model, provider, rules=Rules(stuck="skip", stuck_after=4), monitor=adapt, adapt=adapt)
    squares = np.zeros((2, 10))  # their sum and count, by tenth of the stream
    refused = not_finite = 0
    baseline, farthest = 0.0, 0.0
    said, good = math.nan, 0  # what was said of this sample, and how many in a row were good
    for number, (truth, sample, time, level) in enumerate(islice(_samples(seed, _SHIFTED if adapt else 0.0), steps)):
        if number == steps // 10:
            baseline = _resident()
        try:
            forecast = p.step(sample, time)
        except DataError:
            refused, good = refused + 1, min(good, 0)
            continue
        good = good + 1 if p.status == "ok" and not p.reason else min(good, 0)
        good = -_SETTLED_AFTER_SHIFT if level else good
        if good > _SETTLED and p.warm:
            squares[:, number * 10 // steps] += (truth - said) ** 2, 1
            farthest = max(farthest, abs(truth - said))
        said = float(forecast[0, 0])
        not_finite += int(p.status != "missing" and not np.isfinite(forecast).all())
    grown = _resident() - baseline
    first, *_, last = np.sqrt(squares[0] / squares[1]).tolist()
    return Soaked(steps, refused, not_finite, round(grown, 3), first, last, farthest, p.counts)


def _truths(random: np.random.Generator, size: int) -> Iterator[list[float]]:
    """Yield blocks of what there is to measure."""
    for start in count(0, size):
        yield (np.sin(0.06 * np.arange(start, start + size)) + _NOISE * random.standard_normal(size)).tolist()


def _samples(seed: int, shifts: float) -> Iterator[tuple[float, Any, float | str, float]]:
    """Yield what there was to measure, what came, at which time, and by how much the level has shifted.

    Samples are a second apart but for faults.
    """
    random = np.random.default_rng(seed)
    time, left, fault, held = 0.0, 0, "", 0.0
    level, shifted = 0.0, 0  # the second: how many samples that lasts yet
    for truths in _truths(random, 5000):
        for usual, chance in zip(truths, random.random(len(truths)).tolist(), strict=True):
            time += 1
            if shifted:
                shifted -= 1
                level = level if shifted else 0.0
            elif chance > 1 - shifts:
                level, shifted = float(random.uniform(-_LARGEST_SHIFT, _LARGEST_SHIFT)), int(random.geometric(0.01))
            truth = usual + level
            if not left and chance < _FAULTY:
                fault = _FAULTS[int(random.integers(len(_FAULTS)))]
                left, held = int(random.geometric(0.2)), truth
                left += 4 if fault == "fast" else 0  # as many as it takes to tell a pace
                time -= 10 if fault == "set back" else 0
            if not left:
                yield truth, truth, time, level
                continue
            left -= 1
            time -= 0.75 if fault == "fast" else 0
            if fault == "again":
                yield truth, truth, time - 1, level
            elif fault == "no time":
                yield truth, truth, "n/a", level
            elif fault != "outage":
                yield truth, _spoilt(fault, truth, held), time, level


_FAULTS = (
    *("none", "nan", "inf", "huge", "wild", "text", "stuck", "two"),
    *("outage", "set back", "again", "no time", "fast"),
)


def _spoilt(fault: str, truth: float, held: float) -> Any:
    """Return what comes instead of a sample while there is a fault."""
    spoilt: dict[str, Any] = {
        "none": None,
        "nan": math.nan,
        "inf": -math.inf,
        "huge": 1e300,
        "wild": truth * 1000,
        "text": "E04",
        "stuck": held,
        "two": [truth, truth],
    }
    return spoilt.get(fault, truth)


def _resident() -> float:
    """Return this process's resident memory in MB."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # at its highest, in bytes: not Linux


def main(words: list[str] | None = None) -> None:
    """Print what came of it."""
    parser = arguments("Soak the predictor.")
    parser.add_argument("--steps", type=int, default=10_000_000)
    parser.add_argument("--provider", default="cpu")
    parser.add_argument("--static", action="store_true", help="without adaptation")
    options = parser.parse_args(words)
    found = soak(brief_model(), options.steps, adapt=not options.static, provider=options.provider)
    rows = [{**{name: value for name, value in vars(found).items() if name != "counts"}, **found.counts}]
    publish("A long stream with faults", rows, options.json)


if __name__ == "__main__":
    main()
