"""A figure of alarms over time: the series, labelled windows and the alarms by kind; below, each sample's p-value."""

import textwrap
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from edgeseq.evaluation.anomalies import AlarmReport
from edgeseq.evaluation.plots import save
from edgeseq.evaluation.stretch import Stretch
from edgeseq.evaluation.style import BASELINE, LAST, NEXT, TRUTH, WIDE, WITH_ADAPTATION, hide_spines, legend, wrapped
from edgeseq.evaluation.time_axis import TimeAxis
from edgeseq_runtime.anomalies.kinds import ANOMALIES_BY_CODE
from edgeseq_runtime.printable import counted

LOOKS = {"spike": (LAST, "v"), "break": (NEXT, "s"), "drift": (WITH_ADAPTATION, "D"), "stuck": ("#6a4c93", "X")}
LOOKS["noise"] = ("#c9780a", "o")
"""Kind -> colour and marker."""

_WINDOW = "#ffd166"

_LEAST = 1e-12
"""Where the axis of p-values ends at the latest."""

_LABEL = 32
"""Characters of a label along the height of a panel."""

_WHOLE = Stretch()


def draw_alarms(report: AlarmReport, path: Path, stretch: Stretch = _WHOLE) -> None:
    """Draw the alarms over a stretch of what was watched."""
    save(alarms(report, stretch), path)


def alarms(report: AlarmReport, stretch: Stretch = _WHOLE, width: float = WIDE) -> Figure:
    """Return the figure; `width` is in inches. Of several targets the first is drawn.

    Raises `UsageError` for an empty stretch.
    """
    spec, axis = report.spec, TimeAxis.of(report.seconds, report.spec.period)
    chosen = stretch.choose(report.rows, report.seconds, len(report.rows))
    rows, codes, p_values = report.rows[chosen], report.codes[chosen], report.p_values[chosen]
    figure = Figure(figsize=(width, 5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    above.plot(axis.at(rows), report.values[rows, 0], color=TRUTH, linewidth=0.9, label="measured")
    label: str | None = "labelled"
    for first, last in report.windows or ():
        if first <= rows[-1] and last >= rows[0]:
            ends = axis.at(np.array([max(first, int(rows[0])), min(last, int(rows[-1]))]))
            above.axvspan(*ends, color=_WINDOW, alpha=0.35, lw=0, label=label)
            below.axvspan(*ends, color=_WINDOW, alpha=0.35, lw=0)
            label = None  # one line of the legend stands for all
    lowest = np.nanmin(p_values) if np.isfinite(p_values).any() else report.rate
    floor = max(min(float(lowest), report.rate) / 3, _LEAST)
    p_values = np.maximum(p_values, 2 * floor)  # NaN stays; what lies below the axis is drawn at its end
    below.plot(axis.at(rows), p_values, ".", color=BASELINE, markersize=2)
    for code, word in enumerate(ANOMALIES_BY_CODE):
        at = np.flatnonzero(codes == code) if code else ()
        if len(at):
            colour, marker = LOOKS[word]
            places = axis.at(rows[at])
            above.plot(places, report.values[rows[at], 0], marker, color=colour, markersize=8, label=word)
            below.plot(places, p_values[at], marker, color=colour, markersize=6)
    below.axhline(report.rate, color=LAST, linewidth=0.8)
    below.set_yscale("log")
    below.set_ylim(floor, 1.5)
    below.set_ylabel("p-value")
    above.set_ylabel(textwrap.fill(spec.features[0].label, _LABEL))
    axis.label(below, width)
    title = f"{spec.series}: {axis.stretch(int(rows[0]), int(rows[-1]))}"
    judged = f"{counted(int((codes > 0).sum()), 'alarm')} at a rate of {report.rate:g} a sample"
    figure.suptitle(wrapped(f"{title}\n{judged}", width), fontsize="medium")
    hide_spines((above, below))
    legend(figure, above)
    return figure
