"""When the steps of a forecast are, in the notation in which the sample's own time is written."""

import calendar
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io.text_lines import WrittenTime
from edgeseq_runtime.reading.number_times import DAYS, FORMS, UNITS, by_size, numbers_of
from edgeseq_runtime.reading.times import MONTH, TimeReader, is_epoch, is_number, without_annotation
from edgeseq_runtime.spec import Spec

Times: TypeAlias = list[str] | list[int | float]

_ISO = re.compile(
    r"[0-9]{4}(?P<dash>-?)[0-9]{2}(?P=dash)[0-9]{2}"
    r"(?:(?P<mark>[T t])(?P<hour>[0-9]{2})(?:(?P<colon>:?)(?P<minute>[0-9]{2})"
    r"(?:(?P=colon)(?P<second>[0-9]{2})(?:(?P<point>[.,])(?P<fraction>[0-9]+))?)?)?)?"
    r"(?P<zone>Z| ?(?:UTC|GMT)|[+-][0-9]{2}:?[0-9]{2})?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZEROS = str.maketrans("123456789", "000000000")
_LONGEST_DATE = len("2020-01-01")
_DECIMALS, _YEAR_DECIMALS = 6, 8
_FINEST = 1e6
"""Fractions of a second that are whole: of micro- and nanoseconds since 1970 a float does not hold all digits."""
_CLOSE = 1e-6
"""Seconds within which two times are the same."""

_MOST, _MOST_NOTATIONS = 10_000, 100
"""Texts that are kept: forecasts of samples that follow each other share all but one of their times."""


@dataclass(frozen=True)
class IsoNotation:
    """How a time in ISO 8601 is written."""

    dash: str
    mark: str
    colon: str
    point: str
    level: int
    """Up to what it is precise: 0 a day, 1 an hour, 2 a minute, 3 a second, 3 + n the n-th digit behind the point."""
    zone: str

    @classmethod
    def of(cls, text: str) -> "IsoNotation":
        """Return the notation of a time; of one that is written otherwise, weeks say, that of 2020-01-01T00:00Z."""
        match = _ISO.fullmatch(text)
        if not match:
            return cls("-", "T", ":", ".", 2, "Z")
        dash, mark, colon, point, zone = (match[name] for name in ("dash", "mark", "colon", "point", "zone"))
        level = sum(match[name] is not None for name in ("hour", "minute", "second")) + len(match["fraction"] or "")
        separator = ":" if dash else ""
        return cls(dash, mark or "T", separator if colon is None else colon, point or ".", level, zone or "")

    @property
    def offset(self) -> float | None:
        """Seconds that the clock of its zone is ahead of UTC; None where it has none."""
        if self.zone[-1:] not in "0123456789" or not self.zone:
            return 0.0 if self.zone else None
        digits = self.zone[1:].replace(":", "")
        return float(int(f"{self.zone[0]}1") * (3600 * int(digits[:2]) + 60 * int(digits[2:])))

    def text(self, clock: int) -> str:
        """Return what its zone's clock shows, in microseconds since 1970, and no less precisely than it needs.

        Raises `OverflowError` for a time beyond all.
        """
        moment = _EPOCH + timedelta(microseconds=clock)
        level = max(self.level, _needed(moment))
        text = f"{moment.year:04}{self.dash}{moment.month:02}{self.dash}{moment.day:02}"
        parts = [f"{moment.hour:02}", f"{moment.minute:02}", f"{moment.second:02}"]
        text += self.mark + self.colon.join(parts[: min(level, 3)]) if level else ""
        text += self.point + f"{moment.microsecond:06}"[: level - 3].ljust(level - 3, "0") if level > 3 else ""
        return text + self.zone


class TimesAhead:
    """Writes the times of forecasts, where the model has a period; or of other `steps` from a sample's time."""

    def __init__(self, spec: Spec, steps: range | None = None) -> None:
        self._period = spec.period or 0.0
        self._steps = range(1, spec.horizon + 1) if steps is None else steps
        self._offsets = [self._period * step for step in self._steps]
        self._reader = TimeReader(spec.reading)
        self._months = round(self._period / MONTH) if self._period % MONTH == 0 else 0
        self._known: dict[str, tuple[_Writer, dict[float, str]]] = {}

    def __bool__(self) -> bool:
        return bool(self._period)

    def after(self, time: WrittenTime, seconds: float) -> Times | None:
        """Return the time of each step after a sample, whose own was written as `time` and is taken as `seconds`.

        Numbers after a number, texts after a text; None where the sample has no time that can be read, or its notation
        cannot say when the steps are.
        """
        if time is None or time == "" or math.isnan(seconds) or not self._period:
            return None
        try:
            if not isinstance(time, str):
                return self._numbers(time, seconds)
            time = without_annotation(time.strip())
            return self._epochs(time, seconds) if self._is_number(time) else self._texts(time, seconds)
        except (DataError, ValueError, OverflowError):
            return None

    def is_time(self, time: WrittenTime) -> bool:
        """Whether a time can be read."""
        return self._reader.is_time(time)

    def _is_number(self, text: str) -> bool:
        if self._reader.form in FORMS:
            return is_number(text)
        return is_epoch(text) and not (self._reader.notation and self._reader.notation.read(text))

    def _moments(self, seconds: float, clock_offset: Callable[[float], float]) -> list[float]:
        """Return when the steps are, in seconds since 1970; `clock_offset` says how far the clock is ahead of UTC."""
        if not self._months:
            return [seconds + offset for offset in self._offsets]
        return [_months_later(seconds, self._months * step, clock_offset) for step in self._steps]

    def _texts(self, time: str, seconds: float) -> list[str]:
        writer, texts = self._notation(time)
        moments = self._moments(seconds, writer.offset)
        try:
            return [texts[moment] for moment in moments]
        except KeyError:
            if len(texts) >= _MOST:
                texts.clear()
            for moment in moments:
                if moment not in texts:
                    texts[moment] = writer.text(moment)
            return [texts[moment] for moment in moments]

    def _notation(self, time: str) -> "tuple[_Writer, dict[float, str]]":
        """Return how a time is written, and texts that were written so: by its signs, and its zone where it has one."""
        signs = time.translate(_ZEROS)
        key = signs + time[-6:] if "+" in signs or signs.rfind("-") >= _LONGEST_DATE - 2 else signs
        found = self._known.get(key)
        if found is None:
            self._reader.seconds(time)
            if len(self._known) >= _MOST_NOTATIONS:
                self._known.clear()
            found = self._known[key] = _Writer.of(time, self._reader), {}
        return found

    def _epochs(self, time: str, seconds: float) -> list[str]:
        whole, _, fraction = time.partition(".")
        numbers = self._numbers(float(time) if fraction else int(whole), seconds)
        decimals = max(len(fraction), *map(_decimals, numbers))
        return [f"{number:.{decimals}f}" if decimals else str(number) for number in numbers]

    def _numbers(self, time: float, seconds: float) -> list[int | float]:
        form, notation = self._reader.form, self._reader.notation
        if notation and notation.is_digits and notation.read(str(time)):
            return [int(text) for text in self._texts(str(time), seconds)]
        if form in FORMS and form not in UNITS:
            return self._on_the_clock(time, seconds, form)
        unit = UNITS.get(form) or by_size(time)
        step: float = self._period * unit
        if abs(time / unit - seconds) > _CLOSE:  # a sample that is taken at another time than its own
            time = type(time)(seconds * unit)
        if self._months:
            moments = self._moments(seconds, lambda _: 0.0)
            return [type(time)(round(moment * unit, _DECIMALS)) for moment in moments]
        if isinstance(time, int) and (step.is_integer() or unit >= _FINEST):
            return [time + round(step * number) for number in self._steps]
        return [round(time + step * number, _DECIMALS) for number in self._steps]

    def _on_the_clock(self, time: float, seconds: float, form: str) -> list[int | float]:
        """Return the numbers of days or years at which the steps are."""
        offset = self._offset_at
        moments = [moment + offset(moment) for moment in self._moments(seconds, offset)]
        digits = _DECIMALS if form in DAYS else _YEAR_DECIMALS
        numbers = [round(float(numbers_of(moment, form)), digits) for moment in moments]
        return [int(number) if isinstance(time, int) and number.is_integer() else number for number in numbers]

    def _offset_at(self, seconds: float) -> float:
        return self._reader.zone.offset(seconds) if self._reader.zone else 0.0


class TimesAheadByPeriod:
    """The same for streams of a model that may have no period of its own: each stream's is then learned as it runs."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._own = TimesAhead(spec) if spec.period else None
        self._learned: dict[tuple[float, str], TimesAhead] = {}

    def __bool__(self) -> bool:
        return self._own is not None or self._spec.learns_period

    def of(self, period: float, form: str = "") -> TimesAhead | None:
        """Return what writes the times of a stream that has learned this period, NaN where none; None: nothing does.

        `form` says how its times are written where the spec does not, as `Reading.time_format`.
        """
        if self._own or math.isnan(period):
            return self._own
        found = self._learned.get((period, form))
        if found is None:
            if len(self._learned) >= _MOST_NOTATIONS:
                self._learned.clear()
            reading = self._spec.known_reading.replaced(time_format=form or None)
            found = self._learned[period, form] = TimesAhead(replace(self._spec, period=period, reading=reading))
        return found


@dataclass(frozen=True)
class _Writer:
    """Writes times as one of a stream is written."""

    reader: TimeReader
    like: str
    iso: IsoNotation | None
    """Its notation in ISO 8601; None: the reader's own."""
    fixed: float | None
    """Seconds that its clock is ahead of UTC, where the text says so."""

    @classmethod
    def of(cls, time: str, reader: TimeReader) -> "_Writer":
        """Return what writes as `time` is written."""
        moment = reader.notation.read(time) if reader.notation else None
        if moment:
            return cls(reader, time, None, moment.offset)
        iso = IsoNotation.of(time)
        return cls(reader, time, iso, iso.offset)

    def offset(self, seconds: float) -> float:
        """Return how far the clock is ahead of UTC at a time."""
        if self.fixed is not None:
            return self.fixed
        return self.reader.zone.offset(seconds) if self.reader.zone else 0.0

    def text(self, seconds: float) -> str:
        """Return a time, in seconds since 1970. Raises `ValueError` or `OverflowError` where it cannot be written."""
        clock = round(seconds * 1e6) + round(self.offset(seconds)) * 1_000_000
        if self.iso:
            return self.iso.text(clock)
        assert self.reader.notation
        return self.reader.notation.write(clock, self.like)


def _months_later(seconds: float, months: int, clock_offset: Callable[[float], float]) -> float:
    """Return the time so many months later, at the same day and time of the clock; the month's last day at most."""
    offset = clock_offset(seconds)
    moment = _EPOCH + timedelta(microseconds=round((seconds + offset) * 1e6))
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    later = (moment.replace(year=year, month=month + 1, day=day) - _EPOCH).total_seconds()
    return later - clock_offset(later - offset)


def _needed(moment: datetime) -> int:
    """Return up to what level a time has to be written, so that nothing of it is lost."""
    if moment.microsecond:
        return 6 if moment.microsecond % 1000 == 0 else 9
    return 3 if moment.second else 2 if moment.minute or moment.hour else 0


def _decimals(number: float) -> int:
    """Return how many digits a number has behind the point, of six."""
    return len(f"{number:.{_DECIMALS}f}".rstrip("0").partition(".")[2])
