"""What one forecast looks like as a line of JSON, CSV or Influx line protocol."""

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import repeat
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self, TypeAlias

import numpy as np

from edgeseq_runtime.anomalies.kinds import ANOMALIES_BY_CODE
from edgeseq_runtime.io import influx
from edgeseq_runtime.io.any_names import owner_of
from edgeseq_runtime.io.shortest import shortest_from, shortest_lists
from edgeseq_runtime.streaming.ledger import REASONS_BY_CODE
from edgeseq_runtime.streaming.times_ahead import TimesAheadByPeriod
from edgeseq_runtime.streaming.validation import SKIPPED, STATUSES

if TYPE_CHECKING:
    from edgeseq_runtime.arrays import Float64, Forecasts
    from edgeseq_runtime.io.text_lines import Sample
    from edgeseq_runtime.outcomes import Outcomes, StepResult
    from edgeseq_runtime.spec import Spec

Numbers: TypeAlias = list[list[float]]


class Format(Protocol):
    """Turns results into lines."""

    def header(self) -> str | None:
        """Return the line before the first result, if there is one."""

    def line(self, sample: "Sample", result: "StepResult") -> str:
        """Return the line, or lines, about one sample."""

    def lines(self, samples: Sequence["Sample"], outcomes: "Outcomes") -> list[str]:
        """Return the same for several samples, in less time."""

    def passthrough(self, sample: "Sample") -> str | None:
        """Return what is written for a line that is of no stream, if anything is."""


class Said(NamedTuple):
    """What became of one sample, with numbers as floats of the shortest text, for each target a list by step."""

    number: int
    seconds: float
    status: str
    reason: str
    warm: bool
    forecast: Numbers
    lower: Numbers | None
    upper: Numbers | None
    drift: bool
    p_values: list[float] | None
    anomaly: str
    period: float

    @classmethod
    def of(cls, result: "StepResult") -> Self:
        """Return what became of one."""
        ends = None, None
        if result.interval is not None:
            ends = tuple(_by_target(end, result.anchor) for end in result.interval)
        lower, upper = ends
        said = result.status, result.reason, result.warm, _by_target(result.forecast, result.anchor)
        p_values = None if result.p_values is None else shortest_lists(result.p_values)
        return cls(
            result.number, result.seconds, *said, lower, upper, result.drift, p_values, result.anomaly, result.period
        )

    @classmethod
    def of_all(cls, outcomes: "Outcomes") -> Iterator[Self]:
        """Yield what became of each of several."""
        nothing = repeat(None)
        anchors = 0.0 if outcomes.anchors is None else outcomes.anchors[:, None, None]
        ends = [_by_target(end, anchors) for end in outcomes.interval] if outcomes.interval else (nothing, nothing)
        return map(
            cls,
            outcomes.numbers.tolist(),
            outcomes.seconds.tolist(),
            [STATUSES[code] for code in outcomes.statuses.tolist()],
            [REASONS_BY_CODE[code] for code in outcomes.reasons.tolist()],
            outcomes.warm.tolist(),
            _by_target(outcomes.forecasts, anchors),
            *ends,
            repeat(False) if outcomes.drift is None else outcomes.drift.tolist(),
            nothing if outcomes.p_values is None else shortest_lists(outcomes.p_values),
            repeat("") if outcomes.anomaly is None else [ANOMALIES_BY_CODE[code] for code in outcomes.anomaly.tolist()],
            repeat(math.nan) if outcomes.periods is None else outcomes.periods.tolist(),
        )


