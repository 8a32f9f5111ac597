"""Features that need no sensor: the hour, the day of the week and of the year, each as a point on a circle.

They are part of the graph's inputs like any other feature; what reads them off a sample's time is here, and training
uses the same.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float64

_DAY = 86_400.0
CIRCLES = {
    "hour": (_DAY, 0.0),
    "weekday": (7 * _DAY, 3 * _DAY),  # 1970 began on a Thursday; a week begins on Monday
    "yearday": (365.2425 * _DAY, 0.0),  # the Gregorian calendar's mean year: a day off at most, and no leap
}
"""Name -> seconds of one turn, and how far into a turn 1970 began."""


def time_features(seconds: npt.ArrayLike, wanted: Sequence[str]) -> Float64:
    """Return the features of the names `wanted` at times (...) in seconds since 1970 UTC, (..., feature)."""
    at = np.asarray(seconds, np.float64)
    columns = []
    for name in wanted:
        kind, _, wave = name.partition("_")
        turn, begun = CIRCLES[kind]
        angle = 2 * math.pi * (((at + begun) % turn) / turn)
        columns.append(np.sin(angle) if wave == "sin" else np.cos(angle))
    return np.stack(columns, axis=-1)
