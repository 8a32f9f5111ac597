"""The same function of raw numbers by a network whose inputs and outputs have other scales and centers."""

from dataclasses import dataclass

import numpy as np

from edgeseq.model.checkpoint import Weights
from edgeseq.model.scaling import per_output
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.spec import CHANGE, FEATURES, STREAM, Spec


@dataclass(frozen=True)
class _Units:
    """How raw numbers become the network's, and its outputs raw ones: (raw - center) / scale and center + scale * y."""

    centers: Float64
    """(input,)"""
    scales: Float64
    """(input,)"""
    output_centers: Float64
    """(horizon * target,)"""
    output_scales: Float64
    """(horizon * target,)"""
    changes: Float64
    """What the linear path's changes are in units of, (measured feature,)."""


def rescaled(weights: Weights, old: Spec, new: Spec) -> Weights:
    """Return weights that, with the scales of `new`, compute of raw samples what `weights` do with those of `old`.

    The two specs describe networks of the same shape. The linear path may lack.
    """
    before, after = _units(old), _units(new)
    first = weights["cell.weight_ih_l0"].astype(np.float64) / before.scales
    shift = first @ (after.centers - before.centers)
    ratio = before.output_scales / after.output_scales
    moved = (before.output_centers - after.output_centers) / after.output_scales
    head_weight, head_bias = weights["head.weight"].astype(np.float64), weights["head.bias"].astype(np.float64)
    changed = {}
    if new.known:
        scale, shifted = _of_known(old, new)
        known = weights["known.weight"].astype(np.float64)
        coefficient = weights["coefficient.weight"].astype(np.float64).reshape(new.outputs, len(new.known), -1)
        # Another center moves what is multiplied by a constant, or by the units: which is what the head adds up.
        head_bias = head_bias + known @ np.tile(shifted, new.horizon)
        head_weight = head_weight + np.einsum("oku,k->ou", coefficient, shifted)
        changed["known.weight"] = known * np.tile(scale, new.horizon) * ratio[:, None]
        varying = coefficient * scale[:, None] * ratio[:, None, None]
        changed["coefficient.weight"] = varying.reshape(weights["coefficient.weight"].shape)
    changed |= {
        "cell.weight_ih_l0": first * after.scales,
        "cell.bias_ih_l0": weights["cell.bias_ih_l0"] + shift,
        "head.weight": head_weight * ratio[:, None],
        "head.bias": head_bias * ratio + moved,
    }
    if "linear.weight" in weights:
        changed["linear.weight"] = (
            weights["linear.weight"] * ratio[:, None, None] * (after.changes / before.changes)[:, None]
        )
    return {**weights, **{name: value.astype(np.float32) for name, value in changed.items()}}


def _of_known(old: Spec, new: Spec) -> tuple[Float64, Float64]:
    """Return by what a column's new number is multiplied, and what is added, to be the old one; each (column,)."""
    pairs = list(zip(old.known, new.known, strict=True))
    scale = np.array([after.scale / before.scale for before, after in pairs])
    return scale, np.array([(after.center - before.center) / before.scale for before, after in pairs])


def _units(spec: Spec) -> _Units:
    centers, scales = _inputs(spec)
    targets = spec.target_features
    of_outputs = np.zeros(len(targets)) if spec.predicts == CHANGE else np.array([target.center for target in targets])
    return _Units(
        centers,
        scales,
        per_output(of_outputs, spec.horizon),
        np.array(spec.target_scales).reshape(-1),
        np.array([feature.change for feature in spec.measured]),
    )


def _inputs(spec: Spec) -> tuple[Float64, Float64]:
    """Return center and scale of each of the network's inputs, in their order."""
    values = np.array([(feature.center, feature.scale) for feature in spec.features])
    if spec.layout == STREAM:
        levels = values[[feature.level for feature in spec.features]]
        changes = [(0.0, feature.change) for feature in spec.features]
        ahead = [(column.center, column.scale) for column in spec.known] * spec.horizon
        values = np.array([*levels, *changes, *ahead])
    elif spec.layout == FEATURES:
        values = np.tile(values, (spec.window, 1))
    return values[:, 0], values[:, 1]
