"""What a user may say about how a series is to be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self, TypedDict

from edgeseq.series import gaps


@dataclass(frozen=True)
class ReadingOptions:
    """How a file becomes a series."""

    targets: Sequence[str] = ()
    """Columns to forecast; without any, the file must have one numeric column."""
    features: Sequence[str] = ()
    """Further columns that the network sees."""
    time: str | None = None
    """The time column; None looks for an obvious one, "none" goes by the order of the rows."""
    units: Mapping[str, str] = field(default_factory=dict)
    """By column. Where a name ends with a unit in brackets, that is taken."""
    gap_limit: int = gaps.LIMIT
    """Missing samples in a row that are filled in."""
    every: str | None = None
    """Intervals over which samples are averaged, such as "15min"."""
    sort: bool = False
    """Whether rows are put in the order of their times."""
    period: float | None = None
    """Seconds from one sample to the next that a model was trained on: a series with another is refused."""
    clocks: Sequence[str] = ()
    """Features read off the samples' times, such as hour_sin."""

    @property
    def suits_the_sine(self) -> bool:
        """Whether nothing is said but what is true of the sine, which comes from no file."""
        chosen = (self.features, self.time not in (None, "none"), self.units, self.every, self.sort, self.clocks)
        return not (set(self.targets) - {"sine"} or any(chosen))

    def with_units(self, known: Mapping[str, str]) -> Self:
        """Return the same with what is known of units, which what the user says overrules."""
        return replace(self, units={**known, **self.units})


class ReadingKeywords(TypedDict, total=False):
    """The fields of `Reading` as keywords of a function."""

    targets: Sequence[str]
    features: Sequence[str]
    time: str | None
    units: Mapping[str, str]
    gap_limit: int
    every: str | None
    sort: bool
    period: float | None
    clocks: Sequence[str]