class JsonFormat:
    """An object to a line; `named` adds the stream's name, `times` when the steps of the forecast are.

    Without `intervals` a line leaves them out, also where they are watched.
    """

    def __init__(self, spec: "Spec", *, named: bool = False, times: bool = True, intervals: bool = True) -> None:
        self._intervals = intervals
        self._names = [_quoted(name) for name in spec.targets]
        self._named = named
        self._ahead = TimesAheadByPeriod(spec) if times else None
        self._ends: dict[tuple[str, str, bool], str] = {}  # of lines, by what they say

    def header(self) -> str | None:
        """JSON lines have none."""
        return None

    def passthrough(self, _sample: "Sample") -> str | None:
        """Nothing is written."""
        return None

    def line(self, sample: "Sample", result: "StepResult") -> str:
        """Return the time, the forecast by step and, for several targets, by name, the status and whether it counts.

        What `json.dumps` would write, put together in a fraction of its time.
        """
        return self._line(sample, Said.of(result))

    def lines(self, samples: Sequence["Sample"], outcomes: "Outcomes") -> list[str]:
        """Return such lines."""
        return list(map(self._line, samples, Said.of_all(outcomes)))

    def _line(self, sample: "Sample", said: Said) -> str:
        time = _time(sample, said)
        line = f'{{"t": {_quoted(time) if isinstance(time, str) else repr(time)}'
        if self._named and sample.stream:
            line += f', "stream": {_quoted(sample.stream or "")}'
        times = self._ahead and times_ahead(self._ahead, sample, said)
        if times:
            line += f', "times": {_listed(times)}'
        line += f', "forecast": {self._by_name(said.forecast)}{self._end(said)}'
        if self._intervals and said.lower and said.upper:
            lower, upper = self._by_name(said.lower), self._by_name(said.upper)
            line += f', "lower": {lower}, "upper": {upper}, "drift": {_flag(said.drift)}'
        if said.p_values:
            line += self._surprise(said.p_values, said.anomaly)
        return line + "}"

    def _surprise(self, p_values: list[float], anomaly: str) -> str:
        """Return how surprising the sample is: all together, by name for several targets, and the kind of an alarm."""
        *by_target, together = map(_number, p_values)
        text = f', "p_value": {together}'
        if len(self._names) > 1:
            pairs = zip(self._names, by_target, strict=True)
            text += f', "p_values": {{{", ".join(f"{name}: {number}" for name, number in pairs)}}}'
        return f'{text}, "anomaly": "{anomaly}"' if anomaly else text

    def _by_name(self, numbers: Numbers) -> str:
        if len(self._names) == 1:
            return _numbers(numbers[0])
        pairs = zip(self._names, map(_numbers, numbers), strict=True)
        return "{" + ", ".join(f"{name}: {texts}" for name, texts in pairs) + "}"

    def _end(self, said: Said) -> str:
        key = said.status, said.reason, said.warm
        if key not in self._ends:
            reason = f', "reason": "{said.reason}"' if said.reason else ""
            self._ends[key] = f', "status": "{said.status}"{reason}, "warm": {_flag(said.warm)}'
        return self._ends[key]


class CsvFormat:
    """A row to a line, below a header; `named` adds a column with the stream's name, `times` when the first step is.

    `anomalies` adds those with p-values, of all targets together and of each of several, and with the kind of an alarm.
    """

    def __init__(self, spec: "Spec", *, named: bool = False, times: bool = True, anomalies: bool = False) -> None:
        self._spec = spec
        self._surprises = [*_p_values(spec.targets), "anomaly"] if anomalies else []
        self._named = named
        self._ahead = TimesAheadByPeriod(spec) if times else None

    def header(self) -> str | None:
        """Return the columns' names."""
        steps = range(1, self._spec.horizon + 1)
        numbers = [f"{name}+{step}" for step in steps for name in self._spec.targets]
        ahead = ["t+1"] if self._ahead else []
        return _csv_line(
            ["t", *(["stream"] if self._named else []), *numbers, "status", "warm", *ahead, *self._surprises]
        )

    def passthrough(self, _sample: "Sample") -> str | None:
        """Nothing is written."""
        return None

    def line(self, sample: "Sample", result: "StepResult") -> str:
        """Return the row about one sample; a forecast that there is none of is empty, and so is a time."""
        return self._line(sample, Said.of(result))

    def lines(self, samples: Sequence["Sample"], outcomes: "Outcomes") -> list[str]:
        """Return such rows."""
        return list(map(self._line, samples, Said.of_all(outcomes)))

    def _line(self, sample: "Sample", said: Said) -> str:
        by_step = [value for step in zip(*said.forecast, strict=True) for value in step]
        numbers = [repr(value) if math.isfinite(value) else "" for value in by_step]
        stream = [sample.stream or ""] if self._named else []
        ahead = [str((times_ahead(self._ahead, sample, said) or [""])[0])] if self._ahead else []
        row = [str(_time(sample, said)), *stream, *numbers, said.status, _flag(said.warm), *ahead]
        if self._surprises:
            assert said.p_values, "anomalies are looked for in all samples"
            *by_target, together = said.p_values
            p_values = [together, *by_target] if len(by_target) > 1 else [together]
            row += [*(repr(value) if math.isfinite(value) else "" for value in p_values), said.anomaly]
        return _csv_line(row)


