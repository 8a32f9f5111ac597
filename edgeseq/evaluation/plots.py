"""Plots of forecasts and errors, drawn to PNG without a display."""

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from edgeseq.evaluation import baselines, intervals
from edgeseq.evaluation.backtest import Backtest, Fold
from edgeseq.evaluation.evaluate import Evaluation
from edgeseq.evaluation.metrics import Forecasts
from edgeseq.evaluation.png import png
from edgeseq.evaluation.report_text import ADAPTED, forecasters, model_name
from edgeseq.evaluation.stretch import Stretch
from edgeseq.evaluation.style import (
    BAND,
    BASELINE,
    FORECASTERS,
    LAST,
    NEXT,
    TRUTH,
    WIDE,
    WITH_ADAPTATION,
    hide_spines,
    legend,
    wrapped,
)
from edgeseq.evaluation.time_axis import TimeAxis
from edgeseq.model.about import unit_of
from edgeseq.text import error, number
from edgeseq_runtime import files
from edgeseq_runtime.printable import counted
from edgeseq_runtime.spec import Spec

_MOST, _LONGEST = 250, 1500
"""Forecasts drawn where the user chooses no stretch: of more than the first, single ones cannot be told apart; of more
than the second nothing can."""

MOST_TARGETS = 4
"""Targets drawn below each other; of more the first."""

_MARKERS = ("o", "s", "^", "D", "v")

_LABEL = 32
"""Characters of a label along the height of a panel."""

_RATIO = 30
"""From this ratio of the largest error to the smallest on, the small ones would lie on the axis: it is logarithmic."""

_WHOLE = Stretch()


def draw_evaluation(evaluation: Evaluation, path: Path, stretch: Stretch = _WHOLE) -> None:
    """Draw truth, forecasts, errors and the widest interval over a stretch of the test part."""
    save(forecasts(evaluation, stretch), path)


def draw_backtest(backtest: Backtest, path: Path, stretch: Stretch = _WHOLE) -> None:
    """Draw the errors over the horizon and over time."""
    save(errors(backtest, stretch), path)


def forecasts(evaluation: Evaluation, stretch: Stretch = _WHOLE, width: float = WIDE) -> Figure:
    """Return the figure: forecasts one step and, where there are more, a whole horizon ahead; their errors below.

    They are those of the model with adaptation, where that is on. Beside the model's farthest forecast is that of the
    best baseline. Several targets stand below each other. `width` is in inches. Raises `UsageError` for an empty
    stretch.
    """
    spec, axis = evaluation.spec, TimeAxis.of(evaluation.seconds, evaluation.spec.period)
    chosen = stretch.choose(evaluation.origins, evaluation.seconds, _most(spec))
    shown = min(len(spec.targets), MOST_TARGETS)
    figure = Figure(figsize=(width, 2 + 3.5 * shown), layout="constrained")
    panels = figure.subplots(2 * shown, 1, sharex=True, height_ratios=(3, 1) * shown)
    for target in range(shown):
        above, below = panels[2 * target : 2 * target + 2]
        _plot_target(above, below, axis, evaluation, chosen, target)
        if shown > 1:
            above.set_title(wrapped(_judged(evaluation, axis, target), width), fontsize="medium")
    axis.label(panels[-1], width)
    hide_spines(list(panels))
    title = _title(evaluation, axis, evaluation.origins[chosen])
    figure.suptitle(
        wrapped(title if shown > 1 else f"{title}\n{_judged(evaluation, axis, 0)}", width), fontsize="medium"
    )
    legend(figure, panels[0])
    return figure


def by_step(errors: Mapping[str, Sequence[float]], spec: Spec, width: float = WIDE) -> Figure:
    """Return the figure: RMSE by step ahead, the model's first, then the baselines'. `width` is in inches."""
    figure = Figure(figsize=(width, 3.8), layout="constrained")
    axes = figure.subplots()
    _plot_steps(axes, errors, spec)
    hide_spines((axes,))
    if spec.horizon > 1:
        legend(figure, axes)
    return figure


