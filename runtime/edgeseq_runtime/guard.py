"""What looks at a sample before the network does.

A non-finite number must be caught here: onnxruntime's LSTM turns NaN into a finite, wrong forecast, so the
output cannot tell.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.errors import DataError, MissingSampleError, UsageError
from edgeseq_runtime.session import Array
from edgeseq_runtime.spec import Spec

Reading: TypeAlias = float | Sequence[float | None] | Mapping[str, float | None] | npt.NDArray[np.floating] | None
"""One sample as a caller gives it: a number for a model of one feature, else one for each feature, in the
spec's order or by name. None and non-finite numbers are missing."""

OK, IMPUTED, SKIPPED, MISSING = STATUSES = ("ok", "imputed", "skipped", "missing")
"""What happened to a sample: it was taken; the model's own forecast stood in for what was missing; it was left
out and the state stayed; or nothing could stand in, so there is no forecast and the stream starts afresh."""

POLICIES = ("impute", "skip", "error")
"""What to do with a missing sample."""

_LARGEST = float(np.finfo(np.float32).max)


class Guard:
    """Writes a sample into the network's input buffer, or tells which features are missing."""

    def __init__(self, spec: Spec, x: Array) -> None:
        self._names = [feature.name for feature in spec.features]
        self._x: Any = memoryview(x.reshape(-1).data)  # writing to an array itself takes three times as long
        self._single = len(self._names) == 1

    def admit(self, sample: Reading) -> tuple[int, ...]:
        """Write the sample's finite numbers to the buffer; return the positions of those missing.

        Raises `DataError` for a sample of the wrong length or with something that is no number.
        """
        if self._single:
            try:
                value = float(sample)  # type: ignore[arg-type]  # what is no number goes the long way round
            except (TypeError, ValueError):
                return self._admit_all(sample)
            if -_LARGEST <= value <= _LARGEST:  # false for NaN too
                self._x[0] = value
                return ()
            return (0,)
        return self._admit_all(sample)

    def _admit_all(self, sample: Reading) -> tuple[int, ...]:
        missing = []
        for position, value in enumerate(self._values(sample)):
            number = self._number(value, position)
            if number is None:
                missing.append(position)
            else:
                self._x[position] = number
        return tuple(missing)

    def _values(self, sample: Reading) -> Sequence[float | None]:
        """Return one value for each feature, in the spec's order."""
        if sample is None:
            return [None] * len(self._names)
        if isinstance(sample, Mapping):
            return [sample.get(name) for name in self._names]
        values: Sequence[float | None] = [sample]  # type: ignore[list-item]  # what is no number is refused below
        if isinstance(sample, (list, tuple, np.ndarray)):
            values = list(np.atleast_1d(sample) if isinstance(sample, np.ndarray) else sample)
        if len(values) != len(self._names):
            names = ", ".join(self._names)
            raise DataError(f"a sample has {len(values)} values; the model takes {len(self._names)} ({names})")
        return values

    def _number(self, value: float | None, position: int) -> float | None:
        if value is None:
            return None
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise DataError(f"{self._names[position]} is {value!r}, not a number") from None
        return number if -_LARGEST <= number <= _LARGEST else None


class Policy:
    """Decides what a sample with missing features leads to. `missing` is one of `POLICIES`."""

    def __init__(self, spec: Spec, missing: str) -> None:
        if missing not in POLICIES:
            raise UsageError(f"missing is {missing!r}, must be one of {', '.join(POLICIES)}")
        self._names = [feature.name for feature in spec.features]
        self._missing = missing
        self._limit = spec.gap_limit

    def judge(self, absent: tuple[int, ...], *, age: int, imputed: int) -> str:
        """Return the status of a sample whose features at `absent` are missing.

        `age` counts the stream's samples since its fresh start, `imputed` those filled in just before. Raises
        `MissingSampleError` where the policy is "error".
        """
        if self._missing == "error":
            names = ", ".join(self._names[position] for position in absent)
            raise MissingSampleError(f"the sample has no finite value for {names}")
        if self._missing == "skip" and age:
            return SKIPPED
        if age and imputed < self._limit:
            return IMPUTED
        return MISSING


def fill(x: Array, forecast: Array, absent: tuple[int, ...]) -> None:
    """Put the forecast (target,) of this sample where the sample x (feature,) lacks a target.

    A feature that is no target has no forecast; the buffer still holds its last value, and keeps it.
    """
    for position in absent:
        if position < len(forecast):
            x[position] = forecast[position]
