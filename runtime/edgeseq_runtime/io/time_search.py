"""Which names of a sample hold its time, and how that is written, by what one sample has under them.

Training decides this over all rows of a file; a stream of any sensor has its first sample only.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.printable import listed, shown
from edgeseq_runtime.reading.guessing import TIME_OF_DAY, guessed
from edgeseq_runtime.reading.notation import Notation
from edgeseq_runtime.reading.number_times import FIRST_PLAUSIBLE, LAST_PLAUSIBLE, by_size
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.reading.time_names import HOURS, PART_FORM, PARTS, is_usual
from edgeseq_runtime.reading.times import TimeReader, is_number

_DIGITS = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
"""Notations of whole numbers, by their digits."""

_SPREADSHEET = (20_000, 80_000)
"""Days of spreadsheets: 1954 to 2119."""

_DATE, _DAY, _CLOCK, _EPOCH, _COUNTER = "date", "day", "clock", "epoch", "counter"
"""What a cell may be: a date with its time of day, one without, a time of day, and numbers."""


class Found(NamedTuple):
    """Where the time stands."""

    names: tuple[str, ...] = ()
    """Joined by a blank where there are several; none: samples go by their order."""
    form: str | None = None
    """How it is written, as `Reading.time_format`; None: the first one that is filled tells."""
    doubt: str = ""
    """What a user should know of the choice."""


class _Look(NamedTuple):
    kind: str = ""
    form: str | None = None


def find(cells: Mapping[str, Any], reading: Reading, *, named: bool = True) -> Found:
    """Return which of a sample's names hold the time; `named` says that they are names and not places in a row."""
    looks = {name: _look(name, cell, reading, named=named) for name, cell in cells.items()}
    dates = [name for name, look in looks.items() if look.kind in (_DATE, _DAY)]
    if dates:
        return _of_dates(dates, looks, cells)
    parts = _parts(cells)
    if parts:
        return Found(parts, " ".join(PART_FORM.split()[: len(parts)]))
    numbers = [name for name, look in looks.items() if look.kind == _EPOCH and (is_usual(name) or not named)]
    counters = [name for name, look in looks.items() if look.kind == _COUNTER]
    empty = [name for name, cell in cells.items() if len(name) > 1 and is_usual(name) and _is_empty(cell)]
    chosen = (numbers or counters or empty)[:1]
    if chosen:
        return Found(tuple(chosen), looks[chosen[0]].form)
    doubtful = [name for name, look in looks.items() if look.kind == _EPOCH]
    if doubtful:
        what = f"{doubtful[0]} holds {shown(cells[doubtful[0]])}, which may be a time"
        return Found(doubt=f"{what}: it is taken for a value; --time {doubtful[0]} says otherwise")
    return Found()


def form_of(text: str) -> tuple[str, str]:
    """Return how a time is written, "" for what needs no notation; and what is in doubt about that, or ""."""
    if is_number(text) or TimeReader().is_time(text):
        return "", ""
    readings = {form: moment for form in guessed(text) if (moment := Notation(form).read(text))}
    if not readings:
        return "", ""
    first, *others = readings
    other = next((form for form in others if readings[form] != readings[first]), None)
    doubt = (
        f"{shown(text)} may be {first} or {other}: the first is taken; --time-format says otherwise" if other else ""
    )
    return first, doubt


def _look(name: str, cell: Any, reading: Reading, *, named: bool) -> _Look:
    """Return what one cell may be."""
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        return _Look()
    text = cell.strip() if isinstance(cell, str) else repr(cell)
    if reading.time_format:
        return _look_for(name, text, reading)
    if is_number(text):
        return _look_at_number(name, text, named=named)
    is_clock = TIME_OF_DAY.fullmatch(text) and (":" in text or "." in text)
    if is_clock and not Notation("%d.%m.%y").read(text):
        return _Look(_CLOCK)
    if TimeReader().is_time(text):
        return _Look(_DATE if ":" in text or "T" in text else _DAY)
    form, _ = form_of(text)
    return _Look(_DATE if "%H" in form or "%I" in form else _DAY) if form else _Look()


