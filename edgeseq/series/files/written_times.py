"""Times of a column as they are written: what a place's clock or UTC's shows, and in which notation."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float64


@dataclass(frozen=True)
class WrittenTimes:
    """A column's times, and how they are written."""

    clock: Float64
    """Seconds since 1970 of the filled cells (cell,): UTC's where they are `utc`, else a place's clock."""
    utc: npt.NDArray[np.bool_] | bool
    """Which of them, or whether all, are UTC's."""
    time_format: str
    zoned: bool
    words: str = ""
    """How they are written, where that is not as usual."""
    has_clock: bool = True
    """Whether they tell the time of day."""
    notes: tuple[str, ...] = ()
