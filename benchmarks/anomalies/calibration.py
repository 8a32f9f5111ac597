"""Whether the rate of false alarms is the one that was asked for, and how soon something is found.

    python -m benchmarks.anomalies.calibration [--etth1 FILE] [--json FILE] [--samples N] [--provider native]

For each kind of made-up series, a small network is trained on its first 10,000 samples and exported; two million more
are streamed through the file. What is planted is looked for in 100 streams of the same kind. With JSON, what is known
already is not measured again.
"""

import csv
import functools
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.anomalies import streaming, summary
from benchmarks.anomalies.counting import RATES, found, tally, tally_alarms
from benchmarks.anomalies.normal_series import SERIES
from benchmarks.anomalies.planted import PLANTED
from benchmarks.anomalies.results import Results
from benchmarks.anomalies.rivals import gaussian_tail, half_space_trees
from benchmarks.common import arguments
from edgeseq_runtime.errors import UsageError

WITHIN: Mapping[str, int] = {"spike": 1, "shift": 10, "doubled": 50, "stuck": 50, "silent": 50, "drift": 50}
"""Event -> samples in which it is to be found."""

_SPIKE = 6.0
"""Deviations of a planted spike."""

_ETTH1_LEARNED = 5000
"""Hours of ETTh1 that a network is trained on; the other 12,420 are streamed."""


@dataclass(frozen=True)
class Settings:
    """What the benchmark is run with."""

    samples: int = 2_000_000
    """Streamed of each series."""
    trials: int = 100
    rival_samples: int = 200_000
    """Of each series that river is given: it takes a tenth of a millisecond for each."""
    steps: int = 300
    """Of training."""
    provider: str = "native"


def measure_series(kind: str, settings: Settings) -> dict[str, Any]:
    """Return what was counted on a made-up series, and in the trials on its kind."""
    made = SERIES[kind](np.random.default_rng(0), streaming.LEARNED + settings.samples)
    learned, streamed = np.split(made.values, [streaming.LEARNED])
    model = streaming.model_of(learned, steps=settings.steps)
    said = streaming.stream(model, streamed, settings.provider)
    record = _counted(said, settings)
    seeds = range(1, settings.trials + 1)
    trials = {}
    for event, plant in PLANTED.items():
        after = max(WITHIN[event], 100)
        p_values, words = streaming.try_out(model, plant, kind, seeds, after, settings.provider)
        trials[event] = asdict(found(p_values, words, streaming.RATE, WITHIN[event]))
    seen = np.abs(said.errors + _SPIKE * made.deviation[streaming.LEARNED :])
    visible = float(np.mean(seen > np.nanquantile(np.abs(said.errors), 1 - streaming.RATE)))
    return {**record, "visible spikes": visible, "trials": trials}


def measure_column(path: Path, column: str, settings: Settings) -> dict[str, Any]:
    """Return what was counted on a column of a CSV file."""
    with path.open(newline="") as lines:
        values = np.array([float(row[column]) for row in csv.DictReader(lines)])
    learned, streamed = np.split(values, [_ETTH1_LEARNED])
    model = streaming.model_of(learned, steps=settings.steps)
    return _counted(streaming.stream(model, streamed, settings.provider), settings)


def _counted(said: streaming.Streamed, settings: Settings) -> dict[str, Any]:
    random = np.random.default_rng(0)
    errors = said.errors[np.isfinite(said.errors)]
    detectors = {"edgeseq": tally(said.p_values, random), "Gaussian tail": tally(gaussian_tail(errors), random)}
    if find_spec("river"):
        detectors["half-space trees"] = tally_alarms(half_space_trees(errors[: settings.rival_samples], RATES))
    return {
        "detectors": {name: asdict(counted) for name, counted in detectors.items()},
        "words": said.words,
        "alarms over nominal": sum(said.words.values()) / (detectors["edgeseq"].samples * streaming.RATE),
    }


def main(words: list[str] | None = None) -> None:
    """Print the tables."""
    parser = arguments("Count false alarms on normal series, and how soon planted events are found.")
    parser.add_argument("--etth1", type=Path, metavar="FILE", help="ETTh1.csv of the ETT collection")
    parser.add_argument("--samples", type=int, default=2_000_000, metavar="N", help="of each series (2,000,000)")
    parser.add_argument("--trials", type=int, default=100, metavar="N", help="of each event and series (100)")
    parser.add_argument("--steps", type=int, default=300, metavar="N", help="of training (300)")
    parser.add_argument("--provider", default="native", help="that the model files run on (native)")
    parser.add_argument("--only", choices=SERIES, metavar="KIND", help=f"one kind: {', '.join(SERIES)}")
    options = parser.parse_args(words)
    settings = Settings(options.samples, options.trials, steps=options.steps, provider=options.provider)
    if not find_spec("river"):
        print("half-space trees: skipped, river is not installed", file=sys.stderr)
    try:
        results = Results.load(options.json, asdict(settings))
    except UsageError as error:
        parser.error(str(error))
    wanted = dict(_tasks(options.only, options.etth1, settings))
    tasks = {name: task for name, task in wanted.items() if name not in results.records}
    begin = time.monotonic()
    for name, record in _in_processes(tasks):
        results.add(name, record)
        left = len(tasks.keys() - results.records.keys())
        print(f"{name}: done, {left} left, {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
    print("\n\n".join(summary.tables({name: results.records[name] for name in wanted})))


def _tasks(only: str | None, etth1: Path | None, settings: Settings) -> Iterator[tuple[str, Callable[[], Any]]]:
    for kind in [only] if only else SERIES:
        yield kind, functools.partial(measure_series, kind, settings)
    if etth1:
        with etth1.open(newline="") as lines:
            columns = [name for name in next(csv.reader(lines)) if name != "date"]
        for column in columns:
            yield f"ETTh1 {column}", functools.partial(measure_column, etth1, column, settings)


def _in_processes(tasks: Mapping[str, Callable[[], Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what each task came to, as they end: a process for each core, each on one thread."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(min(len(tasks), os.cpu_count() or 1) or 1, get_context("spawn")) as processes:
        running = {processes.submit(task): name for name, task in tasks.items()}
        for done in as_completed(running):
            yield running[done], done.result()


if __name__ == "__main__":
    main()
