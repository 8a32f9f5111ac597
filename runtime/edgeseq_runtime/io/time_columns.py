"""Which of a sample's names holds its time: by what it holds, where the model does not name it."""

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io.sample import Tell, WrittenTime
from edgeseq_runtime.printable import listed, shown
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.reading.times import TimeReader
from edgeseq_runtime.reading.words import MISSING_WORDS, TIME_NAMES
from edgeseq_runtime.spec import Spec

_LEAST_EPOCH = 1e8
"""Smaller numbers under a usual name are temperatures, counters and uptimes; as an epoch it is the year 1973."""


class TimeColumns:
    """Finds the time among the names that samples have.

    The columns that the reading names hold it, whatever is in them. Without them it is a column of a usual name, if
    that holds a moment: what cannot be read there is a time only to a model that goes by times.
    """

    def __init__(self, spec: Spec, reading: Reading, tell: Tell | None = None) -> None:
        self._reading, self._reader, self._tell = reading, TimeReader(reading), tell
        self._is_none = not reading.time and spec.time is not None  # a user says so
        self._is_timed = spec.is_timed
        self._has_name = bool(reading.time) and spec.is_timed
        self._taken = {feature.name for feature in spec.measured}
        self.columns: tuple[str, ...] = ()
        """Those that hold the time, joined by a blank."""
        self.settled = False
        """Whether that is known; else `settle` wants to see a sample."""
        self._candidates: tuple[str, ...] = ()
        self._are_others = False
        self._names: Sequence[str] = ()

    def begin(self, names: Sequence[str]) -> None:
        """Begin with samples of these names."""
        wanted = self._reading.time
        self._names = names
        if self.columns and all(name in names for name in self.columns):  # as those before had it
            return
        self.columns, self._candidates, self._are_others = (), (), False
        if wanted and all(name in names for name in wanted):
            self.columns = wanted
        elif not self._is_none:
            usual = usual_names(self._reading)
            free = [name for name in names if name not in self._taken]
            self._candidates = tuple(name for name in free if name.lower() in usual)
            if not self._candidates and self._has_name:
                self._candidates, self._are_others = tuple(free), True
        self.settled = not self._candidates
        if self.settled and not self.columns:
            self._say()

    def settle(self, value_of: Callable[[str], Any]) -> WrittenTime:
        """Look at what the first sample has under the usual names; return what its time is as long as that is open."""
        if self._are_others:
            return self._settle_others(value_of)
        open_ones = []
        for name in self._candidates:
            value = value_of(name)
            if value is None or (isinstance(value, str) and value.strip().lower() in MISSING_WORDS):
                open_ones.append(name)
            elif self.is_moment(value) or (self._is_timed and is_text(value)):
                self.columns, self.settled = (name,), True
                return None
        if not open_ones:
            self.settled = True
            self._say()
        return "" if open_ones and self._is_timed else None

    def _settle_others(self, value_of: Callable[[str], Any]) -> WrittenTime:
        """Look at what has no usual name: the one column that is written as a time is taken for it, and said so."""
        dated = [name for name in self._candidates if is_text(value_of(name)) and self.is_moment(value_of(name))]
        self.settled = True
        if len(dated) != 1:
            self._say()
            return None
        self.columns = (dated[0],)
        if self._tell:
            self._tell(f"the time is read from {dated[0]}; the model was trained with {listed(self._reading.time)}")
        return None

    def is_moment(self, value: Any) -> bool:
        """Whether a value can be a moment: one that is written as a time, or a number of the size of an epoch."""
        if isinstance(value, bool) or not isinstance(value, str | int | float | datetime):
            return False
        try:
            seconds = self._reader.seconds(value)
        except DataError:
            return False
        if self._reading.time_format or not math.isfinite(seconds):
            return math.isfinite(seconds)
        return is_text(value) or abs(seconds) >= _LEAST_EPOCH

    def _say(self) -> None:
        """Tell that there is no time, where the model has been trained with one."""
        if self._has_name and self._tell:
            self._tell(
                f"none of the columns is known as the time ({listed(self._names)}): gaps between samples are not seen"
            )
            self._tell = None


def usual_names(reading: Reading) -> set[str]:
    """Return names, in lower case, under which a time is looked for where those of the reading are not there."""
    return {*TIME_NAMES, *(name.lower() for name in reading.time if len(reading.time) == 1)}


def is_text(value: Any) -> bool:
    """Whether a value is text that is no number; a date of eight digits is none."""
    if not isinstance(value, str):
        return isinstance(value, datetime)
    try:
        float(value)
    except ValueError:
        return True
    text = value.strip()
    return len(text) == 8 and text.isdigit() and 1900 <= int(text[:4]) < 2100


def written(value: Any) -> WrittenTime:
    """Return a time as JSON has it; what is there and can be none as text that says what it is."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()  # half a character is none
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return value
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else shown(value)
