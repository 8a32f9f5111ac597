"""In which notations a column of text may hold times, and which of them it does: decided over all of its cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.reading.guessing import guessed
from edgeseq_runtime.reading.notation import MONTH_NUMBERS, OFFSETS, Notation, full_year, offset_of


class AmbiguousTimesError(DataError):
    """Several notations fit all cells, and nothing tells which is meant."""


def fitting(text: pl.Series, sample: Sequence[str]) -> list[Notation]:
    """Return the notations that all cells of a column of text (row,) may be written in, by a look at some of them."""
    forms = list(dict.fromkeys(form for cell in sample for form in guessed(cell)))
    notations = [Notation(form) for form in forms]
    fit = [one for one in notations if all(one.read(cell) for cell in sample)]
    return [one for one in fit if text.str.contains(one.pattern).all()]


@dataclass(frozen=True)
class Read:
    """A column in one notation."""

    clock: Float64
    """What the clock shows, in microseconds since 1970 (row,); NaN where a cell is not so written."""
    offset: Float64 | None
    """Microseconds that it is ahead of UTC (row,), NaN where a cell does not say; None where none does."""


def read(text: pl.Series, notation: Notation) -> Read:
    """Read a column of text (row,) in a notation, as `Notation.read` does each cell."""
    return read_parts(text.str.extract_groups(notation.pattern).struct.unnest(), notation.groups)


def read_parts(parts: pl.DataFrame, groups: frozenset[str]) -> Read:
    """Read the parts of times, each a column of text that is named by its directive's letter."""

    def number(name: str, default: int = 0) -> Float64:
        if name not in groups:
            return np.full(len(parts), float(default))
        return parts[name].cast(pl.Float64).to_numpy().astype(np.float64)

    def looked_up(name: str, numbers: Mapping[str, float]) -> Float64:
        return parts[name].replace_strict(numbers, default=None, return_dtype=pl.Float64).to_numpy().astype(np.float64)

    def words(name: str) -> list[str]:
        return [word for word in parts[name].unique().to_list() if word is not None]

    year = number("Y") if "Y" in groups else looked_up("y", {word: full_year(word) for word in words("y")})
    month = number("m", 1)
    if "b" in groups:
        month = looked_up("b", {word: MONTH_NUMBERS[word[:3].lower()] for word in words("b")})
    day = number("d", 1)
    hour = number("H") if "H" in groups else number("I")
    minute, second = number("M"), np.minimum(number("S"), 59)
    hour, minute, second = (np.where(np.isnan(part) & np.isfinite(day), 0, part) for part in (hour, minute, second))
    midnight = (hour == 24) & ((minute > 0) | (second > 0))
    if "p" in groups:
        late = looked_up("p", {word: float(word[0] in "pP") for word in words("p")})
        hour = hour % 12 + 12 * late
    clock = ((_days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
    clock = np.where(midnight, np.nan, clock) * 1e6
    if "f" in groups:
        clock += parts["f"].fill_null("0").str.head(6).str.pad_end(6, "0").cast(pl.Float64).to_numpy()
    if "z" in groups:
        return Read(clock, looked_up("z", {word: offset_of(word) * 1e6 for word in words("z")}))
    if "Z" in groups:
        known = {word: OFFSETS[word.upper()] * 1e6 for word in words("Z") if word.upper() in OFFSETS}
        return Read(clock, looked_up("Z", known))
    return Read(clock, None)


def _days(year: Float64, month: Float64, day: Float64) -> Float64:
    """Return days since 1970, NaN where a month has no such day."""
    first = _month_begin(year, month)
    return np.where(first + day - 1 < _month_begin(year, month + 1), first + day - 1, np.nan)


def _month_begin(year: Float64, month: Float64) -> Float64:
    """Return the days from 1970 to a month's first; month 13 is the next year's first."""
    months = np.where(np.isfinite(year + month), (year - 1970) * 12 + month - 1, 0).astype("M8[M]")
    return np.where(np.isfinite(year + month), months.astype("M8[D]").astype(np.float64), np.nan)


def chosen(name: str, cells: pl.Series, readings: Sequence[tuple[Notation, Float64]]) -> int:
    """Return which of several readings of a column is meant, by the order and the evenness of its times (row,).

    Raises `DataError` where nothing tells.
    """
    if all(np.array_equal(seconds, readings[0][1]) for _, seconds in readings):  # they differ in their blanks
        return 0
    strays = [_strays(seconds) for _, seconds in readings]
    order = sorted(range(len(strays)), key=lambda at: strays[at])
    first, second = strays[order[0]], strays[order[1]]
    if first[0] < second[0] or (first[0] == second[0] and 4 * first[1] < second[1]):
        return order[0]
    one, other = (readings[at] for at in sorted(order[:2]))
    at = int(np.argmax(one[1] != other[1]))
    moments = (np.datetime64(round(seconds[at] * 1e6), "us") for _, seconds in (one, other))
    days = " or ".join(str(moment.astype("M8[D]")) for moment in moments)
    raise AmbiguousTimesError(
        f"column {name!r}: {cells[at]!r} may be {days}, and no cell tells which: "
        f"--time-format {one[0].text!r} or --time-format {other[0].text!r} says so"
    )


def _strays(seconds: Float64) -> tuple[int, int]:
    """Return how many steps go back, and how many are not the usual one."""
    steps = np.diff(seconds)
    forth = steps[steps > 0]
    usual = float(np.median(forth)) if len(forth) else 1.0
    return int((steps < 0).sum()), int((np.abs(steps - usual) > usual / 2).sum())
