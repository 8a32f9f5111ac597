"""What many streams of the starter cost that all begin at once, in one pool: memory a stream, and time a step.

    python -m benchmarks.starter.pool [--streams 100000] [--steps 5] [--json FILE]

`python -m benchmarks.starter.pool --case NAME --streams N --steps N` is a fresh process of one case: it prints resident
bytes before and after, bytes that its arrays keep, and the least seconds of a step. One thread.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import arguments, publish
from benchmarks.scaling.memory import resident
from edgeseq_runtime import Pool

_ROOT = Path(__file__).parents[2]

CASES: Mapping[str, Mapping[str, Any]] = {
    "forecasts": {"adapt": False},
    "with intervals": {"adapt": False, "monitor": True},
    "with adaptation": {"adapt": True, "monitor": True},
    "with anomalies": {"adapt": True, "anomalies": 1e-4},
}
"""Each with all above it."""

PERIOD = 60.0
"""Seconds between two samples of a stream."""


def main(words: list[str] | None = None) -> None:
    """Print the table, or be the process of one case."""
    parser = arguments("Measure a pool of the starter's streams.")
    parser.add_argument("--streams", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=5, help="samples of each stream (5)")
    parser.add_argument("--case", choices=CASES, help="be the process of one case")
    options = parser.parse_args(words)
    if options.case:
        _measure(options.case, options.streams, options.steps)
        return
    rows = list(table(options.streams, options.steps))
    publish(f"A pool of {options.streams:,} streams of the starter, started at once", rows, options.json)


def table(streams: int, steps: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each case, each measured in a process of its own."""
    for case in CASES:
        sizes = ["--streams", str(streams), "--steps", str(steps)]
        command = [sys.executable, "-m", "benchmarks.starter.pool", "--case", case, *sizes]
        done = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=True)
        before, after, kept, seconds = map(float, done.stdout.split()[-4:])
        yield {
            "a step": case,
            "arrays, bytes a stream": round(kept / streams),
            "resident, bytes a stream": round((after - before) / streams),
            "seconds a step": seconds,
            "us a stream": 1e6 * seconds / streams,
        }


def _measure(case: str, streams: int, steps: int) -> None:
    import onnxruntime  # noqa: F401 - as large as all else, and no stream's doing

    before = resident()
    pool = Pool("starter", provider="cpu", **CASES[case])
    pool.add(*range(streams))
    samples, walk = np.zeros((streams, 1), np.float32), np.random.default_rng(0)
    seconds = []
    for step in range(steps):
        samples += walk.standard_normal(samples.shape, np.float32)
        begin = time.perf_counter()
        pool.step_array(samples, 1.7e9 + PERIOD * step)
        seconds.append(time.perf_counter() - begin)
    judgement = pool._judgement  # noqa: SLF001 - there is no other way to what it keeps
    engine = judgement.engine
    arrays = [engine.x, engine.y, *map(engine.by_row, engine.names)]
    arrays += [array for part in judgement.parts for array in part.row_arrays()]
    print(before, resident(), sum(array[0].nbytes for array in arrays) * streams, min(seconds))


if __name__ == "__main__":
    main()
