"""Train, validation and test: consecutive parts in time order, as `--split` names them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from edgeseq.series.series import Series, Values
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import DataError, UsageError

DEFAULT_SPLIT = "0.7:0.1:0.2"
"""The parts of a series where the user names none."""


@dataclass(frozen=True)
class Part:
    """A stretch of samples to forecast, with what precedes it."""

    values: Values
    """(time, feature), from where a stream would begin."""
    start: int
    """Row of `values` with the first sample that is to be forecast; those before it warm the state up."""
    left_out: tuple[tuple[int, int], ...] = ()
    """Rows after `start`, from and to, that are not to be forecast: what precedes the parts of further sensors."""
    seconds: Float64 | None = None
    """When each of the samples was taken, seconds since 1970 UTC (time,); None where that is not known."""

    @property
    def stretches(self) -> tuple[tuple[int, int], ...]:
        """First row and end of each run of samples that are to be forecast; one for each sensor."""
        ends = [row for pair in self.left_out for row in pair]
        edges = [self.start, *ends, len(self.values)]
        return tuple(zip(edges[::2], edges[1::2], strict=True))

    @property
    def samples(self) -> int:
        """How many samples are to be forecast."""
        return sum(stop - start for start, stop in self.stretches)

    def origins(self, horizon: int) -> npt.NDArray[np.int64]:
        """Return the rows from which all of the next `horizon` samples are to be forecast."""
        return np.concatenate([np.arange(max(start - 1, 0), stop - horizon) for start, stop in self.stretches])


@dataclass(frozen=True)
class Parts:
    """The three parts of a series. Only the training part may teach; only validation may choose."""

    train: Values
    validation: Part
    test: Part
    split: str = ""
    """As `--split` takes it; empty where the series brings parts of its own."""
    warmup: int | None = None
    """Samples of warm-up, where the series prescribes them."""
    begins: tuple[int, ...] = (0,)
    """Rows of `train` at which a sensor's samples begin."""


@dataclass(frozen=True)
class Split:
    """Three sizes: rows of the file, or fractions of it."""

    text: str
    sizes: tuple[float, float, float]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "8640:2880:2880" or "0.7:0.1:0.2". Raises `UsageError`."""
        try:
            train, validation, test = (float(size) for size in text.split(":"))
        except ValueError:
            raise UsageError(f"split: expected TRAIN:VAL:TEST in rows or fractions, got {text!r}") from None
        sizes = (train, validation, test)
        fractions = all(size < 1 for size in sizes)
        if not all(0 < size < float("inf") for size in sizes) or not (
            fractions or all(size == int(size) for size in sizes)
        ):
            raise UsageError(f"split: expected three row counts or three fractions above 0, got {text!r}")
        if fractions and sum(sizes) > 1 + 1e-9:
            raise UsageError(f"split: expected fractions that add up to 1 at most, got {text}")
        return cls(text, sizes)

    def apply(self, series: Series) -> Parts:
        """Part the series. Raises `DataError` where it has fewer rows than the split counts."""
        total = series.file_rows
        counts = [int(size * total) if size < 1 else int(size) for size in self.sizes]
        if sum(counts) > total:
            raise DataError(f"the split {self.text} needs {sum(counts)} rows; {series.name} has {total}")
        ends = [sum(counts[: part + 1]) for part in range(3)]
        train, validation, test = (int(series.rows.searchsorted(end)) for end in ends)
        return Parts(
            train=series.values[:train],
            validation=_part(series, train, validation),
            test=_part(series, validation, test),
            split=self.text,
        )


def _part(series: Series, start: int, stop: int) -> Part:
    """Return a part of a series, to be forecast from `start` on."""
    return Part(series.values[:stop], start, seconds=None if series.seconds is None else series.seconds[:stop])
