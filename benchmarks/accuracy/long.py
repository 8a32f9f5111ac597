"""A long series: what `edgeseq train` takes for it, all of the command, and how good its forecasts are.

Made up: two seasons, autoregressive noise, a drift, gaps; as CSV, since reading it is part of what a user waits for.
"""

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.accuracy.rows import Row
from benchmarks.accuracy.training import Settings
from edgeseq.model.checkpoint import Checkpoint

HORIZONS = (1, 24)

_BEGIN = 1_577_836_800
"""Seconds since 1970 of the first sample; one a minute follows."""


def measure(settings: Settings) -> Iterator[Row]:
    """Train on it with one seed, 1 and 24 samples ahead, in a process of its own each time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "long.csv")
        write(path, settings.long)
        for horizon in HORIZONS:
            seconds, megabytes, checkpoint = _train(path, horizon)
            title = f"{settings.long:,} samples, {horizon} ahead"
            yield Row(f"{title}: the whole command, processor s", [seconds])
            yield Row(f"{title}: largest process so far, MB", [megabytes])
            figures = checkpoint.spec.figures
            assert figures
            beside = {name: score.mse_standardized for name, score in figures.baselines.items()}
            yield Row(f"{title}: standardised MSE", [figures.model.mse_standardized], beside)


def write(path: Path, samples: int, seed: int = 2) -> None:
    """Write the series as CSV, with three decimals; rows are missing where there are gaps."""
    random = np.random.default_rng(seed)
    time = np.arange(samples)
    noise, last = np.empty(samples), 0.0
    for row, value in enumerate((0.3 * random.standard_normal(samples)).tolist()):
        noise[row] = last = 0.9 * last + value
    drift = 0.002 * np.cumsum(random.standard_normal(samples))
    values = 20 + 3 * np.sin(2 * np.pi * time / 24) + np.sin(4 * np.pi * time / 24 + 1) + noise + drift
    known = np.ones(samples, bool)
    for start in random.integers(1, max(2, samples - 50), size=samples // 5000).tolist():
        known[start : start + int(random.choice([1, 2, 3, 10, 40]))] = False
    with path.open("w", encoding="utf-8") as file:
        file.write("time,value\n")
        for row in np.flatnonzero(known).tolist():
            file.write(f"{np.datetime64(_BEGIN + 60 * row, 's')},{values[row]:.3f}\n")


def _train(path: Path, horizon: int) -> tuple[float, float, Checkpoint]:
    """Return processor seconds, the largest memory of a process so far, and the checkpoint."""
    output = path.with_suffix(".safetensors")
    words = ["train", str(path), "--target", "value", "--horizon", str(horizon), "-o", str(output)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "edgeseq", *words], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, after.ru_maxrss / 1000, Checkpoint.load(output)
