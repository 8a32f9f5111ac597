"""What looks at a sample before the network does, and decides what an odd one leads to.

A non-finite number must be caught here: onnxruntime's LSTM turns NaN into a finite, wrong forecast, so the
output cannot tell.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.errors import DataError, MissingSampleError
from edgeseq_runtime.printable import counted, listed, shown
from edgeseq_runtime.rules import (
    ABSENT,
    DISORDER,
    ERROR,
    FLAG,
    GAP,
    IMPUTE,
    RANGE,
    REASONS,
    SKIP,
    STUCK,
    TIME,
    Rules,
    check_policy,
)
from edgeseq_runtime.spec import Feature, Spec

RawSample: TypeAlias = float | Sequence[float | None] | Mapping[str, float | None] | npt.NDArray[np.floating] | None
"""One sample as a caller gives it: a number for a model of one feature, else one for each feature, in the
spec's order or by name. None and non-finite numbers are missing."""

Positions: TypeAlias = tuple[int, ...]

OK, IMPUTED, SKIPPED, MISSING = STATUSES = ("ok", "imputed", "skipped", "missing")
"""What happened to a sample: it was taken; the model's own forecast stood in for what was missing; it was left
out and the state stayed; or nothing could stand in, so there is no forecast and the stream starts afresh, as it does
where the model's forecast is not finite."""


@dataclass(frozen=True)
class Issue:
    """What is wrong with a sample."""

    reason: str
    """One of `rules.REASONS`."""
    rejected: Positions = ()
    """The features whose values may not be used; none for a sample that is only flagged, and is in the buffer."""
    runs: tuple[tuple[float, int], ...] = ()
    """For each target its last value, and how often in a row it has come."""


class Validator:
    """Lets whole samples into the network's input buffer x (1, 1, feature), and no others."""

    def __init__(self, spec: Spec, x: Float32, rules: Rules | None = None) -> None:
        rules = rules or Rules()
        self._names = [feature.name for feature in spec.features]
        self._limits = [feature.limit for feature in spec.features]
        self._bounds = np.array(self._limits, np.float32)
        self._ranges = [_range(feature, rules.margin) for feature in spec.features]
        self.x: Any = memoryview(x.reshape(-1).data)  # writing to an array itself takes three times as long
        # Within which a float needs no closer look; nothing is, where there are more features or a rule wants to count.
        quick = len(self._names) == 1 and not rules.stuck_after
        self.low, self.high = self._ranges[0] if quick else (math.inf, -math.inf)
        self._flags = {reason for reason in (RANGE, STUCK) if getattr(rules, reason) == FLAG}
        self._partial: list[float | None] = []
        self._plain = True  # whether the sample has been found to be in order, without a closer look
        self._stuck_after = rules.stuck_after
        self.runs: Float32 = np.zeros((len(spec.targets), 2), np.float32)
        """For each target its last value, and how often in a row it has come; kept only where a rule needs it."""

    def check(self, sample: RawSample) -> Issue | None:
        """Write a whole sample to the buffer and return None; or say what is odd.

        A sample with values that must not be used is not written. Raises `DataError` for a sample of the wrong length,
        with something in it that is no number, or, by name, with none of the features.
        """
        if type(sample) is float and self.low <= sample <= self.high:  # false for NaN too
            self.x[0] = sample  # the common case, and the fastest
            return None
        self._plain = True
        numbers = self.to_numbers(sample)
        issue = None if self._plain else self._find(numbers)
        if issue is None or not issue.rejected:
            self.x[:] = memoryview(np.array(numbers, np.float32).data)
        if issue is None:
            return None
        rejected = issue.rejected
        self._partial = [None if position in rejected else number for position, number in enumerate(numbers)]
        return issue

    def remember(self, issue: Issue) -> None:
        """Remember an odd sample that was not refused, for how long it stands still."""
        if issue.runs:
            self.runs[...] = issue.runs

    def impute(self, forecast: Float32) -> None:
        """Write the sample that was last found odd, with the forecast (target,) of it where it lacks a target.

        A feature that is no target has no forecast: the buffer still holds its last value, and keeps it.
        """
        for position, number in enumerate(self._partial):
            if number is not None:
                self.x[position] = number
            elif position < len(forecast):
                self.x[position] = forecast[position]

    def to_numbers(self, sample: RawSample) -> list[float | None]:
        """Return one number for each feature, None for what is missing. Raises `DataError` as `check` does."""
        return [self._number(value, position) for position, value in enumerate(self._values(sample))]

    def are_usable(self, samples: Float32) -> npt.NDArray[np.bool_]:
        """Return which values of samples (..., feature) the network can take."""
        return np.asarray(np.abs(samples) <= self._bounds)

    def are_clean(self, samples: Float32) -> npt.NDArray[np.bool_]:
        """Return which of samples (time, feature) lack nothing and may be used, (time,), but for standing still."""
        if RANGE not in self._flags:
            return self._within(samples)
        return np.asarray(self.are_usable(samples).all(axis=1))

    def are_flagged(self, samples: Float32) -> npt.NDArray[np.bool_]:
        """Return which of whole samples (time, feature) are outside the range all the same, (time,)."""
        return ~self._within(samples)

    def _within(self, samples: Float32) -> npt.NDArray[np.bool_]:
        low, high = np.array(self._ranges, np.float32).T
        return np.asarray(((samples >= low) & (samples <= high)).all(axis=1))

    def _find(self, numbers: list[float | None]) -> Issue | None:
        """Return what is odd about a sample's numbers; what leads to a rejection comes before what is only flagged."""
        positions: dict[str, list[int]] = {ABSENT: [], RANGE: [], STUCK: []}
        for position, (number, (low, high)) in enumerate(zip(numbers, self._ranges, strict=True)):
            if number is None:
                positions[ABSENT].append(position)
            elif not low <= number <= high:
                positions[RANGE].append(position)
        runs = self._counted(numbers) if self._stuck_after else ()
        positions[STUCK] += [position for position, (_, run) in enumerate(runs) if run > self._stuck_after]
        if not any(positions.values()):
            if runs:
                self.runs[...] = runs
            return None
        reasons = sorted(
            (reason for reason in positions if positions[reason]), key=lambda reason: reason in self._flags
        )
        rejected = {position for reason in reasons if reason not in self._flags for position in positions[reason]}
        return Issue(reasons[0], tuple(sorted(rejected)), runs)

    def _counted(self, numbers: list[float | None]) -> tuple[tuple[float, int], ...]:
        """Return `runs` with one more sample; where a target is missing its run is neither longer nor over."""
        counted = []
        for number, (last, run) in zip(numbers, self.runs.tolist(), strict=False):
            if number is None:
                counted.append((last, int(run)))
            else:
                value = float(np.float32(number))
                counted.append((value, int(run) + 1 if value == last else 1))
        return tuple(counted)

    def _values(self, sample: Any) -> Sequence[Any]:
        """Return one value for each feature, in the spec's order."""
        if sample is None:
            return [None] * len(self._names)
        if isinstance(sample, Mapping):
            return self._by_name(sample)
        if isinstance(sample, np.ndarray):
            sample = np.atleast_1d(sample).tolist()
        values = sample if isinstance(sample, (list, tuple)) else [sample]
        if len(values) != len(self._names):
            names = listed(self._names)
            raise DataError(f"the model expects {counted(len(self._names), 'value')} ({names}), got {len(values)}")
        return values

    def _by_name(self, sample: Mapping[str, Any]) -> list[Any]:
        """Return the features' values; names that are no features are ignored, sensors send more than is needed."""
        if not any(name in sample for name in self._names):
            raise DataError(f"a sample has {listed(sample) or 'nothing'}; the model takes {listed(self._names)}")
        return [sample.get(name) for name in self._names]

    def _number(self, value: Any, position: int) -> float | None:
        if value is None:
            self._plain = False
            return None
        try:
            if isinstance(value, (str, bytes)):
                raise TypeError  # noqa: TRY301 - float() would read "1_0"
            number = float(value)
        except (TypeError, ValueError):
            raise DataError(f"{self._names[position]} is {shown(value)}, not a number") from None
        except OverflowError:
            number = math.inf
        low, high = self._ranges[position]
        if low <= number <= high and not self._stuck_after:
            return number
        self._plain = False
        return number if -self._limits[position] <= number <= self._limits[position] else None


