"""One step function, four ways to run it: torch, the oracle, and onnxruntime in steps, chunks and batches."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeseq_export
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.model.scaling import network_inputs, per_output
from edgeseq.reference import Oracle
from edgeseq.series.gaps import fill
from edgeseq.testing import make_checkpoint
from edgeseq.training.network import Network
from edgeseq.training.windows import scaled, windows
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.spec import Spec
from tests.helpers import tolerances


@st.composite
def checkpoints(
    draw: st.DrawFn,
    layouts: tuple[str, ...] = ("stream", "stream", "features", "steps"),
    known: tuple[int, ...] = (),
) -> Checkpoint:
    features = draw(st.integers(1, 4))
    layout = draw(st.sampled_from(layouts))
    clocks = draw(st.sampled_from([(), (), ("hour_sin", "hour_cos")]))
    predicts = draw(st.sampled_from(["change", "value"]))
    has_linear = layout == "stream" and predicts == "change"
    return make_checkpoint(
        seed=draw(st.integers(0, 10_000)),
        cell=draw(st.sampled_from(["lstm", "gru", "rnn"])),
        layers=draw(st.integers(1, 3)),
        hidden=draw(st.sampled_from([1, 2, 7, 16, 30])),
        features=features,
        targets=draw(st.integers(1, features)),
        horizon=draw(st.sampled_from([1, 2, 5, 24])),
        levels=draw(st.integers(0, features)),
        offset=draw(st.sampled_from([0.0, 20.0, -300.0])),
        clocks=clocks,
        predicts=predicts,
        layout=layout,
        window=draw(st.integers(2, 10)) if layout != "stream" else 0,
        linear_path=draw(st.sampled_from([0, 2, 3, 17])) if has_linear else 0,
        sensors=draw(st.sampled_from([0, 0, 2])),
        known=draw(st.sampled_from(known)) if known and layout == "stream" else 0,
    )


def random_samples(checkpoint: Checkpoint, time: int, batch: int, seed: int = 0) -> np.ndarray:
    """Walks (time, batch, input), each of the training part's size."""
    random = np.random.default_rng(seed)
    features = checkpoint.spec.input_features
    walk = np.cumsum(random.standard_normal((time, batch, len(features))), axis=0)
    return (walk * [f.change for f in features] + [f.mean for f in features]).astype(np.float32)


def scale_of(checkpoint: Checkpoint) -> np.ndarray:
    spec = checkpoint.spec
    return per_output([feature.std for feature in spec.target_features], spec.horizon)


@settings(max_examples=60)
@given(
    checkpoint=checkpoints(known=(0, 1, 3)), time=st.integers(1, 40), batch=st.integers(1, 6), cut=st.integers(0, 40)
)
def test_torch_oracle_steps_chunks_and_batches_agree(checkpoint: Checkpoint, time: int, batch: int, cut: int) -> None:
    spec = checkpoint.spec
    x = random_samples(checkpoint, time, batch)
    wanted, wanted_states = Oracle(spec, checkpoint.weights).run(x)
    allowed = tolerances.ORACLE * scale_of(checkpoint) + np.spacing(np.abs(wanted).astype(np.float32))

    def agrees(y: np.ndarray) -> bool:
        return bool((np.abs(y - wanted) <= allowed).all())

    session = open_session(edgeseq_export.build(checkpoint))
    y, states = session.advance(x, session.fresh(batch))
    assert agrees(y), "in one chunk"
    for name, value in states.items():
        np.testing.assert_allclose(value, wanted_states[name], atol=1e-5, rtol=1e-6)
    states, parts = session.fresh(batch), []
    for part in (x[: min(cut, time)], x[min(cut, time) :]):
        if len(part):
            y, states = session.advance(part, states)
            parts.append(y)
    assert agrees(np.concatenate(parts)), "in two chunks"
    states, parts = session.fresh(batch), []
    for row in x:
        y, states = session.advance(row[None], states)
        parts.append(y)
    assert agrees(np.concatenate(parts)), "in steps of all streams"
    assert agrees(torch_forecasts(checkpoint, x)), "torch"


def torch_forecasts(checkpoint: Checkpoint, x: np.ndarray) -> np.ndarray:
    """What training's network says of samples (time, batch, feature), brought back to raw units."""
    spec = checkpoint.spec
    network = Network(spec)
    network.load_state_dict(
        {name: torch.from_numpy(value) for name, value in checkpoint.weights.items() if name != "linear.weight"}
    )
    said = windowed(checkpoint, network, x) if spec.window else streamed(checkpoint, network, x)
    own = x[..., : len(spec.features)]
    base = own if spec.predicts == "change" else np.broadcast_to([f.center for f in spec.features], own.shape)
    scaled = said.astype(np.float64) * np.array(spec.target_scales).reshape(-1)
    return per_output(base[..., : len(spec.targets)].astype(np.float64), spec.horizon) + scaled


def inputs_of(spec: Spec, x: np.ndarray) -> np.ndarray:
    """What training's network sees of samples (time, input), whose values ahead are any."""
    own, ahead = np.split(x, [len(spec.features)], axis=1)
    seen = network_inputs(replace(spec, known=()), fill(own))
    centers, scales = (
        np.array([getattr(column, name) for column in spec.known * spec.horizon]) for name in ("center", "scale")
    )
    return np.concatenate([seen, (ahead - centers) / scales], axis=1).astype(np.float32)


