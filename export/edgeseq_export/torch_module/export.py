"""A user's own PyTorch module as a model file: described, traced, built, and compared by the same parity check."""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import nn

from edgeseq.model import opset as onnx_opset
from edgeseq.model import scaling
from edgeseq.model.cells import CELLS
from edgeseq.model.scaling import per_output
from edgeseq.series import Series, gaps
from edgeseq_export import parity, tolerances
from edgeseq_export.model_file import ModelFile
from edgeseq_export.signing import finalize
from edgeseq_export.synthetic import random_walk
from edgeseq_export.torch_module import layers_graph
from edgeseq_export.torch_module.layers import LayersOracle, states
from edgeseq_export.torch_module.tracing import Trace
from edgeseq_runtime import __version__, files
from edgeseq_runtime.errors import CheckError, DataError, UsageError
from edgeseq_runtime.spec import CHANGE, OWN, VALUE, Feature, Spec

_SAMPLES = 24
"""Of the sequence on which the layers are compared with the module itself."""


def describe(
    samples: npt.ArrayLike,
    features: Sequence[str],
    *,
    targets: int = 1,
    horizon: int = 1,
    predicts: str = VALUE,
    scaled: bool = True,
    name: str = "own",
    period: float | None = None,
) -> Spec:
    """Return the spec of a network of one's own for samples (time, feature), which it was trained on.

    The network is given (x - center) / scale of each feature, and what it says is multiplied by `target_scales` and
    added to the target's center, or to its last sample where it `predicts` the "change"; without `scaled` it is given
    samples as they are. The first `targets` features are forecast. Raises `DataError` for samples that never change.
    """
    values = np.asarray(samples, np.float32).reshape(-1, len(features))
    filled = gaps.fill(values)
    series = Series(name, tuple(features), ("",) * len(features), targets, values, np.arange(len(values)))
    measured = _statistics(series, filled)
    described = _centered(measured) if scaled else _as_they_are(measured)
    if scaled and predicts == CHANGE:
        target_scales = scaling.target_scales(filled, targets, horizon)
    else:
        target_scales = (tuple(feature.scale for feature in described[:targets]),) * horizon
    return Spec(
        series=name,
        features=described,
        targets=tuple(features[:targets]),
        horizon=horizon,
        target_scales=target_scales,
        warmup=0,
        gap_limit=gaps.LIMIT,
        cell=OWN,
        layers=1,
        hidden=1,
        predicts=predicts,
        period=period,
    )


def _statistics(series: Series, filled: gaps.Filled) -> tuple[Feature, ...]:
    """Return the features as training describes them. Raises `DataError` where one never changes."""
    if not len(filled.segments) or not (np.nanstd(series.values, axis=0) > 0).all():
        raise DataError("the samples have a feature that never changes: there is nothing to scale it by")
    return scaling.describe(series, series.values, filled, [True] * len(series.columns))


def _centered(features: Sequence[Feature]) -> tuple[Feature, ...]:
    """Return the features for a network that is given (x - mean) / deviation."""
    return tuple(replace(feature, center=float(np.float32(feature.mean))) for feature in features)


def _as_they_are(features: Sequence[Feature]) -> tuple[Feature, ...]:
    """Return the features for a network that is given samples as they are, and gives forecasts so."""
    return tuple(replace(feature, center=0.0, scale=1.0) for feature in features)


def export_module(
    module: nn.Module,
    spec: Spec,
    path: str | os.PathLike[str] | None = None,
    *,
    opset: int = onnx_opset.DEFAULT,
    key: str | None = None,
) -> ModelFile:
    """Return the model file of a module, compared with the oracle; write it where there is a path.

    Raises `UsageError` for a module that cannot be expressed or does not fit the spec, and `CheckError`.
    """
    if spec.known:
        raise UsageError("a module of one's own takes no columns known ahead: leave out known in the spec")
    trace = Trace(module.eval())
    recurrent = [layer for layer in trace.layers if layer.kind in CELLS]
    spec = replace(
        spec,
        cell=OWN,
        layers=max(1, len(recurrent)),
        hidden=max([1, *(layer.hidden for layer in recurrent)]),
        states=states(trace.layers),
        producer={**spec.producer, "edgeseq": __version__, "torch": torch.__version__, "onnx": onnx.__version__},
    )
    oracle = LayersOracle(spec, trace.layers)
    _compare(module, spec, oracle, batch_first=bool(trace.batch_first))
    model = layers_graph.build(spec, trace.layers, opset)
    deviation = parity.check(finalize(model, spec)[0], spec, oracle)  # what has no hash is not opened
    content, spec = finalize(model, replace(spec, verification=parity.verification(spec, oracle)), key)
    if path is not None:
        files.write_atomically(path, content)
    return ModelFile(content, spec, deviation)


def _compare(module: nn.Module, spec: Spec, oracle: LayersOracle, *, batch_first: bool) -> None:
    """Compare the layers with the module itself, on a sequence that moves as the training's."""
    samples = random_walk(spec, _SAMPLES, 2)
    centers, scales = (np.array([getattr(f, name) for f in spec.features]) for name in ("center", "scale"))
    given = torch.from_numpy(((samples - centers) / scales).astype(np.float32))  # (time, batch, feature)
    try:
        with torch.no_grad():
            output = module(given.transpose(0, 1) if batch_first else given)
    except Exception as error:  # whatever a forward may raise
        raise UsageError(f"the module does not run on samples of {len(spec.features)} features: {error}") from error
    output = output[0] if isinstance(output, (tuple, list)) else output
    actual = _as_time_first(output.numpy(), batch_first=batch_first)
    if actual.shape[-1] != spec.outputs:
        raise UsageError(
            f"the module gives {actual.shape[-1]} numbers; the spec wants {spec.outputs}: a horizon of {spec.horizon} "
            f"times {len(spec.targets)} targets"
        )
    y, _ = oracle.run(samples)
    expected = (y - _base(spec, samples)) / np.array(spec.target_scales).reshape(-1)
    deviation = float(np.abs(actual - expected[-len(actual) :]).max() / max(1e-6, np.abs(expected).max()))
    if not deviation <= tolerances.MODULE:
        raise CheckError(f"the layers found in the module do not do what it does: they are off by {deviation:.1e}")


def _as_time_first(output: np.ndarray, *, batch_first: bool) -> np.ndarray:
    """Return what a module gave as (time, batch, output); of one that gives the last step only, (1, batch, output)."""
    if output.ndim == 2:
        return output[None]
    return output.transpose(1, 0, 2) if batch_first else output


def _base(spec: Spec, samples: npt.NDArray[np.float32]) -> Any:
    """Return what is added to what the network says, (time, batch, output)."""
    targets = samples[..., : len(spec.targets)].astype(np.float64)
    if spec.predicts != CHANGE:
        targets = np.broadcast_to([feature.center for feature in spec.target_features], targets.shape)
    return per_output(targets, spec.horizon)