def errors(backtest: Backtest, stretch: Stretch = _WHOLE) -> Figure:
    """Return the figure: RMSE by step ahead over all that was judged; RMSE by fold, of the folds in a stretch.

    The model stands beside the baselines. Raises `UsageError` for a stretch without a fold.
    """
    judged = backtest.judged
    spec, axis = judged.spec, TimeAxis.of(judged.seconds, judged.spec.period)
    folds = _folds_within(backtest, stretch)
    figure = Figure(figsize=(WIDE, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _plot_folds(right, axis, spec, folds, len(judged.values))
    rmse = {name: [value for value, _ in one.per_horizon] for name, one in forecasters(spec, judged).items()}
    _plot_steps(left, rmse, spec)
    left.set_title(f"all {counted(judged.samples, 'forecast')}", fontsize="medium")
    axis.label(right, WIDE / 2)
    right.set_title(counted(len(folds), "fold") + (", all steps ahead" if spec.horizon > 1 else ""), fontsize="medium")
    title = f"{spec.series}, after training: {axis.stretch(folds[0].first, folds[-1].last)}"
    figure.suptitle(wrapped(title, WIDE), fontsize="medium")
    hide_spines((left, right))
    legend(figure, left if spec.horizon > 1 else right)
    return figure


def _folds_within(backtest: Backtest, stretch: Stretch) -> Sequence[Fold]:
    """Return the folds that a stretch touches."""
    rows = backtest.judged.origins
    shown = rows[stretch.choose(rows, backtest.judged.seconds, len(rows))]
    return [fold for fold in backtest.folds if fold.last >= shown[0] and fold.first <= shown[-1]]


def _most(spec: Spec) -> int:
    """Return how many forecasts are drawn where the user chooses none: two seasons at least, if that can be read."""
    return max(_MOST, min(2 * (spec.season or 0), _LONGEST))


def _plot_target(above: Axes, below: Axes, axis: TimeAxis, evaluation: Evaluation, chosen: slice, target: int) -> None:
    """Draw a target's values and forecasts above, and the errors below."""
    spec, origins = evaluation.spec, evaluation.origins[chosen]
    feature, horizon = spec.features[target], spec.horizon
    predicted = evaluation.judged_forecasts[chosen, :, target]
    truth = baselines.truths(spec, evaluation.values, origins)[:, :, target]
    rows = np.arange(origins[0] + 1, origins[-1] + horizon + 1)
    above.plot(axis.at(rows), evaluation.values[rows, target], color=TRUTH, linewidth=1.8, label="measured")
    name = evaluation.best_baseline
    if name is not None:
        guess = evaluation.baseline_forecasts[name][chosen, -1, target]
        label = f"{name}, {axis.ahead(horizon)} ahead"
        places = axis.at(origins + horizon)
        above.plot(places, guess, "--", color=BASELINE, linewidth=1.2, zorder=2.5, label=label)
    for step, colour in ((1, NEXT), (horizon, LAST))[-min(horizon, 2) :]:
        places, label = axis.at(origins + step), f"forecast {axis.ahead(step)} ahead"
        above.plot(places, predicted[:, step - 1], color=colour, linewidth=1.2, label=label)
        below.plot(places, truth[:, step - 1] - predicted[:, step - 1], color=colour, linewidth=0.9)
    if spec.residuals and evaluation.intervals:
        level, ends = next(iter(intervals.bounds(spec.residuals).items()))
        low, high = (end[-1, target] for end in ends)
        label = f"{100 * level:g} % interval {axis.ahead(horizon)} ahead"
        places, middle = axis.at(origins + horizon), predicted[:, -1]
        above.fill_between(places, middle + low, middle + high, label=label, color=LAST, alpha=BAND, lw=0)
        below.axhspan(low, high, color=LAST, alpha=BAND, lw=0)
    above.set_ylabel(textwrap.fill(feature.label, _LABEL))
    below.axhline(0, color=TRUTH, linewidth=0.6)
    below.set_ylabel(f"error [{feature.unit}]" if feature.unit else "error")
    below.yaxis.set_major_locator(MaxNLocator(4))


def _judged(evaluation: Evaluation, axis: TimeAxis, target: int) -> str:
    """Say how far off a target's forecasts are, over all that was judged and not only what is shown."""
    spec = evaluation.spec
    rmse = _rmse(evaluation, evaluation.judged_forecasts, target)
    near = axis.ahead(1) if spec.period else "1"
    reach = axis.ahead(1) if spec.horizon == 1 else f"{near} to {axis.ahead(spec.horizon)}"
    name = f"{spec.targets[target]}: " if len(spec.targets) > 1 else ""
    figure = f"{error(rmse, evaluation.decimals)} {spec.features[target].unit}".rstrip()
    if evaluation.adapted:
        figure += f" {ADAPTED}, {error(_rmse(evaluation, evaluation.forecasts, target), evaluation.decimals)} without,"
    return f"{name}RMSE {figure} over all {counted(evaluation.samples, 'forecast')}, {reach} ahead"


def _rmse(evaluation: Evaluation, forecasts: Forecasts, target: int) -> float:
    truth = baselines.truths(evaluation.spec, evaluation.values, evaluation.origins)[..., target]
    residuals = truth - forecasts[..., target]
    known = residuals[np.isfinite(residuals)]
    return math.sqrt(np.square(known).mean()) if len(known) else math.nan


def _plot_folds(axes: Axes, axis: TimeAxis, spec: Spec, folds: Sequence[Fold], samples: int) -> None:
    """Draw each forecaster's RMSE as a line of steps, one for each fold."""
    edges = np.array([folds[0].first, *(fold.last + 1 for fold in folds)])
    edges[-1] = min(edges[-1], samples - 1)
    by_fold = [forecasters(spec, fold.comparison) for fold in folds]
    for name, (colour, _) in _looks(by_fold[0]).items():
        heights = [fold[name].total.rmse for fold in by_fold]
        order = 3 if name.startswith(model_name(spec)) else 2
        axes.stairs(heights, axis.at(edges), baseline=None, color=colour, zorder=order, linewidth=1.8, label=name)


def _looks(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return each forecaster's colour and marker; the baselines have theirs whether or not the model adapts."""
    looks = cycle(zip(FORECASTERS, _MARKERS, strict=True))
    return {name: (WITH_ADAPTATION, "*") if name.endswith(f", {ADAPTED}") else next(looks) for name in names}


def _plot_steps(axes: Axes, errors: Mapping[str, Sequence[float]], spec: Spec) -> None:
    """Draw each forecaster's RMSE over the steps ahead, the model on top; of one step, with its number."""
    if spec.horizon == 1:
        _plot_one_step(axes, {name: rmse[0] for name, rmse in errors.items()})
        axes.set_xlabel(f"{TimeAxis(None, spec.period).ahead(1)} ahead")
    else:
        steps = range(1, spec.horizon + 1)
        for place, (name, (colour, marker)) in enumerate(_looks(errors).items()):
            order = 2 if place else 3
            axes.plot(
                steps, errors[name], f"{marker}-", markersize=4, color=colour, linewidth=1.6, label=name, zorder=order
            )
        axes.margins(x=0.02)  # less than a step: there is none 0 ahead
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=(1, 2, 4, 5, 6, 10)))
        axes.set_xlabel(
            f"samples ahead, {TimeAxis(None, spec.period).ahead(1)} each" if spec.period else "samples ahead"
        )
    unit = f" [{unit_of(spec)}]" if unit_of(spec) else ""
    axes.set_ylabel(f"RMSE{unit}" if len(spec.targets) == 1 else f"RMSE of {len(spec.targets)} targets{unit}")
    heights = [rmse for values in errors.values() for rmse in values if math.isfinite(rmse)]
    if heights and 0 < min(heights) < max(heights) / _RATIO:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)


def _plot_one_step(axes: Axes, errors: Mapping[str, float]) -> None:
    """Draw a point for each forecaster, and its number."""
    for name, (colour, marker) in _looks(errors).items():
        rmse = errors[name]
        axes.plot([name], [rmse], marker, color=colour, markersize=7)
        axes.annotate(number(rmse), (name, rmse), (8, 0), textcoords="offset points", fontsize="small", va="center")
    axes.margins(x=0.25)  # for the last number
    axes.tick_params(axis="x", labelsize="small")


def _title(evaluation: Evaluation, axis: TimeAxis, origins: npt.NDArray[np.int64]) -> str:
    """Name the series, the stretch that is shown, and how much of what was judged that is."""
    spec, total = evaluation.spec, len(evaluation.origins)
    shown = axis.stretch(int(origins[0]) + 1, int(origins[-1]) + spec.horizon)
    part = "" if len(origins) == total else f" ({len(origins)} of {total} samples)"
    more = f"\nthe first {MOST_TARGETS} of {len(spec.targets)} targets" if len(spec.targets) > MOST_TARGETS else ""
    return f"{spec.series}: {shown}{part}{more}"


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    files.write_atomically(path, png(figure))
