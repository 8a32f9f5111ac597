"""Whether a model that was trained on a short series is better than the starter, which nobody has to train."""

from dataclasses import dataclass

import numpy as np

import edgeseq_export
from edgeseq.evaluation.baselines import truths
from edgeseq.evaluation.evaluate import adapted_at, forecasts_at, typical_predictor
from edgeseq.evaluation.learning import Learner, learners
from edgeseq.evaluation.metrics import Forecasts
from edgeseq.model import running_scale
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Part
from edgeseq.text import number
from edgeseq_export import starter_file
from edgeseq_runtime.model_file.source import STARTER
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.spec import RUNNING

SHORT = 5000
"""Samples before the test part up to which a series is short."""

AS_GOOD = 1.02
"""The starter's squared error, as a multiple of the model's, up to which it is as good."""


@dataclass(frozen=True)
class Beside:
    """Squared errors over the validation part, standardised, of the forecasts that the model makes."""

    model: float
    starter: float


def told(checkpoint: Checkpoint, validation: Part, output: str) -> list[str]:
    """Return a line that says which is better, and how to use it; none where the series is not short.

    The validation part judges, as it does all choices of a training.
    """
    found = compare(checkpoint, validation)
    if found is None:
        return []
    errors = f"MSE over the validation part {number(found.starter)}, this model {number(found.model)}, standardised"
    samples = f"{len(validation.values):,} samples"
    if found.starter > AS_GOOD * found.model:
        return [
            f"{samples}: this model is better than the starter ({errors}); use edgeseq export {output} -o MODEL.onnx"
        ]
    word = "as good" if found.model <= AS_GOOD * found.starter else "better"
    return [f"{samples}: the starter is {word} ({errors}); use edgeseq predict {STARTER}, or train --from {STARTER}"]


def compare(checkpoint: Checkpoint, validation: Part) -> Beside | None:
    """Return how the model and the starter do over a validation part, both as a device would run them.

    None where the starter cannot stand in: for several targets, a long horizon, a fleet, a long series, or where no
    forecast counts.
    """
    spec = checkpoint.spec
    is_another = (
        len(spec.targets) > 1 or spec.horizon > running_scale.KNOTS[-1] or spec.sensors or spec.scaling == RUNNING
    )
    if is_another or len(validation.values) > SHORT:
        return None
    at = validation.origins(spec.horizon)
    truth = truths(spec, validation.values, at)
    own = typical_predictor(edgeseq_export.build(checkpoint))
    made = _forecasts(own, validation, learners(validation), adapt=spec.adapt)
    alone = Part(
        np.ascontiguousarray(validation.values[:, :1]), validation.start, validation.left_out, validation.seconds
    )
    # The starter has been trained on no part of the series: on a device it learns from the first sample on.
    predictor = typical_predictor(edgeseq_export.build(starter_file.checkpoint(spec.horizon)))
    starter = _forecasts(predictor, alone, [Learner(0, 0, len(alone.values))], adapt=True)
    counts = np.isfinite(made) & np.isfinite(truth) & np.isfinite(starter)
    if not counts.any():
        return None
    variance = spec.target_features[0].std ** 2
    model, other = (float(np.square(one - truth)[counts].mean()) / variance for one in (made, starter))
    return Beside(model, other)


def _forecasts(predictor: Predictor, part: Part, streams: list[Learner], *, adapt: bool) -> Forecasts:
    at = part.origins(predictor.spec.horizon)
    if adapt:
        return adapted_at(predictor, part.values, at, streams)
    return forecasts_at(predictor, part.values, at)
