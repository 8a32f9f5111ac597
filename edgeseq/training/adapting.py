"""Whether streams of a trained model are to go on learning on the device: where that pays over the validation part."""

import edgeseq_export
from edgeseq.evaluation.evaluate import score_adapted, score_part, typical_predictor
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.text import number
from edgeseq.training.options import AUTO, OFF, ON
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.spec import Spec

STATIC, ADAPTED = "validation_static", "validation_adapted"
"""Names in `training.options` of the standardised squared errors over the validation part, without and with it."""

WANTED = "adapt"
"""The name there of what was chosen by hand, or by the layout; absent where the validation part decided."""

_AS_GOOD = 1.005
"""The most that adaptation's error may be of the model's own. A little worse than static is a fair price for a stream
that follows when its series changes, and bounded by the gate; more is none."""

_EXACT = 1e-3**2
"""The standardised squared error, a thousandth of the deviation, from which on nothing is left to gain."""


def decide(checkpoint: Checkpoint, wanted: str) -> tuple[bool, dict[str, float]]:
    """Return whether streams are to adapt, and the figures that this was decided by, by their names.

    `wanted` is one of `options.ADAPT`. What it takes to decide is the validation part that the checkpoint carries.
    """
    if wanted != AUTO:
        return wanted == ON, {}
    assert checkpoint.validation, "a checkpoint that was just trained carries what chose its weights"
    predictor = typical_predictor(edgeseq_export.build(checkpoint))
    try:
        static = score_part(predictor, checkpoint.validation)[1].mse_standardized
    except DataError:  # the warm-up that the forecasts need is longer than any stretch there
        return False, {}
    if static <= _EXACT:
        return False, {STATIC: static}
    adapted = score_adapted(predictor, checkpoint.validation)[1].mse_standardized
    return max(adapted, _EXACT) <= _AS_GOOD * static, {STATIC: static, ADAPTED: adapted}


def decision(spec: Spec) -> str:
    """Return in words what was decided; empty where there was no choice."""
    noted = spec.training.options if spec.training else {}
    if STATIC not in noted:
        return ""
    chosen = ON if spec.adapt else OFF
    if ADAPTED not in noted:
        return f"adaptation: {chosen}; the network's own error is below a thousandth of the series' deviation"
    with_it, without = (number(float(noted[name])) for name in (ADAPTED, STATIC))
    return f"adaptation: {chosen}; MSE over the validation part {with_it} with it, {without} without (standardised)"
