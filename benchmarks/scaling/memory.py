"""How much resident memory a case takes, beyond what the imports take: a fresh process for each point.

`python -m benchmarks.scaling.memory MODEL STREAMS POOLS` is that process: it prints bytes before and after, and seconds
for a sample of every stream.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.scaling.opening import opened, provider
from edgeseq_runtime.model_file.library_file import NATIVE

_ROOT = Path(__file__).parents[2]

_ROUNDS = 3
"""Samples of each stream, after which all buffers have been made."""


@dataclass(frozen=True)
class Held:
    """What a process held, and how long it took."""

    before: int
    """Resident bytes, with everything imported that the provider needs, and no model open."""
    after: int
    """Resident bytes when each stream has taken some samples."""
    seconds: float
    """The least that one sample of every stream took."""

    @property
    def grown(self) -> int:
        """Bytes that the model, its states and what onnxruntime keeps take."""
        return self.after - self.before


def measure(model: Path, streams: int, pools: int = 1) -> Held:
    """Stream through a model file in a fresh process: `pools` of `streams` each; 0 streams: one predictor."""
    command = [sys.executable, "-m", "benchmarks.scaling.memory", str(model), str(streams), str(pools)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    before, after, seconds = done.stdout.split()[-3:]
    return Held(int(before), int(after), float(seconds))


def main(model: str, streams: str, pools: str) -> None:
    """Print resident bytes before and after, and the seconds."""
    if provider(Path(model)) != NATIVE:
        import onnxruntime  # noqa: F401 - as large as all else, and no model's doing

    before = resident()
    step = opened(Path(model), int(streams), int(pools))
    sample = np.full(int(streams), 0.1, np.float32) if int(streams) else 0.1
    seconds = []
    for _ in range(_ROUNDS):
        begin = time.perf_counter()
        step(sample)
        seconds.append(time.perf_counter() - begin)
    print(before, resident(), min(seconds))


def resident() -> int:
    """Return the bytes that this process holds in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main(*sys.argv[1:])
