"""Plots, drawn to PNG without a display."""

from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from edgeseq.evaluation import baselines
from edgeseq.evaluation.figures import Evaluation
from edgeseq_runtime import files

_LONGEST = 1500
"""Samples drawn: more would be a smear."""

_TRUTH, _FORECAST = "#303030", "#d1495b"


def draw(evaluation: Evaluation, path: Path) -> None:
    """Draw truth, forecasts and residuals of the first target over the end of the test part."""
    figure = forecasts(evaluation)
    content = BytesIO()
    figure.savefig(content, format="png", dpi=120, metadata={"Software": None})
    files.write_atomically(path, content.getvalue())


def forecasts(evaluation: Evaluation) -> Figure:
    """Return the figure: forecasts one step and, where there are more, a whole horizon ahead; residuals below."""
    spec = evaluation.spec
    origins = baselines.origins(evaluation.part, spec.horizon)[-_LONGEST:]
    made = evaluation.forecasts[-_LONGEST:, :, 0]
    truth = baselines.truths(spec, evaluation.part)[-_LONGEST:, :, 0]
    unit = spec.features[0].unit
    figure = Figure(figsize=(10, 5.5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot(origins + 1, truth[:, 0], color=_TRUTH, linewidth=1.6, label="truth")
    steps = sorted({1, spec.horizon})
    for step, style in zip(steps, ("-", ":"), strict=False):
        label = f"forecast {step} ahead"
        rows = origins + step
        above.plot(rows, made[:, step - 1], style, color=_FORECAST, linewidth=1, label=label)
        below.plot(rows, truth[:, step - 1] - made[:, step - 1], style, color=_FORECAST, linewidth=0.8)
    above.set_ylabel(spec.features[0].label)
    rmse = evaluation.model.total.rmse
    above.set_title(f"{spec.series}: {evaluation.samples} forecasts, RMSE {rmse:.3g} {unit}".rstrip())
    above.legend(loc="best", frameon=False)
    below.axhline(0, color=_TRUTH, linewidth=0.6)
    below.set_ylabel("residual")
    below.set_xlabel("sample")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    return figure
