"""Plots, drawn to PNG without a display."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from edgeseq.evaluation import baselines, intervals
from edgeseq.evaluation.backtest import Backtest
from edgeseq.evaluation.evaluate import Evaluation
from edgeseq.evaluation.png import png
from edgeseq.evaluation.report_text import forecasters, model_name
from edgeseq_runtime import files

_LONGEST = 1500
"""Samples drawn: more would be a smear."""

_TRUTH, _FORECAST = "#303030", "#d1495b"

_FORECASTERS = (_FORECAST, "#8d99ae", "#edae49", "#00798c")
"""The model, then the baselines."""


def draw_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Draw truth, forecasts, residuals and the widest interval of the first target over the end of the test part."""
    save(forecasts(evaluation), path)


def draw_backtest(backtest: Backtest, path: Path) -> None:
    """Draw the errors over the horizon and over time."""
    save(errors(backtest), path)


def forecasts(evaluation: Evaluation) -> Figure:
    """Return the figure: forecasts one step and, where there are more, a whole horizon ahead; residuals below."""
    spec = evaluation.spec
    origins = evaluation.origins[-_LONGEST:]
    predicted = evaluation.forecasts[-_LONGEST:, :, 0]
    truth = baselines.truths(spec, evaluation.values, origins)[:, :, 0]
    unit = spec.features[0].unit
    figure = Figure(figsize=(10, 5.5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot(origins + 1, truth[:, 0], color=_TRUTH, linewidth=1.6, label="truth")
    steps = sorted({1, spec.horizon})
    for step, style in zip(steps, ("-", ":"), strict=False):
        label = f"forecast {step} ahead"
        rows = origins + step
        above.plot(rows, predicted[:, step - 1], style, color=_FORECAST, linewidth=1, label=label)
        below.plot(rows, truth[:, step - 1] - predicted[:, step - 1], style, color=_FORECAST, linewidth=0.8)
    if spec.residuals and evaluation.intervals:
        level, (low, high) = next(iter(intervals.bounds(spec.residuals).items()))
        ends, look = (low[-1, 0], high[-1, 0]), {"color": _FORECAST, "alpha": 0.18, "lw": 0}
        label = f"{100 * level:g} % interval {spec.horizon} ahead"
        above.fill_between(origins + spec.horizon, *(predicted[:, -1] + end for end in ends), label=label, **look)
        below.axhspan(*ends, **look)
    above.set_ylabel(spec.features[0].label)
    rmse = evaluation.model.total.rmse
    above.set_title(f"{spec.series}: {evaluation.samples} forecasts, RMSE {rmse:.3g} {unit}".rstrip())
    above.legend(loc="best", frameon=False)
    below.axhline(0, color=_TRUTH, linewidth=0.6)
    below.set_ylabel("residual")
    below.set_xlabel("sample")
    _hide_spines((above, below))
    return figure


def compared(evaluations: Mapping[str, Evaluation]) -> Figure:
    """Return the figure: several files' forecasts of the first target a whole horizon ahead, and their residuals."""
    first = next(iter(evaluations.values()))
    spec, rows = first.spec, first.origins[-_LONGEST:] + first.spec.horizon
    truth = baselines.truths(spec, first.values, first.origins[-_LONGEST:])[:, -1, 0]
    figure = Figure(figsize=(10, 5.5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    above.plot(rows, truth, color=_TRUTH, linewidth=1.6, label="truth")
    for (name, evaluation), colour in zip(evaluations.items(), _FORECASTERS, strict=False):
        predicted = evaluation.forecasts[-_LONGEST:, -1, 0]
        above.plot(rows, predicted, color=colour, linewidth=1, label=f"{name}, {spec.horizon} ahead")
        below.plot(rows, truth - predicted, color=colour, linewidth=0.8)
    above.set_ylabel(spec.features[0].label)
    above.legend(loc="best", frameon=False)
    below.axhline(0, color=_TRUTH, linewidth=0.6)
    below.set_ylabel("residual")
    below.set_xlabel("sample")
    _hide_spines((above, below))
    return figure


def by_step(errors: Mapping[str, Sequence[float]], unit: str) -> Figure:
    """Return the figure: RMSE by step ahead, the model's files first, then the baselines."""
    figure = Figure(figsize=(10, 3.5), layout="constrained")
    axes = figure.subplots()
    for (name, rmse), colour in zip(errors.items(), _FORECASTERS, strict=False):
        axes.plot(range(1, len(rmse) + 1), rmse, "o-", markersize=4, color=colour, linewidth=1.6, label=name)
    axes.set_ylabel(f"RMSE [{unit}]" if unit else "RMSE")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("samples ahead")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="best", frameon=False)
    _hide_spines((axes,))
    return figure


def errors(backtest: Backtest) -> Figure:
    """Return the figure: RMSE by step ahead, and RMSE by fold, the model beside the baselines."""
    spec = backtest.judged.spec
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    edges = [backtest.folds[0].first, *(fold.last + 1 for fold in backtest.folds)]
    by_fold = [forecasters(spec, fold.comparison) for fold in backtest.folds]
    colours = dict(zip(by_fold[0], _FORECASTERS, strict=False))
    for name, scored in forecasters(spec, backtest.judged).items():
        steps = range(1, spec.horizon + 1)
        rmse = [rmse for rmse, _ in scored.per_horizon]
        look = {"color": colours[name], "zorder": 3 if name == model_name(spec) else 2, "linewidth": 1.6}
        left.plot(steps, rmse, "o-", markersize=4, label=name, **look)
        right.stairs([fold[name].total.rmse for fold in by_fold], edges, baseline=None, **look)
    left.set_ylabel(f"RMSE [{spec.features[0].unit}]" if spec.features[0].unit else "RMSE")
    left.set_ylim(bottom=0)
    left.set_xlabel("samples ahead")
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.legend(loc="best", frameon=False)
    left.set_title(f"{spec.series}: {backtest.judged.samples} forecasts")
    right.set_xlabel("sample after which the forecast was made")
    right.set_title(f"{len(by_fold)} folds in time order")
    _hide_spines((left, right))
    return figure


def _hide_spines(all_axes: Sequence[Axes]) -> None:
    for axes in all_axes:
        axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    files.write_atomically(path, png(figure))
