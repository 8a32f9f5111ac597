"""The report of an export: one page of HTML that needs nothing beside itself."""

import base64
import html
import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from edgeseq.evaluation import plots
from edgeseq.evaluation.evaluate import Evaluation
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.text import number, size
from edgeseq_export.comparison import judge, scores
from edgeseq_export.model_file import ModelFile
from edgeseq_export.model_stats import ModelStats
from edgeseq_runtime.backends.ort.session import OrtSession
from edgeseq_runtime.benchmark import latency
from edgeseq_runtime.predictor import Predictor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROUNDS = 5

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; font-size: .9rem; } td, th { padding: .15rem .8rem .15rem 0; text-align: right; }
td:first-child, th:first-child { text-align: left; } th { border-bottom: 1px solid #bbb; font-weight: 600; }
.wide { overflow-x: auto; } .names td, .names th { text-align: left; } img { max-width: 100%; }
pre { font-size: .8rem; white-space: pre-wrap; overflow-wrap: anywhere; background: #f6f6f6; padding: 1rem; }
.note { color: #666; font-size: .9rem; }
"""


def page(checkpoint: Checkpoint, files: Mapping[str, ModelFile]) -> str:
    """Return the page about the first of `files`, beside which the others stand: that with float weights.

    Figures are of the test part that the checkpoint carries; times are of this machine.
    """
    made = next(iter(files.values()))
    judged = judge(checkpoint, files)
    title = html.escape(f"{made.spec.series}: {made.spec.network}")
    spec = json.dumps(json.loads(made.spec.to_json()), indent=1, ensure_ascii=False)
    parts = [
        f"<h1>{title}</h1>",
        _facts(made),
        *(_accuracy(judged) if judged else ["<p class=note>The checkpoint carries no test samples.</p>"]),
        _deviations(files),
        _latency(files),
        _graph(made),
        f"<h2>The spec</h2><pre>{html.escape(spec)}</pre>",
    ]
    head = f'<head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head>'
    return f'<!DOCTYPE html>\n<html lang="en">{head}<body>\n{"".join(parts)}\n</body></html>\n'


def _facts(made: ModelFile) -> str:
    spec = made.spec
    ahead = f"{spec.horizon} sample{'s' if spec.horizon > 1 else ''} ahead"
    period = f", one every {spec.period:g} s" if spec.period else ""
    said = f"{', '.join(feature.label for feature in spec.target_features)}, {ahead}{period}; warm after {spec.warmup}"
    return f"<p>{html.escape(said)}. {size(len(made.content))} on the disk.</p>"


def _accuracy(judged: Mapping[str, Evaluation]) -> list[str]:
    """Return the forecasts, the errors in all and by step ahead."""
    found, (first, *_) = scores(judged), judged.values()
    totals = [[name, *(number(figure) for figure in vars(scored.total).values())] for name, scored in found.items()]
    given = first.spec.figures.baselines if first.spec.figures else {}
    totals += [
        [f"{name} (of the training)", *(number(figure) for figure in vars(score).values())]
        for name, score in given.items()
        if name not in found
    ]
    header = [f"{first.samples} forecasts of the test part", "RMSE", "MAE", "MSE (std.)", "MAE (std.)"]
    parts = ["<h2>Accuracy</h2>", _table(header, totals), _image(plots.compared(judged), "forecasts and residuals")]
    if first.spec.horizon > 1:
        steps = [str(step) for step in range(1, first.spec.horizon + 1)]
        rows = [[name, *(number(rmse) for rmse, _ in scored.per_horizon)] for name, scored in found.items()]
        errors = {name: [rmse for rmse, _ in scored.per_horizon] for name, scored in found.items()}
        parts += [
            "<h2>By step ahead</h2>",
            _image(plots.by_step(errors, first.spec.features[0].unit), "RMSE by step ahead"),
            _table(["RMSE", *steps], rows),
        ]
    return parts


def _deviations(files: Mapping[str, ModelFile]) -> str:
    rows = [
        [name, f"{made.deviation.forecast:.1e}", f"{made.deviation.allowed:.0e}", f"{made.deviation.state:.1e}"]
        for name, made in files.items()
    ]
    header = ["worst deviation from the oracle", "forecast, of the series' scale", "allowed", "state"]
    note = "In steps, chunks and batches of several shapes; the oracle is a float64 implementation of the equations."
    return f"<h2>Agreement</h2>{_table(header, rows)}<p class=note>{note}</p>"


def _latency(files: Mapping[str, ModelFile]) -> str:
    ways = {}
    for name, made in files.items():
        session = OrtSession(made.content, provider="cpu")
        samples = latency.as_rows(latency.synthetic_samples(session, latency.BLOCK))
        ways[f"{name}, {latency.NAIVE}"] = latency.Case(latency.baseline(session), samples)
        ways[f"{name}, {latency.STEP}"] = latency.Case(Predictor(session).step, samples)
    found = latency.interleaved(ways, _ROUNDS)
    rows = [[way, *(f"{value:.1f}" for value in vars(times).values())] for way, times in found.items()]
    header = ["microseconds a sample", "minimum", "p50", "p90", "p99", "p99.9"]
    return f"<h2>Latency on this machine</h2>{_table(header, rows)}"


def _graph(made: ModelFile) -> str:
    found = ModelStats.of(made.content)
    nodes = [[operator, inputs, outputs] for operator, inputs, outputs in found.operators]
    constants = [
        [one.name, one.type, " x ".join(map(str, one.shape)) or "1", f"{one.bytes:,}"] for one in found.constants
    ]
    return (
        f"<h2>The graph</h2><p class=note>{html.escape(str(found))}.</p>"
        f"{_table(['operator', 'inputs', 'outputs'], nodes, 'names')}"
        f"<h2>Its constants</h2>{_table(['name', 'type', 'shape', 'bytes'], constants)}"
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "") -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f'<div class="wide"><table class="{kind}">{line(header, "th")}{body}</table></div>'


def _image(figure: "Figure", description: str) -> str:
    content = BytesIO()
    figure.savefig(content, format="png", dpi=120, metadata={"Software": None})
    data = base64.b64encode(content.getvalue()).decode()
    return f'<p><img alt="{html.escape(description)}" src="data:image/png;base64,{data}"></p>'
