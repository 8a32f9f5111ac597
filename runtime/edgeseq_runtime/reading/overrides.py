"""What a user says about how samples are written: it goes before what training found out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.reading import durations
from edgeseq_runtime.reading.notation import check_form
from edgeseq_runtime.reading.reading import AGGREGATES, Reading

NONE = "none"
"""Says that there is no time, or that samples are not gathered."""

_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")


@dataclass(frozen=True)
class Overrides:
    """The reading options of the commands, and of the functions that read files; None where nothing is said."""

    time: str | None = None
    """The time column, or several with commas between; "none" goes by the order of the samples."""
    time_format: str | None = None
    """How a time is written, as in `Reading.time_format`."""
    zone: str | None = None
    """IANA name of the zone of times that say none."""
    na: Sequence[str] = ()
    """Further words and numbers that stand for a missing value."""
    decimal: str | None = None
    """A point or a comma."""
    id: str | None = None
    """The column that names the sensor of each sample, where one file holds several; "none": all are of one."""
    skip_rows: int | None = None
    """Lines before the header."""
    header: bool | None = None
    """Whether a line gives the columns' names."""
    every: str | None = None
    """Intervals in which samples are gathered, such as "15min"; "none" takes them as they are."""
    aggregate: str | None = None
    """What stands for the samples of an interval: mean, sum, last or max."""
    hold: str | None = None
    """How long a value holds where no newer one comes, such as "2h"; "none": not at all."""

    def __post_init__(self) -> None:
        for name in ("every", "hold"):
            if getattr(self, name) not in (None, NONE):
                durations.parse(getattr(self, name))
        if self.decimal not in (None, ".", ","):
            raise UsageError(f"expected a point or a comma as the decimal sign, got {self.decimal!r}")
        if self.aggregate not in (None, *AGGREGATES):
            raise UsageError(
                f"expected one of {', '.join(AGGREGATES)} as what stands for the samples of an interval, "
                f"got {self.aggregate!r}"
            )
        check_form(self.time_format or "")
        if self.zone and not _ZONE.fullmatch(self.zone):
            raise UsageError(f"expected a zone's name such as Europe/Berlin, got {self.zone!r}")
        if self.skip_rows is not None and not 0 <= self.skip_rows <= 1_000_000:
            raise UsageError(f"expected 0 to 1,000,000 rows to skip, got {self.skip_rows}")

    @property
    def time_columns(self) -> tuple[str, ...] | None:
        """The columns named for the time; none for "none", None where nothing is said."""
        if self.time is None or self.time == NONE:
            return None if self.time is None else ()
        return tuple(name.strip() for name in self.time.split(","))

    def over(self, reading: Reading) -> Reading:
        """Return a reading with what is said in place of what it has; further words for missing join those it knows."""
        said = {
            "time": self.time_columns,
            "time_format": self.time_format,
            "zone": self.zone,
            "missing": tuple(dict.fromkeys((*reading.missing, *self.na))),
            "decimal": self.decimal,
            "thousands": "" if self.decimal and self.decimal == reading.thousands else None,
            "id": "" if self.id == NONE else self.id,
            "skip_rows": self.skip_rows,
            "aggregate": self.aggregate,
        }
        known = reading.replaced(**said)
        if self.every is not None:
            known = replace(known, every=None if self.every == NONE else durations.parse(self.every))
        if self.hold is not None:
            known = replace(known, hold=None if self.hold == NONE else durations.parse(self.hold))
        return replace(known, header=()) if self.header else known


class OverrideKeywords(TypedDict, total=False):
    """The fields of `Overrides` as keywords of a function."""

    time: str | None
    time_format: str | None
    zone: str | None
    na: Sequence[str]
    decimal: str | None
    id: str | None
    skip_rows: int | None
    header: bool | None
    every: str | None
    aggregate: str | None
    hold: str | None
