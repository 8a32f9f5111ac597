"""A linear regression in place of the network for any sensor, where a little history is clear to it alone.

A season that the history shows a few times, on a trend, is known to a regression on the last samples at once, and to a
network for any sensor only as far as its adaptation has found it. The regression is edgeseq's linear path with a
network that says nothing, so what comes of it is a checkpoint as any.

The starter was trained on none of the history. So more of that than the validation part can compare the two: a
regression fitted to the first half is beside the starter over the second half.
"""

from dataclasses import replace

import numpy as np

import edgeseq_export
from edgeseq.evaluation.baselines import truths
from edgeseq.evaluation.evaluate import adapted_at, forecasts_at, typical_predictor
from edgeseq.evaluation.learning import Learner
from edgeseq.model.architecture import weight_shapes
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Part, Parts, Series
from edgeseq.starter.little_history import is_clear
from edgeseq.training import adapting, autoregressive, imputing
from edgeseq.training import plan as planning
from edgeseq.training.options import TrainingOptions
from edgeseq.training.warmup import measure_warmup
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import DataError

VALIDATES = 8
"""One in how many samples of the first half chooses the regression's penalty."""

MOST = 1_000
"""Samples of the second half, at most: a longer history has the rest in the first."""

LEARNED = 1_500
"""Samples before those, at most, that streams learn from."""


def fitted(series: Series, parts: Parts, options: TrainingOptions) -> Checkpoint | None:
    """Return the checkpoint of a regression on the training part; None where that is too short for one.

    The validation part chooses its penalty and, unless the options say it, whether it adapts.
    """
    smallest = replace(options, layers=1, hidden=1, steps=None, learning_rate=None)
    try:
        plan = planning.plan(series, parts, smallest)
    except DataError:
        return None
    if not plan.lags:
        return None
    path = autoregressive.fit(plan.spec, plan.train, parts.validation, plan.lags, fill=plan.fill)
    silent = {name: np.zeros(shape, np.float32) for name, shape in weight_shapes(plan.spec).items()}
    nothing = Checkpoint(plan.spec, silent, parts.validation, parts.test)
    try:
        path = imputing.as_filled(path, plan.fill, nothing, parts.validation)
        made = autoregressive.blended(nothing, path, 0.0)
        if plan.measures_warmup:
            session = open_session(edgeseq_export.build(made), provider="cpu")
            warmup = measure_warmup(session, parts.validation, made.spec.linear_path)
            made = replace(made, spec=replace(made.spec, warmup=warmup))
        adapt, _ = adapting.decide(made, plan.adapt)
    except DataError:
        return None
    return replace(made, spec=replace(made.spec, adapt=adapt))


def is_clearly_better(series: Series, parts: Parts, options: TrainingOptions, starter: Checkpoint) -> bool:
    """Whether a regression on the first half of the history is, over the second half, clearly better than the starter.

    `starter` is fitted to nothing of it.
    """
    known = parts.validation
    stop = len(known.values)
    middle = max(stop // 2, stop - MOST)
    validates = middle - middle // VALIDATES
    halves = Parts(
        known.values[:validates], _first(known, validates, middle), _first(known, middle, stop), warmup=parts.warmup
    )
    regression = fitted(series, halves, options)
    if regression is None:
        return False
    before, after = (squares(one, halves.test) for one in (starter, regression))
    counts = np.isfinite(before) & np.isfinite(after)
    return is_clear(before[counts], after[counts], starter.spec.horizon)


def squares(checkpoint: Checkpoint, part: Part) -> Float64:
    """Return the mean squared error of the forecast made at each origin of a part, (origin,), NaN where none counts.

    They are made as on a device: by the model file, and where it adapts, by a stream that learned from what precedes.
    """
    predictor = typical_predictor(edgeseq_export.build(checkpoint))
    begin = max(0, part.start - LEARNED)
    values, at = part.values[begin:], part.origins(checkpoint.spec.horizon) - begin
    if checkpoint.spec.adapt:
        forecasts = adapted_at(predictor, values, at, [Learner(0, 0, len(values))])
    else:
        forecasts = forecasts_at(predictor, values, at)
    return np.asarray(np.square(forecasts - truths(checkpoint.spec, values, at)).mean(axis=(1, 2)))


def _first(part: Part, start: int, stop: int) -> Part:
    """Return the samples `start` to `stop` of those of a part, with what precedes them."""
    left_out = tuple(
        (max(begin, start), min(end, stop)) for begin, end in part.left_out if end > start and begin < stop
    )
    return Part(part.values[:stop], start, left_out, None if part.seconds is None else part.seconds[:stop])
