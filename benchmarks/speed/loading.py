"""What `edgeseq.load` costs on a CSV of times and values, as a ratio to polars' `read_csv` with the format given.

    python -m benchmarks.speed.loading [--rows N] [--rounds N] [--json FILE]

Processor time, user and system, of all threads of one process, in which both take turns; the smallest of all rounds.
What polars returns is a table; what `load` returns is even in time, checked for its order, codes and spikes, and split.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import edgeseq
from benchmarks.common import arguments, publish

TARGET = 2.0
"""The most that the ratio should be, plain."""

FORM = "%Y-%m-%d %H:%M:%S"


def write(path: Path, rows: int, *, quoted: bool) -> None:
    """Write a wave with noise, a sample a second."""
    random = np.random.default_rng(0)
    moments = np.datetime64("2020-01-01T00:00:00", "ms") + np.arange(rows) * np.timedelta64(1000, "ms")
    values = np.round(20 + 3 * np.sin(np.arange(rows) / 5000) + random.normal(0, 0.1, rows), 3)
    frame = pl.DataFrame({"time": moments, "temp": values}).with_columns(pl.col("time").dt.strftime(FORM))
    frame.write_csv(path, quote_style="always" if quoted else "necessary")


def by_polars(path: Path) -> pl.DataFrame:
    """Read the file as whoever knows all about it would."""
    return pl.read_csv(path).with_columns(pl.col("time").str.to_datetime(FORM))


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of a piece of work."""
    before = time.process_time()
    work()
    return time.process_time() - before


def ratio(path: Path, rounds: int) -> tuple[float, float]:
    """Return the seconds of `load` and of polars."""
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(seconds(lambda: by_polars(path)))
        ours.append(seconds(lambda: edgeseq.load(path)))
    return min(ours), min(theirs)


def main() -> None:
    """Measure, and print a table."""
    parser = arguments(__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, quoted, target in (("plain", False, TARGET), ("every cell quoted", True, None)):
            path = Path(folder) / "series.csv"
            write(path, given.rows, quoted=quoted)
            ours, theirs = ratio(path, given.rounds)
            rows.append(
                {
                    "CSV": name,
                    "load, s": ours,
                    "polars, s": theirs,
                    "ratio": ours / theirs,
                    "at most": target,
                }
            )
    publish(f"{given.rows:,} rows of a time and a value, seconds of processor time", rows, given.json)


if __name__ == "__main__":
    main()
