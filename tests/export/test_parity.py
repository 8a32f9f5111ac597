"""The parity check: nothing wrong is exported, and a device finds a file that was changed since."""

import numpy as np
import onnx
import pytest

import edgeseq_export
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.reference import Oracle
from edgeseq.testing import make_checkpoint
from edgeseq_export import parity
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.backends.verification import deviations
from edgeseq_runtime.errors import CheckError, ModelFileError
from tests.helpers.model_files import sealed


def changed(content: bytes, name: str, change: float) -> bytes:
    """The model file with one number of one weight changed."""
    model = onnx.load_from_string(content)
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    values = onnx.numpy_helper.to_array(tensor).copy()
    values.reshape(-1)[7] += change
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, name))
    return sealed(model)


@pytest.mark.parametrize("weight", ["W2", "R1", "R2", "B1.sum"])
def test_a_graph_with_one_wrong_weight_does_not_pass(checkpoint: Checkpoint, weight: str) -> None:
    made = edgeseq_export.export(checkpoint)
    parity.check(made.content, made.spec, Oracle(made.spec, checkpoint.weights))
    with pytest.raises(CheckError, match="deviates from the oracle"):
        parity.check(changed(made.content, weight, 0.05), made.spec, Oracle(made.spec, checkpoint.weights))


def test_what_is_no_valid_onnx_does_not_pass(checkpoint: Checkpoint) -> None:
    made = edgeseq_export.export(checkpoint)
    model = onnx.load_from_string(made.content)
    model.graph.node[0].op_type = "Nonsense"
    with pytest.raises(CheckError, match="not valid ONNX"):
        parity.check(model.SerializeToString(), made.spec, Oracle(made.spec, checkpoint.weights))


def test_a_forecast_that_is_not_a_number_does_not_pass(checkpoint: Checkpoint) -> None:
    made = edgeseq_export.export(checkpoint)
    with pytest.raises(CheckError):
        parity.check(changed(made.content, "B2.sum", float("nan")), made.spec, Oracle(made.spec, checkpoint.weights))


@pytest.mark.parametrize("quantize", ["none", "int8", "int4", "int8-dynamic"])
def test_a_device_verifies_what_was_exported(quantize: str) -> None:
    made = edgeseq_export.export(make_checkpoint(hidden=30, horizon=2), quantize)
    found = deviations(open_session(made.content))
    assert set(found) == {"in steps", "in a chunk", "states"}
    assert max(found.values()) <= 1


def test_a_device_finds_a_weight_changed_after_the_export(checkpoint: Checkpoint) -> None:
    made = edgeseq_export.export(checkpoint)
    assert max(deviations(open_session(changed(made.content, "R2", 0.05))).values()) > 1


def test_a_file_without_a_vector_says_so(checkpoint: Checkpoint) -> None:
    made = edgeseq_export.export(checkpoint)
    bare = sealed(onnx.load_from_string(made.content), verification=None)
    with pytest.raises(ModelFileError, match="no verification vector"):
        deviations(open_session(bare))


def test_the_embedded_samples_are_not_the_users(checkpoint: Checkpoint) -> None:
    """They are a random walk with the training part's statistics."""
    made = edgeseq_export.export(checkpoint)
    assert made.spec.verification is not None
    embedded = np.array(made.spec.verification.x)
    assert checkpoint.test is not None
    assert not np.isin(embedded.astype(np.float32), checkpoint.test.values).any()


def test_far_from_zero_the_resolution_of_float32_is_allowed_for() -> None:
    """A series of a million give or take one: float32 itself is coarser than the tolerance."""
    made = edgeseq_export.export(make_checkpoint(offset=1e6))
    assert made.deviation.forecast > 1e-5
    assert max(deviations(open_session(made.content)).values()) <= 1
