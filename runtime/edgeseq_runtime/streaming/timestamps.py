"""One stream's time: when a sample comes, how many are missing before it, and the features that are read off it."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io.grammar import EPOCHS, LONGEST_NUMBER
from edgeseq_runtime.printable import shown
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.time_features import time_features

Time: TypeAlias = str | float | datetime | None
"""ISO 8601, seconds since 1970, or milli-, micro- or nanoseconds; without a zone it is UTC. A leap second is the one
before it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WITHOUT_ZONE = datetime(1970, 1, 1)

_MOST_PERIODS = 1e9
"""A gap counts as no longer than this."""


def to_seconds(time: Time) -> float:
    """Return a time as seconds since 1970 UTC, NaN for None. Raises `DataError` for what is no time."""
    if time is None:
        return math.nan
    try:
        if isinstance(time, str):
            text = time.strip()
            time = float(text) if is_epoch(text) else _from_iso(text)
        if isinstance(time, datetime):
            return (time - (_EPOCH if time.tzinfo else _EPOCH_WITHOUT_ZONE)).total_seconds()
        number = float(time)
        if math.isinf(number):
            raise ValueError  # noqa: TRY301 - the same word for all that is no time
    except (ValueError, TypeError, OverflowError):
        raise DataError(f"{shown(time)} is not a time") from None
    return number / next((fractions for least, fractions in EPOCHS if abs(number) >= least), 1.0)


def is_time(time: Time) -> bool:
    """Whether `to_seconds` can read it."""
    try:
        to_seconds(time)
    except DataError:
        return False
    return True


def is_epoch(text: str) -> bool:
    """Whether the text is an epoch; eight digits are a date."""
    return len(text) != 8 and len(text) <= LONGEST_NUMBER and text.replace(".", "", 1).lstrip("-").isdigit()


def _from_iso(text: str) -> datetime:
    """Read ISO 8601. Raises `ValueError`; `datetime` knows no second 60."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        date, mark, time = text.partition("T" if "T" in text else " ")
        at = 6 if time[2:3] == ":" else 4
        if time[at : at + 2] != "60":
            raise
        return datetime.fromisoformat(f"{date}{mark}{time[:at]}59{time[at + 2 :]}")


class Clock:
    """One stream's time: when a sample comes, how many lack before it, and the features that are read off it."""

    def __init__(self, spec: Spec) -> None:
        self._names = [feature.name for feature in spec.features]
        self.measured = len(spec.measured)
        """How many features come from sensors; they stand before the others."""
        self._time_features = self._names[self.measured :]
        self._period = spec.period or math.nan
        self.seconds = math.nan
        """Time of the last sample that was taken, in seconds since 1970 UTC; NaN before the first."""

    def __bool__(self) -> bool:
        return bool(self._time_features)

    def commit(self, seconds: float) -> None:
        """Take note that the sample at `seconds` has been taken; NaN: its time is not known."""
        self.seconds = seconds

    def features_ahead(self, steps: int) -> Float64:
        """Return the features of the next samples' times, (steps, feature)."""
        return time_features(self.next_times(steps), self._time_features)

    def next_times(self, steps: int) -> Float64:
        """Return the times of the next samples, a period apart, (steps,); NaN where they are unknown."""
        return np.asarray(self.seconds + self._period * np.arange(1, steps + 1), np.float64)

    def resolve(self, time: Time) -> float:
        """Return a sample's time in seconds: as given, or a period after the one before; NaN where neither is known.

        Raises `DataError` for what is no time; `resolve(None)` says when such a sample is taken.
        """
        given = to_seconds(time)
        return self.seconds + self._period if math.isnan(given) else given

    def missing_before(self, seconds: float) -> int:
        """Return how many samples lack before one at `seconds`; -1 where that is not after the last one's time."""
        passed = seconds - self.seconds
        if passed <= 0:
            return -1
        periods = passed / self._period
        return max(0, round(min(periods, _MOST_PERIODS)) - 1) if periods > 1 else 0  # NaN: nothing is known to lack

    def are_on_time(self, seconds: Float64) -> npt.NDArray[np.bool_]:
        """Return which of the times (time,) come when they should after the one before, as `missing_before` has it."""
        passed = np.diff(seconds, prepend=seconds[:1] - 1)
        late = passed >= 1.5 * self._period
        late[:1] = False  # who knows the time before the first asks `missing_before`
        return np.asarray(~(late | (passed <= 0)))

    def with_time_features(self, sample: Any, seconds: float, *, may_lack: bool = False) -> Any:
        """Return a sample with the features of its time, where it does not bring them itself.

        Where features are lacking and no time is known, they are None if they `may_lack`; else raises `DataError`.
        """
        if not self._time_features:
            return sample
        if isinstance(sample, Mapping):
            lacking = [name for name in self._time_features if name not in sample]
            return {**sample, **self._features(lacking, seconds, may_lack)} if lacking else sample
        is_row = isinstance(sample, (list, tuple, np.ndarray)) and np.ndim(sample) > 0
        values = list(sample) if is_row else [sample] * self.measured if sample is None else [sample]
        if len(values) == len(self._names):
            return values
        return [*values, *self._features(self._time_features, seconds, may_lack).values()]

    def block_with_time_features(self, samples: Any, seconds: Float64, unread: npt.NDArray[np.bool_]) -> Any:
        """Return samples (time,) or (time, measured feature) as (time, feature); complete ones stay as they are.

        Features are NaN where no time is known and the sample's own is `unread` (time,), as `resolve_block` says.
        """
        block = np.asarray(samples)
        if not self._time_features or (block.ndim == 2 and block.shape[1] == len(self._names)):
            return samples
        if not (np.isfinite(seconds) | unread).all():
            raise self._no_time()
        return np.column_stack([block, time_features(seconds, self._time_features)])

    def resolve_block(self, times: Sequence[Time] | None, count: int) -> tuple[Float64, npt.NDArray[np.bool_]]:
        """Return the times of a block of `count` samples (time,) as `resolve` has them for one after the other.

        Beside them which cannot be read (time,).
        """
        unread = np.zeros(count, np.bool_)
        if times is None:
            return self.next_times(count), unread
        if len(times) != count:
            raise DataError(f"{count} samples have {len(times)} times")
        before, resolved = self.seconds, []
        try:
            for row, time in enumerate(times):
                try:
                    self.seconds = self.resolve(time)
                except DataError:
                    self.seconds, unread[row] = self.resolve(None), True
                resolved.append(self.seconds)
        finally:
            self.seconds = before
        return np.array(resolved, np.float64), unread

    def _features(self, wanted: Sequence[str], seconds: float, may_lack: bool) -> Mapping[str, float | None]:
        if not math.isfinite(seconds):
            if may_lack:
                return dict.fromkeys(wanted)
            raise self._no_time()
        return dict(zip(wanted, time_features(seconds, wanted).tolist(), strict=True))

    def _no_time(self) -> DataError:
        return DataError(f"the model sees {', '.join(self._time_features)}: give each sample its time")
