"""What the user may choose of a training, and the plan that is made of that and the series."""

from dataclasses import dataclass

from edgeseq.series.gaps import LIMIT, Filled
from edgeseq.training.hyperparameters import HyperParameters
from edgeseq_runtime.spec import Spec


@dataclass(frozen=True)
class TrainingOptions:
    """What the user may choose; None leaves it to the data."""

    preset: str = "default"
    horizon: int = 1
    cell: str = "lstm"
    layers: int = 2
    hidden: int = 30
    steps: int | None = None
    warmup: int | None = None
    season: int | None = None
    level: bool | None = None
    linear_path: int | None = None
    """Lags; 0 for none."""
    layout: str | None = None
    window: int | None = None
    learning_rate: float | None = None
    unroll: int | None = None
    gap_limit: int = LIMIT


@dataclass(frozen=True)
class Plan:
    """What is to be trained, and how."""

    spec: Spec
    hyperparameters: HyperParameters
    train: Filled
    lags: tuple[int, ...]
    """Lengths of a linear path to choose from; empty: none."""
    measures_warmup: bool
    """Whether the warm-up is to be measured when the network is trained."""
    notes: tuple[str, ...]
    """What was found in the data and decided from it, for the user to read."""
