"""How times are written, as directives such as %d.%m.%Y %H:%M: one regular expression for Python and for polars.

The directives are strftime's. Names of months and days are English. What they mean is ours: strptime obeys a locale,
and takes ten times as long.
"""

import re
from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.printable import shown
from edgeseq_runtime.reading.number_times import FORMS

_MONTHS = "january february march april may june july august september october november december".split()  # noqa: SIM905
_DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

MONTH_NUMBERS = {name[:3]: number for number, name in enumerate(_MONTHS, start=1)}
"""By the first three letters of a month's name, in small letters."""

OFFSETS = {
    name: hours * 3600.0
    for names, hours in (
        ("Z UTC GMT UT WET", 0),
        ("CET MEZ WEST", 1),
        ("CEST MESZ EET SAST", 2),
        ("EEST MSK", 3),
        ("SGT HKT AWST", 8),
        ("JST KST", 9),
        ("AEST", 10),
        ("AEDT", 11),
        ("NZST", 12),
        ("NZDT", 13),
        ("EDT", -4),
        ("EST", -5),
        ("MST PDT", -7),
        ("MDT", -6),
        ("PST AKDT", -8),
        ("AKST", -9),
        ("HST", -10),
    )
    for name in names.split()
}
"""Seconds that the zones of these names are ahead of UTC. Not here is what several zones are called: CST, IST, BST."""


def _names(words: list[str]) -> str:
    """Return what matches names, whole or abbreviated, in any case."""
    return "(?i:" + "|".join(f"{word[:3]}(?:{word[3:]})?" if word[3:] else word for word in words) + r")\.?"


_ZONE = r"Z|(?:UTC|GMT)?[+-][0-9]{1,2}(?::?[0-9]{2})?|UTC|GMT"

_DIRECTIVES = {
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "m": "1[0-2]|0?[1-9]",
    "d": "[12][0-9]|3[01]|0?[1-9]",
    "e": "[12][0-9]|3[01]|0?[1-9]",
    "H": "2[0-4]|[01]?[0-9]",
    "I": "1[0-2]|0?[1-9]",
    "M": "[0-5]?[0-9]",
    "S": "60|[0-5]?[0-9]",
    "f": "[0-9]{1,9}",
    "p": r"(?i:[ap]\.?m\.?)",
    "z": _ZONE,
    "Z": "[A-Za-z]{1,5}",
    "b": _names([*_MONTHS, "sept"]),
    "B": _names([*_MONTHS, "sept"]),
    "a": _names(_DAYS),
    "A": _names(_DAYS),
}
"""What each matches; where no digit follows, one of two may lack."""

_GROUPS = {"e": "d", "B": "b", "A": "a"}
"""Directives that are read as another one."""

_FIXED = {"m": "1[0-2]|0[1-9]", "d": "[12][0-9]|3[01]|0[1-9]", "H": "2[0-4]|[01][0-9]", "M": "[0-5][0-9]"}
_FIXED |= {"S": "60|[0-5][0-9]", "e": _FIXED["d"], "I": "1[0-2]|0[1-9]"}
"""What they match within a row of digits."""

_TOKEN = re.compile(r"%(.)|([^%]+)", re.DOTALL)

_EPOCH_DAY = date(1970, 1, 1).toordinal()
DAY = 86_400_000_000
"""Microseconds."""

_CENTURY = 69
"""Years of two digits from it on are of the 20th century, those below of the 21st: POSIX's rule."""


class Moment(NamedTuple):
    """What a text says: the time on the clock of its zone, and which zone that is."""

    clock: int
    """Microseconds from 1970-01-01T00:00 on that clock."""
    offset: float | None = None
    """Seconds that it is ahead of UTC; None where the text does not say so."""
    zone: str = ""
    """The zone's abbreviation, where there is one."""


