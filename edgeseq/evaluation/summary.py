"""An evaluation as text: the model beside the baselines, and in plain words who wins."""

from edgeseq.evaluation.figures import Evaluation, Scored
from edgeseq.text import number, table
from edgeseq_runtime.spec import Spec

_MOST_STEPS = 6


def summary(evaluation: Evaluation) -> str:
    """Return tables and verdict, for a terminal."""
    forecasters = {model_name(evaluation.spec): evaluation.model, **evaluation.baselines}
    parts = [_totals(evaluation, forecasters)]
    if evaluation.spec.horizon > 1:
        parts.append(_per_step(evaluation.spec, forecasters))
    return "\n\n".join([*parts, verdict(evaluation)])


def model_name(spec: Spec) -> str:
    """Return what the model is called in tables."""
    quantized = "" if spec.quantize == "none" else f" {spec.quantize}"
    return f"{spec.cell} {spec.layers}x{spec.hidden}{quantized}"


def verdict(evaluation: Evaluation) -> str:
    """Say whether the model is worth having: which baselines it does not beat, and by how much."""
    if not evaluation.losses:
        return f"The model beats every baseline here ({', '.join(evaluation.baselines)})."
    own = evaluation.model.total.rmse
    return "\n".join(
        f"The model LOSES to {name}: its RMSE is {_compared(own, evaluation.baselines[name].total.rmse)}."
        for name in evaluation.losses
    )


def _compared(own: float, other: float) -> str:
    if own < 2 * other:
        return f"{100 * (own / other - 1):.1f} % higher"
    return f"{own / other:.1f} times as high" if other else f"{number(own)}, the other 0"


def _totals(evaluation: Evaluation, forecasters: dict[str, Scored]) -> str:
    spec = evaluation.spec
    ahead = "1 sample ahead" if spec.horizon == 1 else f"1 to {spec.horizon} samples ahead"
    header = (f"test part, {evaluation.samples} forecasts", "RMSE", "MAE", "MSE (std.)", "MAE (std.)")
    rows = [
        (
            name,
            number(scored.total.rmse),
            number(scored.total.mae),
            number(scored.total.mse_standardized),
            number(scored.total.mae_standardized),
        )
        for name, scored in forecasters.items()
    ]
    targets = ", ".join(feature.label for feature in spec.target_features)
    return f"{spec.series}: {targets}, {ahead}\n" + table(header, rows)


def _per_step(spec: Spec, forecasters: dict[str, Scored]) -> str:
    steps = _chosen(spec.horizon)
    header = ("RMSE by step ahead", *map(str, steps))
    rows = [
        (name, *(number(scored.per_horizon[step - 1][0]) for step in steps)) for name, scored in forecasters.items()
    ]
    return table(header, rows)


def _chosen(horizon: int) -> list[int]:
    """Return a few steps from the first to the last: all, or spaced by doubling."""
    if horizon <= _MOST_STEPS:
        return list(range(1, horizon + 1))
    steps = [1]
    while steps[-1] * 2 < horizon and len(steps) < _MOST_STEPS:
        steps.append(steps[-1] * 2)
    return [*steps, horizon]