class Policy:
    """Decides what an odd sample leads to: `missing` what an absent one does, `rules` the others."""

    def __init__(self, spec: Spec, missing: str, rules: Rules | None = None) -> None:
        check_policy("missing", ABSENT, missing)
        rules = rules or Rules()
        self._names = [feature.name for feature in spec.features]
        ruled = (reason for reason in REASONS if reason not in (ABSENT, TIME))
        self._policies = {ABSENT: missing, TIME: missing} | {reason: getattr(rules, reason) for reason in ruled}
        self._gap_limit = spec.gap_limit
        self._skip_limit = rules.skip_limit

    def for_value(self, issue: Issue, *, age: int, imputed: int, skipped: int = 0) -> str:
        """Return the status of a sample that has an issue.

        `age` counts the stream's samples since its fresh start, `imputed` those filled in just before, `skipped` those
        left out just before. Where the policy is "error", raises `MissingSampleError`, or `DataError` for a value that
        is there.
        """
        policy = self._policies[issue.reason]
        if policy == ERROR:
            raise self._refusal(issue)
        if policy == FLAG:
            return OK
        if policy == SKIP and age and skipped < self._skip_limit:
            return SKIPPED
        if policy == IMPUTE and age and imputed < self._gap_limit:
            return IMPUTED
        return MISSING

    def for_time(self, lag: int, *, age: int, imputed: int, skipped: int) -> tuple[str, bool]:
        """Return the status of a sample that comes at an odd time, and whether the stream starts afresh with it.

        `lag` counts the samples that are lacking before it; below 0 its time is not after the last one's. IMPUTED: as
        many as are lacking are to be filled in first. Raises `DataError` where the policy is "error".
        """
        policy = self._policies[GAP if lag > 0 else DISORDER]
        if policy == ERROR:
            what = f"comes {lag} samples too late" if lag > 0 else "is not after the last one"
            raise DataError(f"the sample's time {what}")
        if policy == FLAG:
            return OK, False
        if policy == SKIP and age and skipped < self._skip_limit:
            return SKIPPED, False
        if policy == IMPUTE and age and imputed + lag <= self._gap_limit:
            return IMPUTED, False
        return OK, True

    def _refusal(self, issue: Issue) -> Exception:
        names = listed(self._names[position] for position in issue.rejected)
        if issue.reason in (ABSENT, TIME):
            return MissingSampleError(f"the sample has no finite value for {names}")
        if issue.reason == STUCK:
            return DataError(f"the sample has had the same value of {names} for too long")
        return DataError(f"the sample is too far outside the training part's range in {names}")


def _range(feature: Feature, margin: float) -> tuple[float, float]:
    """Return the least and the greatest value that nothing is odd about, rounded to float32.

    What never changed in training, and what is read off the time, has no range to be outside of.
    """
    largest, width = feature.limit, feature.maximum - feature.minimum
    if feature.clock or not width > 0:
        return -largest, largest
    low, high = feature.minimum - margin * width, feature.maximum + margin * width
    with np.errstate(over="ignore"):
        return max(-largest, float(np.float32(low))), min(largest, float(np.float32(high)))
