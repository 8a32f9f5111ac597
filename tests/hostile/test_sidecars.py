"""Sidecars that say too much, too deep, or one thing twice: one line of bounded length, exit code 2."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgeseq_runtime import Predictor
from edgeseq_runtime.errors import EdgeseqError, UsageError
from edgeseq_runtime.sidecar import Sidecar
from tests.conftest import CommandLine

FITTING: dict[str, Any] = {"input": "x", "output": "y", "states": {"h": "h_next"}}


@pytest.fixture
def somebodys(tmp_path: Path) -> Path:
    """A running sum that somebody else made, with a constant factor."""
    nodes = [
        helper.make_node("Add", ["x", "h"], ["h_next"]),
        helper.make_node("Mul", ["h_next", "k"], ["y"]),
    ]
    names = ("x", "h", "k"), ("y", "h_next")
    inputs, outputs = ([helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 1]) for n in some] for some in names)
    model = helper.make_model(
        helper.make_graph(nodes, "sum", inputs, outputs), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    path = tmp_path / "sum.onnx"
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"input":' + "[" * 990 + "]" * 990 + "}",
        *('{"states":' * depth + "1" + "}" * depth for depth in (900, 980, 100_000)),
        json.dumps(FITTING | {"states": {"h": ["a"]}}),
        json.dumps(FITTING | {"states": {"h": {"a": 1}}}),
        json.dumps(FITTING | {"states": {"h": None}}),
        json.dumps(FITTING | {"states": ["h"]}),
        json.dumps(FITTING | {"states": {"h": "n" * 500_000}}),
        json.dumps(FITTING | {"input": "n" * 500_000}),
        json.dumps(FITTING | {"input": 5}),
        json.dumps(FITTING | {"features": True}),
        json.dumps(FITTING | {"features": 10**12}),
        json.dumps(FITTING | {"overlap": 10**12}),
        json.dumps(FITTING | {"layout": "b" * 500_000}),
        json.dumps(FITTING | {"constants": {"k": "[" * 1000}}),
        json.dumps(FITTING | {"constants": {"k": [[[[]]]]}}),
        json.dumps(FITTING | {"constants": {"k": {"a": 1}}}),
        json.dumps(FITTING | {"constants": {f"k{i}": 1 for i in range(10_000)}}),
        json.dumps(FITTING | {"constants": {"k": 1, "h": 0.5}}),
        json.dumps(FITTING | {"constants": {"k": 1, "x": 0.5}}),
        json.dumps(FITTING | {"states": {"x": "h_next"}, "constants": {"k": 1}}),
        json.dumps(FITTING | {"more": 1}),
        '{"input": "x", "input": "h", "output": "y", "states": {}}',
        '{"input": "x", "output": "y", "states": {"h": "a", "h": "h_next"}}',
        "\ufeff{}",
        "",
        "nan",
        " " * 2_000_000,
    ],
)
def test_it_is_refused_in_one_line(text: str, somebodys: Path, edgeseq: CommandLine) -> None:
    path = somebodys.parent / "names.json"
    path.write_text(text)
    done = edgeseq("predict", somebodys, "--sidecar", path, "--input", path)
    assert done.code in (1, 2)
    assert done.err.startswith("edgeseq: ")
    assert done.err.count("\n") == 1
    assert len(done.err) < 1100


def test_a_fitting_one_is_taken(somebodys: Path) -> None:
    p = Predictor(somebodys, sidecar=Sidecar(**FITTING, constants={"k": 2}))
    np.testing.assert_array_equal([p.step(value)[0, 0] for value in (1.0, 2.0, 3.0)], [2, 6, 12])


def test_a_tensor_is_a_state_or_a_constant(somebodys: Path) -> None:
    """Else a step and a block might differ in which of them wins."""
    with pytest.raises(UsageError, match="says more than one thing of the input 'h'"):
        Predictor(somebodys, sidecar=Sidecar(**FITTING, constants={"k": 1, "h": 0.5}))


@pytest.mark.parametrize(("tensor", "size"), [("x", 1 << 24), ("x", 1 << 40), ("h", 1 << 28), ("h", 1 << 62)])
def test_what_a_graph_wants_of_memory_is_bounded(tensor: str, size: int) -> None:
    """Its inputs may be of any size, and are made for one step before anything is known of it."""
    sizes = {"x": 1, "h": 1, tensor: size}
    nodes = [helper.make_node("Identity", ["x"], ["y"]), helper.make_node("Identity", ["h"], ["h_next"])]
    inputs, outputs = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, sizes[of]]) for name, of in pairs.items()]
        for pairs in ({"x": "x", "h": "h"}, {"y": "x", "h_next": "h"})
    )
    model = helper.make_model(
        helper.make_graph(nodes, "large", inputs, outputs), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    with pytest.raises(EdgeseqError, match=r"at most [0-9,]+ (can be kept|are taken)"):
        Predictor(model.SerializeToString(), provider="cpu", sidecar=Sidecar(**FITTING))
