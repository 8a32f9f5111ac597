"""`predict --plot`: the last samples and the forecast after them, drawn when the input ends."""

import importlib
import math
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseq_runtime import files
from edgeseq_runtime.errors import DataError, DependencyError
from edgeseq_runtime.streaming.timestamps import to_seconds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from edgeseq.evaluation.time_axis import TimeAxis
    from edgeseq_runtime.io.text_lines import Sample, WrittenTime
    from edgeseq_runtime.outcomes import StepResult
    from edgeseq_runtime.spec import Spec

_LEAST, _HORIZONS, _MOST = 60, 4, 1000
"""Samples drawn before the forecast: at least, in horizons, and at most."""


class ForecastPlot:
    """Keeps what is to be drawn at the end. Of several targets it shows the first. Raises `DependencyError`."""

    def __init__(self, spec: "Spec", path: str) -> None:
        try:
            importlib.import_module("matplotlib")
        except ImportError as error:
            raise DependencyError("matplotlib is not installed; pip install 'edgeseq[train]'") from error
        self._spec = spec
        self._path = path
        samples = min(max(_LEAST, _HORIZONS * spec.horizon), _MOST)
        self._values: deque[float] = deque(maxlen=samples)
        self._times: deque[WrittenTime] = deque(maxlen=samples)
        self._result: StepResult | None = None

    def add(self, sample: "Sample", result: "StepResult") -> None:
        """Take in a sample and its result."""
        value = sample.values[0] if sample.values else None
        self._values.append(math.nan if value is None else float(value))
        self._times.append(sample.time)
        self._result = result

    def write(self) -> bool:
        """Draw what came last to the file; return False where nothing came. Raises `FileError`."""
        if self._result is None:
            return False
        from edgeseq.evaluation.png import png

        files.write_atomically(Path(self._path), png(self.figure(self._result)))
        return True

    def figure(self, result: "StepResult") -> "Figure":
        """Return the figure: the last samples, the forecast after them and, where it is watched, its interval."""
        import numpy as np
        from matplotlib.figure import Figure

        from edgeseq.evaluation.time_axis import TimeAxis

        feature, horizon = self._spec.target_features[0], self._spec.horizon
        values = np.array(self._values)
        axis = TimeAxis.of(self._seconds(result), self._spec.period)
        first = result.number + 1 - len(values)  # the sample's number, where it has no time
        rows = np.arange(len(values) + horizon)
        places = axis.at(rows) if axis.seconds is not None else rows + first
        past, ahead = places[: len(values)], places[len(values) - 1 :]
        figure = Figure(figsize=(10, 4.5), layout="constrained")
        axes = figure.subplots()
        axes.plot(past, values, ".-", color="#303030", markersize=4, linewidth=1.6, label="measured")
        forecast = result.forecast[:, 0].astype(np.float64)
        label = f"forecast, up to {axis.ahead(horizon)} ahead"
        axes.plot(ahead, [values[-1], *forecast], ".-", color="#d1495b", markersize=4, linewidth=1.6, label=label)
        if result.interval is not None:
            low, high = (np.array([values[-1], *end[:, 0]], np.float64) for end in result.interval)
            axes.fill_between(ahead, low, high, color="#d1495b", alpha=0.18, lw=0, label="90 % interval")
        axes.axvline(float(past[-1]), color="#8d99ae", linewidth=0.8, linestyle="--")
        axes.set_ylabel(feature.label)
        axis.label(axes)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(self._title(axis, result, len(values) - 1), fontsize="medium")
        figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize="small")
        return figure

    def _title(self, axis: "TimeAxis", result: "StepResult", last: int) -> str:
        at = f"sample {result.number}" if axis.seconds is None else axis.moment(last)
        text = f"{self._spec.series}: forecast after {at}"
        if not math.isfinite(result.forecast[0, 0]):
            return f"{text}\nno forecast: {result.reason or result.status}"
        return text if result.warm else f"{text}\nnot reliable yet: the model needs {self._spec.warmup} samples first"

    def _seconds(self, result: "StepResult") -> list[float] | None:
        """Return the times of the samples and of those forecast; None where one of them is not known."""
        if self._spec.period is None:
            return None
        try:
            seconds = [to_seconds(time) if time != "" else math.nan for time in self._times]
        except DataError:
            return None
        return [*seconds, *(seconds[-1] + self._spec.period * step for step in range(1, len(result.forecast) + 1))]
