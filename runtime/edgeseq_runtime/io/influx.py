r"""Influx line protocol: `measurement,tag=value field=1.5,other=2i 1700000000000000000`, a point to a line.

A series key, the measurement with its tags in the order of their names, is one stream. Its text is kept as it was
written, so that what comes out has the very names that went in; only the names of fields are unescaped, to be compared
with the model's features.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.io.json_samples import split_paths
from edgeseq_runtime.io.known_columns import KnownColumns
from edgeseq_runtime.io.sample import LONGEST, Sample, Tell, WrittenTime
from edgeseq_runtime.printable import listed
from edgeseq_runtime.reading.number_times import FIRST_PLAUSIBLE, LAST_PLAUSIBLE, UNITS, by_size
from edgeseq_runtime.reading.numbers import LONGEST_NUMBER, NumberReader, readers
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.spec import Spec

if TYPE_CHECKING:
    import numpy as np

    from edgeseq_runtime.arrays import Float32

SUFFIX = "_forecast"
"""What the measurement of a forecast is called, after that of its sample."""

NO_TIME = "the time of line protocol stands at the end of the line, under no name"
"""What is said to whoever names it."""

# Possessive: what was taken is never given back, so a line of a megabyte costs neither time nor a stack.
_MEASUREMENT = re.compile(r"(?:[^\\, ]++|\\.)++")
_NAME = re.compile(r"(?:[^\\,= ]++|\\.)++")
_STRING = re.compile(r'"(?:[^\\"]++|\\.)*+"')
_BARE = re.compile(r"[^, ]+")
_INTEGER = re.compile(r"([-+]?[0-9]+)i|([0-9]+)u")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_TIME = re.compile(r"[-+]?[0-9]{1,19}")
_ESCAPED = re.compile(r"\\([\\,= ])")
_SPECIAL = re.compile(r"([\\,= ])")

_BOOLEANS = {word: float(word[0] in "tT") for word in ("t", "T", "true", "True", "TRUE", "f", "F", "false", "False")}
_BOOLEANS["FALSE"] = 0.0


@dataclass(frozen=True)
class Point:
    """One line, taken apart."""

    key: str
    """Measurement and tags, the tags in order of their names; as they were written."""
    fields: Mapping[str, float | str]
    """By name. A flag is 1 or 0; text is as it was written, with its quotes."""
    time: int | str | None
    """Nanoseconds since 1970; a text that is no time where the line has something else there."""


def read(
    lines: Iterable[bytes],
    spec: Spec,
    tell: Tell | None = None,
    reading: Reading | None = None,
    columns: Mapping[str, str] | None = None,
) -> Iterator[Sample]:
    """Yield a sample for each line that is a point; blank lines and comments are none.

    The model's features are found by the fields' names, or those that `columns` says; values are read as `reading`
    says; `tell` is told what a user should know. A sample's `stream` is None where the line is none, or has none of the
    features, and so may be of something else. Raises `UsageError` for a column of what is no feature.
    """
    fields = Fields(spec, reading or spec.known_reading, columns or {}, tell)
    for number, line in enumerate(lines, start=1):
        text = line[:LONGEST].decode("utf-8", "replace").strip("\r\n ")
        if not text or text[0] == "#":
            continue
        yield fields.sample(number, line, text)


class Fields:
    """Finds a model's features among the fields of points."""

    def __init__(self, spec: Spec, reading: Reading, columns: Mapping[str, str], tell: Tell | None) -> None:
        names = [feature.name for feature in spec.measured]
        paths, time = split_paths(columns, spec, reading)
        if time:
            raise UsageError(NO_TIME)
        self._fields = [paths.get(name, name) for name in names]
        self._known = KnownColumns(spec, reading, paths, tell)
        self._readers = readers(spec.measured, reading, of_fleet=bool(spec.sensors))
        self._nothing = (None,) * len(names)
        self._unit = TimeUnit(tell)

    def sample(self, number: int, line: bytes, text: str) -> Sample:
        """Return the sample of a line, which as text is `text`."""
        if len(line) > LONGEST:
            return Sample(number, None, self._nothing, f"longer than {LONGEST} bytes", stream=None)
        try:
            point = parse(text)
            if not any(name in point.fields for name in self._fields):
                raise DataError(f"no field {listed(self._fields)}; the line has {listed(point.fields)}")  # noqa: TRY301
        except DataError as error:
            return Sample(number, None, self._nothing, str(error), stream=None, text=text)
        self._unit.see(number, point.time)
        try:
            values = tuple(map(_number, self._readers, map(point.fields.get, self._fields)))
            known, now = self._known.of_fields(point.fields) if self._known else ((), ())
        except DataError as error:
            return Sample(number, point.time, self._nothing, str(error), point.key, text, in_nanoseconds=True)
        lacks = any(name not in point.fields for name in self._fields)
        return Sample(number, point.time, values, None, point.key, text, True, lacks, known, now)


