"""How good the forecasts are: trains with the defaults and measures through the exported files, streamed.

    python -m benchmarks.accuracy [--etth1 FILE] [--seeds N]

The sine and CO2 need nothing; ETTh1 may not be copied into the project, so its file must be named.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import time
from pathlib import Path
from typing import Any

import numpy as np

import edgeseq_export
from benchmarks.common import arguments, publish
from edgeseq.evaluation.figures import Evaluation, evaluate
from edgeseq.series import load
from edgeseq.series.examples import sine_continued
from edgeseq.training.fitting import fit
from edgeseq_runtime.predictor import Predictor

FURTHER = 200_000
"""Samples of the sine beyond its test range, to see whether the error grows."""


def main(words: list[str] | None = None) -> None:
    """Print the tables."""
    parser = arguments("Measure the accuracy of the defaults.")
    parser.add_argument("--etth1", type=Path, metavar="FILE", help="ETTh1.csv of the ETT collection")
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args(words)
    wanted: list[tuple[str | None, dict[str, Any], int]] = [(None, {}, 1), ("co2", {}, 4)]
    if options.etth1:
        wanted.append((str(options.etth1), {"targets": ["OT"], "split": "8640:2880:2880"}, 24))
    rows = []
    for name, choices, horizon in wanted:
        for seed in range(options.seeds):
            rows += measure(name, choices, horizon, seed)
    publish("Test part, defaults, through the exported file", rows, options.json)


def measure(name: str | None, choices: dict[str, Any], horizon: int, seed: int) -> list[dict[str, Any]]:
    """Train once; return a row for the float file and one for int8."""
    series, parts = load(name, **choices)
    begin = time.perf_counter()
    checkpoint = fit(series, parts, horizon=horizon, seed=seed)
    seconds = time.perf_counter() - begin
    rows = []
    for quantize in ("none", "int8"):
        made = edgeseq_export.export(checkpoint, quantize)
        evaluation = evaluate(Predictor(made.content), parts)
        rows.append(
            {
                "series": series.name,
                "seed": seed,
                "file": "float32" if quantize == "none" else quantize,
                "kB": round(len(made.content) / 1000, 1),
                "train s": round(seconds, 1),
                **_errors(evaluation),
                "last/first": round(drift(made.content), 2) if name is None else "",
            }
        )
    return rows


def drift(model: bytes) -> float:
    """Return the RMSE of the last 1,000 of many further samples of the sine, as a multiple of the first 1,000's."""
    values = sine_continued(FURTHER + 1)
    error = Predictor(model).run(values[:-1])[:, 0, 0].astype(np.float64) - values[1:, 0]
    error = error[10:]
    return float(np.sqrt(np.mean(error[-1000:] ** 2) / np.mean(error[:1000] ** 2)))


def _errors(evaluation: Evaluation) -> dict[str, float]:
    """The model's error and those of the baselines: RMSE for one step, standardised MSE for more."""
    return {
        "rmse": evaluation.model.total.rmse,
        "mse std.": evaluation.model.total.mse_standardized,
        **{f"{name} rmse": scored.total.rmse for name, scored in evaluation.baselines.items()},
    }


if __name__ == "__main__":
    main()
