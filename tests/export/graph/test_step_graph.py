"""The model file: what it holds, what it needs, and what it costs."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import edgeseq_export
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.testing import make_checkpoint
from edgeseq_export.graph.quantization import round_rows
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.spec import Spec


@pytest.mark.parametrize("quantize", ["none", "int8", "int4"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_it_loads_wherever_opset_17_does(cell: str, quantize: str) -> None:
    """Opset 17, IR 8, ONNX's own operators only; time and batch are free."""
    model = onnx.load_from_string(edgeseq_export.build(make_checkpoint(cell=cell), quantize))
    assert model.ir_version == 8
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    assert {node.domain for node in model.graph.node} == {""}
    x = model.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param for dim in x[:2]] == ["time", "batch"]


def test_inputs_and_outputs_are_the_steps() -> None:
    model = onnx.load_from_string(edgeseq_export.build(make_checkpoint(features=2, horizon=3, hidden=5)))
    shapes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    state = {"last": 3, "h1": 5, "c1": 5, "h2": 5, "c2": 5}
    wanted = {"x": ["time", "batch", 2], "y": ["time", "batch", 3]}
    for name, size in state.items():
        wanted[name] = wanted[f"{name}_next"] = [1, "batch", size]
    assert shapes == wanted
    assert next(iter(shapes)) == "x"


def test_the_metadata_can_be_read_by_a_person_and_by_the_runtime(checkpoint: Checkpoint) -> None:
    model = onnx.load_from_string(edgeseq_export.export(checkpoint).content)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata["features"] == "f0"
    assert metadata["network"] == "2 x lstm of 6"
    spec = Spec.from_json(metadata["edgeseq"])
    assert spec == open_session(model.SerializeToString()).spec
    assert spec.features == checkpoint.spec.features
    assert spec.verification is not None


@pytest.mark.parametrize(
    ("choices", "wanted"),
    [
        ({"linear_path": 5}, "2 x lstm of 6, linear path over 5 changes"),
        ({"cell": "gru", "layout": "steps", "window": 4}, "2 x gru of 6, seeing windows of 4"),
    ],
)
def test_a_person_sees_what_stands_beside_the_network(choices: dict[str, Any], wanted: str) -> None:
    model = onnx.load_from_string(edgeseq_export.build(make_checkpoint(**choices)))
    assert {entry.key: entry.value for entry in model.metadata_props}["network"] == wanted


@pytest.mark.parametrize("opset", [14, 17, 21, onnx.defs.onnx_opset_version()])
def test_other_opsets_pass_the_same_parity_check(opset: int) -> None:
    made = edgeseq_export.export(make_checkpoint(features=2, levels=1), opset=opset)
    assert onnx.load_from_string(made.content).opset_import[0].version == opset


@pytest.mark.parametrize("opset", [13, 1000])
def test_an_opset_it_cannot_write_is_refused(opset: int) -> None:
    with pytest.raises(UsageError, match=f"opset: expected .*, got {opset}"):
        edgeseq_export.build(make_checkpoint(), opset=opset)


@pytest.mark.parametrize("quantize", ["int8", "int4"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_rounded_weights_are_folded_when_a_session_is_made(cell: str, quantize: str, tmp_path: Path) -> None:
    """What runs has no Cast and no scaling Mul: fewer bits cost nothing per step."""
    checkpoint = make_checkpoint(cell=cell, linear_path=5, horizon=9)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(edgeseq_export.build(checkpoint, quantize), options)

    def operators(model: onnx.ModelProto) -> list[str]:
        return sorted(node.op_type for node in model.graph.node)

    plain = tmp_path / "plain.onnx"
    options.optimized_model_filepath = str(plain)
    onnxruntime.InferenceSession(edgeseq_export.build(checkpoint), options)
    assert operators(onnx.load(tmp_path / "optimized.onnx")) == operators(onnx.load(plain))


def test_sizes_of_the_default_network() -> None:
    """2 x 30 for one feature: at most 52 kB in float32, 17 kB in int8 and 12 kB in int4."""
    checkpoint = make_checkpoint(hidden=30)
    for quantize, limit in (("none", 52_000), ("int8", 17_000), ("int4", 12_000)):
        assert len(edgeseq_export.export(checkpoint, quantize).content) <= limit


finite = st.floats(-100, 100, width=32)


@given(
    matrix=arrays.arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(4, 9)), elements=finite),
    bits=st.sampled_from([4, 8]),
    least=st.sampled_from([0.0, 2.0**-14]),
)
def test_rounding_is_off_by_half_a_scale_at_most(matrix: np.ndarray, bits: int, least: float) -> None:
    integers, scale = round_rows(matrix, bits, least)
    assert integers.dtype == np.int8
    assert np.abs(integers).max(initial=0) < 2 ** (bits - 1)
    error = np.abs(integers * scale.astype(np.float64) - matrix)
    assert (error <= 0.5001 * scale).all()


def test_a_row_of_zeros_stays_zero() -> None:
    integers, scale = round_rows(np.zeros((2, 4), np.float32), 8)
    assert not integers.any()
    assert np.isfinite(scale).all()


def test_dynamic_int8_is_refused_nothing_and_judged_by_its_own_tolerance() -> None:
    made = edgeseq_export.export(make_checkpoint(hidden=30), "int8-dynamic")
    operators = {node.op_type for node in onnx.load_from_string(made.content).graph.node}
    assert "DynamicQuantizeLSTM" in operators
    assert 1e-5 < made.deviation.forecast < made.deviation.allowed


def test_dynamic_int8_has_unsigned_weights() -> None:
    """Exact on every processor: x86 without VNNI saturates where activations meet signed ones. Read as ONNX has it.

    (integer - zero point) * scale is the float file's weight, within half a scale.
    """
    checkpoint = make_checkpoint(hidden=30, horizon=12)
    plain, rounded = (
        {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load_from_string(content).graph.initializer}
        for content in (edgeseq_export.build(checkpoint), edgeseq_export.build(checkpoint, "int8-dynamic"))
    )
    assert not [name for name, values in rounded.items() if values.dtype == np.int8]
    for name in ("W1", "R1", "W2", "R2", "head"):
        integers, point, scale = (rounded[f"{name}_{part}"] for part in ("quantized", "zero_point", "scale"))
        assert integers.dtype == point.dtype == np.uint8
        assert integers.max() - integers.min() > 250  # all eight bits
        meant = (integers.astype(np.float64) - point) * scale
        wanted = plain[name] if name == "head" else plain[name].transpose(0, 2, 1)
        assert (np.abs(meant - wanted) <= 0.501 * scale).all()
