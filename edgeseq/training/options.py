"""What the user may choose of a training."""

from dataclasses import dataclass
from typing import TypedDict

from edgeseq.series.gaps import LIMIT

AUTO, ON, OFF = ADAPT = ("auto", "on", "off")


@dataclass(frozen=True)
class TrainingOptions:
    """What the user may choose; None leaves it to the data. The defaults stand here and nowhere else."""

    preset: str = "default"
    """default, or classic for windows, Adagrad and the last weights."""
    horizon: int = 1
    """Samples to look ahead."""
    cell: str = "lstm"
    layers: int = 2
    hidden: int = 30
    """Units in a layer."""
    steps: int | None = None
    """Training steps."""
    warmup: int | None = None
    """Samples before a forecast counts."""
    season: int | None = None
    """Samples in a season."""
    level: bool | None = None
    """Whether the network sees values beside their changes."""
    linear_path: int | None = None
    """Lags; 0 for none."""
    layout: str | None = None
    """stream, features or steps; None: stream, or features with the preset classic."""
    window: int | None = None
    """Samples in a window, for the layouts features and steps."""
    learning_rate: float | None = None
    """The peak learning rate."""
    unroll: int | None = None
    """Samples that a stream's gradient reaches back."""
    gap_limit: int = LIMIT
    """Missing samples in a row that are filled in."""
    adapt: str = AUTO
    """One of `ADAPT`: whether streams go on learning on the device; auto: where that pays over the validation part."""


class TrainingKeywords(TypedDict, total=False):
    """The fields of `TrainingOptions` as keywords of a function."""

    preset: str
    horizon: int
    cell: str
    layers: int
    hidden: int
    steps: int | None
    warmup: int | None
    season: int | None
    level: bool | None
    linear_path: int | None
    layout: str | None
    window: int | None
    learning_rate: float | None
    unroll: int | None
    gap_limit: int
    adapt: str