def _look_for(name: str, text: str, reading: Reading) -> _Look:
    """Return whether a cell is a time that is written as a user says."""
    form = reading.time_format
    if "%" in form:
        return _Look(_DATE, form) if Notation(form).read(text) else _Look()
    return _Look(_EPOCH, form) if is_usual(name) and is_number(text.replace(",", ".")) else _Look()


def _look_at_number(name: str, text: str, *, named: bool) -> _Look:
    number, usual = float(text), is_usual(name)
    form = _DIGITS.get(len(text)) if text.isdigit() and (usual or len(text) == 14) else None
    if form and 1980 <= int(text[:4]) < 2100 and Notation(form).read(text):
        return _Look(_DATE, form)
    if FIRST_PLAUSIBLE <= number / by_size(number) < LAST_PLAUSIBLE:
        return _Look(_EPOCH)
    if not (usual and named) or (
        len(name) == 1 and (name != "t" or number != math.floor(number))
    ):  # T is a temperature
        return _Look()
    is_spreadsheet = _SPREADSHEET[0] <= number < _SPREADSHEET[1] and number != math.floor(number)
    return _Look(_COUNTER, "excel" if is_spreadsheet else "s")


def _of_dates(dates: list[str], looks: Mapping[str, _Look], cells: Mapping[str, Any]) -> Found:
    """Return the dates that are meant: of a usual name, and with a time of day, first."""
    ranked = sorted(dates, key=lambda name: (not is_usual(name), looks[name].kind != _DATE))
    chosen = ranked[0]
    others = [name for name in ranked[1:] if is_usual(name) == is_usual(chosen) and looks[name] == looks[chosen]]
    doubt = f"{listed(others)} may be the time too; --time says otherwise" if others else ""
    if looks[chosen].kind == _DAY:
        clocks = [name for name, look in looks.items() if look.kind == _CLOCK]
        clocks = clocks or [name for name in cells if name.lower() in HOURS and is_number(str(cells[name]))]
        if clocks:
            return Found((chosen, clocks[0]), None, doubt)
    return Found((chosen,), looks[chosen].form, doubt)


def _parts(cells: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of year, month, day and so on, where a sample has them apart."""
    by_name = {name.lower(): name for name in cells}
    found: list[str] = []
    for names in PARTS:
        name = next((by_name[one] for one in names if one in by_name), None)
        if name is None or not str(cells[name]).strip().isdigit():
            break
        found.append(name)
    return tuple(found) if len(found) > 1 else ()


def _is_empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


class Moments:
    """Reads the times of samples as a `Reading` says, in the notation that the first of them shows."""

    def __init__(self, reading: Reading, form: str | None) -> None:
        self._reading, self._form = reading, form or reading.time_format or None
        self._reader: TimeReader | None = None
        self._after = math.nan
        self.doubt = ""
        """What a user should know of the notation."""

    def begin(self, time: str | float) -> None:
        """See a time; the first that is not empty tells the notation."""
        if self._form is None and time != "":
            self._form, self.doubt = form_of(str(time))

    def seconds(self, time: str | float) -> float | None:
        """Return a time in seconds since 1970; None where it needs no notation, is empty or cannot be read."""
        self.begin(time)
        if time == "" or not (self._form or self._reading.zone):
            return None
        if self._reader is None:
            self._reader = TimeReader(self._reading.replaced(time_format=self._form))
        try:
            seconds = self._reader.seconds(time, self._after)
        except DataError:
            return None
        self._after = seconds
        return None if math.isnan(seconds) else seconds

    @property
    def form(self) -> str:
        """How times are written, as `Reading.time_format`; "" where that needs no notation, or no time has come yet."""
        return self._form or ""

    @property
    def words(self) -> str:
        """How times are written, for people; "" where that goes without saying."""
        return ", ".join(filter(None, (self._form, self._reading.zone)))


def joined(cells: Sequence[Any]) -> str | float:
    """Return a time as it was written, of one cell or of several."""
    if len(cells) == 1 and isinstance(cells[0], int | float) and not isinstance(cells[0], bool):
        return cells[0]
    return " ".join("" if cell is None else str(cell).strip() for cell in cells).strip()
