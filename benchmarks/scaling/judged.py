"""What a stream takes that is judged: times, rules, intervals and drift, beside the network's own states.

`python -m benchmarks.scaling.judged HORIZON STREAMS` is a fresh process: it prints resident bytes before and after, and
how many of a stream are in the arrays that judgement keeps, and in those of the engine.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

import edgeseq_export
from benchmarks.scaling.memory import resident
from benchmarks.scaling.networks import Network
from edgeseq_runtime import Pool
from edgeseq_runtime.spec import Residuals

_ROOT = Path(__file__).parents[2]

HORIZONS = (1, 24)
STREAMS = 100_000
_ROUNDS = 3
"""Samples of each stream, after which all buffers have been made."""

_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
_QUANTILES = (-0.1, -0.05, 0.0, 0.05, 0.1)


def table(streams: int = STREAMS) -> Iterator[dict[str, str]]:
    """Yield a row for each horizon: bytes of one stream of so many, all in one pool on the CPU."""
    for horizon in HORIZONS:
        command = [sys.executable, "-m", "benchmarks.scaling.judged", str(horizon), str(streams)]
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
        before, after, judged, engine = map(int, done.stdout.split()[-4:])
        yield {
            "horizon": str(horizon),
            "streams": f"{streams:,}",
            "judgement, bytes a stream": f"{judged:,}",
            "states, sample and forecast": f"{engine:,}",
            "resident, all in all": f"{(after - before) / streams:,.0f}",
        }


def main(horizon: str, streams: str) -> None:
    """Print the four numbers."""
    made = Network(horizon=int(horizon)).checkpoint()
    residuals = Residuals(_LEVELS, ((_QUANTILES,),) * int(horizon))
    model = edgeseq_export.build(replace(made, spec=replace(made.spec, period=60.0, residuals=residuals)))
    before = resident()
    pool = Pool(model, provider="cpu", monitor=True)
    for name in range(int(streams)):
        pool.add(name)
    for step in range(_ROUNDS):
        pool.step_array(np.full((int(streams), 1), 0.1, np.float32), 1.7e9 + 60.0 * step)
    judgement = pool._judgement  # noqa: SLF001 - there is no other way to what it keeps
    engine = judgement.engine
    states = [engine.x, engine.y, *map(engine.by_row, engine.names)]
    kept = [array for part in judgement.parts for array in part.row_arrays()]
    print(before, resident(), *(sum(array[0].nbytes for array in arrays) for arrays in (kept, states)))


if __name__ == "__main__":
    main(*sys.argv[1:])
