"""Numbers that stand for times: seconds since 1970 and their fractions, the days of spreadsheets, decimal years.

The spec knows the forms' names, so NumPy is imported where arrays are read: no command waits for it to be declared.
"""

import math
from datetime import date
from typing import Any

EPOCHS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""From which epoch number on it counts fractions of a second, and how many: as seconds 1e11 would be the year 5138."""

UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
"""How many of each are a second, since 1970 UTC."""

DAYS = {"excel": 1.0, "wincc": 1e6}
"""How many of each are a day, since 1899-12-30 on the place's clock; WinCC writes them as Time_ms."""

YEAR = "year"
"""Years, with the part of the year that has passed as decimals."""

FORMS = (*UNITS, *DAYS, YEAR)
"""Names of how numbers stand for times."""

FIRST_PLAUSIBLE, LAST_PLAUSIBLE = 315_532_800.0, 4_102_444_800.0
"""1980 and 2100: an epoch beyond is no time where a model was trained on dates."""

_SPREADSHEET = -2_209_161_600.0
"""1899-12-30, in seconds from 1970."""

_ROUNDED = 0.05
"""Seconds to a whole one, within which six digits behind a day's point cannot tell from it."""

_ORDINAL = date(1970, 1, 1).toordinal()


def by_size(number: float) -> float:
    """Return how many of its units are a second, of an epoch that does not say so."""
    size = abs(number)
    return next((fractions for least, fractions in EPOCHS if size >= least), 1.0)


def second_of(number: float, form: str) -> float:
    """Return what a number stands for, as `seconds_of` does, without NumPy's delay."""
    if form in UNITS:
        return number / UNITS[form]
    if form in DAYS:
        seconds = number / DAYS[form] * 86_400 + _SPREADSHEET
        whole = round(seconds)
        return float(whole) if abs(seconds - whole) < _ROUNDED else round(seconds * 1000) / 1000
    year = math.floor(number)
    begin, end = float(_new_year(year)), float(_new_year(year + 1))
    return round((begin + (number - year) * (end - begin)) * 1000) / 1000


def seconds_of(numbers: Any, form: str) -> Any:
    """Return what numbers (...) stand for, in seconds since 1970; UTC's for one of `UNITS`, else on a place's clock."""
    import numpy as np

    if form in UNITS:
        return numbers / UNITS[form]
    if form in DAYS:
        seconds = numbers / DAYS[form] * 86_400 + _SPREADSHEET
        whole = np.rint(seconds)
        return np.where(np.abs(seconds - whole) < _ROUNDED, whole, np.rint(seconds * 1000) / 1000)
    year = np.floor(numbers)
    begin, end = _new_year(year), _new_year(year + 1)
    return np.rint((begin + (numbers - year) * (end - begin)) * 1000) / 1000


def numbers_of(seconds: Any, form: str) -> Any:
    """Return the numbers that stand for times (...)."""
    import numpy as np

    if form in UNITS:
        return seconds * UNITS[form]
    if form in DAYS:
        return (seconds - _SPREADSHEET) / 86_400 * DAYS[form]
    year = np.floor(1970 + seconds / 31_556_952)
    year = np.where(seconds < _new_year(year), year - 1, np.where(seconds >= _new_year(year + 1), year + 1, year))
    begin, end = _new_year(year), _new_year(year + 1)
    return year + (seconds - begin) / (end - begin)


def _new_year(year: Any) -> Any:
    """Return when years (...) begin, in seconds since 1970."""
    before = year - 1
    return (365 * before + before // 4 - before // 100 + before // 400 + 1 - _ORDINAL) * 86_400
