"""What judgement costs, from times and rules to anomalies: steps with it, as ratios to the plain call on cpu.

    python -m benchmarks.speed.judgement_costs [--rounds N] [--json FILE]

All cases of a horizon take turns in one process; the minimum of each counts. The network is the default one, with
random weights. Each sample comes with its time, and each is in range and in time.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count, repeat
from typing import Any

import numpy as np

import edgeseq_export
from benchmarks.common import arguments, publish
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.backends.base import Session
from edgeseq_runtime.backends.native.build import can_build
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.benchmark.latency import Case, as_rows, interleaved, synthetic_samples
from edgeseq_runtime.rules import Rules
from edgeseq_runtime.spec import Residuals

PERIOD = 3600.0
HORIZONS = (1, 24)
STREAMS = 512
SEASON = 24
LEVELS = (0.01, 0.05, 0.5, 0.95, 0.99)
PLAIN, TIMED, WATCHED, ADAPTED = "plain", "time and rules", "with intervals and drift", "with adaptation"
JUDGED = "with anomalies"

TARGETS = {
    ("step", "cpu"): {TIMED: (1.3, 1.5), WATCHED: (2.0, 2.5), ADAPTED: (2.5, 3.5), JUDGED: (3.0, 4.0)},
    ("pool", "cpu"): {TIMED: (1.3, 1.3), WATCHED: (1.6, 2.0), ADAPTED: (2.2, 3.0), JUDGED: (2.5, 3.5)},
    ("step", "native"): {TIMED: (0.2, 0.2), WATCHED: (0.3, 0.3), ADAPTED: (0.6, 0.6), JUDGED: (0.8, 0.8)},
    ("pool", "native"): {TIMED: (0.5, 0.5), WATCHED: (0.7, 0.7), ADAPTED: (1.0, 1.0), JUDGED: (1.3, 1.3)},
}
"""The most that a step may cost, of the plain one on cpu, for each horizon."""

CALLS = {"step": 300, "pool": 5}
"""In one round."""


def main(words: list[str] | None = None) -> None:
    """Print a row for each case."""
    parser = arguments("Measure what judgement costs.")
    parser.add_argument("--rounds", type=int, default=60, help="rounds of all cases, in turns")
    options = parser.parse_args(words)
    rows = [row for place, horizon in enumerate(HORIZONS) for row in measure(place, horizon, options.rounds)]
    publish("A step with judgement, of the plain one on cpu; the minimum over interleaved rounds", rows, options.json)


def measure(place: int, horizon: int, rounds: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of one horizon, the `place`-th of `HORIZONS`."""
    content = _model(horizon)
    sessions = {name: open_session(content, provider=name) for name in ["cpu", *["native"] * can_build()]}
    cases = {
        (way, provider, what): _case(way, session, what)
        for way in CALLS
        for provider, session in sessions.items()
        for what in (PLAIN, TIMED, WATCHED, ADAPTED, JUDGED)
    }
    best = {key: found.minimum for key, found in interleaved(_by_text(cases), rounds).items()}
    for way, provider, what in cases:
        taken, plain = best["/".join((way, provider, what))], best["/".join((way, "cpu", PLAIN))]
        target = TARGETS[way, provider].get(what, (None,) * len(HORIZONS))[place]
        yield {
            "way": "Predictor.step" if way == "step" else f"Pool.step_array of {STREAMS}, a sample",
            "horizon": horizon,
            "provider": provider,
            "what": what,
            "ratio": taken / plain,
            "target": target,
            "absolute": f"{taken:.3f} / {plain:.3f} us",
            "met": None if target is None else taken / plain <= target,
        }


def _by_text(cases: dict[tuple[str, str, str], Case]) -> dict[str, Case]:
    return {"/".join(key): case for key, case in cases.items()}


def _case(way: str, session: Session, what: str) -> Case:
    options: dict[str, Any] = {} if what == PLAIN else {"rules": Rules()}
    options |= {"monitor": what in (WATCHED, ADAPTED, JUDGED), "adapt": what in (ADAPTED, JUDGED)}
    options |= {"anomalies": 1e-4 if what == JUDGED else None}
    times: Iterator[float | None] = repeat(None) if what == PLAIN else (1.7e9 + PERIOD * step for step in count())
    call: Callable[[Any, Any], object]
    calls = CALLS[way]
    if way == "step":
        call = Predictor(session, **options).step
        inputs = as_rows(synthetic_samples(session, calls))
        return Case(lambda sample: call(sample, next(times)), inputs)
    pool = Pool(session, **options)
    pool.add(*range(STREAMS))
    blocks = synthetic_samples(session, calls * STREAMS).reshape(calls, STREAMS, -1)
    return Case(lambda block: pool.step_array(block, next(times)), list(blocks), STREAMS)


def _model(horizon: int) -> bytes:
    """Return the default network with random weights, and the residuals that it has on such samples.

    With others its intervals would be wrong, and their widths would move in haste all the time.
    """
    made = make_checkpoint(hidden=30, horizon=horizon, period=PERIOD, season=SEASON)
    predictor = Predictor(edgeseq_export.build(made), "cpu", adapt=False)
    samples = synthetic_samples(predictor.session, 4000)
    forecasts = predictor.run(samples)
    errors = (samples[step + 1 :, 0] - forecasts[: -step - 1, step, 0] for step in range(horizon))
    quantiles = tuple((tuple(np.quantile(each[made.spec.warmup :], LEVELS).tolist()),) for each in errors)
    return edgeseq_export.build(replace(made, spec=replace(made.spec, residuals=Residuals(LEVELS, quantiles))))


if __name__ == "__main__":
    main()