class InfluxFormat:
    """A point to a line, with the tags and the time of the sample's; `keep` puts the sample's own line before it.

    With `ahead` a point for each step of the forecast, at the time that it is for, where the sample's time is known; a
    further one at the sample's own time says how surprising it is.
    """

    def __init__(self, spec: "Spec", *, keep: bool = False, ahead: bool = False) -> None:
        self._targets, self._takes_any = spec.targets, spec.takes_any
        self._keep = keep
        self._ahead = TimesAheadByPeriod(spec) if ahead else None

    def header(self) -> str | None:
        """Line protocol has none."""
        return None

    def passthrough(self, sample: "Sample") -> str | None:
        """Return the line itself, where lines are kept."""
        return sample.text if self._keep and sample.text else None

    def lines(self, samples: Sequence["Sample"], outcomes: "Outcomes") -> list[str]:
        """Return such points."""
        return list(map(self.line, samples, outcomes))

    def line(self, sample: "Sample", result: "StepResult") -> str:
        """Return the point, or the points, of one forecast."""
        times = self._ahead and times_ahead(self._ahead, sample, result)
        key, said, of = sample.stream or "", (result.status, result.warm), ""
        targets, said_ahead = self._targets, result.forecast
        if said_ahead.dtype == np.float64:
            said_ahead = shortest_from(result.anchor, said_ahead)
        if self._takes_any:  # the fields of a point are streams, so that theirs must differ
            key, of, targets = owner_of(sample), sample.field, (sample.field,)
        about = self._about(result, of)
        if times:
            rows = zip(times, said_ahead, strict=True)
            points = [
                influx.step_line(key, round(time), dict(zip(targets, row, strict=True)), step, *said, of=of)
                for step, (time, row) in enumerate(rows, start=1)
            ]
            points += [influx.fields_line(key, sample.time, about)] if about else []
        else:
            names = targets if len(targets) > 1 or of else ("",)
            forecast = dict(zip(names, said_ahead.T, strict=True))
            points = [
                influx.forecast_line(key, sample.time, forecast, result.status, warm=result.warm, more=about, of=of)
            ]
        return "\n".join([sample.text, *points] if self._keep and sample.text else points)

    def _about(self, result: "StepResult", of: str) -> list[str]:
        """Return the fields about how surprising the sample is; `of` is the field that it was."""
        if result.p_values is None:
            return []
        *by_target, together = result.p_values
        several = zip(self._targets, by_target, strict=True) if len(by_target) > 1 else ()
        return influx.anomaly_fields({of: together, **dict(several)}, result.anomaly, of=of)


def times_ahead(by_period: TimesAheadByPeriod, sample: "Sample", result: "StepResult | Said") -> Any:
    """Return when the steps of a forecast are; None where that is not known, and for a forecast of the sample before.

    Such a one is repeated where a sample was left out. A time that cannot be read is in no notation.
    """
    ahead = by_period.of(result.period, sample.time_format)
    if ahead is None or result.status == SKIPPED or (result.reason and not ahead.is_time(sample.time)):
        return None
    return ahead.after(sample.time, result.seconds)


def _time(sample: "Sample", result: Said) -> str | float:
    """Return a sample's time as it was written, or its number where it has none."""
    return result.number if sample.time is None or sample.time == "" else sample.time


def _escaped(character: str) -> str:
    """Return a character of JSON's text: escaped where a terminal would obey it, replaced where it is half a one."""
    if character.isprintable():
        return character
    return "\N{REPLACEMENT CHARACTER}" if "\ud800" <= character <= "\udfff" else json.dumps(character)[1:-1]


def _by_target(numbers: "Forecasts", anchors: "Float64 | float") -> Any:
    """Return numbers (..., horizon, target) as lists by target and step; float64 are counted from `anchors`."""
    numbers = numbers.swapaxes(-1, -2)
    return shortest_lists(numbers) if numbers.dtype == np.float32 else shortest_from(anchors, numbers).tolist()


def _numbers(numbers: list[float]) -> str:
    """Return numbers of at most 15 digits as a list of JSON, which has none that is not finite.

    It is what `repr` writes, which takes twice as long. With a point and no exponent the two are the same.
    """
    count = len(numbers)
    text = _digits(count) % tuple(numbers)
    if text.count(".") == count and "e" not in text:
        return text
    text = repr(numbers)
    return text.replace("nan", "null").replace("-inf", "null").replace("inf", "null") if "n" in text else text


@lru_cache
def _digits(count: int) -> str:
    return "[" + ", ".join(["%.15g"] * count) + "]"


def _listed(times: Sequence[str] | Sequence[int | float]) -> str:
    """Return times as a list of JSON: digits and signs, which need no escape."""
    return '["' + '", "'.join(times) + '"]' if isinstance(times[0], str) else repr(times)  # type: ignore[arg-type]


def _quoted(text: str) -> str:
    """Return text as JSON, with what a terminal would obey escaped."""
    quoted = encode_basestring(text)
    return quoted if quoted.isprintable() else "".join(map(_escaped, quoted))


def _number(number: float) -> str:
    """Return a number as JSON, which has none that is not finite."""
    return repr(number) if math.isfinite(number) else "null"


def _p_values(targets: Sequence[str]) -> list[str]:
    """Return what the columns with p-values are called."""
    return ["p_value", *(f"{target}_p_value" for target in targets if len(targets) > 1)]


def _flag(flag: bool) -> str:
    return "true" if flag else "false"


def _csv_line(cells: list[str]) -> str:
    """Return cells as one line, quoted where they must be; line breaks within them become blanks."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([" ".join(cell.splitlines()) for cell in cells])
    return text.getvalue()
