"""Values known ahead as a caller gives them, read as numbers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.printable import listed, shown
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.validation import as_float32, as_number

KnownValues: TypeAlias = (
    Mapping[str, Sequence[float | None]]
    | npt.NDArray[Any]
    | Sequence[Sequence[float | None]]
    | Sequence[float | None]
    | None
)
"""The columns known ahead, from one step after the sample on: (horizon, column), of one column (horizon,) too, or a
list for each column by its name. None and non-finite numbers are not known, and neither is what lacks at the end."""


class KnownReader:
    """Reads values known ahead. Raises `DataError` for what is none."""

    def __init__(self, spec: Spec) -> None:
        self.names = [column.name for column in spec.known]
        self._features, self._horizon = len(spec.features), spec.horizon
        self._shape = (spec.horizon, len(self.names))
        self.nothing = np.full(spec.horizon * len(self.names), np.nan, np.float32)
        """What is read where a sample says nothing."""

    def __bool__(self) -> bool:
        """Whether the model has such columns."""
        return bool(self.names)

    def read(self, known: KnownValues) -> Float32:
        """Return the values of one sample (horizon * column,), as they stand in its row; NaN: not known."""
        if known is None:
            return self.nothing
        if not self.names:
            raise DataError("the model has no columns known ahead; it takes no known=")
        if isinstance(known, Mapping):
            return self._by_name(known)
        block = _as_array(known)
        shape = block.shape
        if shape == (0,):
            return self.nothing
        if block.ndim == 1 and self._shape[1] == 1:
            block = block[:, None]
        if block.ndim != 2 or block.shape[1] != self._shape[1] or len(block) > self._horizon:
            raise DataError(
                f"known has shape {shape}; the model takes (horizon, column) = {self._shape}: "
                f"{listed(self.names)} at each step ahead"
            )
        return self._padded(block).reshape(-1)

    def read_all(self, known: Sequence[KnownValues]) -> Float32:
        """Return the values of several samples (sample, horizon * column)."""
        return np.array([self.read(one) for one in known], np.float32).reshape(len(known), self.nothing.size)

    def read_block(self, known: Any, before: tuple[int, ...]) -> Float32:
        """Return the values of samples that lie in an array (*before, horizon, column), as (*before, horizon * column).

        Of one column `known` may be (*before, horizon) too; None: nothing is known.
        """
        if known is None:
            return np.broadcast_to(self.nothing, (*before, self.nothing.size))
        if not self.names:
            raise DataError("the model has no columns known ahead; it takes no known=")
        block = _as_array(known)
        if block.shape == (*before, self._horizon) and self._shape[1] == 1:
            block = block[..., None]
        if block.shape != (*before, *self._shape):
            raise DataError(f"known has shape {block.shape}; the model takes {(*before, *self._shape)}")
        return block.reshape(*before, self.nothing.size)

    def window(self, said: Sequence[float | None]) -> Float32 | None:
        """Return the values of a sample as a line says them, step after step, as (horizon, column); None for none."""
        return as_float32(np.array(said, np.float64)).reshape(self._shape) if said else None

    def windows(self, said: Sequence[Sequence[float | None]]) -> Float32 | None:
        """Return the same of several samples, (sample, horizon, column); None where none says anything."""
        if not any(said):
            return None
        nothing = self.nothing.tolist()
        return as_float32(np.array([one or nothing for one in said], np.float64)).reshape(-1, *self._shape)

    def with_ahead(self, block: Float32, ahead: Float32) -> Float32:
        """Return samples (..., feature) as the network takes them, (..., inputs)."""
        return np.concatenate([block, ahead], axis=-1) if self.names else block

    def _by_name(self, known: Mapping[str, Any]) -> Float32:
        unknown = [name for name in known if name not in self.names]
        if unknown:
            raise DataError(f"the model knows nothing ahead of {shown(unknown[0])}; it does of {listed(self.names)}")
        block = np.full(self._shape, np.nan, np.float32)
        for column, name in enumerate(self.names):
            values = known.get(name)
            if values is None:
                continue
            one = self._list(name, values)
            block[: len(one), column] = one
        return block.reshape(-1)

    def _list(self, name: str, values: Any) -> Float32:
        if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
            raise DataError(f"the values of {name} ahead are {shown(values)}; expected a list")
        try:
            one = _as_array(values)
        except DataError as error:
            raise DataError(f"the values of {name} ahead: {error}") from None
        if one.ndim != 1 or len(one) > self._horizon:
            raise DataError(
                f"{name} has values ahead of shape {one.shape}; expected a list of {self._horizon}, one for each step"
            )
        return one

    def _padded(self, block: Float32) -> Float32:
        lacking = self._horizon - len(block)
        return np.pad(block, ((0, lacking), (0, 0)), constant_values=np.nan) if lacking else block


def _as_array(values: Any) -> Float32:
    """Return numbers in lists or an array as float32, NaN for None. Raises `DataError` for what is no number."""
    try:
        block = np.asarray(values if hasattr(values, "__array__") else list(values))
    except (ValueError, TypeError) as error:
        raise DataError("known: expected a list of numbers, or lists of the same length") from error
    if block.dtype == object:
        flat = [as_number(value, "a value known ahead") for value in block.reshape(-1).tolist()]
        block = np.array(flat, np.float64).reshape(block.shape)
    if block.dtype.kind not in "biuf":
        raise DataError(f"known: expected numbers, got {shown(values)}")
    return as_float32(block)
