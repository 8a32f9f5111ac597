"""What may be found odd about a sample, and what each finding leads to.

A sample's *reason* says what was found, its *status* (see `validation.STATUSES`) what became of it: a value outside the
range may be taken all the same ("ok", "range"), or the model's own forecast may stand in for it ("imputed", "range").
"""

from dataclasses import dataclass

from edgeseq_runtime.errors import UsageError

# New ones at the end: they are counted.
REASONS = ("absent", "range", "stuck", "gap", "disorder", "time", "confirm", "pace", "known")
ABSENT, RANGE, STUCK, GAP, DISORDER, TIME, CONFIRM, PACE, KNOWN = REASONS
"""No finite number for a feature; far outside the training part's range; a target that stands still; samples that are
lacking before this one, by its time; a time that repeats or runs backwards; a time that cannot be read, or that is more
than a thousand periods ahead and not confirmed; a value that the next ones have to confirm; samples that come faster or
slower than those that the model was trained on, which only the sample has at which it is found; values known ahead that
are not all there, so that others stand in, as `streaming.known_ahead` says.

A sample whose time cannot be read is taken as a period after the one before, and no rule is asked; where the model sees
the time and none is known, it is missing. So is one whose time is `FAR_AHEAD` periods or more after the last: where the
next sample goes on from there the jump was real, and is a gap."""

FAR_AHEAD = 1000
"""Periods that a time may be ahead of the last one and be believed at once."""

ANOTHER_RATE = 1.5
"""Ratio of two periods from which they are not the same: months have 28 to 31 days, and clocks jitter."""

CONFIRMED_BY = 3
"""Values in a row, far from what the series has shown and near each other, of which the last is taken."""

FLAG, IMPUTE, SKIP, RESET, ERROR = "flag", "impute", "skip", "reset", "error"

POLICIES = {
    ABSENT: (IMPUTE, SKIP, RESET, ERROR),
    RANGE: (CONFIRM, FLAG, IMPUTE, SKIP, RESET, ERROR),
    STUCK: (FLAG, IMPUTE, SKIP, RESET, ERROR),
    GAP: (IMPUTE, FLAG, RESET, ERROR),
    DISORDER: (SKIP, FLAG, RESET, ERROR),
}
"""What each finding may lead to.

flag: the sample is taken, and the reason tells. confirm: so is it where it lies near the last value; one that does not
is held back, as impute has it, until `CONFIRMED_BY` of them in a row lie near each other. impute: the model's own
forecast stands in, at most `spec.gap_limit` times in a row, then the stream starts afresh; for a gap, once for each
sample that is lacking. skip: the sample is left out and the state stays, at most `Rules.skip_limit` times in a row,
then the stream starts afresh. reset: the stream starts afresh, with this sample where it is a good one. error: the
sample is refused, the state stays.
"""


@dataclass(frozen=True)
class Rules:
    """What odd samples lead to; what absent ones do is the argument `missing` of `Predictor`.

    Raises `UsageError` for a policy that is none of the reason's, and for a number below 0.
    """

    range: str = CONFIRM
    """By default a glitch is held back, and a series that rises reaches values that are new and true."""
    margin: float = 1.0
    """How far outside the training part's range a value may lie, in units of the feature's spread; see
    `streaming.screening`."""
    stuck: str = FLAG
    """What a target leads to that has had the same value more than `stuck_after` times in a row."""
    stuck_after: int = 0
    """How many samples in a row may have the same value of a target; 0: any number. A feature that is no target
    may stand still for ever, as a switch does."""
    gap: str = IMPUTE
    """What samples lead to that are lacking before this one, by its time."""
    disorder: str = SKIP
    """What a time leads to that repeats or runs backwards."""
    skip_limit: int = 100
    """Samples left out in a row before the stream starts afresh: a clock that was set back must not end it."""

    def __post_init__(self) -> None:
        for reason in (RANGE, STUCK, GAP, DISORDER):
            check_policy(reason, reason, getattr(self, reason))
        if not self.margin >= 0:
            raise UsageError(f"margin: expected at least 0, got {self.margin}")
        for name in ("stuck_after", "skip_limit"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name}: expected at least 0, got {getattr(self, name)}")


def check_policy(name: str, reason: str, policy: str) -> None:
    """Raise `UsageError` where `policy`, given as `name`, is none of those for the reason."""
    if policy not in POLICIES[reason]:
        raise UsageError(f"{name}: expected one of {', '.join(POLICIES[reason])}, got {policy!r}")


AS_THEY_ARE = Rules(range=FLAG)
"""What figures about a model are made with: its forecasts of the samples as they are."""
