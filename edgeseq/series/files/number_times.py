"""What the numbers of a column stand for, where they may be times: decided for all of them at once."""

import re
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from edgeseq.series.files import notations
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.reading.notation import Notation
from edgeseq_runtime.reading.number_times import (
    DAYS,
    EPOCHS,
    FIRST_PLAUSIBLE,
    LAST_PLAUSIBLE,
    UNITS,
    YEAR,
    seconds_of,
)

_SINCE = 631_152_000.0
"""1990: an epoch before it is none that a sensor wrote."""

_NANOSECONDS_SINCE = 820_454_400.0
"""1996: what as nanoseconds would be of the years before are ticks of .NET, tenths of microseconds since the year 1."""

_DIGITS = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S", 6: "%Y%m"}
"""Notations of whole numbers, by their digits."""

_SHORT_YEARS = {10: "%y%m%d%H%M", 12: "%y%m%d%H%M%S"}
"""The same with years of two digits, which an epoch may be by chance: many different hours tell that it is none."""

_HOURS = 8

_SPREADSHEET = (20_000, 80_000)
"""Days of spreadsheets: 1954 to 2119."""

_OTHER_DAYS = ((700_000, 800_000), (2_400_000, 2_500_000))
"""Days as Matlab and astronomers count them, which are not read: 1916 to 2190, and 1858 to 2132."""

_MOST_DAYS = 31
"""Whole days from one sample to the next: a clock of seconds makes larger steps, or smaller numbers."""

_YEARS = (1600, 2200)

_EVEN = 0.9
"""Part of the steps that are whole multiples of the usual one, where numbers of any name count as epochs."""


@dataclass(frozen=True)
class NumberForm:
    """What numbers stand for."""

    form: str
    """As `Reading.time_format` has it."""
    words: str
    """The same for people."""
    is_plain: bool = False
    """Whether their sizes alone tell it, as numbers of any column."""
    is_counter: bool = False
    """Whether they count from no known time."""


WORDS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}

COUNTER = NumberForm("s", "seconds", is_counter=True)

_NAMED_UNIT = re.compile(
    r"(?:[\[(] *|[ _/])(ms|msec|millis|milliseconds|us|\u00b5s|\u03bcs|ns)(?: *[\])])?$", re.IGNORECASE
)
"""What a counter's name says that it counts."""


def form_of(numbers: Float64, *, named: bool) -> NumberForm | None:
    """Return what the numbers of a column (row,) stand for, None where they are no times.

    `named` says that the column is called, or was said to be, the time: then days of spreadsheets and years are
    recognised too, and months as 202401.
    """
    if not len(numbers) or not np.isfinite(numbers).all():
        return None
    whole = bool((numbers == np.rint(numbers)).all())
    digits = _digits(numbers, named=named) if whole else None
    if digits:
        return digits
    short = _short_years(numbers) if whole else None
    if short:
        return short
    median = float(np.median(numbers))
    for unit, per in UNITS.items():
        if (_NANOSECONDS_SINCE if unit == "ns" else _SINCE) <= median / per < LAST_PLAUSIBLE:
            return _epoch(numbers, unit)
    if not named:
        return None
    steps = np.diff(numbers)
    usual = float(np.median(steps)) if len(steps) else 0.0
    if _within(numbers, _SPREADSHEET) and (not whole or 0 < usual <= _MOST_DAYS):
        return NumberForm("excel", "days as spreadsheets count them")
    if _within(numbers / DAYS["wincc"], _SPREADSHEET):
        return NumberForm("wincc", "millionths of days as WinCC counts them")
    if _within(numbers, _YEARS) and (steps > 0).all() and usual <= 1:
        return NumberForm(YEAR, "years")
    return COUNTER if is_counter(numbers) and not are_other_days(numbers) else None


def counter_of(name: str) -> NumberForm:
    """Return what a column counts from no known time: seconds, unless its name says otherwise, as `time (ms)` does."""
    named = _NAMED_UNIT.search(name.strip())
    if not named:
        return COUNTER
    unit = {"u": "us", "\u00b5": "us", "\u03bc": "us", "n": "ns"}.get(named[1][0].lower(), "ms")
    return replace(COUNTER, form=unit, words=WORDS[unit])


