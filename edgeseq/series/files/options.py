"""What a user may say about how a series is to be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Self

from edgeseq.series import gaps
from edgeseq_runtime.reading.overrides import NONE, OverrideKeywords, Overrides


@dataclass(frozen=True)
class ReadingOptions(Overrides):
    """How a file becomes a series: what is said of its text, and which of its columns are meant."""

    targets: Sequence[str] = ()
    """Columns to forecast; without any, the file must have one numeric column."""
    features: Sequence[str] = ()
    """Further columns that the network sees."""
    known: Sequence[str] = ()
    """Columns whose values are known ahead of their time, which the network sees over the horizon."""
    units: Mapping[str, str] = field(default_factory=dict)
    """By column. Where a name ends with a unit in brackets, that is taken."""
    gap_limit: int = gaps.LIMIT
    """Missing samples in a row that are filled in."""
    sort: bool = False
    """Whether rows are put in the order of their times."""
    period: float | None = None
    """Seconds from one sample to the next that a model was trained on: a series with another is refused."""
    clocks: Sequence[str] = ()
    """Features read off the samples' times, such as hour_sin."""

    @property
    def suits_the_sine(self) -> bool:
        """Whether nothing is said but what is true of the sine, which comes from no file."""
        said = {one.name: getattr(self, one.name) for one in fields(self)}
        of_files = [value for name, value in said.items() if name not in ("targets", "gap_limit", "period")]
        return not (set(self.targets) - {"sine"} or any(value and value != NONE for value in of_files))

    @property
    def tells_apart(self) -> bool:
        """Whether a column tells several sensors of one file apart."""
        return self.id not in (None, "", NONE)

    def with_units(self, known: Mapping[str, str]) -> Self:
        """Return the same with what is known of units, which what the user says overrules."""
        return replace(self, units={**known, **self.units})


class ReadingKeywords(OverrideKeywords, total=False):
    """The fields of `ReadingOptions` as keywords of a function."""

    targets: Sequence[str]
    features: Sequence[str]
    known: Sequence[str]
    units: Mapping[str, str]
    gap_limit: int
    sort: bool
    period: float | None
    clocks: Sequence[str]
