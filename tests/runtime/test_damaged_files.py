"""Model files as bad disks, bad links and other programs leave them: a clear error, or a model that works.

Those of edgeseq carry a hash, so that none that is damaged is ever run (tests/hostile/test_model_files.py). Here are
those that do not: what other programs write without one.
"""

import json
import random
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseq_runtime import EdgeseqError, Pool, Predictor, Rules
from edgeseq_runtime.backends.verification import deviations
from edgeseq_runtime.errors import ModelFileError
from tests.helpers.model_files import sealed, sealed_by_hand, unsealed

MEMORY = 2 << 30
"""Bytes of address space for a model of 5 kB, with Python and onnxruntime around it."""


def use(model: bytes) -> str:
    """Do with a model all that can be done; return "works", or the kind of edgeseq's error."""
    try:
        p = Predictor(model)
        sample = [0.5] * len(p.spec.features)
        p.step(sample)
        p.run(np.full((5, len(sample)), 0.5))
        p.forecast(9)
        p.restore(p.snapshot())
        Pool(p.session).step({"a": sample, "b": sample})
        deviations(p.session)
    except EdgeseqError as error:
        return type(error).__name__ if str(error).isprintable() else f"not one line: {error}"
    return "works"


def damage(model: bytes, source: random.Random) -> bytes:
    """Cut a file short, change some of its bytes, or copy a stretch of it elsewhere."""
    content, kind = bytearray(model), source.randrange(10)
    if kind == 0:
        return bytes(content[: source.randrange(len(content))])
    if kind == 1:
        start, to = source.randrange(len(content)), source.randrange(len(content))
        content[to : to + 50] = content[start : start + 50]
        return bytes(content)
    for _ in range(source.choice((1, 1, 1, 2, 8))):
        content[source.randrange(len(content))] = source.randrange(256)
    return bytes(content)


def main(path: str, count: int) -> None:
    """What the test runs in a process of its own, where a crash or a large allocation harms nobody."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    model, source = unsealed(Path(path).read_bytes()), random.Random(0)  # noqa: S311 - nothing is secret here
    print(json.dumps(Counter(use(damage(model, source)) for _ in range(count))))


def test_a_damaged_model_file_is_refused_or_works(model_path: Path) -> None:
    code = f"from tests.runtime.test_damaged_files import main; main({str(model_path)!r}, 1000)"
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert not done.stderr, "onnxruntime says nothing beside the error"
    found = json.loads(done.stdout)
    assert set(found) == {"ModelFileError", "works"}, found
    assert min(found.values()) > 50, "the damage hits the weights, and what is read"


def test_an_absurd_size_in_the_graph_is_one_error_and_nothing_beside_it(
    model: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    """A graph that asks for 600 times as many numbers as the sample says."""
    proto = onnx.load_from_string(model)
    proto.graph.node[-1].output[0] = "y_before"
    for kind, inputs, output, attributes in (
        ("Cast", ["x"], "count", {"to": onnx.TensorProto.INT64}),
        ("Constant", [], "times", {"value_int": 600}),  # more than 2^64 bytes in all
        ("Mul", ["count", "times"], "product", {}),
        ("Squeeze", ["product", "direction_axis"], "size", {}),
        ("Squeeze", ["size", "direction_axis"], "shape", {}),
        ("ConstantOfShape", ["shape"], "numbers", {}),
        ("ReduceMax", ["numbers"], "largest", {"keepdims": 0}),
        ("Add", ["y_before", "largest"], "y", {}),
    ):
        proto.graph.node.append(onnx.helper.make_node(kind, inputs, [output], **attributes))
    taken = Rules(range="flag")
    p = Predictor(sealed(proto), rules=taken)
    assert np.isfinite(p.step(1.0)).all()
    before = p.snapshot()
    for use_it in (lambda: p.step(1e16), lambda: p.run([1e16]), lambda: Pool(p.session, rules=taken).step({"a": 1e16})):
        with pytest.raises(ModelFileError, match="the model fails when it is run"):
            use_it()
    restored = Predictor(p.session, rules=taken)
    restored.restore(before)
    np.testing.assert_array_equal(p.step(2.0), restored.step(2.0))
    assert capfd.readouterr() == ("", "")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150)
@given(data=st.data())
def test_whatever_the_spec_says_the_file_is_refused_or_works(model: bytes, data: st.DataObject) -> None:
    """One value anywhere in the spec of a sound graph is another, or twice there, or gone."""
    proto = onnx.load_from_string(model)
    spec = json.loads(next(entry.value for entry in proto.metadata_props if entry.key == "edgeseq"))
    parent, key = data.draw(st.sampled_from(list(places(spec))))
    change = data.draw(st.sampled_from(["replace", "double", "drop"]))
    if change == "replace":
        parent[key] = data.draw(anything | st.sampled_from([0, -1, 0.0, -1.0, 1e300, 10**30]))
    elif change == "double" and isinstance(parent, list):
        parent.append(parent[key])
    else:
        del parent[key]
    assert use(sealed_by_hand(proto, spec)) in ("works", "ModelFileError")


def places(value: object) -> Iterator[tuple[Any, Any]]:
    """Yield each container within a JSON value with each of its keys."""
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


@pytest.mark.parametrize("size", [2**40, 2**62])
def test_a_state_too_large_for_any_memory_is_refused_before_it_is_asked_for(model: bytes, size: int) -> None:
    proto = onnx.load_from_string(model)
    spec = json.loads(next(entry.value for entry in proto.metadata_props if entry.key == "edgeseq"))
    spec["states"].append({"name": "huge", "next": "huge_next", "shape": [-1, size]})
    for values, name in ((proto.graph.input, "huge"), (proto.graph.output, "huge_next")):
        values.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", size]))
    proto.graph.node.append(onnx.helper.make_node("Identity", ["huge"], ["huge_next"]))
    with pytest.raises(EdgeseqError, match=r"its states have [0-9,]+ numbers"):
        Predictor(sealed_by_hand(proto, spec))
