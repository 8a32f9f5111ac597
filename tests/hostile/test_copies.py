"""Copies of streams: each a stream of its own, where the first one is."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_export.c import toolchain
from edgeseq_runtime import Pool, Predictor, Rules
from edgeseq_runtime.errors import EdgeseqError
from tests.stored.test_stored_files import FOLDER

PROVIDERS = [
    "cpu",
    pytest.param(
        "native", marks=pytest.mark.skipif(toolchain.compiler() is None, reason="there is no C compiler here")
    ),
]

WAYS: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda stream: pickle.loads(pickle.dumps(stream)),  # noqa: S301 - our own
}

KINDS: dict[str, dict[str, Any]] = {
    "plain": {"horizon": 2},
    "fleet": {"sensors": 2, "linear_path": 3},
    "clock": {"clocks": ("hour_sin",), "period": 60.0},
}

VALUES = [10.0, 10.4, None, 11.0, 10.9, 10.2, 9.9]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_copied_predictor_is_a_stream_of_its_own(provider: str, kind: str, way: str) -> None:
    """It goes on as the first does, and neither moves the other."""
    content = edgeseq_export.build(make_checkpoint(hidden=4, **KINDS[kind]))
    sensor = "s1" if kind == "fleet" else None
    rules = Rules(stuck_after=3, gap="flag")
    p, twin = (Predictor(content, provider, missing="skip", rules=rules, sensor=sensor) for _ in range(2))
    for number, value in enumerate(VALUES):
        p.step(value, 60.0 * number)
        twin.step(value, 60.0 * number)
    made = WAYS[way](p)
    assert type(made) is Predictor
    assert (made.snapshot(), made.spec, made.providers) == (p.snapshot(), p.spec, p.providers)
    assert (made.session is p.session) == (way != "pickle")
    before = p.snapshot()
    for number, value in enumerate([*VALUES, *[9.0] * 5, None], start=len(VALUES)):
        wanted = twin.step(value, 60.0 * number)
        np.testing.assert_array_equal(made.step(value, 60.0 * number), wanted)
        assert (made.status, made.reason, made.counts) == (twin.status, twin.reason, twin.counts)
    assert p.snapshot() == before
    made.reset()
    assert p.snapshot() == before


def walk(predictor: Predictor, count: int) -> np.ndarray:
    """Samples about a model's means."""
    steps = np.random.default_rng(0).standard_normal((count, len(predictor.spec.features)))
    features = predictor.spec.features
    return np.array([f.mean for f in features]) + np.array([f.std for f in features]) * steps / 3


@pytest.mark.parametrize("way", WAYS)
def test_what_a_monitor_has_learned_is_copied(way: str) -> None:
    p = Predictor(FOLDER / "models" / "lstm-trained.onnx", provider="cpu", monitor=True)
    samples = walk(p, 30)
    for sample in samples[:20]:
        p.step(sample)
    made = WAYS[way](p)
    for sample in samples[20:30]:
        made.step(sample)
        p.step(sample)
        for one, other in zip(made.interval(), p.interval(), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["plain", "fleet"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_copied_pool_has_streams_of_its_own(provider: str, kind: str, way: str) -> None:
    content = edgeseq_export.build(make_checkpoint(hidden=4, **KINDS[kind]))
    pool, twin = (Pool(content, provider, missing="skip") for _ in range(2))
    names: list[Any] = ["s0", ("a", 1), "s1", *range(20)]
    for one in (pool, twin):
        for round_ in range(4):
            one.step({name: 10.0 + number / 9 + round_ for number, name in enumerate(names[: 5 + 6 * round_])})
        one.step({"s0": None})
    made = WAYS[way](pool)
    assert type(made) is Pool
    assert (made.names, made.status, made.warm) == (pool.names, pool.status, pool.warm)
    before = [pool.snapshot(name) for name in names]
    for value in (11.0, None, 12.0):
        samples = dict.fromkeys([*names, "new"], value)
        for name, wanted in twin.step(samples).items():
            np.testing.assert_allclose(made.step({name: value})[name], wanted, rtol=1e-6)
        assert made.status == twin.status
    assert [pool.snapshot(name) for name in names] == before
    assert "new" not in pool


@pytest.mark.parametrize("way", WAYS)
def test_a_model_with_a_sidecar_is_copied_with_it(way: str) -> None:
    p = Predictor(
        FOLDER / "models" / "foreign.onnx", provider="cpu", sidecar=FOLDER / "models" / "foreign.sidecar.json"
    )
    samples = walk(p, 9)
    p.run(samples[:5])
    made = WAYS[way](p)
    np.testing.assert_array_equal(made.run(samples[5:9]), p.run(samples[5:9]))


@pytest.mark.parametrize("way", WAYS)
def test_an_interrupted_stream_is_not_copied(way: str, model: bytes) -> None:
    """It is neither before a sample nor after it."""
    p, pool = Predictor(model, provider="cpu"), Pool(model, provider="cpu")
    pool.step({"a": 0.5})
    pool.step({"a": 0.5})

    def interrupted() -> None:
        raise KeyboardInterrupt

    p._lone._move = interrupted
    pool._engine.advance = lambda *_: interrupted()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        p.step(0.5)
    with pytest.raises(KeyboardInterrupt):
        pool.step({"a": 0.5})
    for stream in (p, pool):
        with pytest.raises(EdgeseqError, match="was interrupted within a step"):
            WAYS[way](stream)
