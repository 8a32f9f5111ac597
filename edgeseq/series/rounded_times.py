"""Times that are cut to a coarser unit than the samples' period: every 90 seconds, written in whole minutes.

The steps between such times alternate between two neighbouring multiples of the unit, 1 and 2 minutes here, so evenly
that the times stay within one unit of a straight line (a Beatty sequence). Samples that get lost now and then make the
same two steps, but their times leave any line within a few dozens of samples.
"""

from dataclasses import dataclass

import numpy as np

from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.reading import durations

_UNITS = (1.0, 60.0, 3600.0, 86_400.0)
"""Seconds of the units that times are written in."""

_WINDOW = 24
"""Steps over which times must stay near a line: random ones of two lengths are several units off by then."""

_MOST_PARTS = 12
"""The period is looked for among the units' halves, thirds, ... twelfths; else it is the mean."""

_ALL = 0.9
"""Part of the steps that are of the two lengths, and of the windows without a gap that stay near the line."""

_NEAR = 1.1
"""Units that times may spread about the line: one, and what a period that is nearly right tilts it."""

_SELDOM = 0.08
"""Part of the steps that have the rarer length, at least: else it is a gap now and then."""

_LATE = 1.5
"""Periods after which the next sample counts as missing, here as on the device."""


@dataclass(frozen=True)
class RoundedTimes:
    """What steps of two lengths in turn tell."""

    period: float
    """Seconds from one sample to the next."""
    unit: float
    """Seconds that the times are whole multiples of."""
    longer: float
    """Seconds of the longer of both steps."""

    @property
    def fits(self) -> bool:
        """Whether no step is so long that a sample would seem to be missing in it."""
        return self.longer < _LATE * self.period

    @property
    def note(self) -> str:
        """What a user should know of it."""
        shorter, longer = durations.text(self.longer - self.unit), durations.text(self.longer)
        seen = f"times are {shorter} and {longer} apart in turn, as of a sample every {durations.text(self.period)}"
        cut = f"whose time is cut to {durations.text(self.unit)}"
        if self.fits:
            return f"{seen} {cut}: that is taken as the period"
        return f"{seen} {cut}: the longer steps count as gaps; --time none goes by the order of the rows"


def find(steps: Float64) -> RoundedTimes | None:
    """Return what steps between times (step,), in seconds, tell of a unit that is about as long as the period.

    None where they are no two neighbouring multiples of a unit in turn, the shorter one of at most two units. Of more
    units, neither of both looks like a gap.
    """
    if len(steps) < _WINDOW or steps.min() <= 0:
        return None
    lengths = np.unique(steps[: 2 * _WINDOW])
    if len(lengths) < 2:
        return None
    shorter, longer = float(lengths[0]), float(lengths[1])
    unit = longer - shorter
    if not (np.isclose(unit, _UNITS).any() and np.isclose(shorter, [unit, 2 * unit]).any()):
        return None
    units = steps / unit
    are_longer = np.abs(units - longer / unit) < 1e-3
    are_either = are_longer | (np.abs(units - shorter / unit) < 1e-3)
    if are_either.mean() < _ALL or not _SELDOM <= are_longer.mean() <= 1 - _SELDOM:
        return None
    count = len(units) // _WINDOW
    windows = units[: count * _WINDOW].reshape(count, _WINDOW)
    windows = windows[are_either[: count * _WINDOW].reshape(count, _WINDOW).all(axis=1)]
    if not len(windows):
        return None
    mean = float(windows.mean())
    if not _are_near(windows, mean):
        return None
    likely = (round(parts * mean) / parts for parts in range(2, _MOST_PARTS + 1))
    period = next((period for period in likely if _are_near(windows, period)), mean)
    return RoundedTimes(period * unit, unit, longer)


def _are_near(windows: Float64, period: float) -> bool:
    """Whether times stay near a line in nearly all windows of steps (window, step), in units as `period` is."""
    off = np.cumsum(windows - period, axis=1)
    spread = np.maximum(off.max(axis=1), 0) - np.minimum(off.min(axis=1), 0)
    return bool((spread < _NEAR).mean() >= _ALL)
