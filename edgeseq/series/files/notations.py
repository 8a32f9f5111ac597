"""In which notations a column of text may hold times, and which of them it does: decided over all of its cells."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.reading.notation import MONTH_NUMBERS, OFFSETS, Notation, full_year, offset_of


class AmbiguousTimesError(DataError):
    """Several notations fit all cells, and nothing tells which is meant."""


_NAME = r"[A-Za-z]{3,9}\.?"
_WEEKDAY = re.compile(
    r"(?i)(mon|tue|wed|thu|fri|sat|sun)(day|s|sday|nesday|rsday|urday|r|rs)?\.?(?P<rest>,? +)(?=[0-9A-Za-z])"
)

_DATES = (
    (r"[0-9]{4}(?P<s>[-/. ])[0-9]{1,2}(?P=s)[0-9]{1,2}", ("%Y{s}%m{s}%d",)),
    (r"[0-9]{1,2}(?P<s>[-/. ])[0-9]{1,2}(?P=s)[0-9]{4}", ("%d{s}%m{s}%Y", "%m{s}%d{s}%Y")),
    (r"[0-9]{1,2}(?P<s>[-/. ])[0-9]{1,2}(?P=s)[0-9]{2}(?![0-9])", ("%d{s}%m{s}%y", "%m{s}%d{s}%y", "%y{s}%m{s}%d")),
    (rf"[0-9]{{1,2}}(?P<s>\.? |[-/.]?){_NAME}(?P<t>,? |[-/.]?)[0-9]{{4}}", ("%d{s}%b{t}%Y",)),
    (rf"[0-9]{{1,2}}(?P<s>\.? |[-/.]?){_NAME}(?P<t>,? |[-/.]?)[0-9]{{2}}(?![0-9])", ("%d{s}%b{t}%y",)),
    (rf"[0-9]{{4}}(?P<s>[-/. ]?){_NAME}(?P<t>[-/. ]?)[0-9]{{1,2}}", ("%Y{s}%b{t}%d",)),
    (rf"{_NAME}(?P<s>[ -/]+)[0-9]{{1,2}}(?P<t>,? |[-/])[0-9]{{4}}", ("%b{s}%d{t}%Y",)),
    (r"[0-9]{8}(?![0-9])", ("%Y%m%d",)),
    (r"[0-9]{4}(?P<s>[-/.])[0-9]{1,2}", ("%Y{s}%m",)),
    (r"[0-9]{1,2}(?P<s>[-/.])[0-9]{4}", ("%m{s}%Y",)),
    (rf"{_NAME}(?P<s>,? |[-/.]?)[0-9]{{4}}", ("%b{s}%Y",)),
    (rf"{_NAME}(?P<s>,? |[-/.])[0-9]{{2}}(?![0-9])", ("%b{s}%y",)),
    (rf"[0-9]{{4}}(?P<s>[-/. ]?){_NAME}", ("%Y{s}%b",)),
)
"""What the begin of a cell may look like, and how a date is then written; s and t are what parts it."""

_COMPILED_DATES = [(re.compile(pattern), forms) for pattern, forms in _DATES]

_BETWEEN = re.compile(r" *[T,_/-] *|:| +")
_CLOCK = re.compile(
    r"(?P<H>[0-9]{1,2})(?:(?P<s>[:.])(?P<M>[0-9]{2})(?:(?P=s)(?P<S>[0-9]{2})(?P<f>[.,:][0-9]{1,9})?)?)?"
    r"(?![0-9])(?P<p>(?P<b> *)[AaPp]\.?[Mm]\b\.?)?"
)
_PACKED_CLOCK = re.compile(r"[0-9]{6}|[0-9]{4}")
_ZONE = re.compile(
    r"(?P<b> *)(?:(?P<z>Z(?![A-Za-z])|(?:UTC|GMT)?[+-][0-9]{1,2}(?::?[0-9]{2})?)(?:(?P<c> +)(?P<n>[A-Z]{1,5}))?"
    r"|(?P<Z>[A-Za-z]{1,5}))"
)
_UNIX = re.compile(
    rf"(?P<a>(?:[A-Za-z]{{3}} )?){_NAME} +[0-9]{{1,2}} [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(?P<z> [A-Z]{{1,5}})? [0-9]{{4}}"
)

_LONGEST = 100
"""Characters of a time."""

TIME_OF_DAY = re.compile(
    r"[0-9]{1,2}(?::[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?|\.[0-9]{2}\.[0-9]{2})?(?P<p> *[AaPp]\.?[Mm]\.?)?"
)
"""What a time without a date looks like; a bare number is one only with am or pm, or beside a date."""


def guessed(cell: str) -> list[str]:
    """Return the notations that a cell may be written in, day first before month first."""
    if len(cell) > _LONGEST:
        return []
    unix = _UNIX.fullmatch(cell)
    if unix:
        return [f"{unix['a'] and '%a '}%b %e %H:%M:%S{' %Z' if unix['z'] else ''} %Y"]
    before, weekday = "", _WEEKDAY.match(cell)
    if weekday:
        before, cell = "%a" + weekday["rest"], cell[weekday.end() :]
    found: list[str] = []
    for pattern, forms in _COMPILED_DATES:
        date = pattern.match(cell)
        rest = _rest(cell[date.end() :]) if date else None
        if date and rest is not None:
            parts = {
                name: " " if text.isspace() else text for name, text in date.groupdict().items() if text is not None
            }
            found += [before + form.format(**parts) + rest for form in forms if _suits(form, rest)]
    return list(dict.fromkeys(found))


def _suits(form: str, rest: str) -> bool:
    """Whether a time of day follows a day, and not a month."""
    return not rest or "%d" in form


def _rest(text: str) -> str | None:
    """Return how the time of day and the zone behind a date are written; None where that is something else."""
    if not text:
        return ""
    between = _BETWEEN.match(text)
    if not between:
        return None
    at = between.end()
    clock = _clock(text[at:])
    if clock is None:
        return None
    written, length = clock
    zone = _zone(text[at + length :])
    return None if zone is None else between[0] + written + zone


def _clock(text: str) -> tuple[str, int] | None:
    """Return how the time of day at the begin of a text is written, and how long it is."""
    packed = _PACKED_CLOCK.match(text)
    if packed and not text[packed.end() : packed.end() + 1].isdigit():
        return ("%H%M%S" if len(packed[0]) == 6 else "%H%M"), packed.end()
    match = _CLOCK.match(text)
    if not match:
        return None
    mark, half = match["s"] or "", bool(match["p"])
    written = "%I" if half else "%H"
    written += f"{mark}%M" if match["M"] else ""
    written += f"{mark}%S" if match["S"] else ""
    written += ":%f" if match["f"] and match["f"][0] == ":" else ""
    return written + (f"{match['b']}%p" if half else ""), match.end()


def _zone(text: str) -> str | None:
    if not text.strip():
        return ""
    match = _ZONE.fullmatch(text)
    if not match:
        return None
    if match["Z"]:
        return f"{match['b']}%Z"
    return f"{match['b']}%z" + (f"{match['c']}%Z" if match["n"] else "")


def joined(date: str, time: str) -> list[str]:
    """Return the notations of a date and a time of day in two columns, with a blank between."""
    return guessed(f"{date} {time}")


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
