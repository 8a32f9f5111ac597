"""An evaluation as text: the model beside the baselines, and in plain words who wins."""

import math
from collections.abc import Sequence

from edgeseq.evaluation.backtest import Backtest
from edgeseq.evaluation.evaluate import Comparison, Evaluation
from edgeseq.evaluation.intervals import Interval
from edgeseq.evaluation.metrics import Metrics
from edgeseq.text import number, table
from edgeseq_runtime.printable import printable
from edgeseq_runtime.spec import Spec

_MOST_STEPS = 6

_MANY = 10
"""From this ratio on two figures say more than how many times one is the other."""


def summary(evaluation: Evaluation, title: str = "test part") -> str:
    """Return tables and verdict, for a terminal."""
    spec = evaluation.spec
    parts = [f"{heading(spec)}\n{totals(spec, evaluation, title)}"]
    if spec.horizon > 1:
        parts.append(_per_step(spec, evaluation))
    if evaluation.intervals:
        parts.append(_coverage(spec, evaluation.intervals))
    if evaluation.by_sensor:
        parts.append(_by_sensor(spec, evaluation))
    return "\n\n".join([*parts, "\n".join([*_left_out(evaluation), verdict(evaluation)])])


def backtest_summary(backtest: Backtest) -> str:
    """Return tables and verdict of a backtest, for a terminal."""
    spec = backtest.judged.spec
    parts = [summary(backtest.judged, "after the training part"), _by_fold(spec, backtest)]
    if backtest.seen.samples:
        parts.append(totals(spec, backtest.seen, "seen in training"))
    first, last = backtest.validation
    parts.append(f"Judged too: the validation part, samples {first} to {last}, which chose the weights.")
    return "\n\n".join(parts)


def heading(spec: Spec) -> str:
    """Return what is forecast."""
    ahead = "1 sample ahead" if spec.horizon == 1 else f"1 to {spec.horizon} samples ahead"
    return printable(f"{spec.series}: {', '.join(feature.label for feature in spec.target_features)}, {ahead}")


def model_name(spec: Spec) -> str:
    """Return what the model is called in tables."""
    quantized = "" if spec.quantize == "none" else f" {spec.quantize}"
    return f"{spec.cell} {spec.layers}x{spec.hidden}{quantized}"


def forecasters(spec: Spec, comparison: Comparison) -> dict[str, Metrics]:
    """Return the model and the baselines by the names they have in tables."""
    return {model_name(spec): comparison.model, **comparison.baselines}


def verdict(comparison: Comparison) -> str:
    """Say whether the model is worth having: which baselines it does not beat, and by how much.

    By the standardised squared error, in which targets of different units count alike.
    """
    own = comparison.model.total.mse_standardized
    others = {name: scored.total.mse_standardized for name, scored in comparison.baselines.items()}
    lost = {name: _compared(own, others[name]) for name in comparison.losses}
    lines = [f"The model LOSES to {name}: its MSE (std.) is {compared}." for name, compared in lost.items()]
    if comparison.ties:
        lines.append(f"The model is no better than {' and '.join(comparison.ties)}: the MSE (std.) is the same.")
    return "\n".join(lines) or f"The model beats every baseline here ({', '.join(others)})."


def totals(spec: Spec, comparison: Comparison, title: str) -> str:
    """Return the figures over all horizon steps and targets."""
    header = (f"{title}, {comparison.samples} forecasts", "RMSE", "MAE", "MSE (std.)", "MAE (std.)")
    rows = [
        (name, *(number(figure) for figure in vars(scored.total).values()))
        for name, scored in forecasters(spec, comparison).items()
    ]
    return table(header, rows)


def _compared(own: float, other: float) -> str:
    if own < 2 * other:
        return f"{100 * (own / other - 1):.1f} % higher"
    if own < _MANY * other:
        return f"{own / other:.1f} times as high"
    return f"{number(own)}, the other's {number(other)}"


def _left_out(evaluation: Evaluation) -> list[str]:
    return [f"Without {name}: {reason}." for name, reason in evaluation.left_out.items()]


def _per_step(spec: Spec, comparison: Comparison) -> str:
    steps = chosen_steps(spec.horizon)
    header = ("RMSE by step ahead", *map(str, steps))
    rows = [
        (name, *(number(scored.per_horizon[step - 1][0]) for step in steps))
        for name, scored in forecasters(spec, comparison).items()
    ]
    return table(header, rows)


def _by_sensor(spec: Spec, evaluation: Evaluation) -> str:
    rows = []
    for sensor, comparison in evaluation.by_sensor.items():
        scores = forecasters(spec, comparison)
        figures = (number(scored.total.mse_standardized) for scored in scores.values())
        rows.append((sensor, str(comparison.samples), *figures))
    return table(("MSE (std.) by sensor", "forecasts", *scores), rows)


def _by_fold(spec: Spec, backtest: Backtest) -> str:
    rows = []
    for fold in backtest.folds:
        scores = forecasters(spec, fold.comparison)
        figures = (number(scored.total.rmse) for scored in scores.values())
        rows.append((f"after samples {fold.first} to {fold.last}", str(fold.comparison.samples), *figures))
    return table(("RMSE by fold", "forecasts", *scores), rows)


def _coverage(spec: Spec, intervals: Sequence[Interval]) -> str:
    """Return, for each interval, the share of truths that it held, and its mean width."""
    steps = chosen_steps(spec.horizon) if spec.horizon > 1 else []
    header = ("interval: held (mean width)", "all", *map(str, steps))
    rows = []
    for interval in intervals:
        cells = [(interval.coverage, interval.width), *(interval.per_horizon[step - 1] for step in steps)]
        rows.append((f"{100 * interval.level:g} %", *(_held(*cell) for cell in cells)))
    return table(header, rows)


def _held(coverage: float, width: float) -> str:
    return "-" if math.isnan(coverage) else f"{100 * coverage:.1f} % ({number(width)})"


def chosen_steps(horizon: int) -> list[int]:
    """Return a few steps from the first to the last: all, or spaced by doubling."""
    if horizon <= _MOST_STEPS:
        return list(range(1, horizon + 1))
    steps = [1]
    while steps[-1] * 2 < horizon and len(steps) < _MOST_STEPS:
        steps.append(steps[-1] * 2)
    return [*steps, horizon]
