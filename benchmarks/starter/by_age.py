"""How good forecasts are by a sensor's age: the starter's, beside persistence and models trained on what came before.

    python -m benchmarks.starter.by_age [--series PATH]... [--plot FILE.png] [--keep FOLDER]

Each column of numbers of each CSV file is a series, a sensor that was mounted at its first row; CO2 comes with the
package. A figure is the mean squared error of forecasts made at an age, as a share of persistence's, the geometric mean
over the series. A trained model is `edgeseq train` with its defaults on the samples before that age; it then streams as
a device would, with adaptation where the training found that it pays. `--keep` keeps these models for the next run.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import edgeseq_export
from benchmarks.common import arguments, publish
from benchmarks.starter.series import all_series
from edgeseq.evaluation.learning import AS_THEY_COME
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import load
from edgeseq.training import fitting
from edgeseq_runtime import Predictor, files
from edgeseq_runtime.arrays import Float64

EDGES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
"""Ages between which errors are taken together."""

TRAINED = (256, 1024, 4096)
"""Ages at which a model is trained, for the forecasts up to the next; the last is where all ends."""

SPLIT = "0.7:0.15:0.15"
"""Of what has come so far: what teaches, what chooses, and what a training wants for its test."""

PERSISTENCE, ALONE, ADAPTED, A_TRAINED = "persistence", "starter", "starter, adapted", "trained so far"

EXACT = 1e-6
"""Share of the series' variance that every smaller squared error counts as."""


def main(words: list[str] | None = None) -> None:
    """Print the table, and draw it."""
    parser = arguments("Measure forecasts by a sensor's age.")
    parser.add_argument("--series", type=Path, action="append", default=[], metavar="PATH", help="CSV files, folders")
    parser.add_argument("--horizon", type=int, default=24, help="samples ahead (24)")
    parser.add_argument("--steps", type=int, help="training steps, for a quick try")
    parser.add_argument("--plot", type=Path, metavar="FILE.png")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="for the trained models")
    options = parser.parse_args(words)
    found = [
        by_age(values, forecasts(name, values, options), options.horizon) for name, values in all_series(options.series)
    ]
    rows = list(together(found))
    publish(
        f"Squared error over persistence's by age, {len(found)} series, {options.horizon} ahead", rows, options.json
    )
    if options.plot:
        draw(rows, options.plot, len(found), options.horizon)


def forecasts(name: str, values: Float64, options: Any) -> dict[str, Float64]:
    """Return the forecasts (time, horizon) of a series (time,), NaN at ages without one."""
    horizon = options.horizon
    made = {PERSISTENCE: np.repeat(values[:, None], horizon, axis=1)}
    for kind, adapt in ((ALONE, False), (ADAPTED, True)):
        predictor = Predictor("starter", rules=AS_THEY_COME, adapt=adapt)
        made[kind] = predictor.run(values[: EDGES[-1]])[:, :horizon, 0].astype(np.float64)
    trained = np.full((min(len(values), EDGES[-1]), horizon), np.nan)
    for age, until in pairwise(TRAINED):
        if len(values) >= 1.5 * age + horizon:
            predictor = Predictor(_trained(name, values[:age], age, options), rules=AS_THEY_COME)
            stop = min(until, len(values))
            trained[age - 1 : stop] = predictor.run(values[:stop])[age - 1 :, :, 0]
    return {**made, A_TRAINED: trained}


def _trained(name: str, values: Float64, age: int, options: Any) -> bytes:
    """Return the model file that a training on so many samples gives."""
    path = options.keep / f"{name.replace(' ', '-')}-{age}.safetensors" if options.keep else None
    if path and path.exists():
        return edgeseq_export.build(Checkpoint.from_bytes(files.read(path), str(path)))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "series.csv")
        file.write_text("\n".join(["value", *map(repr, values.tolist())]))
        series, parts = load(file, split=SPLIT)
    steps = {"steps": options.steps} if options.steps else {}
    checkpoint = fitting.fit(series, parts, horizon=options.horizon, **steps)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.save(path)
    return edgeseq_export.build(checkpoint)


def by_age(values: Float64, made: Mapping[str, Float64], horizon: int) -> list[dict[str, float]]:
    """Return the mean squared error of each forecaster between two of `EDGES`, as a share of persistence's; or NaN."""
    least = EXACT * float(values.var())
    found = []
    for start, stop in pairwise(EDGES):
        at = np.arange(start - 1, min(stop - 1, len(values) - horizon))
        truth = values[at[:, None] + np.arange(1, horizon + 1)]
        errors = {name: _mse(one[at] - truth) if len(at) else np.nan for name, one in made.items()}
        own = errors[PERSISTENCE]
        found.append({name: max(error, least) / own if own > least else np.nan for name, error in errors.items()})
    return found


def _mse(error: Float64) -> float:
    return float(np.mean(np.square(error)))


def together(found: Sequence[Sequence[Mapping[str, float]]]) -> Iterator[dict[str, Any]]:
    """Yield a row for each age: the geometric mean of each forecaster over the series that it is known of."""
    for number, (start, stop) in enumerate(pairwise(EDGES)):
        row: dict[str, Any] = {"age": f"{start} to {stop - 1}", "from": start}
        for name in (PERSISTENCE, ALONE, ADAPTED, A_TRAINED):
            known = [one[number][name] for one in found if np.isfinite(one[number][name])]
            row[name] = float(np.exp(np.mean(np.log(known)))) if known else None
            row["series"] = max(row.get("series", 0), len(known))
        yield row


def draw(rows: Sequence[Mapping[str, Any]], path: Path, count: int, horizon: int) -> None:
    """Write a PNG: the errors over the age, on logarithmic axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    looks = {
        PERSISTENCE: ("#8d99ae", "--"),
        ALONE: ("#edae49", "-"),
        ADAPTED: ("#d1495b", "-"),
        A_TRAINED: ("#00798c", "-"),
    }
    for name, (colour, line) in looks.items():
        known = [(row["from"] * 2**0.5, row[name]) for row in rows if row[name] is not None]
        axes.plot(*zip(*known, strict=True), line, color=colour, marker="o", markersize=3, label=name)
    axes.set_xscale("log")
    axes.set_xlabel("samples since the sensor was mounted")
    axes.set_ylabel("squared error, persistence = 1")
    axes.set_ylim(bottom=0)
    axes.set_title(f"{count} real series, 1 to {horizon} samples ahead, geometric mean", fontsize="medium")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
