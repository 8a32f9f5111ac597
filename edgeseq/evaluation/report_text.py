"""An evaluation as text: the model beside the baselines, and in plain words who wins."""

import math
from collections.abc import Mapping

from edgeseq.evaluation.backtest import Backtest, Fold
from edgeseq.evaluation.evaluate import Comparison, Evaluation
from edgeseq.evaluation.metrics import Metrics
from edgeseq.text import COLUMNS, error, moment, number, table
from edgeseq_runtime.printable import printable
from edgeseq_runtime.spec import Spec

ADAPTED = "adapted"
"""What the model with adaptation is called."""

_MOST_STEPS = 6

_FEWEST_STEPS = 2

_TRY = "Try more data, --search 20 or a longer --every; if it stays so, use what wins."
_TRAIN = "It has not been trained on this series; edgeseq train makes a model that is."
"""What is said where a model loses."""

_MANY = 10
"""From this ratio on two figures say more than how many times one is the other."""


def summary(evaluation: Evaluation, title: str = "test part") -> str:
    """Return tables and verdict, for a terminal."""
    spec = evaluation.spec
    parts = [f"{heading(spec)}\n{totals(spec, evaluation, title, evaluation.decimals)}"]
    if spec.horizon > 1:
        parts.append(_per_step(spec, evaluation))
    if evaluation.intervals:
        parts += [table(*interval_rows(evaluation)), _crps(evaluation)]
    if evaluation.by_sensor:
        parts.append(_by_sensor(spec, evaluation))
    own = verdict(evaluation, is_for_any=spec.takes_any)
    return "\n\n".join([*parts, "\n".join([*_left_out(evaluation), own])])


def backtest_summary(backtest: Backtest) -> str:
    """Return tables and verdict of a backtest, for a terminal."""
    spec = backtest.judged.spec
    parts = [summary(backtest.judged, "after the training part"), _by_fold(spec, backtest)]
    if backtest.seen.samples:
        parts.append(totals(spec, backtest.seen, "training part", backtest.judged.decimals))
    if spec.takes_any:
        return "\n\n".join(parts)
    which = "part, samples {} to {}".format(*backtest.validation) if backtest.validation else "part of each sensor"
    parts.append(
        f"The folds include the validation {which}.\n"
        "It chose the weights, so errors there may be lower than on new data."
    )
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
    """Return the model, as trained and with adaptation, and the baselines by the names they have in tables."""
    name = model_name(spec)
    adapted = {f"{name}, {ADAPTED}": comparison.adapted} if comparison.adapted else {}
    return {name: comparison.model, **adapted, **comparison.baselines}


def verdict(comparison: Comparison, *, is_for_any: bool = False) -> str:
    """Say whether the model is worth having: which baselines it does not beat, and by how much.

    By the standardised squared error, in which targets of different units count alike. `is_for_any` says that it was
    not trained on this series.
    """
    own = comparison.judged.total.mse_standardized
    model = f"The model, {ADAPTED}," if comparison.adapted else "The model"
    others = {name: scored.total.mse_standardized for name, scored in comparison.baselines.items()}
    lost = {name: _compared(own, others[name]) for name in comparison.losses}
    lines = [f"{model} LOSES to {name}: its squared error is {compared}." for name, compared in lost.items()]
    if lost:
        if not comparison.adapted:
            lines.append("Without adaptation: where the series has changed, --adapt on may follow it.")
        lines.append(_TRAIN if is_for_any else _TRY)
    if comparison.exact:
        both = " and ".join(comparison.exact)
        lines.append(f"{model} and {both} are exact: only the data's rounding to float32 is left.")
    if comparison.ties:
        lines.append(f"{model} is no better than {' and '.join(comparison.ties)}: the squared error is the same.")
    return "\n".join(lines) or f"{model} beats every baseline here ({', '.join(others)})."


def totals(spec: Spec, comparison: Comparison, title: str, decimals: int | None = None) -> str:
    """Return the figures over all horizon steps and targets, of data that end after so many decimals."""
    header = (f"{title}, {comparison.samples} forecasts", "RMSE", "MAE", "MSE (std.)", "MAE (std.)", "MASE")
    return table(header, [(name, *figures(scored, decimals)) for name, scored in forecasters(spec, comparison).items()])


def figures(scored: Metrics, decimals: int | None) -> list[str]:
    """Return RMSE and MAE in the data's unit, with its digits, then both errors standardised, then MASE."""
    total = scored.total
    own = [error(value, decimals) for value in (total.rmse, total.mae)]
    mase = "-" if math.isnan(scored.mase) else number(scored.mase)
    return [*own, number(total.mse_standardized), number(total.mae_standardized), mase]


