"""The provider "native" reads a model file's weights by the names that docs/format.md lists, and by nothing else."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import edgeseq_export
from edgeseq.testing import make_checkpoint, make_spec
from edgeseq_export.c import from_onnx, native, toolchain
from edgeseq_export.graph import weights
from edgeseq_export.graph.builder import metadata
from edgeseq_export.graph.quantization import quantize
from edgeseq_runtime import Predictor
from edgeseq_runtime.errors import UsageError
from tests.helpers.model_files import sealed

FORMAT = Path(__file__).parents[3] / "docs" / "format.md"

needs_compiler = pytest.mark.skipif(toolchain.compiler() is None, reason="there is no C compiler here")


def renamed(content: bytes, name: str, other: str) -> bytes:
    """A model file that computes the same, with another name for one of its values."""
    model = onnx.load_from_string(content)
    for node in model.graph.node:
        node.input[:] = [other if value == name else value for value in node.input]
        node.output[:] = [other if value == name else value for value in node.output]
    for tensor in model.graph.initializer:
        tensor.name = other if tensor.name == name else tensor.name
    return sealed(model)


@pytest.mark.parametrize("kind", ["none", "int8", "int4"])
@pytest.mark.parametrize(
    "choices", [{}, {"cell": "gru", "horizon": 9, "linear_path": 4}, {"layout": "steps", "window": 4}]
)
def test_a_files_weights_are_those_that_were_put_in(kind: str, choices: dict[str, Any]) -> None:
    checkpoint = make_checkpoint(**choices)
    model = onnx.load_from_string(edgeseq_export.build(checkpoint, kind))
    read = from_onnx.step_weights(model, checkpoint.spec)
    written = weights.prepare(checkpoint.spec, quantize(checkpoint, kind))
    np.testing.assert_allclose(read.head.value(), written.head.value(), rtol=1e-6)
    np.testing.assert_array_equal(read.head_bias, written.head_bias)
    for one, other in zip(read.cells, written.cells, strict=True):
        np.testing.assert_allclose(one.W.value(), other.W.value(), rtol=1e-6)
        np.testing.assert_allclose(one.R.value(), other.R.value(), rtol=1e-6)
        np.testing.assert_array_equal(one.B[:, : other.B.shape[1]], other.B)
        assert not one.B[:, other.B.shape[1] :].any()


@needs_compiler
@pytest.mark.parametrize("kind", ["none", "int8"])
@pytest.mark.parametrize("name", ["W1", "R2", "B1", "head", "head_bias", "linear"])
def test_a_file_without_one_of_the_names_runs_elsewhere_and_is_refused_here(name: str, kind: str) -> None:
    content = edgeseq_export.build(make_checkpoint(linear_path=4, horizon=9), kind)
    other = renamed(content, name, "another")
    np.testing.assert_array_equal(Predictor(other).run([0.1, 0.2]), Predictor(content).run([0.1, 0.2]))
    with pytest.raises(UsageError, match=f"not written by edgeseq; the provider 'native' needs a constant '{name}'"):
        Predictor(other, provider="native")


def hand_made(*constants: onnx.TensorProto) -> bytes:
    """A model file of another writer: the forecast is the sample times a `W1`, which comes from the sample itself."""
    spec = replace(make_spec(cell="rnn", layers=1, hidden=2), states=())
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["time", "batch", 1]) for name in "xy")
    nodes = [helper.make_node("Sign", ["x"], ["W1"]), helper.make_node("Mul", ["x", "W1"], ["y"])]
    names = {tensor.name for tensor in constants}
    nodes = [node for node in nodes if not names & set(node.output)]
    graph = helper.make_graph(nodes, "other", [x], [y], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, metadata(spec))
    return bytes(model.SerializeToString())


@needs_compiler
def test_a_name_that_means_something_else_is_not_taken_for_a_weight() -> None:
    """It depends on the sample, or has another shape."""
    assert Predictor(hand_made()).step(-3.0) == 3.0
    said = re.escape("needs a constant 'W1' of shape [1, 2, 2] in its graph")
    with pytest.raises(UsageError, match=said):
        native.build(hand_made())
    with pytest.raises(UsageError, match=said):
        native.build(hand_made(numpy_helper.from_array(np.array([2.0], np.float32), "W1")))


def test_the_specification_lists_these_names() -> None:
    page = FORMAT.read_text()
    section = page[page.index("### The weights") : page.index("### What is not in the graph")]
    listed = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    shapes = from_onnx.weight_shapes(make_spec(layers=1, linear_path=3, known=1))
    assert [name.replace("n", "1") if len(name) == 2 else name for name in listed] == list(shapes)
