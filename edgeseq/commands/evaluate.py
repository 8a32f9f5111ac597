"""`edgeseq evaluate`: a checkpoint or model file over a series, with figures, baselines and a plot."""

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from edgeseq.commands import alarms
from edgeseq.commands.notes import note
from edgeseq.commands.options.anomalies import AnomalyRate, anomalies_options, windows_option
from edgeseq.commands.options.common import adapt_option, json_option, key_option, model_argument
from edgeseq.commands.options.evaluation import evaluation_options, target_option
from edgeseq.commands.options.outputs import check_outputs, series_inputs
from edgeseq.commands.options.provider import Libraries, provider_option, register
from edgeseq.commands.options.stretch import stretch_options
from edgeseq_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgeseq.evaluation.model_series import ModelSeriesKeywords
    from edgeseq.evaluation.stretch import Stretch


@click.command()
@model_argument
@target_option
@evaluation_options
@click.option(
    "--plot",
    type=click.Path(dir_okay=False),
    metavar="FILE.png",
    help="Draw forecasts, measurements, errors and interval.",
)
@stretch_options
@adapt_option("Score the forecasts with adaptation, too.")
@anomalies_options("Look for anomalies, too; --plot draws the alarms then.")
@windows_option
@provider_option
@key_option
@json_option
def evaluate(
    model: str,
    *,
    plot: str | None,
    stretch: "Stretch",
    adapt: bool | None,
    anomaly_rate: AnomalyRate | None,
    windows: str | None,
    provider: str,
    libraries: Libraries,
    key: str | None,
    as_json: bool,
    series: str | None,
    reading: "ModelSeriesKeywords",
) -> None:
    r"""Score the forecasts of MODEL, a checkpoint or a model file, over the test part of SERIES.

    The samples are streamed through MODEL one by one. Simple forecasts (baselines) are scored beside it. A model that
    adapts is scored as trained and with adaptation, which begins with the validation part.

    \b
    edgeseq evaluate sine.onnx --plot sine.png
    edgeseq evaluate co2.onnx co2 --json
    """
    from edgeseq.evaluation.report_text import summary
    from edgeseq.model_evaluation import open_with_series, score

    check_outputs({"--plot": plot}, series_inputs(series))
    register(libraries)
    predictor, data, parts = open_with_series(model, series, provider=provider, key=key, tell=note, **reading)
    adapt = predictor.spec.adapt if adapt is None else adapt
    evaluation = score(predictor, data, parts, adapt=adapt)
    if plot and evaluation.by_sensor:
        raise UsageError("--plot draws one sensor: choose it with --sensor")
    report = None
    if anomaly_rate:
        from edgeseq.model_alarms import model_alarms

        rate, name = anomaly_rate.per_sample(predictor.spec.period), series or predictor.spec.series
        report = model_alarms(predictor, data, parts, rate, adapt=adapt, windows=windows, name=name)
        report = replace(report, spec=evaluation.spec)
    if plot:
        from edgeseq.evaluation.plots import draw_evaluation

        alarms.draw(plot, report, stretch, lambda path: draw_evaluation(evaluation, path, stretch))
    alarms.tell(evaluation.to_dict(), lambda: summary(evaluation), report, as_json=as_json)
