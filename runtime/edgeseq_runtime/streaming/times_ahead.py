"""When the steps of a forecast are, in the notation in which the sample's own time is written."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io.grammar import EPOCHS
from edgeseq_runtime.io.text_lines import WrittenTime
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.timestamps import is_epoch, to_seconds

Times: TypeAlias = list[str] | list[int | float]

_ISO = re.compile(
    r"[0-9]{4}(?P<dash>-?)[0-9]{2}(?P=dash)[0-9]{2}"
    r"(?:(?P<mark>[T t])(?P<hour>[0-9]{2})(?:(?P<colon>:?)(?P<minute>[0-9]{2})"
    r"(?:(?P=colon)(?P<second>[0-9]{2})(?:(?P<point>[.,])(?P<fraction>[0-9]+))?)?)?)?"
    r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZEROS = str.maketrans("123456789", "000000000")
_LONGEST_DATE = len("2020-01-01")
_DECIMALS = 6
_FINEST = 1e6
"""Fractions of a second that are whole: of micro- and nanoseconds since 1970 a float does not hold all digits."""
_CLOSE = 1e-6
"""Seconds within which two times are the same."""

_MOST, _MOST_NOTATIONS = 10_000, 100
"""Texts that are kept: forecasts of samples that follow each other share all but one of their times."""


@dataclass(frozen=True)
class Notation:
    """How a time in ISO 8601 is written."""

    dash: str
    mark: str
    colon: str
    point: str
    level: int
    """Up to what it is precise: 0 a day, 1 an hour, 2 a minute, 3 a second, 3 + n the n-th digit behind the point."""
    zone: str

    @classmethod
    def of(cls, text: str) -> "Notation":
        """Return the notation of a time; of one that is written otherwise, weeks say, that of 2020-01-01T00:00Z."""
        match = _ISO.fullmatch(text)
        if not match:
            return cls("-", "T", ":", ".", 2, "Z")
        dash, mark, colon, point, zone = (match[name] for name in ("dash", "mark", "colon", "point", "zone"))
        level = sum(match[name] is not None for name in ("hour", "minute", "second")) + len(match["fraction"] or "")
        separator = ":" if dash else ""
        return cls(dash, mark or "T", separator if colon is None else colon, point or ".", level, zone or "")

    @property
    def offset(self) -> int:
        """Seconds that the clock of its zone is ahead of UTC."""
        if self.zone in ("", "Z"):
            return 0
        digits = self.zone[1:].replace(":", "")
        return int(f"{self.zone[0]}1") * (3600 * int(digits[:2]) + 60 * int(digits[2:]))

    def text(self, seconds: float) -> str:
        """Return a time so written, and no less precise than it needs. Raises `OverflowError` for one beyond all."""
        moment = _EPOCH + timedelta(seconds=self.offset) + timedelta(microseconds=round(seconds * 1e6))
        level = max(self.level, _needed(moment))
        text = f"{moment.year:04}{self.dash}{moment.month:02}{self.dash}{moment.day:02}"
        parts = [f"{moment.hour:02}", f"{moment.minute:02}", f"{moment.second:02}"]
        text += self.mark + self.colon.join(parts[: min(level, 3)]) if level else ""
        text += self.point + f"{moment.microsecond:06}"[: level - 3].ljust(level - 3, "0") if level > 3 else ""
        return text + self.zone


class TimesAhead:
    """Writes the times of forecasts, where the model has a period."""

    def __init__(self, spec: Spec) -> None:
        self._period = spec.period or 0.0
        self._steps = range(1, spec.horizon + 1)
        self._offsets = [self._period * step for step in self._steps]
        self._known: dict[str, tuple[Notation, dict[float, str]]] = {}

    def __bool__(self) -> bool:
        return bool(self._period)

    def after(self, time: WrittenTime, seconds: float) -> Times | None:
        """Return the time of each step after a sample, whose own was written as `time` and is taken as `seconds`.

        Numbers after a number, texts after a text; None where the sample has no time that can be read.
        """
        if time is None or time == "" or math.isnan(seconds) or not self._period:
            return None
        try:
            if not isinstance(time, str):
                return self._numbers(time, seconds)
            time = time.strip()
            return self._epochs(time, seconds) if is_epoch(time) else self._texts(time, seconds)
        except (DataError, ValueError, OverflowError):
            return None

    def _texts(self, time: str, seconds: float) -> list[str]:
        notation, texts = self._notation(time)
        try:
            return [texts[seconds + offset] for offset in self._offsets]
        except KeyError:
            if len(texts) >= _MOST:
                texts.clear()
            for moment in (seconds + offset for offset in self._offsets):
                if moment not in texts:
                    texts[moment] = notation.text(moment)
            return [texts[seconds + offset] for offset in self._offsets]

    def _notation(self, time: str) -> tuple[Notation, dict[float, str]]:
        """Return how a time is written, and texts that were written so: by its signs, and its zone where it has one."""
        signs = time.translate(_ZEROS)
        key = signs + time[-6:] if "+" in signs or signs.rfind("-") >= _LONGEST_DATE - 2 else signs
        found = self._known.get(key)
        if found is None:
            to_seconds(time)
            if len(self._known) >= _MOST_NOTATIONS:
                self._known.clear()
            found = self._known[key] = Notation.of(time), {}
        return found

    def _epochs(self, time: str, seconds: float) -> list[str]:
        whole, _, fraction = time.partition(".")
        numbers = self._numbers(float(time) if fraction else int(whole), seconds)
        decimals = max(len(fraction), *map(_decimals, numbers))
        return [f"{number:.{decimals}f}" if decimals else str(number) for number in numbers]

    def _numbers(self, time: float, seconds: float) -> list[int | float]:
        unit = next((fractions for least, fractions in EPOCHS if abs(time) >= least), 1.0)
        step: float = self._period * unit
        if abs(time / unit - seconds) > _CLOSE:  # a sample that is taken at another time than its own
            time = type(time)(seconds * unit)
        if isinstance(time, int) and (step.is_integer() or unit >= _FINEST):
            return [time + round(step * number) for number in self._steps]
        return [round(time + step * number, _DECIMALS) for number in self._steps]


def _needed(moment: datetime) -> int:
    """Return up to what level a time has to be written, so that nothing of it is lost."""
    if moment.microsecond:
        return 6 if moment.microsecond % 1000 == 0 else 9
    return 3 if moment.second else 2 if moment.minute or moment.hour else 0


def _decimals(number: float) -> int:
    """Return how many digits a number has behind the point, of six."""
    return len(f"{number:.{_DECIMALS}f}".rstrip("0").partition(".")[2])