def streamed(checkpoint: Checkpoint, network: Network, x: np.ndarray) -> np.ndarray:
    spec = checkpoint.spec
    inputs = np.stack([inputs_of(spec, x[:, stream]) for stream in range(x.shape[1])], axis=1)
    with torch.no_grad():
        said, _ = network(torch.from_numpy(inputs), network.fresh(x.shape[1]))
        if spec.linear_path:
            changes = inputs[..., -spec.inputs :][..., : len(spec.measured)]
            signal = torch.from_numpy(np.ascontiguousarray(changes)).permute(1, 2, 0)
            signal = torch.nn.functional.pad(signal, (spec.linear_path - 1, 0))
            weight = torch.from_numpy(checkpoint.weights["linear.weight"])
            said = said + torch.nn.functional.conv1d(signal, weight).permute(2, 0, 1)
    return said.numpy()


def windowed(checkpoint: Checkpoint, network: Network, x: np.ndarray) -> np.ndarray:
    spec = checkpoint.spec
    centers = np.tile([f.center for f in spec.features], (spec.window - 1, 1))
    said = []
    for stream in range(x.shape[1]):
        values = scaled(spec, np.concatenate([centers, x[:, stream]]).astype(np.float32))
        rows = np.arange(spec.window - 1, len(values))
        with torch.no_grad():
            y, _ = network(torch.from_numpy(windows(spec, values, rows)), network.fresh(len(rows)))
        said.append(y[-1].numpy())
    return np.stack(said, axis=1)


@settings(max_examples=25)
@given(
    checkpoint=checkpoints(),
    gaps=st.sets(st.integers(0, 59), max_size=12),
    blocks=st.lists(st.integers(1, 20), min_size=1, max_size=6),
)
def test_step_run_and_pool_give_the_same_forecasts_gaps_included(
    checkpoint: Checkpoint, gaps: set[int], blocks: list[int]
) -> None:
    spec = checkpoint.spec
    x = random_samples(checkpoint, 60, 1)[:, 0]
    for position in gaps:
        x[position, position % x.shape[1]] = np.nan
    session = open_session(edgeseq_export.build(checkpoint))
    stepper, runner, pool = Predictor(session), Predictor(session), Pool(session)
    stepped = np.stack([stepper.step(row) for row in x])
    parts: list[np.ndarray] = []
    position = 0
    while position < len(x):
        block = blocks[len(parts) % len(blocks)]
        parts.append(runner.run(x[position : position + block]))
        position += block
    neighbours = random_samples(checkpoint, 60, 2, seed=1)
    pooled = [
        pool.step({"a": row, "b": other[0]} if number % 3 else {"c": other[1], "a": row})["a"]
        for number, (row, other) in enumerate(zip(x, neighbours, strict=True))
    ]
    tolerance = 1e-6 * max(feature.std for feature in spec.target_features) + np.spacing(np.float32(400))
    np.testing.assert_allclose(np.concatenate(parts), stepped, atol=tolerance)
    np.testing.assert_allclose(np.stack(pooled), stepped, atol=tolerance)
    assert runner.status == stepper.status == pool.status["a"]
    assert runner.warm == stepper.warm == pool.warm["a"]
    assert runner.samples == stepper.samples == 60


@pytest.mark.parametrize(
    "choices",
    [
        {"horizon": 2},
        {"horizon": 5, "features": 2, "targets": 2},
        {"horizon": 4, "sensors": 2, "clocks": ("hour_sin", "hour_cos")},
    ],
)
@pytest.mark.parametrize("gaps", [(), (0, 1, 5, 9, 10, 11, 12, 30)])
def test_so_they_do_with_columns_known_ahead(choices: dict[str, Any], gaps: tuple[int, ...]) -> None:
    checkpoint = make_checkpoint(known=3, **choices)
    spec, features = checkpoint.spec, len(checkpoint.spec.features)
    x, ahead = np.split(random_samples(checkpoint, 60, 1)[:, 0], [features], axis=1)
    known = ahead.reshape(60, spec.horizon, 3)
    for position in gaps:
        x[position, position % features] = np.nan
    session = open_session(edgeseq_export.build(checkpoint))
    stepper, runner, pool = Predictor(session), Predictor(session), Pool(session)
    stepped = np.stack([stepper.step(row, known=told) for row, told in zip(x, known, strict=True)])
    blocks = [runner.run(x[begin : begin + 7], known=known[begin : begin + 7]) for begin in range(0, 60, 7)]
    neighbours = random_samples(checkpoint, 60, 1, seed=1)[:, 0, :features]
    pooled = [
        pool.step({"a": row, "b": other}, known={"a": told})["a"]
        for row, other, told in zip(x, neighbours, known, strict=True)
    ]
    np.testing.assert_allclose(np.concatenate(blocks), stepped, atol=1e-5)
    np.testing.assert_allclose(np.stack(pooled), stepped, atol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("quantize", ["none", "int8", "int4"])
def test_a_gate_in_the_wrong_place_would_be_seen(cell: str, quantize: str) -> None:
    """The comparison has teeth: weights with two gates exchanged deviate by far more than the tolerance."""
    checkpoint = make_checkpoint(cell=cell)
    weights = dict(checkpoint.weights)
    name = "cell.weight_hh_l1"
    weights[name] = np.roll(weights[name], checkpoint.spec.hidden, axis=0) if cell != "rnn" else weights[name].T.copy()
    session = open_session(edgeseq_export.build(checkpoint, quantize))
    x = random_samples(checkpoint, 20, 1)
    y, _ = session.advance(x, session.fresh())
    wrong, _ = Oracle(checkpoint.spec, weights).run(x)
    assert (np.abs(y - wrong) / scale_of(checkpoint)).max() > 100 * tolerances.ORACLE