class Notation:
    """Directives that are understood. Raises `UsageError` for others, and where they make no date."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = [(match[1] or "", match[2] or "") for match in _TOKEN.finditer(text)]
        groups = [_GROUPS.get(directive, directive) for directive, _ in self._tokens if directive not in ("", "%")]
        self._check(text, groups)
        self.pattern = "^" + "".join(map(self._pattern_at, range(len(self._tokens)))) + "$"
        """With a group for each directive, named by its letter; it stands in the middle of no other text."""
        compiled = re.compile(self.pattern)
        self._match = compiled.fullmatch
        self.groups = frozenset(compiled.groupindex)
        """Which there are, the fraction of a second included."""
        self._plan = self._planned(compiled.groupindex)
        self._at = {name: place - 1 for name, place in compiled.groupindex.items()}
        self._plain = not self.groups & {"p", "z", "Z", "f"}

    @property
    def is_month(self) -> bool:
        """Whether it tells no days: a time is a month, or a year."""
        return "d" not in self.groups

    @property
    def is_date(self) -> bool:
        """Whether it tells no time of day."""
        return not self.groups & {"H", "I"}

    @property
    def is_digits(self) -> bool:
        """Whether a time is a row of digits, and so may be a number."""
        return all(directive in set("YymdHMS") for directive, _ in self._tokens)

    def read(self, text: str) -> Moment | None:
        """Return what a text says; None where it is not so written, or says a day that no month has."""
        match = self._match(text)
        if match is None:
            return None
        cells = match.groups()
        year, month, day, hour, minute, second = [convert(cells[at]) for convert, at in self._plan]
        try:
            days = date(year, month, day).toordinal() - _EPOCH_DAY
        except ValueError:
            return None
        clock = ((days * 24 + hour) * 60 + minute) * 60 + second
        if hour == 24 and (minute or second):
            return None
        return Moment(clock * 1_000_000) if self._plain else self._with_rest(clock, hour, cells)

    def _with_rest(self, clock: int, hour: int, cells: tuple[Any, ...]) -> Moment | None:
        """Return a moment with what not every notation has: a fraction, am or pm, a zone."""
        at = self._at
        if "p" in at:
            clock += (43_200 if cells[at["p"]][0] in "pP" else 0) - (43_200 if hour == 12 else 0)
        fraction = cells[at["f"]] if "f" in at else None
        clock = clock * 1_000_000 + (int(fraction[:6].ljust(6, "0")) if fraction else 0)
        zone = cells[at["Z"]] if "Z" in at else ""
        if "z" in at:
            return Moment(clock, offset_of(cells[at["z"]]), zone)
        return Moment(clock, OFFSETS.get(zone.upper()), zone)

    def _check(self, text: str, groups: list[str]) -> None:
        unknown = [name for name in groups if name not in _DIRECTIVES]
        if unknown or text.count("%") % 2 != len(groups) % 2 or (text.endswith("%") and not text.endswith("%%")):
            raise UsageError(
                f"--time-format {shown(text)}: %{unknown[0] if unknown else ''} is no directive that is known"
            )
        found = set(groups)
        if len(found) < len(groups):
            raise UsageError(f"--time-format {shown(text)} has a directive twice")
        lacking = [
            not found & {"Y", "y"},
            "d" in found and not found & {"m", "b"},
            found & {"H", "I"} and "d" not in found,
            "M" in found and not found & {"H", "I"},
            "S" in found and "M" not in found,
            "f" in found and "S" not in found,
            ("I" in found) != ("p" in found),
            {"Y", "y"} <= found or {"m", "b"} <= found or {"H", "I"} <= found,
        ]
        if any(lacking):
            raise UsageError(f"--time-format {shown(text)} makes no date, or no time of day")

    def _pattern_at(self, place: int) -> str:
        directive, literal = self._tokens[place]
        if directive == "%":
            return "%"
        if not directive:
            return re.sub(" +", " +", re.escape(literal).replace("\\ ", " ").replace("\\-", "-"))
        before, after = (self._tokens[at] if 0 <= at < len(self._tokens) else ("", "") for at in (place - 1, place + 1))
        digits = set("YymdeHIMSf")
        within = before[0] in digits or after[0] in digits
        group = _GROUPS.get(directive, directive)
        pattern = f"(?P<{group}>{(_FIXED if within else {}).get(directive, _DIRECTIVES[directive])})"
        if directive == "e":
            pattern = " *" + pattern
        if directive == "S" and "f" not in {name for name, _ in self._tokens} and after[1][:1] not in (".", ","):
            pattern += "(?:[.,](?P<f>[0-9]{1,9}))?"
        return pattern

    def _planned(self, index: Any) -> list[tuple[Callable[[Any], int], int]]:
        """Return how year, month, day, hour, minute and second come of a match's groups."""

        def either(*choices: tuple[str, Callable[[Any], int]], default: int) -> tuple[Callable[[Any], int], int]:
            for name, convert in choices:
                if name in index:
                    return convert, index[name] - 1
            return (lambda _: default), 0

        return [
            either(("Y", int), ("y", full_year), default=1970),
            either(("m", int), ("b", _month), default=1),
            either(("d", int), default=1),
            either(("H", int), ("I", int), default=0),
            either(("M", int), default=0),
            either(("S", _second), default=0),
        ]

    def write(self, clock: int, like: str) -> str:
        """Return a time on the clock, in microseconds since 1970, as `like` is written.

        Raises `ValueError` where the notation cannot say it, or `like` is not so written.
        """
        match = self._match(like)
        days, rest = divmod(clock, DAY)
        on = date.fromordinal(_EPOCH_DAY + days)
        if match is None or not self._can_say(on, rest, match):
            raise ValueError(like)
        seconds, fraction = divmod(rest, 1_000_000)
        hour = seconds // 3600
        numbers = {"Y": on.year, "y": on.year % 100, "m": on.month, "d": on.day, "H": hour, "I": hour % 12 or 12}
        numbers |= {"M": seconds // 60 % 60, "S": seconds % 60}
        narrow = {
            name
            for pair in ("md", "HI")
            if any(len(match[name]) == 1 for name in self.groups & set(pair))
            for name in pair
        }
        words = {"b": _MONTHS[on.month - 1], "a": _DAYS[on.weekday()]}
        written = []
        for directive, literal in self._tokens:
            group = _GROUPS.get(directive, directive)
            if not directive or directive == "%":
                written.append(literal or "%")
            elif group in words:
                written.append(_cased(words[group], match[group] or ""))
            elif group == "p":
                written.append(_half(match["p"], late=hour >= 12))
            elif group == "f":
                written.append(f"{fraction:06}".ljust(9, "0")[: len(match["f"])])
            elif group in numbers:
                width = 4 if group == "Y" else 1 if group in narrow else 2
                written.append(f"{numbers[group]:{'' if directive == 'e' else '0'}{2 if directive == 'e' else width}}")
                if group == "S" and match.re.groupindex.get("f") and "%f" not in self.text:
                    written.append(_fraction(match, fraction))
            else:
                written.append(match[group])
        return "".join(written)

    def _can_say(self, on: date, rest: int, match: "re.Match[str]") -> bool:
        finest = 86_400 * 1_000_000
        for name, size in (("H", 3600), ("I", 3600), ("M", 60), ("S", 1)):
            if name in self.groups:
                finest = size * 1_000_000
        if "f" in self.groups:
            finest = max(1, 10 ** (6 - len(match["f"]))) if "%f" in self.text else 1
        return rest % finest == 0 and (
            not self.is_month or (on.day == 1 and bool(self.groups & {"m", "b"} or on.month == 1))
        )


def check_form(form: str) -> None:
    """Raise `UsageError` where this is no way in which `Reading.time_format` says how times are written."""
    if form and form not in FORMS:
        if "%" not in form:
            raise UsageError(
                f"--time-format: expected directives such as %d.%m.%Y, or {', '.join(FORMS)}, got {shown(form)}"
            )
        Notation(form)


def full_year(digits: str) -> int:
    """Return the year that two digits mean."""
    year = int(digits)
    return year + (1900 if year >= _CENTURY else 2000)


def offset_of(text: str) -> float:
    """Return the seconds that a zone is ahead of UTC which is written as %z has it."""
    digits = text.lstrip("UTCGMZ")
    if not digits:
        return 0.0
    hours, minutes = digits[1:].replace(":", ""), "0"
    if len(hours) > 2:
        hours, minutes = hours[:-2], hours[-2:]
    return (int(hours) * 3600.0 + int(minutes) * 60.0) * (-1 if digits[0] == "-" else 1)


def _month(name: str) -> int:
    return MONTH_NUMBERS[name[:3].lower()]


def _second(digits: str) -> int:
    """Return a second; a leap second is the one before it."""
    return min(int(digits), 59)


def _cased(word: str, like: str) -> str:
    """Return a name in the case and the length of another."""
    bare = like.rstrip(".")
    word = word[:3] if len(bare) == 3 and like.lower() != "may" else word
    cased = word.upper() if bare.isupper() else word if bare.islower() else word.capitalize()
    return cased[: len(bare) or None] + like[len(bare) :] if len(bare) == 3 else cased


def _half(like: str, *, late: bool) -> str:
    letter = "p" if late else "a"
    return (letter.upper() if like[0].isupper() else letter) + like[1:]


def _fraction(match: "re.Match[str]", fraction: int) -> str:
    """Return a second's fraction as another time has it, and as much of it as there is."""
    had = match["f"] or ""
    point = match.string[match.start("f") - 1] if had else "."
    digits = f"{fraction:06}".rstrip("0") if len(had) < 6 else f"{fraction:06}"
    digits = digits.ljust(len(had), "0")
    return point + digits if digits else ""
