"""`predict --plot`: the last samples and the forecast after them, drawn when the input ends."""

import importlib
import math
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeseq_runtime import files
from edgeseq_runtime.errors import DataError, DependencyError
from edgeseq_runtime.reading.times import TimeReader

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from edgeseq.evaluation.time_axis import TimeAxis
    from edgeseq_runtime.io.text_lines import Sample, WrittenTime
    from edgeseq_runtime.outcomes import StepResult
    from edgeseq_runtime.spec import Spec

_LEAST, _HORIZONS, _MOST = 60, 4, 1000
"""Samples drawn before the forecast: at least, in horizons, and at most."""


class ForecastPlot:
    """Keeps what is to be drawn at the end. Raises `DependencyError`."""

    def __init__(self, spec: "Spec", path: str) -> None:
        try:
            importlib.import_module("matplotlib")
        except ImportError as error:
            raise DependencyError("matplotlib is not installed; pip install 'edgeseq[train]'") from error
        self._spec = spec
        self._path = path
        self._reader = TimeReader(spec.reading)
        samples = min(max(_LEAST, _HORIZONS * spec.horizon), _MOST)
        self._values: deque[list[float]] = deque(maxlen=samples)
        """Of each sample those of the targets, NaN where one is missing."""
        self._times: deque[WrittenTime] = deque(maxlen=samples)
        self._result: StepResult | None = None
        self._field = ""

    def add(self, sample: "Sample", result: "StepResult") -> None:
        """Take in a sample and its result."""
        values = sample.values[: len(self._spec.targets)] or [None] * len(self._spec.targets)
        self._values.append([math.nan if value is None else float(value) for value in values])
        self._times.append(sample.time)
        self._result, self._field = result, sample.field

    def write(self) -> bool:
        """Draw what came last to the file; return False where nothing came. Raises `FileError`."""
        if self._result is None:
            return False
        from edgeseq.evaluation.png import png

        files.write_atomically(Path(self._path), png(self.figure(self._result)))
        return True

    def figure(self, result: "StepResult") -> "Figure":
        """Return the figure: the last samples, the forecast after them and, where it is watched, its interval.

        Several targets stand below each other.
        """
        import numpy as np
        from matplotlib.figure import Figure

        from edgeseq.evaluation.plots import MOST_TARGETS
        from edgeseq.evaluation.style import WIDE, hide_spines, legend, wrapped
        from edgeseq.evaluation.time_axis import TimeAxis

        axis = TimeAxis.of(self._seconds(result), self._period(result))
        first = result.number + 1 - len(self._values)  # the sample's number, where it has no time
        rows = np.arange(len(self._values) + self._spec.horizon)
        places = axis.at(rows) if axis.seconds is not None else rows + first
        shown = min(len(self._spec.targets), MOST_TARGETS)
        figure = Figure(figsize=(WIDE, 1.5 + 3 * shown), layout="constrained")
        panels = figure.subplots(shown, 1, sharex=True, squeeze=False)[:, 0]
        for target in range(shown):
            self._plot_target(panels[target], places, axis, result, target)
        axis.label(panels[-1], WIDE)
        hide_spines(list(panels))
        figure.suptitle(wrapped(self._title(axis, result, len(self._values) - 1), WIDE), fontsize="medium")
        legend(figure, panels[0])
        return figure

    def _plot_target(
        self, axes: "Axes", places: "npt.NDArray[Any]", axis: "TimeAxis", result: "StepResult", target: int
    ) -> None:
        """Draw a target: what was measured at the first places, what is forecast from the last of those on."""
        import numpy as np

        from edgeseq.evaluation.style import BAND, BASELINE, LAST, TRUTH

        horizon, values = self._spec.horizon, np.array(self._values)[:, target]
        past, ahead = places[: len(values)], places[len(values) - 1 :]
        axes.plot(past, values, ".-", color=TRUTH, markersize=4, linewidth=1.6, label="measured")
        forecast = result.forecast[:, target].astype(np.float64)
        label = f"forecast, {'up to ' if horizon > 1 else ''}{axis.ahead(horizon)} ahead"
        axes.plot(ahead, [values[-1], *forecast], ".-", color=LAST, markersize=5, linewidth=1.6, label=label)
        if result.interval is not None:
            low, high = (np.array([values[-1], *end[:, target]], np.float64) for end in result.interval)
            axes.fill_between(ahead, low, high, color=LAST, alpha=BAND, lw=0, label="90 % interval")
        axes.axvline(float(past[-1]), color=BASELINE, linewidth=0.8, linestyle="--")
        axes.set_ylabel(self._spec.called(self._field).target_features[target].label)

    def _title(self, axis: "TimeAxis", result: "StepResult", last: int) -> str:
        at = f"sample {result.number}" if axis.seconds is None else axis.moment(last)
        text = f"{self._field or self._spec.series}: forecast after {at}"
        if not math.isfinite(result.forecast[0, 0]):
            return f"{text}\nno forecast: {result.reason or result.status}"
        return text if result.warm else f"{text}\nnot reliable yet: the model needs {self._spec.warmup} samples first"

    def _period(self, result: "StepResult") -> float | None:
        """Return the seconds from one sample to the next; None where neither model nor stream knows them."""
        return self._spec.period or (None if math.isnan(result.period) else result.period)

    def _seconds(self, result: "StepResult") -> list[float] | None:
        """Return the times of the samples and of those forecast; None where one of them is not known."""
        period = self._period(result)
        if period is None:
            return None
        try:
            seconds = [self._reader.seconds(time) if time != "" else math.nan for time in self._times]
        except DataError:
            return None
        return [*seconds, *(seconds[-1] + period * step for step in range(1, len(result.forecast) + 1))]
