"""Checkpoint in, model file out: build, quantise, and pass the gate."""

import logging
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import onnx

from edgeseq.checkpoint import Checkpoint, Weights
from edgeseq.reference import state_sizes
from edgeseq_export import gate, graph
from edgeseq_export.weights import prepare, round_to_int8
from edgeseq_runtime import __version__
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.spec import Spec, State

OPSET = 17
"""Loaded by every onnxruntime from 1.14 on."""

OLDEST_OPSET = 14
"""The first with the recurrent nodes in the form that the graph uses."""


@dataclass(frozen=True)
class ModelFile:
    """A model file that has passed the gate."""

    content: bytes
    spec: Spec
    deviation: gate.Deviation


def build(checkpoint: Checkpoint, quantize: str = "none", opset: int = OPSET) -> bytes:
    """Return the model file of a checkpoint, not yet compared with anything. torch is not needed."""
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= opset <= newest:
        raise UsageError(f"opset is {opset}, must be from {OLDEST_OPSET} to {newest}")
    spec = _final_spec(checkpoint.spec, _rounded(checkpoint, quantize), quantize)
    if quantize == "int8-dynamic":
        return _quantize_dynamically(spec, checkpoint.weights, opset)
    return bytes(graph.build(spec, prepare(spec, checkpoint.weights), opset).SerializeToString())


def export(checkpoint: Checkpoint, quantize: str = "none", opset: int = OPSET) -> ModelFile:
    """Return the model file of a checkpoint, compared with the oracle in steps, chunks and batches.

    `quantize` is "none", "int8" (weights as int8 with a scale per row, float arithmetic, any provider) or
    "int8-dynamic" (onnxruntime's dynamic quantisation, CPU provider only). Raises `CheckError` where the
    file does not pass.
    """
    weights = _rounded(checkpoint, quantize)
    content = build(checkpoint, quantize, opset)
    spec = _final_spec(checkpoint.spec, weights, quantize)
    return ModelFile(content, spec, gate.check(content, spec, weights))


def _rounded(checkpoint: Checkpoint, quantize: str) -> Weights:
    """Return the weights that the oracle must have to agree with the file."""
    return round_to_int8(checkpoint.weights) if quantize == "int8" else checkpoint.weights


def _final_spec(spec: Spec, weights: Weights, quantize: str) -> Spec:
    """Return the spec as the model file carries it."""
    spec = replace(
        spec,
        quantize=quantize,
        states=tuple(State(name, f"{name}_next", (1, -1, size)) for name, size in state_sizes(spec).items()),
        producer={**spec.producer, "edgeseq": __version__, "onnx": onnx.__version__},
    )
    return replace(spec, verification=gate.verification(spec, weights))


def _quantize_dynamically(spec: Spec, weights: Weights, opset: int) -> bytes:
    """Quantise the float graph's weights and activations with onnxruntime's own tool."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = graph.build(spec, prepare(spec, weights), opset)
    logging.getLogger().setLevel(logging.ERROR)  # the tool advises preprocessing that does nothing here
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        source.write_bytes(model.SerializeToString())
        quantize_dynamic(source, target, weight_type=QuantType.QInt8, per_channel=True)
        quantized = onnx.load(target)
    onnx.helper.set_model_props(quantized, graph.metadata(spec))
    return bytes(quantized.SerializeToString())
