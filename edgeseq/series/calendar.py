"""What the calendar does to times: months of several lengths, and clocks that are put back in autumn."""

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.reading.times import MONTH
from edgeseq_runtime.reading.zones import local

_ENDS_OF_SUMMER = (((9, 20), (11, 10)), ((3, 20), (4, 12)))
"""Between which days clocks are put back, north and south of the equator: on a Sunday, as nearly everywhere."""

_HOURS = 3
"""Hours of the day in which that happens: up to 3 o'clock."""


_MOST_YEARS = 50

_FEW = 64
"""Times by which most series are seen to have no months."""


def months_between(seconds: Float64, zone: str = "") -> float | None:
    """Return the seconds of the months that usually lie between times (time,), as `MONTH` has them.

    None where the times are not those of the same day and time of each month, on the zone's clock.
    """
    if len(seconds) < 3 or (len(seconds) > _FEW and months_between(seconds[:_FEW], zone) is None):
        return None
    clock = np.rint(local(seconds, zone) * 1e3).astype(np.int64).astype("M8[ms]")
    months = clock.astype("M8[M]")
    within = clock - months.astype("M8[ms]")
    if (within != within[0]).any():
        return None
    usual = int(np.median(np.diff(months.astype(np.int64))))
    return usual * MONTH if usual >= 1 else None


def are_ends_of_summer(seconds: Float64, wrong: npt.NDArray[np.int64]) -> bool:
    """Whether all steps that do not go on, by the numbers of the times (time,) before them, look like clocks put back.

    Then they are few: one a year.
    """
    return 0 < len(wrong) <= _MOST_YEARS and all(_is_end_of_summer(*seconds[at : at + 2]) for at in wrong.tolist())


def _is_end_of_summer(before: float, seconds: float) -> bool:
    moment = datetime.fromtimestamp(seconds, UTC)
    on = (moment.month, moment.day)
    is_season = any(first <= on <= last for first, last in _ENDS_OF_SUMMER)
    return is_season and moment.weekday() == 6 and moment.hour <= _HOURS and -3600 <= seconds - before <= 0
