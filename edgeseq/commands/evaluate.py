"""`edgeseq evaluate`: a checkpoint or model file over a series, with figures, baselines and a plot."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeseq.commands.common import json_option, model_argument, model_file, note, provider_option
from edgeseq_runtime import files
from edgeseq_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgeseq.series import Parts
    from edgeseq_runtime.spec import Spec


@click.command()
@model_argument
@click.argument("series", required=False)
@click.option("--split", metavar="TRAIN:VAL:TEST", help="Rows or fractions; the split of the training if not given.")
@click.option("--time", metavar="COL", help="The time column; found by itself if obvious; none: go by order.")
@click.option(
    "--plot", type=click.Path(dir_okay=False), metavar="FILE.png", help="Draw forecasts, truth and residuals."
)
@provider_option
@json_option
def evaluate(
    model: str,
    series: str | None,
    *,
    split: str | None,
    time: str | None,
    plot: str | None,
    provider: str,
    as_json: bool,
) -> None:
    r"""Stream the test part of SERIES through MODEL, a checkpoint or a model file, and score the forecasts.

    \b
    edgeseq evaluate sine.onnx --plot sine.png
    edgeseq evaluate co2.onnx co2 --json
    """
    from edgeseq.evaluation.figures import evaluate as run
    from edgeseq.evaluation.summary import summary
    from edgeseq_runtime.predictor import Predictor

    if plot:
        files.check_writable(plot)
    predictor = Predictor(model_file(model), provider=provider)
    evaluation = run(predictor, _parts(predictor.spec, series, split, time))
    if plot:
        from edgeseq.evaluation.plots import draw

        draw(evaluation, Path(plot))
        note(f"wrote {plot}")
    click.echo(json.dumps(evaluation.to_dict()) if as_json else summary(evaluation))


def _parts(spec: "Spec", series: str | None, split: str | None, time: str | None) -> "Parts":
    """Load the columns that the model was trained on."""
    from edgeseq.series import load

    names = [feature.name for feature in spec.features]
    if series is None:
        if spec.series != "sine":
            raise UsageError(f"this model was trained on {spec.series}: name the series to evaluate it on")
        _, parts = load(None, split=split, time=time)
        return parts
    targets = len(spec.targets)
    _, parts = load(
        series,
        targets=names[:targets],
        features=names[targets:],
        time=time or spec.time,
        split=split or spec.split or None,
        gap_limit=spec.gap_limit,
    )
    return parts
