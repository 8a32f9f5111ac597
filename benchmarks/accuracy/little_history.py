"""What a little history is worth: the starter as it is, fitted to the history, a network trained on it, and ridge.

    python -m benchmarks.accuracy.little_history --series FOLDER [--series FILE] [--history 100,200,500,2000,5000]

Each column of numbers of each CSV file is a series, row after row as the file has them; CO2 comes with the package. The
last fifth of a series, at most 1,000 samples, is the test stretch, the same for each length of history; the history is
so many samples before it, of which the last eighth validates. Whoever forecasts streams the history first, and goes on
learning where it adapts. The figures are mean squared errors over the stretch; `ratio` is that of --from starter over
the lowest of starter, trained and ridge. The last rows are geometric means: of the errors over persistence's, and of
the ratios.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import edgeseq
import edgeseq_export
from benchmarks.common import arguments, publish
from benchmarks.starter.series import all_series
from edgeseq.evaluation import baselines
from edgeseq.evaluation.evaluate import adapted_at, forecasts_at, typical_predictor
from edgeseq.evaluation.learning import FITTED, Learner
from edgeseq.evaluation.metrics import Forecasts
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Part, Parts, Series
from edgeseq.series.series import Values
from edgeseq.training.options import AUTO, OFF, ON
from edgeseq_export import starter_file
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.model_file import source
from edgeseq_runtime.predictor import Predictor

HISTORY = (100, 200, 500, 2000, 5000)
"""Samples before the test stretch."""

TEST, SHARE = 1000, 5
"""Samples of that, at most, and one in how many of the series."""

VALIDATES = 8
"""One in how many samples of the history validates."""

NAMES = ("persistence", "ridge", "trained", "starter, static", "starter", "--from starter")
PERSISTENCE, RIDGE, TRAINED, STATIC, STARTER, FROM_STARTER = NAMES


def main(words: list[str] | None = None) -> None:
    """Print a row for each series and length of history, then the geometric means by length."""
    parser = arguments("Measure what a little history is worth.")
    parser.add_argument("--series", type=Path, action="append", default=[], metavar="PATH", help="CSV files or folders")
    parser.add_argument("--horizon", type=int, default=24, help="samples ahead (24)")
    parser.add_argument("--history", default=",".join(map(str, HISTORY)), help="samples of history, by commas")
    parser.add_argument("--steps", type=int, help="steps of the network trained from nothing; 0 leaves it out")
    parser.add_argument("--test", type=int, default=TEST, help=f"samples of the test stretch, at most ({TEST})")
    parser.add_argument("--static", action="store_true", help="without adaptation")
    options = parser.parse_args(words)
    lengths = [int(length) for length in options.history.split(",")]
    rows: list[dict[str, Any]] = []
    for name, values in all_series(options.series):
        for row in measure(
            name, values, lengths, options.horizon, steps=options.steps, adapt=not options.static, most=options.test
        ):
            rows.append(row)
            print(row, flush=True)
    publish(f"Little history, {options.horizon} samples ahead", [*rows, *summary(rows)], options.json)


def measure(
    name: str,
    values: Float64,
    lengths: Sequence[int],
    horizon: int,
    *,
    steps: int | None = None,
    adapt: bool = True,
    most: int = TEST,
) -> Iterator[dict[str, Any]]:
    """Yield a row for each length of history that the series has before its test stretch."""
    test = min(most, len(values) // SHARE)
    for length in lengths:
        if length + test > len(values):
            break
        chosen = values[len(values) - test - length :]
        if chosen[:length].std() == 0 or chosen[length:].std() == 0:
            continue
        yield {"series": name, "history": length, **errors(name, chosen, length, horizon, steps=steps, adapt=adapt)}


def errors(name: str, values: Float64, length: int, horizon: int, *, steps: int | None, adapt: bool) -> dict[str, Any]:
    """Return each one's mean squared error over the samples from `length` on, and what was fitted of the starter."""
    table = np.asarray(values[:, None], np.float32)
    validates = length - length // VALIDATES
    parts = Parts(table[:validates], Part(table[:length], validates), Part(table, length))
    series = Series(name, ("value",), ("",), 1, table, np.arange(len(table)))
    at = parts.test.origins(horizon)
    starter = typical_predictor(edgeseq_export.build(starter_file.checkpoint(horizon)))
    stream = adapted if adapt else forecasts_at
    made: dict[str, Forecasts] = {STATIC: forecasts_at(starter, table, at), STARTER: stream(starter, table, at)}
    made |= {name: forecast(table, at) for name, forecast in baselines.fit(starter.spec, parts).forecasters.items()}
    fitted = fit(series, parts, horizon=horizon, begin=source.STARTER, adapt=ON if adapt else OFF)
    if fitted:
        made[FROM_STARTER] = stream(typical_predictor(edgeseq_export.build(fitted)), table, at)
    trained = None if steps == 0 else fit(series, parts, horizon=horizon, steps=steps, adapt=AUTO if adapt else OFF)
    if trained:
        predictor = typical_predictor(edgeseq_export.build(trained))
        made[TRAINED] = (stream if trained.spec.adapt else forecasts_at)(predictor, table, at)
    truth = baselines.truths(starter.spec, table, at)
    found = {name: mse(made[name], truth) if name in made else None for name in NAMES}
    return {**found, "ratio": ratio(found), "fitted": what_was_fitted(fitted)}


def fit(series: Series, parts: Parts, **options: Any) -> Checkpoint | None:
    """Return what comes of a training; None where it refuses so short a series."""
    try:
        return edgeseq.fit(series, parts, **options)
    except DataError:
        return None


def adapted(predictor: Predictor, values: Values, at: baselines.Origins) -> Forecasts:
    """Return the forecasts of a stream that goes on learning from the first sample on."""
    return adapted_at(predictor, values, at, [Learner(0, 0, len(values))])


def mse(forecasts: Forecasts, truth: Forecasts) -> float:
    """Return the mean squared error; the history is longer than any warm-up, so that all forecasts count."""
    return float(np.nanmean(np.square(forecasts - truth)))


def ratio(found: Mapping[str, float | None]) -> float | None:
    """Return the error of what was fitted, or else of the starter, over the lowest of the others; None without any."""
    own = found[FROM_STARTER] if found[FROM_STARTER] is not None else found[STARTER]
    others = [error for name in (STARTER, TRAINED, RIDGE) if (error := found[name]) is not None]
    best = min(others)
    return own / best if own is not None and best > 0 else None


def what_was_fitted(checkpoint: Checkpoint | None) -> str:
    """Return what the validation part chose."""
    training = checkpoint.spec.training if checkpoint else None
    return str(training.options[FITTED]) if training else "too short"


def summary(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each length of history: geometric means of the errors over persistence's, and of the ratios."""
    lines = []
    for length in dict.fromkeys(row["history"] for row in rows):
        chosen = [row for row in rows if row["history"] == length and row["ratio"]]
        shares = {name: mean([row[name] / row[PERSISTENCE] for row in chosen if row[name]]) for name in NAMES}
        kinds = Counter(row["fitted"] for row in chosen)
        line = {"series": f"{len(chosen)} series", "history": length, **shares}
        lines.append({**line, "ratio": mean([row["ratio"] for row in chosen]), "fitted": str(dict(kinds))})
    return lines


def mean(values: Sequence[float]) -> float | None:
    """Return the geometric mean."""
    return float(np.exp(np.mean(np.log(values)))) if values else None


if __name__ == "__main__":
    main()
