"""What a stream looks like just now, in one line on a terminal: the last samples, and what is forecast."""

import math
import os
import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

import click

from edgeseq.commands import notes
from edgeseq.text import number
from edgeseq_runtime.printable import printable

if TYPE_CHECKING:
    from edgeseq_runtime.io.text_lines import Sample
    from edgeseq_runtime.outcomes import StepResult
    from edgeseq_runtime.spec import Spec

_BARS = "▁▂▃▄▅▆▇█"
_PAUSE = 0.1
"""Seconds between two drawings: nobody reads faster, and drawing takes longer than a step."""
_ERASE = "\r\x1b[K"
_LONGEST_WORD = 40
"""Characters of a name or a unit."""


class TerminalView:
    """A line that is drawn over itself. Of several targets it shows the first."""

    def __init__(self, spec: "Spec") -> None:
        self._stream = sys.stderr
        self._label = printable(spec.target_features[0].name, _LONGEST_WORD)
        self._unit = printable(spec.target_features[0].unit, _LONGEST_WORD)
        self._samples: deque[float] = deque(maxlen=_width(self._stream))
        self._forecast: list[float] = []
        self._status = ""
        self._drawn = -math.inf
        self._shares_terminal = sys.stdout is not None and sys.stdout.isatty()  # of forecasts on the same terminal

    def hide(self) -> None:
        """Make room for a line of the output, where that is on the same terminal."""
        if self._shares_terminal:
            notes.draw(_ERASE)
            self._drawn = -math.inf

    def show(self, sample: "Sample", result: "StepResult") -> None:
        """Take in a sample and its result; draw, unless that was done a moment ago."""
        value = sample.values[0] if sample.values else None
        if sample.field:
            self._label = printable(sample.field, _LONGEST_WORD)
        self._samples.append(math.nan if value is None else float(value))
        self._forecast = result.forecast[:, 0].tolist()
        self._status = result.anomaly or result.status
        if time.monotonic() - self._drawn >= _PAUSE:
            self._draw()

    def close(self) -> None:
        """Draw what came last, and leave the line."""
        if self._samples:
            self._draw()
            notes.draw("\n")

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        columns = _width(self._stream)
        notes.draw(_ERASE + render_line(self._label, self._unit, self._samples, self._forecast, self._status, columns))


def render_line(
    label: str, unit: str, samples: Sequence[float], forecast: Sequence[float], status: str, columns: int
) -> str:
    """Return samples and forecast as bars of one scale, as many as fit into `columns`, with the last number of each."""
    numbers = f"{number(samples[-1])} → {number(forecast[0])}"
    numbers += f" … {number(forecast[-1])}" if len(forecast) > 1 else ""
    ends = f"{label} ", " ".join(word for word in ("", numbers, unit, "" if status == "ok" else status) if word)
    room = max(0, columns - 1 - len(ends[0]) - len(ends[1]) - 2)
    ahead = list(forecast)[: room // 2]
    past = list(samples)[max(0, len(samples) - (room - len(ahead))) :]
    bars = sparkline([*past, *ahead])
    painted = click.style(bars[len(past) :], fg="cyan")
    return f"{ends[0]}{bars[: len(past)]} {painted} {ends[1]}"


def sparkline(values: Sequence[float]) -> str:
    """Return a bar for each value, the least to the greatest in eight heights; a blank for one that is missing."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    step = (high - low) / (len(_BARS) - 1) or 1.0
    return "".join(_BARS[round((value - low) / step)] if math.isfinite(value) else " " for value in values)


def _width(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
