"""Real series: CO2, which ships with the package, and ETTh1, which does not."""

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.accuracy.rows import Row
from benchmarks.accuracy.training import FILES, Settings, trained_on
from edgeseq.evaluation.evaluate import Comparison

ETTH1_SPLIT = "8640:2880:2880"
"""A year to train on, four months to validate and four to test, as ETTh1 is commonly parted."""


def co2(settings: Settings) -> Iterator[Row]:
    """Measure CO2, four weeks and twelve weeks ahead."""
    models = [trained_on(settings, seed, "co2", 4) for seed in range(settings.seeds)]
    for name, quantize in FILES.items():
        evaluations = [model.evaluation(quantize) for model in models]
        values = [evaluation.model.total.rmse for evaluation in evaluations]
        beside = {other: scored.total.rmse for other, scored in evaluations[0].baselines.items()}
        yield Row(f"CO2, 1 to 4 weeks: test RMSE in ppm, {name}", values, beside)
    models = [trained_on(settings, seed, "co2", 12) for seed in range(settings.seeds)]
    yield from beside_the_best([model.evaluation() for model in models], "CO2, 12 weeks", "ppm")


def etth1(settings: Settings) -> Iterator[Row]:
    """Measure the oil temperature of ETTh1, a day ahead."""
    choices = {"targets": ["OT"], "split": ETTH1_SPLIT}
    models = [trained_on(settings, seed, str(settings.etth1), 24, **choices) for seed in range(settings.seeds)]
    for name, quantize in FILES.items():
        evaluations = [model.evaluation(quantize) for model in models]
        values = [evaluation.model.total.mse_standardized for evaluation in evaluations]
        beside = {other: scored.total.mse_standardized for other, scored in evaluations[0].baselines.items()}
        yield Row(f"ETTh1 oil temperature, 1 to 24 hours: standardised MSE, {name}", values, beside)


def beside_the_best(compared: Sequence[Comparison], title: str, unit: str) -> Iterator[Row]:
    """Yield the RMSE of each step ahead beside the best baseline there, and the worst ratio of the two."""
    others = {name: [rmse for rmse, _ in scored.per_horizon] for name, scored in compared[0].baselines.items()}
    own = np.array([[rmse for rmse, _ in one.model.per_horizon] for one in compared])  # (seed, step)
    ratios = np.zeros_like(own)
    for step in range(own.shape[1]):
        best = min(others, key=lambda name: others[name][step])
        ratios[:, step] = own[:, step] / others[best][step]
        yield Row(f"{title}: test RMSE in {unit}, {step + 1} ahead", own[:, step].tolist(), {best: others[best][step]})
    worst = int(ratios.max(axis=0).argmax())
    yield Row(f"{title}: RMSE / best baseline's, worst step", ratios.max(axis=1).tolist(), note=f"{worst + 1} ahead")
