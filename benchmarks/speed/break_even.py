"""From how many streams on another provider pays: pools on it and on the CPU, in turns in one process.

    python -m benchmarks.speed.break_even [MODEL] --provider cuda [--json FILE]

Without MODEL: the default network, 2 x 30, with random weights, on which no time depends.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import arguments, publish
from benchmarks.speed.ratios import default_models
from edgeseq_runtime.backends.base import Session
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.benchmark import latency
from edgeseq_runtime.errors import EdgeseqError

SIZES = (1, 8, 64, 512, 4096)


def main(words: list[str] | None = None) -> None:
    """Print one row for each size of a pool, and where the other provider begins to pay."""
    parser = arguments("Find the number of streams from which a provider beats the CPU.")
    parser.add_argument("model", nargs="?", type=Path)
    parser.add_argument("--provider", default="cuda")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        path = options.model or default_models(Path(folder))[0]
        try:
            cpu, other = open_session(path, provider="cpu"), open_session(path, provider=options.provider)
        except EdgeseqError as error:
            parser.error(str(error))
        rows = measure(cpu, other, options.rounds)
    publish(f"{options.provider} against cpu, pools, microseconds a sample, minimum", rows, options.json)
    print(verdict(rows, options.provider))


def measure(cpu: Session, other: Session, rounds: int, sizes: Sequence[int] = SIZES) -> list[dict[str, Any]]:
    """Return a row for each size of a pool."""
    sessions = {"cpu": cpu, "other": other}
    cases = {
        (name, size): latency.in_pool(session, size, calls=5) for name, session in sessions.items() for size in sizes
    }
    found = latency.interleaved({f"{name} {size}": case for (name, size), case in cases.items()}, rounds)
    rows = []
    for size in sizes:
        own, others = (found[f"{name} {size}"].minimum for name in sessions)
        rows.append({"streams": size, "cpu": own, "other": others, "ratio": others / own})
    return rows


def verdict(rows: Sequence[dict[str, Any]], provider: str) -> str:
    """Say from which size on the provider is faster at all larger ones, if it is."""
    pays = None
    for row in reversed(rows):
        if row["ratio"] >= 1:
            break
        pays = row["streams"]
    return f"{provider} pays from {pays} streams on" if pays else f"{provider} does not pay at any of these sizes"


if __name__ == "__main__":
    main()
