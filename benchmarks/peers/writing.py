"""Writes one network in every form that a peer may want to read."""

from pathlib import Path

import numpy as np
import onnx

import edgeseq_export
from benchmarks.peers.network import Network
from edgeseq.model.checkpoint import Checkpoint
from edgeseq_export.graph.weights import prepare, unquantized
from edgeseq_runtime.spec import KEY, STEP, Spec

_TORCH_ORDER = (0, 2, 3, 1)
"""Where torch's gates i, f, g, o lie among ONNX's i, o, f, c."""


def write(checkpoint: Checkpoint, folder: Path) -> Network:
    """Fill the folder from the checkpoint of a stream of LSTMs."""
    network = Network(folder)
    network.chunk.write_bytes(edgeseq_export.build(checkpoint))
    network.step.write_bytes(edgeseq_export.build(checkpoint, form=STEP))
    spec = spec_of(network.chunk.read_bytes())
    (folder / "spec.json").write_text(spec.to_json())
    np.savez(folder / "weights.npz", allow_pickle=False, **_folded(spec, checkpoint))
    return network


def spec_of(content: bytes) -> Spec:
    """Return what a model file says of itself, without onnxruntime."""
    metadata = {entry.key: entry.value for entry in onnx.load_from_string(content).metadata_props}
    return Spec.from_json(metadata[KEY])


def _folded(spec: Spec, checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    prepared = prepare(spec, unquantized(checkpoint.weights))
    found = {"head": prepared.head.value(), "head_bias": prepared.head_bias}  # (hidden, outputs), (outputs,)
    for layer, cell in enumerate(prepared.cells, start=1):
        for name, value in {"W": cell.W.value(), "R": cell.R.value(), "b": cell.B}.items():
            gates = np.split(value[0], len(_TORCH_ORDER))
            found[f"{name}{layer}"] = np.concatenate([gates[gate] for gate in _TORCH_ORDER])  # (4 * hidden, ...)
    return found
