"""The one decision about how the text of a series is read: made in training, kept in the model file, obeyed after."""

import re
from dataclasses import dataclass, replace
from typing import Any, Self

from edgeseq_runtime.errors import ModelFileError, UsageError
from edgeseq_runtime.reading.notation import check_form

AGGREGATES = MEAN, SUM, LAST, MAX = ("mean", "sum", "last", "max")
"""What stands for the samples of one interval."""

_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
"""A zone's name, as the IANA database has them: no path that leads elsewhere."""

_LONGEST = 200
"""Characters of a word, a name or a notation."""


@dataclass(frozen=True)
class Reading:
    """How samples are written, and what becomes of them before the model sees them."""

    time: tuple[str, ...] = ()
    """Columns that hold the time, joined by a blank where there are several. None: samples go by their order."""
    time_format: str = ""
    """How a time is written: "" ISO 8601, or an epoch by its size; s, ms, us, ns: an epoch; excel: days since
    1899-12-30, wincc: millionths of them; year: years with decimals; else directives such as %d.%m.%Y %H:%M, which
    `notation` reads."""
    zone: str = ""
    """IANA name of the zone of times that are written without one, and of the time features; "": UTC."""
    zoned: bool = False
    """Whether times said which zone they are of."""
    missing: tuple[str, ...] = ()
    """Words and numbers that stand for no value, besides those that always do."""
    decimal: str = "."
    """What parts a number's fraction from its whole: a point or a comma."""
    thousands: str = ""
    """What parts its thousands."""
    id: str = ""
    """The column that names the stream of each sample."""
    header: tuple[str, ...] = ()
    """Names of the columns where no line gives them."""
    skip_rows: int = 0
    """Lines before the header that are none of the table's."""
    every: float | None = None
    """Seconds of the intervals that samples are gathered in, each of which is one sample of the model."""
    aggregate: str = MEAN
    """One of `AGGREGATES`."""
    hold: float | None = None
    """Seconds for which a value holds where no newer one comes: a sensor reports changes only."""
    sort: bool = False
    """Whether training put rows in the order of their times, as an evaluation then does; a stream cannot."""

    def __post_init__(self) -> None:
        _require(self.aggregate in AGGREGATES, "aggregate", f"one of {', '.join(AGGREGATES)}")
        _require(self.decimal in (".", ","), "decimal", "a point or a comma")
        _require(len(self.thousands) <= 1 and self.thousands != self.decimal, "thousands", "another single character")
        _require(self.every is None or 0.001 <= self.every <= 1e9, "every", "seconds from 0.001 to 1e9")
        _require(self.hold is None or 0 < self.hold <= 1e9, "hold", "seconds above 0, up to 1e9")
        _require(0 <= self.skip_rows <= 1_000_000, "skip_rows", "0 to 1,000,000")
        _require(not self.zone or _ZONE.fullmatch(self.zone), "zone", "a name such as Europe/Berlin")
        _require(_is_form(self.time_format), "time_format", "directives such as %d.%m.%Y, or a name that is known")
        words = (*self.time, *self.missing, *self.header, self.time_format, self.zone, self.id)
        _require(all(len(word) <= _LONGEST for word in words), "words", f"at most {_LONGEST} characters")

    @property
    def binds(self) -> bool:
        """Whether a reader that knows nothing of this would read samples otherwise; version 0.1 is one."""
        usual = replace(Reading(), time=self.time, zoned=self.zoned, skip_rows=self.skip_rows, sort=self.sort)
        return self != usual or len(self.time) > 1

    def replaced(self, **said: Any) -> Self:
        """Return the same with what a user says: arguments by the fields' names, None where nothing is said."""
        return replace(self, **{name: value for name, value in said.items() if value is not None})


def _is_form(text: str) -> bool:
    try:
        check_form(text)
    except UsageError:
        return False
    return True


def _require(condition: object, name: str, wanted: str) -> None:
    if not condition:
        raise ModelFileError(f"the spec's field reading.{name} is invalid: expected {wanted}")
