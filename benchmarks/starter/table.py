"""The table: errors as shares of those of the baselines, and coverage."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from benchmarks.starter.baselines import PERSISTENCE
from benchmarks.starter.figures import EXACT, LEVEL, Figures

WITHIN = (0.85, 0.95)
"""The coverage that a 90 % interval should have."""

YOUNG, LATE, COVERAGE = "16..300", "late", f"{100 * LEVEL:.0f} %"
"""What stands before a model's name in the header."""


@dataclass(frozen=True)
class Measured:
    """All that is known of a series."""

    name: str
    variance: float
    is_periodic: bool
    """Whether its last fifth repeats what came before; a constant does."""
    baselines: Mapping[str, Figures]
    models: Mapping[str, Figures]

    @property
    def best(self) -> str:
        """The baseline with the least error in the last fifth."""
        return min(self.baselines, key=lambda name: self.baselines[name].late or 0.0)

    def young(self, model: str) -> float | None:
        """Return a model's error after samples 16 to 300 as a share of persistence's."""
        return _share(self._figure(model).young, self.baselines[PERSISTENCE].young)

    def late(self, model: str) -> float | None:
        """Return a model's error in the last fifth as a share of the best baseline's."""
        least = EXACT * self.variance
        error, best = self._figure(model).late, self.baselines[self.best].late
        return None if error is None or best is None else _share(max(error, least), max(best, least))

    def coverage(self, model: str) -> float | None:
        """Return the share of truths that a model's intervals hold, over all steps ahead."""
        by_step = self._figure(model).coverage
        return float(np.mean(by_step)) if by_step else None

    def _figure(self, model: str) -> Figures:
        return self.models.get(model, Figures(None, None))


Of: TypeAlias = Callable[[Measured, str], float | None]
"""A series' figure of a model."""


def rows(every: Sequence[Measured], models: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield a row for each series, then the geometric mean, the median and the worst of each error, for `_GROUPS`."""
    makers: dict[str, Of] = {YOUNG: Measured.young, LATE: Measured.late, COVERAGE: Measured.coverage}
    columns = [
        (f"{kind} {model}", of, model)
        for kind, of in makers.items()
        for model in models
        if any(of(one, model) is not None for one in every)
    ]
    for one in every:
        best = f"{one.best}, periodic" if one.is_periodic else one.best
        yield {"series": one.name, "best": best, **{title: of(one, model) for title, of, model in columns}}
    for label, is_counted in _GROUPS.items():
        for kind, summarised in _SUMMARIES.items():
            row: dict[str, Any] = {"series": kind + label, "best": ""}
            for title, of, model in columns:
                beside = [other for _, same, other in columns if same is of]
                shares = _known(of(one, model) for one in every if is_counted(one, of, beside))
                row[title] = None if of is Measured.coverage else summarised(shares)
            yield row


def coverage_rows(every: Sequence[Measured], models: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield a row for each step ahead and one for all: mean coverage, and the share of series within `WITHIN`."""
    by_model = {
        model: np.array([one.models[model].coverage for one in every if _is_covered(one, model)]) for model in models
    }
    by_model = {model: shares for model, shares in by_model.items() if len(shares)}
    if not by_model:
        return
    horizon = next(iter(by_model.values())).shape[1]
    steps = {str(step): [step - 1] for step in range(1, horizon + 1)} | {"all": list(range(horizon))}
    low, high = WITHIN
    for step, places in steps.items():
        row: dict[str, Any] = {"step ahead": step}
        for model, shares in by_model.items():
            covered = shares[:, places].mean(axis=1)
            row[f"mean, {model}"] = float(covered.mean())
            row[f"series within, {model}"] = float(((low <= covered) & (covered <= high)).mean())
        yield row


def _is_covered(one: Measured, model: str) -> bool:
    return model in one.models and one.models[model].coverage is not None


def _share(error: float | None, other: float | None) -> float | None:
    return None if error is None or not other else error / other


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _geometric_mean(values: list[float]) -> float | None:
    return float(np.exp(np.mean(np.log(values)))) if values else None


_SUMMARIES: Mapping[str, Callable[[list[float]], float | None]] = {
    "geometric mean": _geometric_mean,
    "median": lambda values: float(np.median(values)) if values else None,
    "worst": lambda values: max(values, default=None),
}

_GROUPS: Mapping[str, Callable[[Measured, Of, Sequence[str]], bool]] = {
    "": lambda *_: True,
    ", not periodic": lambda one, *_: not one.is_periodic,
    ", all models": lambda one, of, models: not one.is_periodic and None not in [of(one, model) for model in models],
}
"""Which series count: all; those that are not exactly periodic; of these, those that all models have come to."""
