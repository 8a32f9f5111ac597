"""How good the starter is on real series that it has never seen, beside what is fitted to each of them.

    python -m benchmarks.starter --series FOLDER [--series FILE] [--horizon 24] [--rivals NAME...] [--json FILE]

Each column of numbers of each CSV file is a series, row after row as the file has them; CO2 comes with the package.
"16..300" is the mean squared error after samples 16 to 300 as a share of persistence's. "late" is that over the last
fifth, as a share of the best of persistence, seasonal naive and a ridge regression on 96 lags, which the first four
fifths taught. "90 %" is the share of truths that the intervals hold, from sample 100 on; for the trained model in the
last fifth. A series that does not change has no figures.

With `--json` each rival's result is written as it comes, and a run with the same file goes on where the last one
ended; several may share it. The starter itself is measured each time.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.common import arguments, text
from benchmarks.starter.baselines import baselines
from benchmarks.starter.figures import Figures, Task, is_periodic
from benchmarks.starter.models import MODELS, RIVALS, STARTERS, Rival
from benchmarks.starter.results import Results
from benchmarks.starter.series import all_series
from benchmarks.starter.table import Measured, coverage_rows, rows
from edgeseq.model.running_scale import KNOTS


def main(words: list[str] | None = None) -> None:
    """Measure what the file of results lacks, and the starter; print the tables."""
    parser = arguments("Measure the starter on real series.")
    parser.add_argument(
        "--series", type=Path, action="append", default=[], metavar="PATH", help="CSV files, or folders"
    )
    parser.add_argument("--horizon", type=int, default=24, help=f"samples ahead, up to {KNOTS[-1]} (24)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="series whose names contain one of these")
    parser.add_argument(
        "--rivals", nargs="*", metavar="NAME", help="rivals whose names contain one of these (all); none: no name"
    )
    options = parser.parse_args(words)
    if not 1 <= options.horizon <= KNOTS[-1]:
        parser.error(f"--horizon is {options.horizon}, must be 1 to {KNOTS[-1]}")
    if absent := next((path for path in options.series if not path.exists()), None):
        parser.error(f"there is no {str(absent)!r}")
    results = Results(options.json, options.horizon)
    results.read()
    tasks = {
        name: Task(values, options.horizon)
        for name, values in all_series(options.series)
        if _is_chosen(name, options.only)
    }
    wanted = [each for each in RIVALS if options.rivals is None or any(one in each.name for one in options.rivals)]
    for model in _installed(wanted):
        for name, task in tasks.items():
            if model.name not in results.figures[name]:
                _measure(model, name, task, results)
    print(report(tasks, results))


def report(tasks: dict[str, Task], results: Results) -> str:
    """Measure the starter; return the tables, and what each model was given."""
    own: dict[str, dict[str, Figures]] = {name: {} for name in tasks}
    for starter in STARTERS:
        for name, forecasts in starter.forecasts(tasks).items():
            own[name][starter.name] = Figures.of(tasks[name], forecasts)
    every = [_measured(name, task, results.figures[name] | own[name]) for name, task in tasks.items()]
    names = [model.name for model in MODELS]
    parts = [
        f"{results.horizon} samples ahead\n{text(list(rows(every, names)))}",
        f"Coverage, and the share of series within 85 to 95 %\n{text(list(coverage_rows(every, names)))}",
        "\n".join(f"{model.name}: {model.note}" for model in MODELS),
    ]
    return "\n\n".join(parts)


def _measured(name: str, task: Task, models: Mapping[str, Figures]) -> Measured:
    others = {name: Figures.of(task, forecasts) for name, forecasts in baselines(task).items()}
    return Measured(name, float(task.values.var()), is_periodic(task), others, models)


def _measure(model: Rival, name: str, task: Task, results: Results) -> None:
    """Add what a rival does on a series. A library's own error leaves that series out."""
    try:
        found = Figures.of(task, model.forecasts(task))
    except Exception as error:  # noqa: BLE001  # libraries raise what they like
        print(f"{model.name} on {name}: {error!r}", file=sys.stderr, flush=True)
        return
    results.add(name, model.name, found)
    print(f"{name}: {model.name} {found.young} {found.late}", file=sys.stderr, flush=True)


def _installed(models: Sequence[Rival]) -> list[Rival]:
    """Return the models that can be measured here; say which cannot."""
    for model in models:
        if model.missing:
            print(f"{model.name} is left out: {model.missing} is not installed", file=sys.stderr)
    return [model for model in models if not model.missing]


def _is_chosen(name: str, only: Sequence[str] | None) -> bool:
    return not only or any(each.lower() in name.lower() for each in only)


if __name__ == "__main__":
    main()
