"""Checkpoint in, model file out: build, quantise, and pass the parity check."""

import logging
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import onnx

from edgeseq.evaluation.evaluate import residual_quantiles, score_adapted, score_part, typical_predictor
from edgeseq.evaluation.surprises import learned_anomalies
from edgeseq.model import architecture
from edgeseq.model import opset as onnx_opset
from edgeseq.model.checkpoint import Checkpoint, Weights
from edgeseq.reference import Oracle
from edgeseq_export import parity
from edgeseq_export.graph import step_graph, weights
from edgeseq_export.graph.builder import metadata
from edgeseq_export.graph.quantization import quantize as quantize_weights
from edgeseq_export.model_file import ModelFile
from edgeseq_export.signing import finalize
from edgeseq_runtime import __version__
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.spec import CHUNK, RUNNING, STEP, STREAM, Figures, Spec

if TYPE_CHECKING:
    from torch import nn


def build(
    checkpoint: Checkpoint, quantize: str = "none", opset: int = onnx_opset.DEFAULT, form: str | None = None
) -> bytes:
    """Return the model file of a checkpoint, not yet compared with anything. torch is not needed.

    The arguments are those of `export`. Raises `UsageError` and `ModelFileError` as it does.
    """
    spec = _spec(checkpoint.spec, quantize, form)
    return finalize(_graph(checkpoint, spec, opset)[0], spec)[0]


@overload
def export(
    source: Checkpoint,
    quantize: str = "none",
    opset: int = onnx_opset.DEFAULT,
    form: str | None = None,
    key: str | None = None,
) -> ModelFile: ...


@overload
def export(
    source: "nn.Module",
    spec: Spec,
    path: str | os.PathLike[str] | None = None,
    *,
    opset: int = onnx_opset.DEFAULT,
    key: str | None = None,
) -> ModelFile: ...


def export(source: "Checkpoint | nn.Module", *arguments: Any, **options: Any) -> ModelFile:
    """Return the model file of a checkpoint, or of a PyTorch module of your own, compared with an oracle.

        export(checkpoint, quantize="none", opset=17, form=None, key=None)
        export(module, spec, path=None, opset=17, key=None)

    A module is made of LSTM, GRU, RNN, Linear and activations, in any depth; `describe` makes its `spec`, and the
    file is written to `path`. `quantize` is "none", "int8" or "int4" (weights of so many bits, float arithmetic, any
    provider) or "int8-dynamic" (onnxruntime's dynamic quantisation, CPU provider only). `form` is "chunk" (any number
    of samples in one call) or "step" (one at a time, and a quarter faster at that); None is "chunk", of a network whose
    scale runs along the only one that it has, "step". The figures and residuals in a checkpoint's file are this very
    file's, as far as it carries parts to measure them with. `key` is a file with the private key that signs it. Raises
    `CheckError` where the file does not pass, `UsageError` for what cannot be: a form that the network cannot have, a
    layer that cannot be expressed (the first is named), a key that is none; `ModelFileError` for a quantisation or a
    form that there is not.
    """
    # One name for two functions. The overloads have their parameters, and are what calls are checked against.
    if isinstance(source, Checkpoint):
        return export_checkpoint(source, *arguments, **options)
    from edgeseq_export.torch_module.export import export_module  # which needs torch

    return export_module(source, *arguments, **options)


def export_checkpoint(
    checkpoint: Checkpoint,
    quantize: str = "none",
    opset: int = onnx_opset.DEFAULT,
    form: str | None = None,
    key: str | None = None,
) -> ModelFile:
    """Return the model file of a checkpoint, compared with the oracle; see `export`."""
    spec = _spec(checkpoint.spec, quantize, form)
    model, rounded = _graph(checkpoint, spec, opset)
    content, _ = finalize(model, spec)  # what has no hash is not opened
    oracle = Oracle(spec, rounded)
    deviation = parity.check(content, spec, oracle)
    spec = replace(_measured(checkpoint, spec, model), verification=parity.verification(spec, oracle))
    content, spec = finalize(model, spec, key)
    return ModelFile(content, spec, deviation)


