"""One sample as a caller gives it, read as numbers; and the words for what became of it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.printable import counted, listed, shown
from edgeseq_runtime.spec import RUNNING, Spec

RawSample: TypeAlias = float | Sequence[float | None] | Mapping[str, float | None] | npt.NDArray[np.floating] | None
"""One sample as a caller gives it: a number for a model of one feature, else one for each feature, in the
spec's order or by name. None and non-finite numbers are missing."""

OK, IMPUTED, SKIPPED, MISSING = STATUSES = ("ok", "imputed", "skipped", "missing")
"""What happened to a sample: it was taken; the model's own forecast stood in for what was missing; it was left
out and the state stayed; or nothing could stand in, so there is no forecast and the stream starts afresh, as it does
where the model's forecast is not finite."""


UNREAD = math.inf
"""Stands for a feature that is read off the time where a sample does not bring it; like NaN it is no number to use."""


class Reader:
    """Reads samples as numbers, one for each feature. Raises `DataError` for what is no sample."""

    def __init__(self, spec: Spec) -> None:
        self._names = [feature.name for feature in spec.features]
        self._measured = len(spec.measured)
        self._unread: list[Any] = [UNREAD] * (len(self._names) - self._measured)
        self.rounded = _as_float64 if spec.scaling == RUNNING else as_float32
        """Of streams that are counted from their first sample, what that leaves is rounded, and nothing before."""

    def read(self, sample: RawSample) -> list[float]:
        """Return one number for each feature: NaN for what is missing, `UNREAD` for what the sample's time tells."""
        return [self._number(value, position) for position, value in enumerate(self._values(sample))]

    def read_all(self, samples: Sequence[RawSample]) -> Float32:
        """Return samples as (sample, feature); see `read`."""
        count = len(self._names)
        try:
            block = np.array(samples)
        except (ValueError, OverflowError):  # samples of several lengths
            block = np.array(None)
        if block.dtype.kind in "biuf" and block.size == len(samples) * count and block.ndim <= 2:
            return self._as_told(self.rounded(block.reshape(len(samples), count)))
        rows = [self.read(sample) for sample in samples]
        return self.rounded(np.array(rows, np.float64).reshape(len(rows), count))

    def read_block(self, samples: Any) -> Float32:
        """Return a block of one stream's samples as (time, feature); `samples` are (time,) or (time, feature).

        Features of the time may lack in all of them.
        """
        try:
            block = np.asarray(samples)
        except ValueError as error:
            raise DataError(f"samples are no array of numbers: {error}") from error
        shape, features = block.shape, len(self._names)
        if block.ndim == 1 and self._measured == 1:
            block = block[:, None]
        if block.ndim != 2 or block.shape[1] not in (features, self._measured):
            raise DataError(f"samples have shape {shape}; the model takes (time, {features})")
        if block.dtype == object:  # None among numbers
            return self.rounded(np.array([self.read(row) for row in block], np.float64).reshape(len(block), features))
        if block.dtype.kind not in "biuf":
            raise DataError(f"samples are of type {block.dtype}, not numbers")
        return self.completed(self.rounded(block))

    def completed(self, block: Float32) -> Float32:
        """Return samples (..., feature) with `UNREAD` for the features of the time, where they lack."""
        lacking = len(self._names) - block.shape[-1]
        if not lacking:
            return self._as_told(block)
        return np.concatenate([block, np.full((*block.shape[:-1], lacking), UNREAD, np.float32)], axis=-1)

    def _values(self, sample: Any) -> Sequence[Any]:
        """Return one value for each feature, in the spec's order."""
        if sample is None:
            return [None] * self._measured + self._unread
        if isinstance(sample, Mapping):
            return self._by_name(sample)
        if isinstance(sample, np.ndarray):
            sample = np.atleast_1d(sample).tolist()
        values = sample if isinstance(sample, (list, tuple)) else [sample]
        lacking = len(self._names) - len(values)
        if lacking and len(values) == self._measured:
            return [*values, *self._unread]
        if lacking:
            names = listed(self._names)
            raise DataError(f"the model expects {counted(len(self._names), 'value')} ({names}), got {len(values)}")
        return [*values[: self._measured], *map(_told, values[self._measured :])] if self._unread else values

    def _as_told(self, block: Float32) -> Float32:
        """Return whole samples with NaN for features of the time that are given and infinite, which `UNREAD` is not."""
        if not self._unread or not np.isinf(block[..., self._measured :]).any():
            return block
        block = block.copy()
        features = block[..., self._measured :]
        features[np.isinf(features)] = np.nan
        return block

    def _by_name(self, sample: Mapping[str, Any]) -> list[Any]:
        """Return the features' values; names that are no features are ignored, sensors send more than is needed."""
        if not any(name in sample for name in self._names):
            raise DataError(f"a sample has {listed(sample) or 'nothing'}; the model takes {listed(self._names)}")
        measured = [sample.get(name) for name in self._names[: self._measured]]
        return measured + [_told(sample[name]) if name in sample else UNREAD for name in self._names[self._measured :]]

    def _number(self, value: Any, position: int) -> float:
        return value if type(value) is float else as_number(value, self._names[position])


def as_number(value: Any, name: str) -> float:
    """Return what a program gives as a number, NaN for None. Raises `DataError` for text and other things."""
    if value is None:
        return math.nan
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError  # noqa: TRY301 - float() would read "1_0"
        return float(value)
    except (TypeError, ValueError):
        raise DataError(f"{name} is {shown(value)}, not a number") from None
    except OverflowError:
        return math.inf


def _told(value: Any) -> Any:
    """Return a feature of the time that is given; None where it is infinite, which `UNREAD` is not."""
    return None if isinstance(value, (int, float)) and math.isinf(value) else value


def as_float32(block: npt.NDArray[Any]) -> Float32:
    """Return numbers as float32: what that cannot hold becomes infinite, and so missing."""
    if block.dtype == np.float32:
        return block
    with np.errstate(over="ignore"):
        return block.astype(np.float32)


def _as_float64(block: npt.NDArray[Any]) -> Any:
    return block.astype(np.float64)
