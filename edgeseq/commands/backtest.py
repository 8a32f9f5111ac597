"""`edgeseq backtest`: a checkpoint or model file over a whole series, with its errors by step ahead and over time."""

import hashlib
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
    from edgeseq.series import Parts
    from edgeseq_runtime.spec import Spec


@click.command()
@model_argument
@target_option
@evaluation_options
@click.option(
    "--stride", type=click.IntRange(min=1), default=1, show_default=True, help="Score every N-th sample's forecast."
)
@click.option(
    "--folds", type=click.IntRange(min=1), default=5, show_default=True, help="Number of stretches of time to compare."
)
@click.option(
    "--plot", type=click.Path(dir_okay=False), metavar="FILE.png", help="Draw the error by step ahead, and by fold."
)
@stretch_options
@adapt_option("Score the forecasts with adaptation, too.")
@anomalies_options("Look for anomalies after the training part, too; --plot draws the alarms then.")
@windows_option
@provider_option
@key_option
@json_option
def backtest(
    model: str,
    *,
    stride: int,
    folds: int,
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
    r"""Score the forecasts of MODEL over all of SERIES that comes after the training part, fold by fold.

    The samples are streamed through MODEL one by one. Folds are consecutive stretches of time: their errors show
    whether the model gets worse over time. Baselines are fitted on the training part only. Forecasts from within the
    training part are reported separately. A model that adapts is scored as trained and with adaptation, which begins
    after the training part.

    \b
    edgeseq backtest co2.onnx co2 --folds 4 --plot backtest.png
    edgeseq backtest plant.onnx plant.csv --stride 24 --json
    """
    from edgeseq.evaluation.any_series import notes as notes_of
    from edgeseq.evaluation.any_series import spec_for
    from edgeseq.evaluation.backtest import backtest as run
    from edgeseq.evaluation.model_series import load_for_model
    from edgeseq.evaluation.report_text import backtest_summary
    from edgeseq.model_source import as_model_file
    from edgeseq_runtime.predictor import Predictor
    from edgeseq_runtime.rules import AS_THEY_ARE

    check_outputs({"--plot": plot}, series_inputs(series))
    register(libraries)
    predictor = Predictor(as_model_file(model), provider=provider, rules=AS_THEY_ARE, key=key, adapt=False)
    data, parts = load_for_model(predictor, series, **reading)
    spec = spec_for(predictor.spec, data, parts)
    for line in (*data.notes, *notes_of(predictor.spec, spec)):
        note(line)
    if plot and data.sensors:
        raise UsageError("--plot draws one sensor: choose it with --sensor")
    _warn_of_another_part(predictor.spec, parts)
    adapt = predictor.spec.adapt if adapt is None else adapt
    result = run(predictor, data, parts, stride=stride, folds=folds, adapt=adapt, spec=spec)
    report = None
    if anomaly_rate:
        from edgeseq.model_alarms import model_alarms

        rate, name = anomaly_rate.per_sample(predictor.spec.period), series or predictor.spec.series
        report = model_alarms(predictor, data, parts, rate, everything=True, adapt=adapt, windows=windows, name=name)
        report = replace(report, spec=spec)
    if plot:
        from edgeseq.evaluation.plots import draw_backtest

        alarms.draw(plot, report, stretch, lambda path: draw_backtest(result, path, stretch))
    alarms.tell(result.to_dict(), lambda: backtest_summary(result), report, as_json=as_json)


def _warn_of_another_part(spec: "Spec", parts: "Parts") -> None:
    """Say so where the samples before those that are judged are not the ones that the model was trained on."""
    import numpy as np

    if spec.sensors:
        return  # its training parts lie one after the other, this is one of them at most
    digest = hashlib.sha256(np.ascontiguousarray(parts.train, "<f4").tobytes()).hexdigest()
    if spec.data_sha256 and digest != spec.data_sha256:
        note("warning: this training part is not the one the model was trained on; it may have seen what is judged")
