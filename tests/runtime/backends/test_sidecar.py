"""Models that others made stream too, when a sidecar names their tensors."""

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.errors import ModelFileError, UsageError
from edgeseq_runtime.sidecar import Sidecar
from tests.conftest import CommandLine

HIDDEN, FEATURES = 5, 3


def somebodys(*, layout: str = "btf", packed: bool = False, constant: bool = False) -> bytes:
    """A GRU with a head, as others would have written it: their own names, and axes in any order.

    `packed` has the state as (stream, hidden), `constant` takes a gain as a further input.
    """
    random = np.random.default_rng(3)
    nodes, weights = [], {}

    def weight(name: str, *shape: int) -> str:
        weights[name] = random.uniform(-1, 1, shape).astype(np.float32)
        return name

    def node(kind: str, inputs: list[str], output: str | list[str], **attributes: Any) -> str:
        outputs = [output] if isinstance(output, str) else output
        nodes.append(helper.make_node(kind, inputs, outputs, **attributes))
        return outputs[0]

    weights["first"], weights["second"] = np.array([0]), np.array([1])
    signal = "audio"
    if layout == "bf":
        signal = node("Unsqueeze", [signal, "first"], "timed")
    elif layout == "btf":
        signal = node("Transpose", [signal], "timed", perm=[1, 0, 2])
    if constant:
        signal = node("Mul", [signal, "gain"], "amplified")
    memory = node("Unsqueeze", ["mem", "first"], "unpacked") if packed else "mem"
    cell = [weight("W", 1, 3 * HIDDEN, FEATURES), weight("R", 1, 3 * HIDDEN, HIDDEN), weight("B", 1, 6 * HIDDEN)]
    left = "left" if packed else "mem_out"
    node("GRU", [signal, *cell, "", memory], ["all", left], hidden_size=HIDDEN)
    if packed:
        node("Squeeze", ["left", "first"], "mem_out")
    output = node("MatMul", [node("Squeeze", ["all", "second"], "hidden"), weight("head", HIDDEN, 2)], "product")
    if layout == "bf":
        node("Squeeze", [output, "first"], "score")
    elif layout == "btf":
        node("Transpose", [output], "score", perm=[1, 0, 2])
    else:
        node("Identity", [output], "score")
    names = {"b": "n", "t": "steps"}

    def value(name: str, *shape: str | int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    state = ("n", HIDDEN) if packed else (1, "n", HIDDEN)
    inputs = [value("audio", *(names.get(axis, FEATURES) for axis in layout)), value("mem", *state)]
    graph = helper.make_graph(
        nodes,
        "somebodys",
        [*inputs, *([value("gain", 1)] if constant else [])],
        [value("score", *(names.get(axis, 2) for axis in layout)), value("mem_out", *state)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    )


def by_hand(model: bytes, samples: np.ndarray, layout: str, more: Mapping[str, Any]) -> np.ndarray:
    """What its own loop over onnxruntime gives, sample by sample, (time, 2)."""
    session = onnxruntime.InferenceSession(model)
    state = np.zeros([1 if size == "n" else size for size in session.get_inputs()[1].shape], np.float32)
    found = []
    for sample in samples:
        x = sample.reshape([1] * (len(layout) - 1) + [FEATURES])
        score, state = session.run(["score", "mem_out"], {"audio": x, "mem": state, **more})
        found.append(score.reshape(2))
    return np.array(found)


SAMPLES = np.random.default_rng(0).standard_normal((30, FEATURES)).astype(np.float32)


@pytest.mark.parametrize("layout", ["btf", "tbf", "bf"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("constant", [False, True])
def test_any_names_and_layout_stream_as_by_their_own_loop(layout: str, packed: bool, constant: bool) -> None:
    model = somebodys(layout=layout, packed=packed, constant=constant)
    more = {"gain": np.array([0.5], np.float32)} if constant else {}
    wanted = by_hand(model, SAMPLES, layout, more)
    sidecar = Sidecar("audio", "score", {"mem": "mem_out"}, {"gain": 0.5} if constant else {}, layout=layout)
    p = Predictor(model, sidecar=sidecar)
    np.testing.assert_allclose([p.step(sample)[0] for sample in SAMPLES], wanted, rtol=1e-6, atol=1e-7)
    p.reset()
    np.testing.assert_allclose(p.run(SAMPLES)[:, 0], wanted, rtol=1e-6, atol=1e-7)
    pool = Pool(model, sidecar=sidecar)
    pooled = [pool.step({"other": -sample, "this": sample})["this"][0] for sample in SAMPLES]
    np.testing.assert_allclose(pooled, wanted, rtol=1e-6, atol=1e-7)


def test_a_snapshot_and_the_guard_work_as_ever() -> None:
    """A sample that lacks a value has nothing that could stand in: the stream starts afresh."""
    sidecar = Sidecar("audio", "score", {"mem": "mem_out"})
    p, q = (Predictor(somebodys(), sidecar=sidecar) for _ in range(2))
    p.run(SAMPLES[:10])
    q.restore(p.snapshot())
    np.testing.assert_array_equal(q.step(SAMPLES[10]), p.step(SAMPLES[10]))
    assert np.isnan(p.step([0.1, float("nan"), 0.2])).all()
    assert p.status == "missing"
    np.testing.assert_array_equal(p.step(SAMPLES[0]), Predictor(somebodys(), sidecar=sidecar).step(SAMPLES[0]))
    assert p.spec.targets == ("score[0]", "score[1]")


def test_samples_that_overlap_keep_their_end() -> None:
    """By hand: with an overlap of one the caller gives two values, and the third is the last one before."""
    sidecar = Sidecar("audio", "score", {"mem": "mem_out"}, overlap=1)
    given = SAMPLES[:, 1:]
    full = np.column_stack([np.concatenate([[0], given[:-1, -1]]), given]).astype(np.float32)
    wanted = by_hand(somebodys(), full, "btf", {})
    p = Predictor(somebodys(), sidecar=sidecar)
    np.testing.assert_allclose(p.run(given)[:, 0], wanted, rtol=1e-6, atol=1e-7)
    pool = Pool(p.session)
    np.testing.assert_allclose(
        [pool.step({"a": row, "b": 2 * row})["a"][0] for row in given], wanted, rtol=1e-6, atol=1e-7
    )
    p.reset()
    p.run(given[:7])
    q = Predictor(p.session)
    q.restore(p.snapshot())
    np.testing.assert_allclose(q.run(given[7:])[:, 0], wanted[7:], rtol=1e-6, atol=1e-7)


def test_silero_vad_gives_the_probabilities_of_its_own_wrapper() -> None:
    """A published voice detector of 300,000 weights that nobody here trained, over ten seconds of made-up sound."""
    silero = pytest.importorskip("silero_vad", reason="silero-vad is not installed")
    import torch
    from silero_vad.utils_vad import OnnxWrapper

    assert silero
    path = str(resources.files("silero_vad.data").joinpath("silero_vad.onnx"))
    time = np.arange(16_000 * 10 // 512 * 512) / 16_000
    pitch = 120 + 20 * np.sin(2 * np.pi * 3 * time)
    hum = sum(np.sin(harmonic * 2 * np.pi * np.cumsum(pitch) / 16_000) / harmonic for harmonic in range(1, 12))
    voice = hum * np.clip(np.sin(2 * np.pi * 2 * time), 0, 1) * (np.sin(np.pi * time / 2) > 0)
    sound = (0.4 * voice + 0.02 * np.random.default_rng(1).standard_normal(len(time))).astype(np.float32)
    chunks = sound.reshape(-1, 512)
    own = OnnxWrapper(path)
    wanted = np.array([own(torch.from_numpy(chunk), 16_000).item() for chunk in chunks])
    assert wanted.max() > 0.2 > wanted.min()
    sidecar = Sidecar("input", "output", {"state": "stateN"}, {"sr": 16_000}, features=576, overlap=64)
    p = Predictor(path, sidecar=sidecar)
    np.testing.assert_array_equal([p.step(chunk)[0, 0] for chunk in chunks], wanted.astype(np.float32))
    pool = Pool(p.session)
    pooled = [pool.step({"quiet": 0 * chunk, "this": chunk})["this"][0, 0] for chunk in chunks]
    np.testing.assert_allclose(pooled, wanted, atol=1e-5)


def test_predict_streams_it_with_a_sidecar_file(tmp_path: Path, edgeseq: CommandLine) -> None:
    model, sidecar, samples = tmp_path / "m.onnx", tmp_path / "names.json", tmp_path / "samples.jsonl"
    model.write_bytes(somebodys())
    sidecar.write_text(json.dumps({"input": "audio", "output": "score", "states": {"mem": "mem_out"}}))
    samples.write_text("".join(f"{json.dumps(sample)}\n" for sample in SAMPLES[:5].tolist()))
    out = edgeseq.must("predict", model, "--sidecar", sidecar, "--input", samples).out
    wanted = by_hand(somebodys(), SAMPLES[:5], "btf", {})
    found = [json.loads(line)["forecast"] for line in out.splitlines()]
    np.testing.assert_allclose([[each["score[0]"][0], each["score[1]"][0]] for each in found], wanted, rtol=1e-5)
    assert "Predictor.step" in edgeseq.must("bench", model, "--sidecar", sidecar).out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"input": "sound"}, "no input 'sound'; it has audio, mem"),
        ({"output": "y"}, "no output 'y'; it has score, mem_out"),
        ({"states": {"mem": "next"}}, "no output 'next'"),
        ({"states": {}}, "silent on the input 'mem': is it a state or a constant?"),
        ({"states": {"mem": "score"}}, "'score' has shape (1, 1, 2), and cannot be fed back as 'mem'"),
        ({"layout": "fb"}, "the sidecar's layout: expected f, bf or btf (t at any place), got 'fb'"),
        ({"layout": "bf"}, "the input 'audio' has 3 axes: give the sidecar a layout"),
        ({"overlap": 3}, "does not say how large a sample is"),
        ({"overlap": -1}, "cannot be below 0"),
        ({"constants": {"mem": "loud"}}, "the constant 'mem' is 'loud'; the model wants tensor(float)"),
        ({"size": 3}, "must have input, output and states, and may have constants, features, overlap, layout"),
        ({"features": "many"}, "features is 'many', not a int"),
        ("words", "is not JSON"),
    ],
)
def test_a_sidecar_that_does_not_fit_says_why(content: Any, said: str, tmp_path: Path, edgeseq: CommandLine) -> None:
    model, sidecar = tmp_path / "m.onnx", tmp_path / "names.json"
    model.write_bytes(somebodys())
    fitting = {"input": "audio", "output": "score", "states": {"mem": "mem_out"}}
    sidecar.write_text(content if isinstance(content, str) else json.dumps({**fitting, **content}))
    answer = edgeseq("predict", model, "--sidecar", sidecar)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err.splitlines()[-1]


def test_without_a_sidecar_the_error_mentions_it() -> None:
    with pytest.raises(ModelFileError, match="a sidecar can stand in"):
        Predictor(somebodys())


def test_a_graph_for_one_stream_makes_no_pool() -> None:
    proto = onnx.load_from_string(somebodys(layout="tbf"))
    for value in (*proto.graph.input, *proto.graph.output):
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_value = 1
    model, sidecar = proto.SerializeToString(), Sidecar("audio", "score", {"mem": "mem_out"}, layout="tbf")
    assert np.isfinite(Predictor(model, sidecar=sidecar).step(SAMPLES[0])).all()
    with pytest.raises(UsageError, match="one stream at a time"):
        Pool(model, sidecar=sidecar)
