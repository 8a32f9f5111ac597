"""`edgeseq evaluate`: a checkpoint or model file over a series, with figures, baselines and a plot."""

import json
from pathlib import Path

import click

from edgeseq.commands.options.common import json_option, model_argument, model_file, note
from edgeseq.commands.options.evaluation import EvaluationSeries, evaluation_options
from edgeseq.commands.options.provider import Libraries, provider_option, register
from edgeseq_runtime import files


@click.command()
@model_argument
@evaluation_options
@click.option(
    "--plot", type=click.Path(dir_okay=False), metavar="FILE.png", help="Draw forecasts, truth, residuals and interval."
)
@provider_option
@json_option
def evaluate(
    model: str, *, plot: str | None, provider: str, libraries: Libraries, as_json: bool, source: EvaluationSeries
) -> None:
    r"""Stream the test part of SERIES through MODEL, a checkpoint or a model file, and score the forecasts.

    \b
    edgeseq evaluate sine.onnx --plot sine.png
    edgeseq evaluate co2.onnx co2 --json
    """
    from edgeseq.evaluation.evaluate import evaluate_test_part as run
    from edgeseq.evaluation.report_text import summary
    from edgeseq_runtime.predictor import Predictor

    register(libraries)
    if plot:
        files.check_writable(plot)
    predictor = Predictor(model_file(model), provider=provider)
    _, parts = source.load(predictor)
    evaluation = run(predictor, parts)
    if plot:
        from edgeseq.evaluation.plots import draw_evaluation

        draw_evaluation(evaluation, Path(plot))
        note(f"wrote {plot}")
    click.echo(json.dumps(evaluation.to_dict(), allow_nan=False) if as_json else summary(evaluation))
