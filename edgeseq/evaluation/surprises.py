"""What a model file knows of how surprising normal samples are: learned over the validation part, as on a device."""

from dataclasses import replace

from edgeseq.evaluation.learning import AS_THEY_COME, learners
from edgeseq.evaluation.samples import Samples
from edgeseq.series import Part
from edgeseq_runtime.anomalies.anomalies import KEPT
from edgeseq_runtime.anomalies.layout import Layout
from edgeseq_runtime.anomalies.learned import learned
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.spec import LearnedAnomalies

MOST_ROWS = 10_000
"""Rows of each sensor's validation part that teach, the last ones: they are taken one by one."""

_ANY_RATE = 1e-4
"""A rate of false alarms, of which nothing that is learned depends."""


def learned_anomalies(predictor: Predictor, part: Part) -> LearnedAnomalies | None:
    """Return what streams of a part, one sensor after the other, have learned of their samples' surprises.

    `predictor` is one without adaptation; it is left at the end of some row. None where there was too little to learn
    from, or where the model has no residual quantiles.
    """
    spec = predictor.spec
    if spec.residuals is None:
        return None
    watcher = Predictor(predictor.session, rules=AS_THEY_COME, anomalies=_ANY_RATE)
    samples, row = Samples(spec, part.values), None
    for stream in learners(part):
        begin = max(stream.learns, stream.stop - MOST_ROWS)
        predictor.reset()
        samples.run(predictor, stream.begin, begin)
        state = predictor.state()
        watcher.load(state if row is None else replace(state, arrays={**state.arrays, KEPT: row}))
        samples.run(watcher, begin, stream.stop)
        row = watcher.state().arrays[KEPT]
    return None if row is None else learned(Layout.of(spec), row)