def _graph(checkpoint: Checkpoint, spec: Spec, opset: int) -> tuple[onnx.ModelProto, Weights]:
    """Return the model, and the weights that the oracle must have to agree with it."""
    oldest, newest = onnx_opset.OLDEST, onnx.defs.onnx_opset_version()
    if not oldest <= opset <= newest:
        raise UsageError(f"opset: expected {oldest} to {newest}, got {opset}")
    stored = quantize_weights(checkpoint, spec.quantize)
    model = step_graph.build(spec, weights.prepare(spec, stored), opset)
    if spec.quantize == "int8-dynamic":
        model = _quantize_dynamically(model)
        onnx.helper.set_model_props(model, metadata(spec))
    return model, weights.values(stored)


def _spec(spec: Spec, quantize: str, form: str | None) -> Spec:
    """Return the spec as the model file carries it."""
    if form is None:
        form = STEP if spec.scaling == RUNNING else CHUNK
    if form == CHUNK and spec.scaling == RUNNING:
        raise UsageError("a network whose scale runs along takes one sample at a time: it has the form step only")
    if spec.scaling == RUNNING and quantize not in ("none", "int8"):
        raise UsageError(f"a network whose scale runs along is exported as none or int8, not {quantize}")
    if form == STEP and spec.layout != STREAM:
        raise UsageError("the form step is for networks that see one sample after the other; this one sees windows")
    spec = replace(spec, quantize=quantize, form=form)
    return replace(
        spec,
        states=architecture.states(spec),
        producer={**spec.producer, "edgeseq": __version__, "onnx": onnx.__version__},
    )


def _measured(checkpoint: Checkpoint, spec: Spec, model: onnx.ModelProto) -> Spec:
    """Return the spec with this file's own errors; the baselines' are those of the training.

    A network with a running scale keeps the surprises that its training has learned: they go on from those of other
    series, and the validation part must not count twice. One whose validation part is too short to teach keeps its
    residuals, too.
    """
    predictor = typical_predictor(finalize(model, spec)[0])
    known = spec if spec.scaling == RUNNING else replace(spec, residuals=None, anomalies=None)
    if checkpoint.validation:
        residuals = residual_quantiles(predictor, checkpoint.validation) or known.residuals
        spec = replace(spec, residuals=residuals, anomalies=known.anomalies)
        if spec.anomalies is None:
            promising = typical_predictor(finalize(model, spec)[0])
            spec = replace(spec, anomalies=learned_anomalies(promising, checkpoint.validation))
    if checkpoint.test:
        samples, score = score_part(predictor, checkpoint.test)
        adapted = score_adapted(predictor, checkpoint.test, checkpoint.validation)[1] if spec.adapt else None
        baselines = spec.figures.baselines if spec.figures else {}
        spec = replace(spec, figures=Figures(samples, score, baselines, adapted))
    return spec


def _quantize_dynamically(model: onnx.ModelProto) -> onnx.ModelProto:
    """Quantise a float graph's weights and activations with onnxruntime's own tool."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    log = logging.getLogger()
    level = log.level
    log.setLevel(logging.ERROR)  # the tool advises preprocessing that does nothing here
    try:
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
            source.write_bytes(model.SerializeToString())
            quantize_dynamic(
                source, target, op_types_to_quantize=["LSTM", "MatMul"], weight_type=QuantType.QInt8, per_channel=True
            )
            quantized = _unsigned(onnx.load(target))
            quantized.producer_name = model.producer_name  # the tool had put its own
            return quantized
    finally:
        log.setLevel(level)


def _unsigned(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store the same weights as uint8: each integer and its zero point become 128 larger.

    An x86 processor without VNNI multiplies activations, which are unsigned, by signed weights in pairs, whose sum
    saturates at 16 bits; by unsigned weights it multiplies exactly, as every other processor does.
    """
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT8:
            larger = onnx.numpy_helper.to_array(tensor).astype(np.int16) + 128
            tensor.CopyFrom(onnx.numpy_helper.from_array(larger.astype(np.uint8), tensor.name))
    return model
