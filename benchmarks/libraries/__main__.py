"""edgeseq beside forecasting libraries on ETTh1's oil temperature, a day ahead: accuracy, and what each costs.

    python -m benchmarks.libraries --etth1 ETTh1.csv [--seeds N] [--only NAME...] [--json FILE]

In the environment of `constraints-libraries.txt`; docs/libraries.md has the command that makes it. ETTh1 may not be
copied into the project, so its file must be named.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import arguments, publish
from benchmarks.libraries import manual_linear, on_edgeseq, on_neuralforecast, task
from benchmarks.libraries.competitors import COMPETITORS
from benchmarks.libraries.outcome import Outcome
from edgeseq_runtime.benchmark import latency
from edgeseq_runtime.benchmark.latency import Case

ROUNDS = 10
"""Of all forecasts, in turns."""


def main(words: list[str] | None = None) -> None:
    """Print the table; before it, what shows that the forecasts lie beside the right truths."""
    parser = arguments("Compare edgeseq with forecasting libraries on one task.")
    parser.add_argument("--etth1", type=Path, required=True, metavar="FILE", help="ETTh1.csv of the ETT collection")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="trainings of each (1)")
    parser.add_argument("--steps", type=int, help="training steps of each, for a quick try")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="models whose names contain one of these")
    options = parser.parse_args(words)
    if not options.etth1.is_file():
        parser.error(f"there is no file {str(options.etth1)!r}")
    rows = measure(options.etth1, options.seeds, options.steps, options.only)
    publish(
        "Standardised MSE over the test part, 1 to 24 hours ahead; one thread, training in processor time",
        rows,
        options.json,
    )


def measure(path: Path, seeds: int, steps: int | None, only: Sequence[str] | None) -> list[dict[str, Any]]:
    """Check the alignment, train and judge all, then time their forecasts in turns; all on one thread."""
    import torch

    torch.set_num_threads(1)  # on more, each thread's waiting for the others would count as processor time
    set_task, series, parts = task.etth1(path)
    outcomes, evaluation = on_edgeseq.measure(set_task, series, parts, seeds=seeds, steps=steps)
    wanted = {name: scored.total.mse_standardized for name, scored in evaluation.baselines.items()}
    print(manual_linear.require(manual_linear.persistence(set_task), wanted["persistence"], "persistence"))
    print(manual_linear.require(manual_linear.seasonal_naive(set_task), wanted["seasonal naive"], "seasonal naive"))
    for competitor in COMPETITORS:
        if not only or any(name.lower() in competitor.name.lower() for name in only):
            outcomes.append(on_neuralforecast.measure(competitor, set_task, seeds=seeds, steps=steps))
            print(f"{outcomes[-1].name}: {outcomes[-1].trained}", file=sys.stderr, flush=True)
    times = race(outcomes)
    return [outcome.row(times[outcome.name]) for outcome in outcomes]


def race(outcomes: Sequence[Outcome], rounds: int = ROUNDS) -> dict[str, dict[str, float]]:
    """Return the least microseconds of whatever each wants timed, taken in turns."""
    cases = {(outcome.name, what): Case(*timed) for outcome in outcomes for what, timed in outcome.calls.items()}
    found = latency.interleaved({f"{name} {what}": case for (name, what), case in cases.items()}, rounds)
    times: dict[str, dict[str, float]] = {outcome.name: {} for outcome in outcomes}
    for name, what in cases:
        times[name][what] = found[f"{name} {what}"].minimum
    return times


if __name__ == "__main__":
    main()
