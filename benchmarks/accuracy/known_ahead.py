"""A home's load a day ahead, where the outdoor temperature is known as it was forecast: beside boosting and ridge.

    python -m benchmarks.accuracy.known_ahead [--homes N] [--seeds N] [--json FILE]

The defaults, through the exported file, streamed; all are scored on the same forecasts of the test part. It needs
scikit-learn. The homes are numbered from 3 on: those before served to choose the network.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.accuracy import home, training
from benchmarks.accuracy.home_rivals import Home, forecasts
from benchmarks.accuracy.rows import Row
from benchmarks.common import arguments, publish
from edgeseq.evaluation.baselines import truths
from edgeseq.evaluation.evaluate import forecasts_at, typical_predictor
from edgeseq.series import load
from edgeseq.training.options import TrainingOptions
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.spec import Spec

HORIZON = 24

_FIRST = 3
"""The first home that nothing was chosen on."""

_CLOCKS = ("hour_sin", "hour_cos", "weekday_sin", "weekday_cos")


def main(words: list[str] | None = None) -> None:
    """Print the table."""
    parser = arguments("Measure forecasts of a made-up home's load with the temperature known ahead.")
    parser.add_argument("--homes", type=int, default=1, metavar="N", help="how many homes (1)")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="seeds 0 to N - 1 of training (1)")
    options = parser.parse_args(words)
    rows = [row.to_dict() for number in range(options.homes) for row in measure(_FIRST + number, options.seeds)]
    publish("A made-up home's load, 1 to 24 hours ahead: standardised MSE over the test part", rows, options.json)


def measure(number: int, seeds: int) -> Iterator[Row]:
    """Measure one home; a row for each set of inputs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"home{number}.csv")
        home.write(path, number)
        for known in (("outdoor",), ()):
            series, parts = load(path, targets=["load"], known=known, clocks=_CLOCKS, zone=home.ZONE)
            made = [training.train(series, parts, seed, TrainingOptions(horizon=HORIZON)) for seed in range(seeds)]
            spec, values = made[0].checkpoint.spec, parts.test.values
            at = parts.test.origins(HORIZON)
            own = [forecasts_at(typical_predictor(one.file()), values, at)[:, :, 0] for one in made]
            truth = np.where(np.isfinite(own).all(axis=0), truths(spec, values, at)[:, :, 0], np.nan)
            assert series.seconds is not None
            outdoor = values[:, -1] if known else values[:, 0]
            hours = Home(values[:, 0].astype(np.float64), outdoor.astype(np.float64), series.seconds)
            beside = {
                kind: _mse(forecasts(hours, kind, len(parts.train), at, HORIZON, known=bool(known)), truth, spec)
                for kind in ("boosting", "ridge")
            }
            title = f"home {number}, {'with' if known else 'without'} the temperature; season {spec.season}"
            yield Row(title, [_mse(one, truth, spec) for one in own], beside)


def _mse(said: Float64, truth: Float64, spec: Spec) -> float:
    """Return the standardised squared error over what is known."""
    return float(np.nanmean(np.square((said - truth) / spec.features[0].std)))


if __name__ == "__main__":
    main()
