"""What an odd sample leads to: one decision for one sample, whatever it was found by."""

from collections.abc import Sequence

from edgeseq_runtime.errors import DataError, MissingSampleError
from edgeseq_runtime.printable import listed
from edgeseq_runtime.rules import (
    ABSENT,
    CONFIRM,
    DISORDER,
    ERROR,
    FLAG,
    GAP,
    IMPUTE,
    RANGE,
    SKIP,
    STUCK,
    TIME,
    Rules,
    check_policy,
)
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.validation import IMPUTED, MISSING, OK, SKIPPED


class Policy:
    """Decides what an odd sample leads to: `missing` what an absent one does, `rules` the others."""

    def __init__(self, spec: Spec, missing: str, rules: Rules) -> None:
        check_policy("missing", ABSENT, missing)
        self._names = [feature.name for feature in spec.features]
        self._policies = {ABSENT: missing, TIME: missing, CONFIRM: IMPUTE}
        self._policies |= {reason: getattr(rules, reason) for reason in (RANGE, STUCK, GAP, DISORDER)}
        self._gap_limit, self._skip_limit = spec.gap_limit, rules.skip_limit
        self.flagged = {reason for reason in (RANGE, STUCK) if self._policies[reason] == FLAG}
        """Reasons for which a value is taken all the same."""
        self.confirms = self._policies[RANGE] == CONFIRM
        """Whether a value out of range is held back until those after it confirm it."""
        self.doubts_range = RANGE in self.flagged
        """Whether a value out of range is taken without having been confirmed."""
        if self.confirms:
            self.flagged.add(RANGE)

    def for_value(self, reason: str, rejected: Sequence[int], *, age: int, imputed: int, skipped: int) -> str:
        """Return the status of a sample whose values at the features `rejected` may not be used.

        `age` counts the stream's samples since its fresh start, `imputed` those filled in just before, `skipped` those
        left out just before. Where the policy is "error", raises `MissingSampleError`, or `DataError` for a value that
        is there.
        """
        policy = self._policies[reason]
        if policy == ERROR:
            raise self._refusal(reason, rejected)
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

    def _refusal(self, reason: str, rejected: Sequence[int]) -> Exception:
        names = listed(self._names[position] for position in rejected)
        if reason in (ABSENT, TIME):
            return MissingSampleError(f"the sample has no finite value for {names}")
        if reason == STUCK:
            return DataError(f"the sample has had the same value of {names} for too long")
        return DataError(f"the sample is too far outside the training part's range in {names}")
