"""What the outcomes on many series come to: wins, ratios to the best baseline, time and size."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import geometric_mean, median
from typing import Any

from benchmarks.libraries.outcome import Outcome, Outcomes

BASELINES = ("persistence", "seasonal naive", "ridge")

LEAST = 1e-6
"""A standardised squared error below this counts as this: a thousandth of the series' deviation is no difference."""

_TIE = 1e-3
"""Share of the lowest error within which another one is the lowest too."""


def ratios(outcomes: Mapping[str, Outcomes], model: str) -> dict[str, float]:
    """Return a model's error on each series that it has one on, as a share of the best baseline's."""
    return {
        series: _error(found[model]) / min(_error(found[name]) for name in BASELINES if name in found)
        for series, found in outcomes.items()
        if model in found
    }


def rows(
    outcomes: Mapping[str, Outcomes], models: Sequence[str], installed: Mapping[str, float]
) -> Iterator[dict[str, Any]]:
    """Yield a row of the table for each model; `installed` has megabytes for some of them."""
    for model in models:
        found = ratios(outcomes, model)
        if not found:
            continue
        worst = max(found, key=found.__getitem__)
        own = [each[model] for each in outcomes.values() if model in each]
        yield {
            "model": model,
            "series": len(found),
            "wins": sum(_wins(outcomes[series], model) for series in found),
            "MSE / best baseline, geometric mean": geometric_mean(found.values()),
            "worst": found[worst],
            "on": worst,
            "above 1.05": sum(ratio > 1.05 for ratio in found.values()),
            "training, s": _median([each.training for each in own]),
            "a forecast, us": _median([each.forecast for each in own]),
            "size, kB": _median([None if each.bytes is None else each.bytes / 1000 for each in own]),
            "installed, MB": installed.get(model),
        }


def by_series(outcomes: Mapping[str, Outcomes], models: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield a row for each series: each model's error as a share of the best baseline's, and that error itself."""
    shares = {model: ratios(outcomes, model) for model in models}
    for series, found in outcomes.items():
        best = min((name for name in BASELINES if name in found), key=lambda name: _error(found[name]))
        yield {
            "series": series,
            "best baseline": best,
            "MSE": found[best].mse,
            **{model: shares[model].get(series) for model in models if model not in BASELINES},
        }


def _wins(found: Outcomes, model: str) -> bool:
    """Whether no other model has a lower error on a series, but for less than `_TIE`."""
    return _error(found[model]) <= (1 + _TIE) * min(map(_error, found.values()))


def _error(outcome: Outcome) -> float:
    return max(outcome.mse, LEAST)


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
