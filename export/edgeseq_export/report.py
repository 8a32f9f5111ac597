"""The report of an export: one page of HTML that needs nothing beside itself."""

import base64
import json
import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import jinja2

from edgeseq.evaluation import plots
from edgeseq.evaluation.evaluate import Evaluation
from edgeseq.evaluation.metrics import Metrics
from edgeseq.evaluation.png import png
from edgeseq.evaluation.report_text import ADAPTED, chosen_steps, figures, interval_rows, verdict
from edgeseq.evaluation.style import NARROW, WIDE
from edgeseq.evaluation.time_axis import TimeAxis
from edgeseq.model.about import trained_on, unit_of
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.text import error, number, size
from edgeseq_export.comparison import judge, scores, with_trained
from edgeseq_export.model_file import ModelFile
from edgeseq_export.model_stats import ModelStats
from edgeseq_runtime.backends.ort.session import OrtSession
from edgeseq_runtime.benchmark import latency
from edgeseq_runtime.model_file.source import vouched
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.spec import Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROUNDS = 5

_MOST_STEPS = 24
"""Steps ahead that the table has all of; of more it has a few."""


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
class _Picture:
    """One figure, as PNG in base64."""

    wide: str
    narrow: str
    """The same for a telephone, with text of the same size."""

    @classmethod
    def of(cls, draw: "Callable[[float], Figure]") -> Self:
        """Return what `draw` makes of a width in inches."""
        return cls(*(base64.b64encode(png(draw(width))).decode() for width in (WIDE, NARROW)))


@dataclass(frozen=True)
class _ByStep:
    """The errors by step ahead."""

    plot: _Picture
    errors: _Table


@dataclass(frozen=True)
class _Accuracy:
    """What the test part showed."""

    verdict: Sequence[str]
    """Lines: whether the model is worth having."""
    error: str
    coverage: str
    """How much the widest interval held; empty where there is none."""
    tested_on: str
    totals: _Table
    forecasts: _Picture
    by_step: _ByStep | None
    intervals: _Table | None


def page(checkpoint: Checkpoint, files: Mapping[str, ModelFile], name: str = "model.onnx") -> str:
    """Return the page about the first of `files`, beside which the others stand: that with float weights.

    Figures are of the test part that the checkpoint carries; times are of this machine. `name` is the file's.
    """
    file = next(iter(files.values()))
    evaluations = judge(checkpoint, files)
    stats = ModelStats.of(file.content)
    spec = file.spec
    return _TEMPLATES.get_template("report.html").render(
        title=f"{spec.series}: {', '.join(feature.label for feature in spec.target_features)}, {_ahead(spec)} ahead",
        trained_on=trained_on(spec),
        facts=f"{spec.network}; {size(len(file.content))}; a forecast counts after {spec.warmup} samples",
        file=name,
        shell_file=shlex.quote(name),
        example=", ".join(f"{feature.mean:.4g}" for feature in spec.measured),
        accuracy=_accuracy(checkpoint, evaluations) if evaluations else None,
        deviations=_deviations(files),
        latency=_latency(files),
        stats=f"{len(stats.operators)} nodes ({stats.nodes}); {stats.sizes}",
        nodes=_Table(("operator", "inputs", "outputs"), stats.operators),
        constants=_constants(stats),
        spec=json.dumps(json.loads(spec.to_json()), indent=1, ensure_ascii=False),
    )


def _ahead(spec: Spec) -> str:
    return TimeAxis(None, spec.period).ahead(spec.horizon)


def _accuracy(checkpoint: Checkpoint, evaluations: Mapping[str, Evaluation]) -> _Accuracy:
    """Return the verdict, the forecasts, the errors in all and by step ahead, and what the intervals held."""
    name, first = next(iter(evaluations.items()))
    own = [name, f"{name}, {ADAPTED}"]
    files = [*evaluations, *(f"{name}, {ADAPTED}" for name in evaluations)]
    compared = {name: with_trained(evaluation, checkpoint) for name, evaluation in evaluations.items()}
    decimals = first.decimals
    errors = {f"model, {name}" if name in files else name: scored for name, scored in scores(compared).items()}
    others = [f"model, {name}" for name in files if name not in own]
    unit = unit_of(first.spec)
    in_unit = (f"RMSE{_in(unit)}", f"MAE{_in(unit)}")
    header = (f"{first.samples} forecasts of the test part", *in_unit, "MSE (std.)", "MAE (std.)", "MASE")
    return _Accuracy(
        verdict=verdict(next(iter(compared.values()))).splitlines(),
        error=_error(first),
        coverage=_coverage(first),
        tested_on=_tested_on(first),
        totals=_Table(header, [[name, *figures(scored, decimals)] for name, scored in errors.items()]),
        forecasts=_Picture.of(lambda width: plots.forecasts(first, width=width)),
        by_step=_by_step(errors, first, others) if first.spec.horizon > 1 else None,
        intervals=_Table(*interval_rows(first)) if first.intervals else None,
    )


def _error(evaluation: Evaluation) -> str:
    """Return the mean absolute error, as a device has it; that of targets in several units has none of these."""
    unit, total = unit_of(evaluation.spec), evaluation.judged.total
    if not unit and len(evaluation.spec.targets) > 1:
        return f"{number(total.mae_standardized)} standard deviations"
    return f"{error(total.mae, evaluation.decimals)} {unit}".rstrip()


def _coverage(evaluation: Evaluation) -> str:
    measured = evaluation.adapted_intervals or evaluation.intervals
    if not measured or math.isnan(measured[0].coverage):
        return ""
    widest = measured[0]
    return f"The {100 * widest.level:g} % interval held {100 * widest.coverage:.0f} % of what was measured."


def _tested_on(evaluation: Evaluation) -> str:
    """Return the dates of what was forecast; empty where they are not known."""
    axis = TimeAxis.of(evaluation.seconds)
    if axis.seconds is None:
        return ""
    return axis.stretch(int(evaluation.origins[0]) + 1, int(evaluation.origins[-1]) + evaluation.spec.horizon)


def _by_step(errors: Mapping[str, Metrics], evaluation: Evaluation, others: Sequence[str]) -> _ByStep:
    """Return a picture and a table; the `others`, files that differ by their rounding alone, are in the table only."""
    spec, decimals = evaluation.spec, evaluation.decimals
    rmse = {name: [rmse for rmse, _ in scored.per_horizon] for name, scored in errors.items()}
    steps = range(1, spec.horizon + 1) if spec.horizon <= _MOST_STEPS else chosen_steps(spec.horizon)
    rows = [[str(step), *(error(values[step - 1], decimals) for values in rmse.values())] for step in steps]
    drawn = {name: values for name, values in rmse.items() if name not in others}
    picture = _Picture.of(lambda width: plots.by_step(drawn, spec, width))
    return _ByStep(picture, _Table((f"RMSE{_in(unit_of(spec))}, samples ahead", *rmse), rows))


def _in(unit: str) -> str:
    return f" [{unit}]" if unit else ""


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