def parse(text: str) -> Point:
    """Take a line apart. Raises `DataError` that says where it is not line protocol."""
    at = _end(_MEASUREMENT, text, 0, "a measurement")
    measurement = text[:at]
    tags, at = _tags(text, at)
    tags.sort()
    twice = next((name for (name, _), (other, _) in pairwise(tags) if name == other), None)
    if twice is not None:
        raise DataError(f"{text[:40]!r} has the tag {twice[:40]} twice")
    fields, at = _fields(text, _blank(text, at, "fields"))
    key = ",".join([measurement, *(f"{name}={value}" for name, value in tags)])
    return Point(key, fields, _time(text[at:].strip(" ")))


def _time(text: str) -> int | str | None:
    """Return a time in nanoseconds, None where there is none, and as a text what the protocol does not allow there.

    With a word in it, so that nobody guesses: 1700000000.5 might be seconds.
    """
    if not text:
        return None
    return int(text) if _TIME.fullmatch(text) else f"{text[:40]} (not nanoseconds)"


class TimeUnit:
    """Says so where the first time of an input seems to count something else than nanoseconds, as which it is taken."""

    def __init__(self, tell: Tell | None) -> None:
        self._tell = tell

    def see(self, line: int, time: WrittenTime) -> None:
        """See the time of a point."""
        if self._tell is None or not isinstance(time, int):
            return
        unit = in_other_unit(time)
        if unit:
            self._tell(f"line {line}: the time {time} is taken for nanoseconds since 1970, but seems to be in {unit}")
        self._tell = None


def in_other_unit(time: int) -> str:
    """Return the unit that a time seems to have, "s", "ms" or "us"; "" where it may be nanoseconds, as it should be.

    As nanoseconds those of today are in the first weeks of 1970. Counters that begin at 0 are there too.
    """
    unit = {count: name for name, count in UNITS.items()}[by_size(time)]
    is_of_today = FIRST_PLAUSIBLE <= time / by_size(time) < LAST_PLAUSIBLE
    return unit if unit != "ns" and is_of_today else ""


def sensors(key: str) -> tuple[str, ...]:
    """Return what a series' sensor may be called: as the whole key, or as the value of one of its tags."""
    tags, _ = _tags(key, _end(_MEASUREMENT, key, 0, "a measurement"))
    return key, *(unescape(value) for _, value in tags)


def tags(key: str) -> dict[str, str]:
    """Return the tags of a series key by name, as they are meant."""
    found, _ = _tags(key, _end(_MEASUREMENT, key, 0, "a measurement"))
    return {unescape(name): unescape(value) for name, value in found}


def forecast_line(
    key: str,
    time: float | str | None,
    forecast: Mapping[str, "Float32"],
    status: str,
    *,
    warm: bool,
    more: Sequence[str] = (),
    of: str = "",
) -> str:
    """Return the point of one forecast: {target: (horizon,)}, or one target alone under the name "".

    A number that is not finite is left out, and so is a time that is a text; `more` are further fields. `of` goes
    before the fields of the status, where points of several fields have the same key and time.
    """
    cells = [
        f"{_before(target)}h{step}={value!s}"
        for target, values in forecast.items()
        for step, value in enumerate(values, start=1)
        if math.isfinite(value)  # the protocol has no such number; str of a float32 is its shortest text
    ]
    return fields_line(key, time, [*cells, *_said(status, warm, of), *more])


