"""What became of a sample, and of several."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32, Float64
from edgeseq_runtime.streaming.ledger import REASONS_BY_CODE
from edgeseq_runtime.streaming.validation import STATUSES


@dataclass(frozen=True)
class StepResult:
    """What became of one sample."""

    forecast: Float32
    """Float32 (horizon, target); NaN where there is none."""
    status: str
    warm: bool
    number: int
    """How many samples of the stream came before."""
    reason: str = ""
    """What was odd about the sample, one of `rules.REASONS`; empty where nothing was."""
    interval: tuple[Float32, Float32] | None = None
    """The ends of the 90 % interval, where they are watched."""
    drift: bool = False
    seconds: float = math.nan
    """The time that the sample was taken at, in seconds since 1970 UTC; NaN where it is not known."""


@dataclass(frozen=True)
class Outcomes:
    """What became of several samples, of one stream in their order or one each of several streams: samples first."""

    forecasts: Float32
    """(sample, horizon, target); NaN where there is none."""
    numbers: npt.NDArray[np.int64]
    """(sample,): how many samples of its stream came before."""
    statuses: npt.NDArray[np.int8]
    """(sample,): positions in `STATUSES`."""
    reasons: npt.NDArray[np.int8]
    """(sample,): 0 where nothing was odd, else one more than the position in `rules.REASONS`."""
    warm: npt.NDArray[np.bool_]
    """(sample,): whether the forecast counts already."""
    seconds: Float64
    """(sample,): the times that they were taken at, in seconds since 1970 UTC; NaN where not known."""
    interval: tuple[Float32, Float32] | None = None
    """The ends of the 90 % intervals, each (sample, horizon, target), where they are watched."""
    drift: npt.NDArray[np.bool_] | None = None
    """(sample,): whether the drift flag was up after it, where it is watched."""

    def __len__(self) -> int:
        return len(self.forecasts)

    def __getitem__(self, index: int) -> StepResult:
        return StepResult(
            self.forecasts[index],
            STATUSES[self.statuses[index]],
            bool(self.warm[index]),
            int(self.numbers[index]),
            REASONS_BY_CODE[self.reasons[index]],
            None if self.interval is None else (self.interval[0][index], self.interval[1][index]),
            self.drift is not None and bool(self.drift[index]),
            float(self.seconds[index]),
        )

    def __iter__(self) -> Iterator[StepResult]:
        return map(self.__getitem__, range(len(self)))