def _compared(own: float, other: float) -> str:
    if own < 2 * other:
        return f"{100 * (own / other - 1):.1f} % higher"
    if own < _MANY * other:
        return f"{own / other:.1f} times as high"
    return f"{number(own)} vs {number(other)}"


def _left_out(evaluation: Evaluation) -> list[str]:
    return [f"{name} is left out: {reason}." for name, reason in evaluation.left_out.items()]


def _per_step(spec: Spec, evaluation: Evaluation) -> str:
    return steps_table(forecasters(spec, evaluation), evaluation.decimals)


def steps_table(scores: Mapping[str, Metrics], decimals: int | None = None) -> str:
    """Return the RMSE by step ahead: of as many steps as a terminal has room for."""
    steps = chosen_steps(len(next(iter(scores.values())).per_horizon))
    while True:
        rows = [
            (name, *(error(scored.per_horizon[step - 1][0], decimals) for step in steps))
            for name, scored in scores.items()
        ]
        made = table(("RMSE by step ahead", *map(str, steps)), rows)
        if len(steps) <= _FEWEST_STEPS or max(map(len, made.splitlines())) <= COLUMNS:
            return made
        del steps[-2]


def _by_sensor(spec: Spec, evaluation: Evaluation) -> str:
    rows = []
    for sensor, comparison in evaluation.by_sensor.items():
        scores = forecasters(spec, comparison)
        errors = (number(scored.total.mse_standardized) for scored in scores.values())
        rows.append((sensor, str(comparison.samples), *errors))
    return table(("MSE (std.) by sensor", "forecasts", *scores), rows)


def _by_fold(spec: Spec, backtest: Backtest) -> str:
    rows = []
    for place, fold in enumerate(backtest.folds, start=1):
        scores = forecasters(spec, fold.comparison)
        errors = (error(scored.total.rmse, backtest.judged.decimals) for scored in scores.values())
        rows.append((_fold_name(backtest, fold, place), str(fold.comparison.samples), *errors))
    return table(("RMSE by fold", "forecasts", *scores), rows)


def _fold_name(backtest: Backtest, fold: Fold, place: int) -> str:
    """Return when a fold begins or, where samples have no times, after which of them its forecasts were made."""
    if backtest.judged.by_sensor:
        return f"{place}, of each sensor"
    seconds = backtest.judged.seconds
    return f"after samples {fold.first} to {fold.last}" if seconds is None else f"from {moment(seconds[fold.first])}"


def interval_rows(evaluation: Evaluation) -> tuple[list[str], list[list[str]]]:
    """Return a header and rows: what each interval held of the measurements, and its mean width; in all and by step.

    Of the forecasts with adaptation, where it is on: those are the intervals that a device gives.
    """
    horizon, measured = evaluation.spec.horizon, evaluation.adapted_intervals or evaluation.intervals
    steps = chosen_steps(horizon) if horizon > 1 else []
    names = [f"{100 * interval.level:g} % interval" for interval in measured]
    header = [
        "samples ahead" + (f", {ADAPTED}" if evaluation.adapted else ""),
        *(cell for name in names for cell in (f"in {name}", "width")),
    ]
    rows = []
    for name, step in (("all", 0), *((str(step), step) for step in steps)):
        pairs = [one.per_horizon[step - 1] if step else (one.coverage, one.width) for one in measured]
        rows.append([name, *(cell for pair in pairs for cell in _held(*pair, evaluation.decimals))])
    return header, rows


def _crps(evaluation: Evaluation) -> str:
    said = {"": evaluation.crps} | ({f", {ADAPTED}": evaluation.adapted_crps} if evaluation.adapted else {})
    scored = ["-" if crps is None else error(crps, evaluation.decimals) for crps in said.values()]
    each = zip(scored, said, strict=True)
    return f"CRPS (lower is better): {'; '.join(f'{score}{which}' for score, which in each)}"


def _held(coverage: float, width: float, decimals: int | None) -> tuple[str, str]:
    return ("-", "-") if math.isnan(coverage) else (f"{100 * coverage:.1f} %", error(width, decimals))


def chosen_steps(horizon: int) -> list[int]:
    """Return a few steps from the first to the last: all, or spaced by doubling."""
    if horizon <= _MOST_STEPS:
        return list(range(1, horizon + 1))
    steps = [1]
    while steps[-1] * 2 < horizon and len(steps) < _MOST_STEPS:
        steps.append(steps[-1] * 2)
    return [*steps, horizon]
