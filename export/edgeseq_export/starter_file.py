"""The starter, the model for any sensor that comes with the package, as an export gives it: cut, rounded, as C."""

from dataclasses import replace

import onnx

from edgeseq.model.checkpoint import Checkpoint
from edgeseq.model.shorter import shorter
from edgeseq_export.c.from_onnx import step_weights
from edgeseq_export.export import export
from edgeseq_export.graph.weights import network_weights
from edgeseq_export.model_file import ModelFile
from edgeseq_runtime.model_file.source import STARTER, vouched


def checkpoint(horizon: int | None = None) -> Checkpoint:
    """Return the starter as a checkpoint; its weights are read back from its file.

    With a `horizon` it forecasts so many samples ahead. Raises `UsageError` for one that it does not have.
    """
    source = vouched(STARTER)
    assert source.spec is not None, "edgeseq wrote it"
    weights = network_weights(source.spec, step_weights(onnx.load_from_string(source.content), source.spec))
    spec = replace(source.spec, states=(), verification=None, sha256="", signature="")
    found = Checkpoint(spec, weights)
    return found if horizon is None else shorter(found, horizon)


def starter(horizon: int | None = None, quantize: str = "none", key: str | None = None) -> ModelFile:
    """Return the starter as a model file of its own, compared with the oracle.

    `horizon` is how many samples ahead it forecasts, up to the starter's own; `quantize` is "none" or "int8"; `key` a
    file with the private key that signs it. Raises `UsageError` for what cannot be, and as `export` does.
    """
    return export(checkpoint(horizon), quantize, key=key)
