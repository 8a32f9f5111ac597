"""Plots of forecasts and errors, drawn to PNG without a display."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from edgeseq.evaluation import baselines, intervals
from edgeseq.evaluation.backtest import Backtest, Fold
from edgeseq.evaluation.evaluate import Evaluation
from edgeseq.evaluation.png import png
from edgeseq.evaluation.report_text import forecasters, model_name
from edgeseq.evaluation.stretch import Stretch
from edgeseq.evaluation.time_axis import TimeAxis
from edgeseq.text import error
from edgeseq_runtime import files
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.printable import counted
from edgeseq_runtime.spec import Spec

_MOST, _LONGEST = 250, 1500
"""Forecasts drawn where the user chooses no stretch: of more than the first, single ones cannot be told apart; of more
than the second nothing can."""

TRUTH, NEXT, LAST, BASELINE = "#303030", "#00798c", "#d1495b", "#8d99ae"
"""The series; forecasts one step and a whole horizon ahead; what needs no training."""

_FORECASTERS = (LAST, BASELINE, "#edae49", "#00798c", "#6a4c93")
"""The model, then the baselines."""

_MARKERS = ("o", "s", "^", "D", "v")

_WHOLE = Stretch()


def draw_evaluation(evaluation: Evaluation, path: Path, stretch: Stretch = _WHOLE) -> None:
    """Draw truth, forecasts, errors and the widest interval of the first target over a stretch of the test part."""
    save(forecasts(evaluation, stretch), path)


def draw_backtest(backtest: Backtest, path: Path, stretch: Stretch = _WHOLE) -> None:
    """Draw the errors over the horizon and over time."""
    save(errors(backtest, stretch), path)


def forecasts(evaluation: Evaluation, stretch: Stretch = _WHOLE) -> Figure:
    """Return the figure: forecasts one step and, where there are more, a whole horizon ahead; their errors below.

    Beside the model's farthest forecast is that of the best baseline. Raises `UsageError` for an empty stretch.
    """
    spec, axis = evaluation.spec, TimeAxis.of(evaluation.seconds, evaluation.spec.period)
    chosen = stretch.choose(evaluation.origins, evaluation.seconds, _most(spec))
    origins = evaluation.origins[chosen]
    predicted = evaluation.forecasts[chosen, :, 0]
    truth = baselines.truths(spec, evaluation.values, origins)[:, :, 0]
    figure, above, below = _two_panels(axis, spec.features[0].label, spec.features[0].unit)
    _plot_truth(above, axis, evaluation, origins)
    name = evaluation.best_baseline
    if name is not None:
        guess = evaluation.baseline_forecasts[name][chosen, -1, 0]
        rows = axis.at(origins + spec.horizon)
        above.plot(
            rows,
            guess,
            "--",
            color=BASELINE,
            linewidth=1.2,
            zorder=2.5,
            label=f"{name}, {axis.ahead(spec.horizon)} ahead",
        )
    for step, colour in ((1, NEXT), (spec.horizon, LAST))[-min(spec.horizon, 2) :]:
        rows, label = axis.at(origins + step), f"forecast {axis.ahead(step)} ahead"
        above.plot(rows, predicted[:, step - 1], color=colour, linewidth=1.2, label=label)
        below.plot(rows, truth[:, step - 1] - predicted[:, step - 1], color=colour, linewidth=0.9)
    if spec.residuals and evaluation.intervals:
        level, (low, high) = next(iter(intervals.bounds(spec.residuals).items()))
        label = f"{100 * level:g} % interval {axis.ahead(spec.horizon)} ahead"
        _fill(above, axis.at(origins + spec.horizon), predicted[:, -1], (low[-1, 0], high[-1, 0]), label)
        below.axhspan(low[-1, 0], high[-1, 0], color=LAST, alpha=0.15, lw=0)
    _title(figure, evaluation, axis, origins)
    _legend(figure, above)
    return figure


def by_step(errors: Mapping[str, Sequence[float]], unit: str, period: float | None = None) -> Figure:
    """Return the figure: RMSE by step ahead, the model's first, then the baselines'."""
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    axes = figure.subplots()
    looks = zip(_FORECASTERS, _MARKERS, strict=True)
    for (name, rmse), (colour, marker) in zip(errors.items(), looks, strict=False):
        _plot_steps(axes, rmse, name, colour, marker)
    _label_steps(axes, unit, TimeAxis(None, period))
    _hide_spines((axes,))
    _legend(figure, axes)
    return figure


def errors(backtest: Backtest, stretch: Stretch = _WHOLE) -> Figure:
    """Return the figure: RMSE by step ahead over all that was judged; RMSE by fold, of the folds in a stretch.

    The model stands beside the baselines. Raises `UsageError` for a stretch without a fold.
    """
    judged = backtest.judged
    spec, axis = judged.spec, TimeAxis.of(judged.seconds, judged.spec.period)
    folds = _folds_within(backtest, stretch)
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    edges = np.array([folds[0].first, *(fold.last + 1 for fold in folds)])
    edges[-1] = min(edges[-1], len(judged.values) - 1)
    by_fold = [forecasters(spec, fold.comparison) for fold in folds]
    looks = zip(_FORECASTERS, _MARKERS, strict=True)
    for (name, scored), (colour, marker) in zip(forecasters(spec, judged).items(), looks, strict=False):
        order = 3 if name == model_name(spec) else 2
        _plot_steps(left, [rmse for rmse, _ in scored.per_horizon], name, colour, marker, zorder=order)
        heights = [fold[name].total.rmse for fold in by_fold]
        right.stairs(heights, axis.at(edges), baseline=None, color=colour, zorder=order, linewidth=1.8)
    _label_steps(left, spec.features[0].unit, axis)
    left.set_title(f"all {counted(judged.samples, 'forecast')}", fontsize="medium")
    axis.label(right)
    right.set_title(f"{counted(len(folds), 'fold')}, all steps ahead", fontsize="medium")
    figure.suptitle(f"{spec.series}: {axis.stretch(folds[0].first, folds[-1].last)}")
    _hide_spines((left, right))
    _legend(figure, left)
    return figure


def _folds_within(backtest: Backtest, stretch: Stretch) -> Sequence[Fold]:
    """Return the folds that a stretch touches."""
    rows = backtest.judged.origins
    shown = rows[stretch.choose(rows, backtest.judged.seconds, len(rows))]
    return [fold for fold in backtest.folds if fold.last >= shown[0] and fold.first <= shown[-1]]


def _most(spec: Spec) -> int:
    """Return how many forecasts are drawn where the user chooses none: two seasons at least, if that can be read."""
    return max(_MOST, min(2 * (spec.season or 0), _LONGEST))


def _two_panels(axis: TimeAxis, label: str, unit: str) -> tuple[Figure, Axes, Axes]:
    """Return a figure with room for values above and for their errors below."""
    figure = Figure(figsize=(10, 5.5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.set_ylabel(label)
    below.axhline(0, color=TRUTH, linewidth=0.6)
    below.set_ylabel(f"error [{unit}]" if unit else "error")
    axis.label(below)
    _hide_spines((above, below))
    return figure, above, below


def _plot_truth(axes: Axes, axis: TimeAxis, evaluation: Evaluation, origins: npt.NDArray[np.int64]) -> None:
    rows = np.arange(origins[0] + 1, origins[-1] + evaluation.spec.horizon + 1)
    axes.plot(axis.at(rows), evaluation.values[rows, 0], color=TRUTH, linewidth=1.8, label="measured")


def _fill(axes: Axes, places: npt.NDArray[np.float64], middle: Float64, ends: tuple[float, float], label: str) -> None:
    axes.fill_between(places, middle + ends[0], middle + ends[1], label=label, color=LAST, alpha=0.15, lw=0)


def _plot_steps(axes: Axes, rmse: Sequence[float], name: str, colour: str, marker: str, zorder: float = 2) -> None:
    steps = range(1, len(rmse) + 1)
    axes.plot(steps, rmse, f"{marker}-", markersize=4, color=colour, linewidth=1.6, label=name, zorder=zorder)


def _label_steps(axes: Axes, unit: str, axis: TimeAxis) -> None:
    axes.set_ylabel(f"RMSE [{unit}]" if unit else "RMSE")
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"samples ahead, {axis.ahead(1)} each" if axis.period else "samples ahead")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _title(figure: Figure, evaluation: Evaluation, axis: TimeAxis, origins: npt.NDArray[np.int64]) -> None:
    """Name the series and the stretch, and say what was judged."""
    spec, total = evaluation.spec, len(evaluation.origins)
    rmse = error(evaluation.model.total.rmse, evaluation.decimals)
    shown = axis.stretch(int(origins[0]) + 1, int(origins[-1]) + spec.horizon)
    part = "" if len(origins) == total else f" ({len(origins)} of {total} samples)"
    judged = f"RMSE {rmse} {spec.features[0].unit}".rstrip() + f" over {counted(evaluation.samples, 'forecast')}"
    figure.suptitle(f"{spec.series}: {shown}{part}\n{judged}", fontsize="medium")


def _legend(figure: Figure, axes: Axes) -> None:
    """Name the lines below the figure, where no data are."""
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False, fontsize="small"
    )


def _hide_spines(all_axes: Sequence[Axes]) -> None:
    for axes in all_axes:
        axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    files.write_atomically(path, png(figure))
