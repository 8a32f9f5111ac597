"""A step of the starter, 24 samples ahead: beside one of the default model, and with what stands around the network.

    python -m benchmarks.speed.starter_step [--rounds N] [--json FILE]

The first table has the forecasts alone. The second has the starter's forecasts alone, with intervals, with adaptation
besides and with anomalies besides, for one stream and a sample of a pool's. Interleaved rounds in one process, one
thread. The provider native is left out where there is no compiler. The default model is 2 x 30 with random weights, on
which no time depends.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np

import edgeseq_export
from benchmarks.common import arguments, publish
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.backends.native.build import can_build
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.benchmark.latency import Case, as_rows, interleaved, synthetic_samples
from edgeseq_runtime.model_file.library_file import NATIVE

HORIZON, SAMPLES, STREAMS = 24, 400, 512

MOST = {"cpu": 2.0, NATIVE: 3.0}
"""Provider -> the most that the ratio should be."""


PLAIN = "forecasts"

PARTS: Mapping[str, Mapping[str, Any]] = {
    PLAIN: {"monitor": False, "adapt": False},
    "intervals": {"monitor": True, "adapt": False},
    "adaptation": {"monitor": True, "adapt": True},
    "anomalies": {"monitor": True, "adapt": True, "anomalies": 1e-4},
}
"""What stands around the network, each with what is above it."""

Row = dict[str, Any]


def main(words: list[str] | None = None) -> None:
    """Print the table."""
    parser = arguments("Time the starter's step beside the default model's.")
    parser.add_argument("--rounds", type=int, default=60, help="rounds of all cases, in turns")
    options = parser.parse_args(words)
    providers = tuple(MOST) if can_build() else ("cpu",)
    rows = beside_default(providers, options.rounds) + with_judgement(providers, options.rounds)
    publish("A step, minimum over interleaved rounds", rows, options.json)


def beside_default(providers: Sequence[str], rounds: int) -> list[Row]:
    """Return a row for each provider: the starter's step and the default model's."""
    files = {
        "starter": edgeseq_export.starter(HORIZON).content,
        "default": edgeseq_export.build(make_checkpoint(hidden=30, horizon=HORIZON)),
    }
    cases = {}
    for provider in providers:
        for name, content in files.items():
            session = open_session(content, provider=provider)
            samples = as_rows(synthetic_samples(session, SAMPLES))
            cases[f"{name}, {provider}"] = Case(Predictor(session, adapt=False).step, samples)
    times = {case: found.minimum for case, found in interleaved(cases, rounds).items()}
    rows = []
    for provider in providers:
        starter, default = (times[f"{name}, {provider}"] for name in files)
        rows.append(_row(f"forecasts, {provider}", starter, f"the default's, at most {MOST[provider]:g}", default))
    return rows


def with_judgement(providers: Sequence[str], rounds: int) -> list[Row]:
    """Return a row for each provider and part of judgement, for one stream and for a pool's, a sample each."""
    content, walk = edgeseq_export.starter(HORIZON).content, np.random.default_rng(0)
    cases = {}
    for provider in providers:
        for name, words in PARTS.items():
            session = open_session(content, provider=provider)
            samples = as_rows(synthetic_samples(session, SAMPLES))
            cases[f"{name}, {provider}"] = Case(Predictor(session, **words).step, samples)
            pool = Pool(session, **words)
            pool.add(*range(STREAMS))
            blocks = list(walk.normal(size=(20, STREAMS, 1)).cumsum(axis=0).astype(np.float32))
            cases[f"{name}, {provider}, a sample of {STREAMS}"] = Case(pool.step_array, blocks)
    times = {case: found.minimum for case, found in interleaved(cases, rounds).items()}
    rows = []
    for case, time in times.items():
        name, where = case.split(", ", 1)
        if name != PLAIN:
            streams = STREAMS if where.endswith(str(STREAMS)) else 1
            rows.append(_row(case, time / streams, "forecasts alone", times[f"{PLAIN}, {where}"] / streams))
    return rows


def _row(step: str, time: float, other: str, beside: float) -> Row:
    return {"a step of the starter": step, "us": time, "beside": other, "its us": beside, "ratio": time / beside}


if __name__ == "__main__":
    main()
