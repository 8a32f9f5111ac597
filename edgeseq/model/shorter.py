"""The same model with a shorter horizon: with a running scale, what it says of nearer samples stands by itself."""

from dataclasses import replace

import numpy as np

from edgeseq.model import running_scale
from edgeseq.model.checkpoint import Checkpoint
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.spec import RUNNING, Residuals, Spec


def shorter(checkpoint: Checkpoint, horizon: int) -> Checkpoint:
    """Return the checkpoint with the forecasts of the first `horizon` samples ahead only.

    Residuals are kept as far as they go; what was measured over the longer horizon is left out. Raises `UsageError` for
    a horizon that the model does not have, and for a model whose scale does not run along.
    """
    spec = checkpoint.spec
    if spec.scaling != RUNNING:
        raise UsageError(
            f"{spec.series} has a horizon of {spec.horizon}: only a model for any sensor can be cut shorter"
        )
    if not 1 <= horizon <= spec.horizon:
        raise UsageError(f"--horizon: expected 1 to {spec.horizon}, as far as {spec.series} forecasts, got {horizon}")
    if horizon == spec.horizon:
        return checkpoint
    weights = dict(checkpoint.weights)
    for name in ("head.weight", "head.bias"):
        said = weights[name]
        assert len(said) == spec.horizon + running_scale.SHARES
        weights[name] = np.concatenate([said[:horizon], said[spec.horizon :]])
    by_step = {name: errors[:horizon] for name, errors in checkpoint.by_step.items()}
    return replace(checkpoint, spec=shorter_spec(spec, horizon), weights=weights, by_step=by_step)


def shorter_spec(spec: Spec, horizon: int) -> Spec:
    """Return what a model says of itself with a horizon that is not longer, before it is measured anew."""
    residuals = spec.residuals and Residuals(spec.residuals.levels, spec.residuals.quantiles[:horizon])
    return replace(
        spec,
        horizon=horizon,
        target_scales=spec.target_scales[:horizon],
        residuals=residuals,
        figures=None,
        verification=None,
    )
