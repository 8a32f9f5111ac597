"""What one forecast looks like as a line of JSON, CSV or Influx line protocol."""

import csv
import io
import json
import math
from typing import TYPE_CHECKING, Any, Protocol

from edgeseq_runtime.io import influx

if TYPE_CHECKING:
    import numpy as np

    from edgeseq_runtime.io.text_lines import Sample
    from edgeseq_runtime.outcomes import StepResult
    from edgeseq_runtime.spec import Spec


class Format(Protocol):
    """Turns results into lines."""

    def header(self) -> str | None:
        """Return the line before the first result, if there is one."""

    def line(self, sample: "Sample", result: "StepResult") -> str:
        """Return the line, or lines, about one sample."""

    def passthrough(self, sample: "Sample") -> str | None:
        """Return what is written for a line that is of no stream, if anything is."""


class JsonFormat:
    """An object to a line; `named` adds the stream's name."""

    def __init__(self, spec: "Spec", *, named: bool = False) -> None:
        self._targets = spec.targets
        self._named = named

    def header(self) -> str | None:
        """JSON lines have none."""
        return None

    def passthrough(self, _sample: "Sample") -> str | None:
        """Nothing is written."""
        return None

    def line(self, sample: "Sample", result: "StepResult") -> str:
        """Return the time, the forecast by step and, for several targets, by name, the status and whether it counts."""
        content: dict[str, Any] = {"t": _time(sample, result)}
        if self._named:
            content["stream"] = sample.stream
        content |= {"forecast": self._by_target(result.forecast), "status": result.status}
        if result.reason:
            content["reason"] = result.reason
        content["warm"] = result.warm
        if result.interval is not None:
            lower, upper = map(self._by_target, result.interval)
            content |= {"lower": lower, "upper": upper, "drift": result.drift}
        line = json.dumps(content, ensure_ascii=False, allow_nan=False)
        return line if line.isprintable() else "".join(map(_escaped, line))

    def _by_target(self, forecast: "np.ndarray") -> Any:
        rows = _as_numbers(forecast)
        if len(self._targets) == 1:
            return [row[0] for row in rows]
        return {name: [row[i] for row in rows] for i, name in enumerate(self._targets)}


class CsvFormat:
    """A row to a line, below a header; `named` adds a column with the stream's name."""

    def __init__(self, spec: "Spec", *, named: bool = False) -> None:
        self._spec = spec
        self._named = named

    def header(self) -> str | None:
        """Return the columns' names."""
        steps = range(1, self._spec.horizon + 1)
        numbers = [f"{name}+{step}" for step in steps for name in self._spec.targets]
        return _csv_line(["t", *(["stream"] if self._named else []), *numbers, "status", "warm"])

    def passthrough(self, _sample: "Sample") -> str | None:
        """Nothing is written."""
        return None

    def line(self, sample: "Sample", result: "StepResult") -> str:
        """Return the row about one sample; a forecast that there is none of is empty."""
        numbers = ["" if value is None else repr(value) for row in _as_numbers(result.forecast) for value in row]
        time = str(_time(sample, result))
        stream = [sample.stream or ""] if self._named else []
        return _csv_line([time, *stream, *numbers, result.status, str(result.warm).lower()])


class InfluxFormat:
    """A point to a line, with the tags and the time of the sample's; `keep` puts the sample's own line before it."""

    def __init__(self, spec: "Spec", *, keep: bool = False) -> None:
        self._targets = spec.targets
        self._keep = keep

    def header(self) -> str | None:
        """Line protocol has none."""
        return None

    def passthrough(self, sample: "Sample") -> str | None:
        """Return the line itself, where lines are kept."""
        return sample.text if self._keep and sample.text else None

    def line(self, sample: "Sample", result: "StepResult") -> str:
        """Return the point of one forecast."""
        names = self._targets if len(self._targets) > 1 else ("",)
        forecast = {name: result.forecast[:, i] for i, name in enumerate(names)}
        point = influx.forecast_line(sample.stream or "", sample.time, forecast, result.status, warm=result.warm)
        return f"{sample.text}\n{point}" if self._keep else point


def _time(sample: "Sample", result: "StepResult") -> str | float:
    """Return a sample's time as it was written, or its number where it has none."""
    return result.number if sample.time is None or sample.time == "" else sample.time


def _escaped(character: str) -> str:
    """Return a character of JSON's text: escaped where a terminal would obey it, replaced where it is half a one."""
    if character.isprintable():
        return character
    return "\N{REPLACEMENT CHARACTER}" if "\ud800" <= character <= "\udfff" else json.dumps(character)[1:-1]


def _as_numbers(forecast: "np.ndarray") -> list[list[float | None]]:
    """Return the forecast (horizon, target) as numbers, None for what is not finite: JSON has no such number.

    str of a float32 is the shortest text that reads back as the same number.
    """
    return [[float(str(value)) if math.isfinite(value) else None for value in row] for row in forecast]


def _csv_line(cells: list[str]) -> str:
    """Return cells as one line, quoted where they must be; line breaks within them become blanks."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([" ".join(cell.splitlines()) for cell in cells])
    return text.getvalue()