def step_line(
    key: str, time: float, forecast: Mapping[str, "np.float32"], step: int, status: str, warm: bool, *, of: str = ""
) -> str:
    """Return the point of one step of a forecast, {target: value}, at the time that it is for; `of` as above."""
    cells = [f"{escape(target)}={value!s}" for target, value in forecast.items() if math.isfinite(value)]
    return fields_line(key, time, [*cells, f"{_before(of)}step={step}i", *_said(status, warm, of)])


def _said(status: str, warm: bool, of: str) -> list[str]:
    return [f'{_before(of)}status="{status}"', f"{_before(of)}warm={str(warm).lower()}"]


def _before(name: str) -> str:
    """Return what goes before the names of fields that are about one."""
    return f"{escape(name)}_" if name else ""


def anomaly_fields(p_values: Mapping[str, "np.float32"], anomaly: str, *, of: str = "") -> list[str]:
    """Return the fields about a sample itself: {target: p-value}, that of all together under the name "", and a word.

    What there is none of is left out; `of` as above.
    """
    cells = [f"{_before(target)}p_value={value!s}" for target, value in p_values.items() if math.isfinite(value)]
    return [*cells, f'{_before(of)}anomaly="{anomaly}"'] if anomaly else cells


def fields_line(key: str, time: float | str | None, cells: Sequence[str]) -> str:
    """Return the point of a forecast that has these fields."""
    end = _end(_MEASUREMENT, key, 0, "a measurement")
    at = "" if time is None or isinstance(time, str) else f" {time}"
    return f"{key[:end]}{SUFFIX}{key[end:]} {','.join(cells)}{at}"


def escape(name: str) -> str:
    """Return a name as it is written for a tag or a field; line breaks, which the protocol lacks, become blanks."""
    return _SPECIAL.sub(r"\\\1", " ".join(name.splitlines()))


def unescape(name: str) -> str:
    r"""Return a name as it is meant; a backslash before anything but a special character is itself."""
    return _ESCAPED.sub(r"\1", name) if "\\" in name else name


def _tags(text: str, at: int) -> tuple[list[tuple[str, str]], int]:
    """Return the names and values of the tags that stand at `at`, as they are written, and where they end."""
    tags = []
    while text[at : at + 1] == ",":
        start = at + 1
        at = _equals(text, _end(_NAME, text, start, "a tag's name"))
        name = text[start : at - 1]
        end = _end(_NAME, text, at, f"a value of the tag {name[:40]}")
        tags.append((name, text[at:end]))
        at = end
    return tags, at


def _fields(text: str, at: int) -> tuple[dict[str, float | str], int]:
    fields: dict[str, float | str] = {}
    while True:
        end = _end(_NAME, text, at, "a field's name")
        name, at = unescape(text[at:end]), _equals(text, end)
        value = _STRING if text[at : at + 1] == '"' else _BARE
        end = _end(value, text, at, f"a value of the field {name[:40]}")
        fields[name] = _value(name, text[at:end])
        at = end
        if text[at : at + 1] != ",":
            break
        at += 1
    return fields, at if at == len(text) else _blank(text, at, "the time")


def _value(name: str, text: str) -> float | str:
    if text[0] == '"':
        return text
    if len(text) <= LONGEST_NUMBER:
        if _FLOAT.fullmatch(text):
            return float(text)
        if whole := _INTEGER.fullmatch(text):
            return float(whole[1] or whole[2])
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    raise DataError(f"the field {name[:40]}: expected a line protocol value, got {text[:40]!r}")


def _number(reader: NumberReader, value: float | str | None) -> float | None:
    """Return the number in a field's value; text may hold one, or a word for none."""
    return reader.number(value[1:-1] if isinstance(value, str) else value)


def _end(pattern: re.Pattern[str], text: str, at: int, what: str) -> int:
    match = pattern.match(text, at)
    if not match:
        raise DataError(f"{text[:40]!r} is not line protocol: expected {what} at character {at + 1}")
    return match.end()


def _equals(text: str, at: int) -> int:
    if text[at : at + 1] != "=":
        raise DataError(f"{text[:40]!r} is not line protocol: expected = at character {at + 1}")
    return at + 1


def _blank(text: str, at: int, what: str) -> int:
    after = at
    while text[after : after + 1] == " ":
        after += 1
    if after == at:
        raise DataError(f"{text[:40]!r} is not line protocol: expected a space and {what} at character {at + 1}")
    return after
