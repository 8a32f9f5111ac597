"""What became of a sample, and of several."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.anomalies.kinds import ANOMALIES_BY_CODE
from edgeseq_runtime.arrays import Float32, Float64, Forecasts
from edgeseq_runtime.streaming.ledger import CODES, REASON_CODES, REASONS_BY_CODE
from edgeseq_runtime.streaming.validation import STATUSES


class StepResult(NamedTuple):
    """What became of one sample; a tuple, since one is made for each."""

    forecast: Forecasts
    """(horizon, target); NaN where there is none. Float32, and float64 of a model for any sensor."""
    status: str
    warm: bool
    number: int
    """How many samples of the stream came before."""
    reason: str = ""
    """What was odd about the sample, one of `rules.REASONS`; empty where nothing was."""
    interval: tuple[Forecasts, Forecasts] | None = None
    """The ends of the 90 % interval, where they are watched."""
    drift: bool = False
    seconds: float = math.nan
    """The time that the sample was taken at, in seconds since 1970 UTC; NaN where it is not known."""
    p_values: Float32 | None = None
    """(target + 1,): how likely a normal sample is so surprising, by target and last of all together; NaN where there
    is none, and None where anomalies are not looked for."""
    anomaly: str = ""
    """The kind of the alarm that the sample raises, one of `anomalies.kinds.WORDS`; empty where it raises none."""
    period: float = math.nan
    """Seconds from one of the stream's samples to the next, where each stream learns that; NaN until it has."""
    anchor: float = 0.0
    """What the stream is counted from: `forecast` less this has the digits of float32."""


@dataclass(frozen=True)
class Outcomes:
    """What became of several samples, of one stream in their order or one each of several streams: samples first."""

    forecasts: Forecasts
    """(sample, horizon, target); NaN where there is none. Float32, and float64 of a model for any sensor."""
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
    interval: tuple[Forecasts, Forecasts] | None = None
    """The ends of the 90 % intervals, each (sample, horizon, target), where they are watched."""
    drift: npt.NDArray[np.bool_] | None = None
    """(sample,): whether the drift flag was up after it, where it is watched."""
    p_values: Float32 | None = None
    """(sample, target + 1): as those of `StepResult`, where anomalies are looked for."""
    anomaly: npt.NDArray[np.int8] | None = None
    """(sample,): positions in `anomalies.kinds.ANOMALIES_BY_CODE`, where they are looked for."""
    periods: Float64 | None = None
    """(sample,): those of `StepResult`, where each stream learns its own."""
    anchors: Float64 | None = None
    """(sample,): those of `StepResult`, where streams are counted from one."""

    @classmethod
    def of(cls, results: Sequence[StepResult], shape: tuple[int, int]) -> Self:
        """Return several results, of which all are watched or none, as arrays; `shape` is a forecast's."""
        first = results[0] if results else None
        monitored = first is not None and first.interval is not None
        examined = first is not None and first.p_values is not None
        ends = [np.array([r.interval[end] for r in results if r.interval]).reshape(-1, *shape) for end in (0, 1)]
        return cls(
            np.array([result.forecast for result in results], first.forecast.dtype if first else np.float32).reshape(
                -1, *shape
            ),
            np.array([result.number for result in results], np.int64),
            np.array([CODES[result.status] for result in results], np.int8),
            np.array([REASON_CODES[result.reason] for result in results], np.int8),
            np.array([result.warm for result in results], np.bool_),
            np.array([result.seconds for result in results], np.float64),
            (ends[0], ends[1]) if monitored else None,
            np.array([result.drift for result in results], np.bool_) if monitored else None,
            np.array([result.p_values for result in results], np.float32) if examined else None,
            np.array([ANOMALIES_BY_CODE.index(result.anomaly) for result in results], np.int8) if examined else None,
            np.array([result.period for result in results], np.float64),
            np.array([result.anchor for result in results], np.float64),
        )

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
            None if self.p_values is None else self.p_values[index],
            "" if self.anomaly is None else ANOMALIES_BY_CODE[self.anomaly[index]],
            math.nan if self.periods is None else float(self.periods[index]),
            0.0 if self.anchors is None else float(self.anchors[index]),
        )

    def __iter__(self) -> Iterator[StepResult]:
        count = len(self)
        ends = zip(*self.interval, strict=True) if self.interval else [None] * count
        drifts = [False] * count if self.drift is None else self.drift.tolist()
        return map(
            StepResult,
            self.forecasts,
            [STATUSES[code] for code in self.statuses.tolist()],
            self.warm.tolist(),
            self.numbers.tolist(),
            [REASONS_BY_CODE[code] for code in self.reasons.tolist()],
            ends,
            drifts,
            self.seconds.tolist(),
            [None] * count if self.p_values is None else self.p_values,
            [""] * count if self.anomaly is None else [ANOMALIES_BY_CODE[code] for code in self.anomaly.tolist()],
            [math.nan] * count if self.periods is None else self.periods.tolist(),
            [0.0] * count if self.anchors is None else self.anchors.tolist(),
        )