def _within(numbers: Float64, ends: tuple[int, int]) -> bool:
    return bool(ends[0] <= numbers.min() and numbers.max() < ends[1])


def _epoch(numbers: Float64, unit: str) -> NumberForm:
    """Return an epoch of a unit; without its name where each number's size tells the same."""
    size = np.abs(numbers)
    told = np.select([size >= least for least, _ in EPOCHS], [per for _, per in EPOCHS], 1.0)
    seconds = numbers / UNITS[unit]
    plain = bool((told == UNITS[unit]).all() and ((seconds >= FIRST_PLAUSIBLE) & (seconds < LAST_PLAUSIBLE)).all())
    return NumberForm("" if plain else unit, f"{WORDS[unit]} since 1970", is_plain=plain)


def _digits(numbers: Float64, *, named: bool) -> NumberForm | None:
    """Return the notation of whole numbers that are dates, all of them."""
    length = len(str(int(abs(numbers[0]))))
    form = _DIGITS.get(length)
    if form is None or (length == 6 and not named) or numbers.min() < 0:
        return None
    if not (numbers // 10.0 ** (length - 4) >= _YEARS[0]).all() or not (numbers < 3 * 10.0 ** (length - 1)).all():
        return None
    clock = from_digits(numbers, form)
    return NumberForm(form, "dates as digits") if _goes_forth(clock) else None


def _short_years(numbers: Float64) -> NumberForm | None:
    """Return the notation of whole numbers that are dates with years of two digits, all of them."""
    form = _SHORT_YEARS.get(len(str(int(abs(numbers[0])))))
    if form is None or numbers.min() < 0:
        return None
    hours = np.unique(numbers // (100 if form.endswith("%M") else 10_000))
    if len(hours) < _HOURS or not _goes_forth(from_digits(numbers, form)):
        return None
    return NumberForm(form, "dates as digits")


def _goes_forth(clock: Float64) -> bool:
    """Whether all times are there, and hardly one is before that before it."""
    return not np.isnan(clock).any() and int((np.diff(clock) < 0).sum()) <= (1 - _EVEN) * len(clock)


def are_other_days(numbers: Float64) -> bool:
    """Whether numbers look like days since long ago with a part of a day: seconds would come less closely."""
    parts = len(numbers) > 1 and bool((numbers != np.rint(numbers)).any()) and float(np.median(np.diff(numbers))) < 1
    return parts and any(_within(numbers, days) for days in _OTHER_DAYS)


def is_counter(numbers: Float64) -> bool:
    """Whether numbers never fall, as those of a clock that began somewhere, and do rise."""
    return bool((np.diff(numbers) >= 0).all()) and len(numbers) > 1 and bool(numbers[-1] > numbers[0])


def is_even(numbers: Float64) -> bool:
    """Whether numbers rise by whole multiples of their usual step, as times do and counts of something do not."""
    steps = np.diff(numbers)
    if len(steps) < 2 or (steps < 0).any() or not (steps > 0).any():
        return False
    usual = float(np.median(steps[steps > 0]))
    multiples = steps / usual
    return bool((np.abs(multiples - np.rint(multiples)) < 0.1).mean() >= _EVEN)


def is_regular(numbers: Float64) -> bool:
    """Whether numbers rise by one step nearly throughout, as those of a clock do that were put in order."""
    steps = np.diff(numbers)
    usual = float(np.median(steps)) if len(steps) > 1 else 0.0
    return usual > 0 and bool((np.abs(steps / usual - 1) < 0.1).mean() >= _EVEN)


def from_digits(numbers: Float64, form: str) -> Float64:
    """Return the microseconds that whole numbers (row,) stand for in a notation of digits, NaN where they do not."""
    text = pl.Series(numbers).cast(pl.Int64).cast(pl.String)
    return notations.read(text, Notation(form)).clock


def clock_of(name: str, numbers: Float64, form: str) -> Float64:
    """Return the seconds since 1970 that numbers (row,) stand for; on the place's clock where they are no epoch.

    Raises `DataError` where they cannot.
    """
    if "%" in form:
        if not Notation(form).is_digits:
            raise DataError(f"column {name!r} holds numbers, which {form} does not read")
        return from_digits(numbers, form) / 1e6
    return np.asarray(seconds_of(numbers, form or "s"), np.float64)
