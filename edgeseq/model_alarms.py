"""A model's alarms over what came after its training part, or over the test part alone."""

from dataclasses import replace

from edgeseq.evaluation.anomalies import AlarmReport, watch
from edgeseq.evaluation.backtest import whole
from edgeseq.evaluation.learning import learners
from edgeseq.evaluation.windows import read_windows, rows_within
from edgeseq.series import Part, Parts, Series
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.printable import counted


def model_alarms(
    predictor: Predictor,
    series: Series,
    parts: Parts,
    rate: float,
    *,
    everything: bool = False,
    adapt: bool = False,
    windows: str | None = None,
    name: str = "",
) -> AlarmReport:
    """Look for anomalies in the test part; with `everything`, in all that comes after the training part.

    `predictor` is one without adaptation. `windows` is a file with labelled windows, in which those of `name` count,
    the series' file. Raises `UsageError` for several sensors, `DataError` for windows of which none lies there.
    """
    part = parts.test
    if len(part.stretches) > 1:
        raise UsageError("--anomalies watches one sensor: choose it with --sensor")
    if everything:
        values = whole(predictor.spec, series, parts)
        part = Part(values, len(parts.train), seconds=series.seconds if parts.split else None)
    stream = learners(part)[0]
    report = watch(predictor, part.values, stream, rate, adapt=adapt, seconds=part.seconds)
    if windows is None:
        return report
    spans = read_windows(windows, series=name, timed=part.seconds is not None)
    found = [window for window in rows_within(spans, len(part.values), part.seconds) if window[1] >= stream.learns]
    if spans and not found:
        raise DataError(f"{windows}: none of its {counted(len(spans), 'window')} lies in what is watched")
    return replace(report, windows=found)
