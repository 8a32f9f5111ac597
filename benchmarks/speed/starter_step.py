"""A step of the starter beside one of the default model, both 24 samples ahead: interleaved rounds in one process.

    python -m benchmarks.speed.starter_step [--rounds N] [--json FILE]

The forecasts alone, without adaptation, intervals and anomalies. One thread. The provider native is left out
where there is no compiler. The default model is 2 x 30 with random weights, on which no time depends.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import edgeseq_export
from benchmarks.common import arguments, publish
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Predictor
from edgeseq_runtime.backends.native.build import can_build
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.benchmark.latency import Case, as_rows, interleaved, synthetic_samples
from edgeseq_runtime.model_file.library_file import NATIVE

HORIZON, SAMPLES = 24, 400

MOST = {"cpu": 2.0, NATIVE: 3.0}
"""Provider -> the most that the ratio should be."""


def main(words: list[str] | None = None) -> None:
    """Print a row for each provider."""
    parser = arguments("Time the starter's step beside the default model's.")
    parser.add_argument("--rounds", type=int, default=60, help="rounds of all cases, in turns")
    options = parser.parse_args(words)
    files = {
        "starter": edgeseq_export.starter(HORIZON).content,
        "default": edgeseq_export.build(make_checkpoint(hidden=30, horizon=HORIZON)),
    }
    cases = {}
    providers = tuple(MOST) if can_build() else ("cpu",)
    for provider in providers:
        for name, content in files.items():
            session = open_session(content, provider=provider)
            samples = as_rows(synthetic_samples(session, SAMPLES))
            cases[f"{name}, {provider}"] = Case(Predictor(session, adapt=False).step, samples)
    times = {case: found.minimum for case, found in interleaved(cases, options.rounds).items()}
    rows = []
    for provider in providers:
        starter, default = (times[f"{name}, {provider}"] for name in files)
        row = {"provider": provider, "starter, us": starter, "default, us": default, "ratio": starter / default}
        rows.append(row | {"at most": MOST[provider]})
    publish("A step, minimum over interleaved rounds", rows, options.json)


if __name__ == "__main__":
    main()
