"""What a backend may take off judgement's hands: a step that nothing is odd about, network and judgement at once.

Judgement in NumPy is the reference. A backend that has the same in code of its own gets to know, once, where everything
lies that such a step reads and changes. It looks first whether a step is of that kind; where not, it changes nothing.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32, Float64, Rows

TAKEN, ODD, INFINITE = range(3)
"""What became of a step: all streams have moved; something is odd about one, and nothing has changed; the network has
moved, and a forecast of it is not finite: nothing else has changed but the runs of equal values."""

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class WatchArrays:
    """What intervals and drift remember and compare with; see `monitoring`."""

    said: Float32
    turn: Counts
    gains: Float32 | None
    middle: Float32
    below: Float32
    above: Float32
    """(horizon, target): the median of validation's residuals, and the interval's ends relative to it."""
    moving: Float32
    width: Float32
    hurried: Float32
    held: Float32
    more: Float32
    """(3, horizon, target): what a hit adds to what moves, and what a miss adds to that."""
    hasty: tuple[float, float, float]
    """How far a width's logarithm may come; by how many times as much haste moves it besides, and how far all in all.
    """
    lowest: Float64 | None
    highest: Float64 | None
    """(target,): between which a one-step error is as over validation."""
    shares: Float32 | None
    """As the two before, None where streams themselves have to show what errors are usual."""
    shown_errors: Float32 | None
    """(stream, word), see `monitoring.shown_drift`; None where validation has shown it."""
    raised: Float32
    shares_like: tuple[float, float, float]
    """Samples that a share is a mean over, and the shares that raise and lower the flag."""


@dataclass(frozen=True)
class AnomalyArrays:
    """What is remembered of surprises, and what counts as an anomaly; see `anomalies`."""

    memory: Float32
    """(stream, word), see `anomalies.layout`."""
    offsets: Float32 | None
    """(stream, target) of sensors; None where all are 0, and all gains 1."""
    limit: float
    """More bits are an anomaly."""


@dataclass(frozen=True)
class FollowArrays:
    """What follows streams whose scale runs along, besides their gains; see `streaming.shown_range`."""

    shown: Float32
    """(stream, 3): how many samples were shown, up to `fewest`, the least and the greatest."""
    fewest: int
    widths: float
    """How far beyond what was shown values are in range, in widths of that."""
    limit: float
    """The largest value that the network can take."""
    periods: Float64 | None
    """(stream,): seconds from one sample to the next, NaN where they are not known yet; None: as `StepArrays.times`."""


@dataclass(frozen=True)
class StepArrays:
    """What a usual step reads and changes, of arrays with a row for each stream; see `streaming`."""

    low: Float32
    high: Float32
    """(1 or stream, feature): between which values are in range."""
    runs: Float32
    stuck_after: int
    last: Float64
    times: tuple[float, float, float]
    """Period, and after how many seconds a sample comes too early and too late."""
    paced: Counts
    told: int
    """What `paced` has where the pace is known to last."""
    begun: Counts
    watch: WatchArrays | None
    """None where nobody asks for intervals."""
    adapted: Float32 | None = None
    """(stream, word): what streams go on learning, see `adaptation.layout`; None where they do not."""
    anomalies: AnomalyArrays | None = None
    """None where nobody asks for anomalies; `watch` is there where somebody does."""
    follows: FollowArrays | None = None
    """None where all streams are judged by what training has shown."""


@dataclass(frozen=True)
class RunArrays:
    """What becomes of samples in a row."""

    forecasts: Float32
    """(time, horizon, target)"""
    width: Float32
    """(time, horizon, target), of the intervals after each sample; empty where nobody asks."""
    raised: Float32
    """(time,): the drift flag after each; empty where nobody asks."""
    gains: Float32
    """(time, target), that errors and intervals are multiples of after each; empty where they do not move."""
    bits: Float32
    """(time, target + 1): of surprise, the last of all targets together; empty where nobody asks."""
    alarms: Float32
    """(time,): the anomalies' codes; empty where nobody asks."""


class UsualStep(ABC):
    """Takes steps that nothing is odd about.

    For one stream there is a shorter way, `take_one`, of what is written to `sample` (input), `given` (1,) and
    `counted` (2,) before.
    """

    sample: Any
    given: Any
    counted: Any
    take_one: Any
    """Without arguments; returns what `take` does."""

    @abstractmethod
    def run(
        self, samples: Float32, given: Float64 | None, steps: int, turns: int, made: "RunArrays"
    ) -> tuple[int, int]:
        """Take samples of the first stream (time, input) in a row, up to the first that is not usual.

        Return how many were taken, and what became of the one after them, as `take` does; leave forecasts and the rest
        in `made`. `given` are times without NaN.
        """

    @abstractmethod
    def exponentials(self, numbers: Float32, out: Float32) -> Float32:
        """Write the exponentials of numbers to `out`, and return it: those that widths are made of, to the bit."""

    @abstractmethod
    def take(self, rows: Rows, samples: Float32, given: Float64 | None, steps: int, turns: int) -> int:
        """Move the streams at `rows` by a sample each, (stream, input); return TAKEN, ODD or INFINITE.

        `given` (stream,) are times in seconds since 1970, NaN where there is none; `steps` and `turns` are what
        `Ledger` and `Monitor` have counted. The ledger is the caller's to move on.
        """
