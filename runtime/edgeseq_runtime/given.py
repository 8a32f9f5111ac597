"""What a pool is given, as arrays: samples, their times, and the values known ahead, by stream or for all."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32, Float64
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.printable import shown
from edgeseq_runtime.reading.times import TimeReader, is_one, require_one_each
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.known_values import KnownReader
from edgeseq_runtime.streaming.validation import RawSample, Reader

Name = TypeVar("Name")

Times: TypeAlias = tuple[Float64, npt.NDArray[np.bool_]]
"""The times of samples (stream,), and which of them cannot be read."""


class GivenReader:
    """Reads what a step of many streams is given, of a model with this spec. Raises `DataError` for what it is not."""

    def __init__(self, spec: Spec, times: TimeReader) -> None:
        self._spec, self._times = spec, times
        self._reader, self._known = Reader(spec), KnownReader(spec)

    def samples_by_name(self, samples: Mapping[Any, RawSample], known: Any) -> Float32:
        """Return samples (stream, inputs), with the values ahead of the streams, by name."""
        block = self._reader.read_all(list(samples.values()))
        if known is None and not self._known:
            return block
        known = {} if known is None else known
        if not isinstance(known, Mapping):
            raise DataError("known: expected the values ahead of each stream by its name")
        strange = next((name for name in known if name not in samples), None)
        if strange is not None:
            raise DataError(f"known has {shown(strange)}, of which there is no sample")
        return self._known.with_ahead(block, self._known.read_all([known.get(name) for name in samples]))

    def samples_of_all(self, block: npt.NDArray[Any], shape: tuple[int, ...], known: Any) -> Float32:
        """Return samples (..., stream, inputs) as the network takes them; `shape` is that of all axes but the last."""
        features, measured = (*shape, len(self._spec.features)), (*shape, len(self._spec.measured))
        if block.shape not in (features, measured) and not (measured[-1] == 1 and block.shape == shape):
            axes = "(time, stream, feature)" if len(shape) > 1 else "(stream, feature)"
            raise DataError(f"samples have shape {block.shape}; the pool takes {axes} = {features}")
        if block.dtype.kind not in "biuf":
            raise DataError(f"samples are of type {block.dtype}, not numbers; NaN is a missing one")
        if block.ndim < len(features):
            block = block[..., None]
        block = self._reader.completed(self._reader.rounded(block))
        return self._known.with_ahead(block, self._known.read_block(known, block.shape[:-1]))

    def times_by_name(self, names: Iterable[Name], times: Any, last_of: Callable[[Name], float]) -> Times:
        """Return the times of streams by name, or one for all; `last_of` tells that of a stream's sample before."""
        each = [times.get(name) if isinstance(times, Mapping) else times for name in names]
        if self._times.zone is None:
            return self._times.read_all(each)
        return self._times.read_all(each, np.array([last_of(name) for name in names]))

    def times_of_all(self, times: Any, last: Float64) -> Times:
        """Return the times (stream,) of all streams, or one for all; `last` (stream,) are those before."""
        count = len(last)
        if is_one(times) and self._times.zone is None:  # what it says does not depend on the time before
            seconds, unread = self._times.read_all([times])
            return np.repeat(seconds, count), np.repeat(unread, count)
        if is_one(times):
            times = [times] * count
        require_one_each(times, count, "streams")
        return self._times.read_all(times, last)
