"""What training, the validation part and the test part have shown of a model, and what checks its file."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Score:
    """Errors of forecasts over all horizon steps and targets."""

    rmse: float
    mae: float
    mse_standardized: float
    """In units of the training part's variance, target by target."""
    mae_standardized: float


@dataclass(frozen=True)
class Figures:
    """What the test part showed, for the model and beside it for the baselines."""

    samples: int
    """How many forecasts were scored."""
    model: Score
    baselines: Mapping[str, Score]
    adapted: Score | None = None
    """The model with adaptation, which learns from the validation part on; None where that was not measured."""


@dataclass(frozen=True)
class Residuals:
    """Quantiles of truth minus forecast over the validation part."""

    levels: tuple[float, ...]
    quantiles: tuple[tuple[tuple[float, ...], ...], ...]
    """[horizon step][target][level], in the target's unit."""


@dataclass(frozen=True)
class LearnedAnomalies:
    """How surprising samples of the validation part were: what a fresh stream's p-values begin with."""

    samples: tuple[float, ...]
    """Of each target, how many taught."""
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    """Of each target, the running mean of its samples, and of their distances from it, at the end."""
    ladders: Mapping[str, tuple[tuple[float, ...], ...]]
    """Kind of surprise -> of each target, the gaps of its ladder from the lowest on, then the mean excess beyond."""
    last: tuple[tuple[float, ...], ...]
    """Of each target, the gaps of the ladder of all kinds together."""
    together: tuple[float, ...] = ()
    """The gaps of the ladder of all targets together, where these are several."""


@dataclass(frozen=True)
class Verification:
    """A short stream with the forecasts that the oracle makes of it from a fresh state."""

    x: tuple[tuple[float, ...], ...]
    """[time][input]"""
    y: tuple[tuple[float, ...], ...]
    """[time][horizon * target], target fastest"""
    tolerance: tuple[float, ...]
    """The largest deviation that passes, for each target in its unit."""
    states: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """What is left in each state at the end, in one number (`self_test.state_checksum`), and the largest deviation of
    it that passes."""


@dataclass(frozen=True)
class Training:
    """How the model came to be."""

    preset: str
    seed: int
    steps: int
    best_step: int
    """The step whose weights had the lowest validation error, and are these."""
    validation_mse: float
    """The lowest validation error, standardised."""
    device: str
    run: str
    """Digest of all that decides where the run ends: data, network, hyperparameters, seed."""
    options: Mapping[str, int | float | str | bool]
    """What was chosen by hand or decided from the data: learning rate, batch, unroll, noise, ..."""
