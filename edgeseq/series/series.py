"""The series as a table: one row a sample, one column a feature."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32, Float64
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.spec import Sensor

Values: TypeAlias = Float32
"""Samples (time, column), in the columns' units; NaN where there is none. Float32 is what the device sees."""


@dataclass(frozen=True)
class Series:
    """Samples in time order, evenly spaced: where rows were missing in the file, rows of NaN stand in."""

    name: str
    columns: tuple[str, ...]
    """Names: the features, of which the targets come first, then the columns that are known ahead."""
    units: tuple[str, ...]
    targets: int
    """How many of the columns are forecast."""
    values: Values
    rows: npt.NDArray[np.int64]
    """Row of the file that each sample stands in or, for one put in, before; (time,)."""
    time: str | None = None
    """Name of the time column."""
    period: float | None = None
    """Seconds from one sample to the next."""
    clocks: int = 0
    """How many of the features, the last ones, are read off the time."""
    known: int = 0
    """How many of the columns, the last ones, are known ahead of their time; nothing lacks in them."""
    sensors: tuple[Sensor, ...] = ()
    """Those whose samples lie one after the other here, in the typical one's numbers; empty for a single series."""
    seconds: Float64 | None = None
    """When each sample was taken, seconds since 1970 UTC (time,); None where that is not known."""
    reading: Reading | None = None
    """How the file's text was read; None where there is none."""
    notes: tuple[str, ...] = ()
    """What was decided in reading, and what was in doubt; a line each."""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def features(self) -> int:
        """How many of the columns are features."""
        return len(self.columns) - self.known

    @property
    def measured(self) -> int:
        """How many of the columns, the first ones, come from sensors."""
        return self.features - self.clocks

    @property
    def file_rows(self) -> int:
        """Rows in the file, which is what `--split` counts."""
        return int(self.rows[-1]) + 1 if len(self.rows) else 0
