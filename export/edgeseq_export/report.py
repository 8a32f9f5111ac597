"""The report of an export: one page of HTML that needs nothing beside itself."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jinja2

from edgeseq.evaluation import plots
from edgeseq.evaluation.evaluate import Evaluation
from edgeseq.evaluation.metrics import Metrics
from edgeseq.evaluation.png import png
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.text import number, size
from edgeseq_export.comparison import judge, scores
from edgeseq_export.model_file import ModelFile
from edgeseq_export.model_stats import ModelStats
from edgeseq_runtime.backends.ort.session import OrtSession
from edgeseq_runtime.benchmark import latency
from edgeseq_runtime.model_file.source import vouched
from edgeseq_runtime.predictor import Predictor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROUNDS = 5


def _visible(value: object) -> object:
    """Return text without characters that would move others about, or are none; names may hold any."""
    if type(value) is not str or value.isprintable():  # what is markup already has been here
        return value
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in value)


_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("edgeseq_export"),
    autoescape=True,
    finalize=_visible,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=jinja2.StrictUndefined,
)


@dataclass(frozen=True)
class _Table:
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class _ByStep:
    """The errors by step ahead."""

    plot: str
    """PNG, base64."""
    errors: _Table


@dataclass(frozen=True)
class _Accuracy:
    """What the test part showed."""

    totals: _Table
    forecasts: str
    """PNG, base64."""
    by_step: _ByStep | None


def page(checkpoint: Checkpoint, files: Mapping[str, ModelFile]) -> str:
    """Return the page about the first of `files`, beside which the others stand: that with float weights.

    Figures are of the test part that the checkpoint carries; times are of this machine.
    """
    file = next(iter(files.values()))
    evaluations = judge(checkpoint, files)
    stats = ModelStats.of(file.content)
    return _TEMPLATES.get_template("report.html").render(
        title=f"{file.spec.series}: {file.spec.network}",
        facts=_facts(file),
        accuracy=_accuracy(evaluations) if evaluations else None,
        deviations=_deviations(files),
        latency=_latency(files),
        stats=str(stats),
        nodes=_Table(("operator", "inputs", "outputs"), stats.operators),
        constants=_constants(stats),
        spec=json.dumps(json.loads(file.spec.to_json()), indent=1, ensure_ascii=False),
    )


def _facts(file: ModelFile) -> str:
    spec = file.spec
    targets = ", ".join(feature.label for feature in spec.target_features)
    ahead = f"{spec.horizon} sample{'s' if spec.horizon > 1 else ''} ahead"
    period = f", one every {spec.period:g} s" if spec.period else ""
    return f"{targets}, {ahead}{period}; warm after {spec.warmup}. {size(len(file.content))}"


def _accuracy(evaluations: Mapping[str, Evaluation]) -> _Accuracy:
    """Return the forecasts, the errors in all and by step ahead."""
    errors, (first, *_) = scores(evaluations), evaluations.values()
    rows = [[name, *map(number, vars(metrics.total).values())] for name, metrics in errors.items()]
    of_training = first.spec.figures.baselines if first.spec.figures else {}
    rows += [
        [f"{name} (of the training)", *map(number, vars(score).values())]
        for name, score in of_training.items()
        if name not in errors
    ]
    header = (f"{first.samples} forecasts of the test part", "RMSE", "MAE", "MSE (std.)", "MAE (std.)")
    return _Accuracy(
        totals=_Table(header, rows),
        forecasts=_png(plots.compared(evaluations)),
        by_step=_by_step(errors, first.spec.features[0].unit) if first.spec.horizon > 1 else None,
    )


def _by_step(errors: Mapping[str, Metrics], unit: str) -> _ByStep:
    rmse = {name: [rmse for rmse, _ in scored.per_horizon] for name, scored in errors.items()}
    steps = range(1, len(next(iter(rmse.values()))) + 1)
    rows = [[name, *map(number, values)] for name, values in rmse.items()]
    return _ByStep(_png(plots.by_step(rmse, unit)), _Table(("RMSE", *map(str, steps)), rows))


def _deviations(files: Mapping[str, ModelFile]) -> _Table:
    rows = [
        [name, f"{file.deviation.forecast:.1e}", f"{file.deviation.allowed:.0e}", f"{file.deviation.state:.1e}"]
        for name, file in files.items()
    ]
    return _Table(("worst deviation from the oracle", "forecast, of the series' scale", "allowed", "state"), rows)


def _latency(files: Mapping[str, ModelFile]) -> _Table:
    cases = {}
    for name, file in files.items():
        session = OrtSession(vouched(file.content), provider="cpu")
        samples = latency.as_rows(latency.synthetic_samples(session, latency.BLOCK))
        cases[f"{name}, {latency.NAIVE}"] = latency.Case(latency.baseline(session), samples)
        cases[f"{name}, {latency.STEP}"] = latency.Case(Predictor(session).step, samples)
    times = latency.interleaved(cases, _ROUNDS)
    rows = [[name, *(f"{value:.1f}" for value in vars(quantiles).values())] for name, quantiles in times.items()]
    return _Table(("microseconds a sample", "minimum", "p50", "p90", "p99", "p99.9"), rows)


def _constants(stats: ModelStats) -> _Table:
    rows = [
        [constant.name, constant.type, " x ".join(map(str, constant.shape)) or "1", f"{constant.bytes:,}"]
        for constant in stats.constants
    ]
    return _Table(("name", "type", "shape", "bytes"), rows)


def _png(figure: "Figure") -> str:
    """Return a figure as PNG in base64."""
    return base64.b64encode(png(figure)).decode()
