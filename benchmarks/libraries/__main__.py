"""edgeseq beside forecasting libraries on many series: accuracy, and what each costs.

    python -m benchmarks.libraries [--etth1 ETTh1.csv] [--folder FOLDER] [--only NAME...] [--json FILE]

In the environment of `constraints-libraries.txt`; docs/libraries.md has the command that makes it. With `--json` each
result is written as it comes, and a run that is started again with the same file goes on where the last one ended.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks import install_size
from benchmarks.common import arguments, text
from benchmarks.libraries import on_edgeseq, summary
from benchmarks.libraries.models import MODELS
from benchmarks.libraries.outcome import Model
from benchmarks.libraries.results import Results
from benchmarks.libraries.series import Named, named
from edgeseq_runtime.errors import EdgeseqError


def main(words: list[str] | None = None) -> None:
    """Measure what the file of results lacks; print the tables."""
    parser = arguments("Compare edgeseq with forecasting libraries on many series.")
    parser.add_argument("--etth1", type=Path, metavar="FILE", help="ETTh1.csv of the ETT collection")
    parser.add_argument("--folder", type=Path, help="every CSV below it takes part, by its columns timestamp and value")
    parser.add_argument("--steps", type=int, help="training steps of edgeseq, for a quick try")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="series whose names contain one of these")
    parser.add_argument(
        "--models", nargs="+", metavar="NAME", help="models whose names contain one of these, and edgeseq"
    )
    options = parser.parse_args(words)
    for path, exists in ((options.etth1, Path.is_file), (options.folder, Path.is_dir)):
        if path and not exists(path):
            parser.error(f"there is no {str(path)!r}")
    results = Results.load(options.json)
    series = [each for each in named(options.etth1, options.folder) if _chosen(each.name, options.only)]
    models = [model for model in MODELS if _chosen(model.name, options.models)]
    for each in series:
        _measure_own(each, results, options.steps)
    for model in _installed(models):  # one after the other, so that the tables are whole for some early
        for each in series:
            _measure(model, each, results)
    print(report(results, models))


def report(results: Results, models: list[Model]) -> str:
    """Return the tables, and what each model was given."""
    own = [on_edgeseq.ADAPTED, on_edgeseq.STATIC, *summary.BASELINES]
    names = [*own, *(model.name for model in models)]
    rows = list(summary.rows(results.outcomes, names, _megabytes(models)))
    if not rows:
        return "nothing was measured"
    given = "\n".join(f"{model.name}: {model.note}" for model in models)
    return (
        f"\nAll series: the errors are standardised squared ones over the test part\n{text(rows)}\n\n"
        f"By series: errors as a share of the best baseline's\n"
        f"{text(list(summary.by_series(results.outcomes, names)))}\n\n{given}"
    )


def _measure_own(series: Named, results: Results, steps: int | None) -> None:
    if series.name in results.settings:
        return
    try:
        setting, found = on_edgeseq.measure(series, steps)
    except (EdgeseqError, ValueError) as error:  # such as a series that is too short
        print(f"{series.name} is left out: {error}", file=sys.stderr, flush=True)
        return
    results.add(series.name, found, setting)
    print(f"{series.name}: {_said(found)}", file=sys.stderr, flush=True)


def _measure(model: Model, series: Named, results: Results) -> None:
    """Add what a model does on a series, unless it is known. A library's own error leaves that series out."""
    if series.name not in results.settings or model.name in results.outcomes[series.name]:
        return
    _, parts = series.load()
    task = on_edgeseq.set_task(series, parts, results.settings[series.name])
    try:
        found = {model.name: model.measure(task)}
    except Exception as error:  # noqa: BLE001  # libraries raise what they like
        print(f"{model.name} on {series.name}: {error!r}", file=sys.stderr, flush=True)
        return
    results.add(series.name, found)
    print(f"{series.name}: {_said(found)}", file=sys.stderr, flush=True)


def _said(found: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {getattr(outcome, 'mse'):.4g}" for name, outcome in found.items())  # noqa: B009


def _installed(models: list[Model]) -> list[Model]:
    """Return the models whose libraries are there; say which are not."""
    there = [model for model in models if importlib.util.find_spec(model.package)]
    for model in models:
        if model not in there:
            print(f"{model.name} is left out: {model.package} is not installed", file=sys.stderr)
    return there


def _megabytes(models: list[Model]) -> dict[str, float]:
    """Return what must be installed where each forecasts."""
    own = dict.fromkeys((on_edgeseq.STATIC, on_edgeseq.ADAPTED), install_size.megabytes("edgeseq[cpu]"))
    return own | {model.name: install_size.megabytes(model.package) for model in _installed(models)}


def _chosen(name: str, only: list[str] | None) -> bool:
    return not only or any(each.lower() in name.lower() for each in only)


if __name__ == "__main__":
    main()
