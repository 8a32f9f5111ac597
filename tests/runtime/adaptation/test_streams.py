"""Adaptation in streams: whatever way samples come, the same is learned, and only of what was measured and taken."""

import copy
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor, Rules
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import DataError, SnapshotError, UsageError
from edgeseq_runtime.judgement.judgement import Judgement
from edgeseq_runtime.spec import Residuals
from edgeseq_runtime.streaming.snapshot import Snapshot, pack

Float32 = npt.NDArray[np.float32]

SHAPES: dict[str, dict[str, Any]] = {
    "h1": {"horizon": 1},
    "h2": {"horizon": 2, "season": 12},
    "h24": {"horizon": 24, "season": 12},
    "two targets": {"horizon": 3, "season": 12, "features": 3, "targets": 2},
    "values": {"horizon": 3, "season": 12, "predicts": "value"},
    "window": {"horizon": 3, "layout": "features", "window": 4},
}


def build(**shape: Any) -> bytes:
    """Return a model with random weights, which simple forecasts are better than."""
    made = make_checkpoint(1, layers=1, hidden=4, period=60.0, **shape)
    spread = ((-0.5, -0.2, 0.0, 0.2, 0.5),) * len(made.spec.targets)
    residuals = Residuals((0.01, 0.05, 0.5, 0.95, 0.99), (spread,) * made.spec.horizon)
    return edgeseq_export.build(replace(made, spec=replace(made.spec, residuals=residuals)))


@pytest.fixture(scope="module", params=SHAPES)
def model(request: pytest.FixtureRequest) -> bytes:
    """Models of several shapes."""
    return build(**SHAPES[request.param])


@pytest.fixture(scope="module")
def seasonal() -> bytes:
    """A model of one feature, three steps ahead, with a season."""
    return build(horizon=3, season=12)


def wave(count: int, features: int = 1, *, gaps: bool = False) -> Float32:
    """Samples (time, feature) of a noisy wave; with `gaps`, some lack, some are far out and one jump stays."""
    random = np.random.default_rng(0)
    samples = np.sin(2 * np.pi * np.arange(count) / 12)[:, None] + random.normal(0, 0.1, (count, features))
    samples += np.arange(features)
    if gaps:
        samples[random.random(samples.shape) < 0.03] = np.nan
        samples[150:155] = np.nan
        samples[200] = 1000
        samples[count * 2 // 3 :] += 30
    return samples.astype(np.float32)


@pytest.mark.parametrize(("monitor", "gaps"), [(False, False), (True, True)], ids=["plain", "monitored, with gaps"])
def test_steps_blocks_and_pools_give_the_same(model: bytes, monitor: bool, gaps: bool) -> None:
    """Also when the pool's streams are named in turns."""
    options: dict[str, Any] = {"adapt": True, "monitor": monitor}
    one, block = Predictor(model, **options), Predictor(model, **options)
    pool, named = Pool(model, **options), Pool(model, **options)
    samples = wave(300, len(one.spec.features), gaps=gaps)
    pool.add("a", "b", "c")
    by_step = np.stack([one.step(sample.tolist()) for sample in samples])
    in_pool = np.stack([pool.step_array(np.repeat(sample[None], 3, axis=0)) for sample in samples])
    by_name: list[Float32] = []
    for at, sample in enumerate(samples):
        by_name.append(named.step({"a": sample.tolist()})["a"])
        named.step({"b": sample.tolist(), "c": sample.tolist()} if at % 2 else {"b": sample.tolist()})
    np.testing.assert_allclose(block.run(samples), by_step, rtol=1e-5, atol=1e-5)
    for row in range(3):
        np.testing.assert_allclose(in_pool[:, row], by_step, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(np.stack(by_name), by_step, rtol=1e-5, atol=1e-5)
    static = Predictor(model, monitor=monitor, adapt=False).run(samples)
    assert np.nanmax(np.abs(static[-100:] - by_step[-100:])) > 0.01
    assert one.learned.taught == block.learned.taught == pool.learned("b").taught == named.learned("a").taught


@pytest.mark.parametrize("odd", [None, 1000.0], ids=["missing", "far out"])
def test_only_an_odd_sample_takes_the_long_way(
    seasonal: bytes, monkeypatch: pytest.MonkeyPatch, odd: float | None
) -> None:
    """Every seventh sample of a lone stream is odd: those after it are usual again, and all is as a pool has it."""
    taken, judge = [0], Judgement.judge

    def counted(self: Judgement, *args: Any) -> Float32:
        taken[0] += len(self.ledger.begun) == 1
        return judge(self, *args)

    monkeypatch.setattr(Judgement, "judge", counted)
    options: dict[str, Any] = {"adapt": True, "monitor": True, "anomalies": 1e-3, "rules": Rules(range="impute")}
    session = open_session(seasonal, provider="cpu")
    one, pool = Predictor(session, **options), Pool(session, **options)
    for at, sample in enumerate(wave(200)[:, 0].tolist()):
        value = odd if at % 7 == 3 else sample
        made, wanted = one.step(value), pool.step({"a": value})["a"]
        np.testing.assert_allclose(made, wanted, rtol=1e-5, atol=1e-5)
        assert (one.status, one.reason, one.counts) == (pool.status["a"], pool.reason["a"], pool.counts["a"])
        assert (one.p_value is None) == np.isnan(pool.p_values[0, -1])
    assert taken[0] == len(range(3, 200, 7))


def test_what_is_simple_and_better_takes_over(seasonal: bytes) -> None:
    """Random weights forecast a wave badly; adapted, the error falls to a quarter."""
    samples = wave(600)
    static, adapted = (Predictor(seasonal, adapt=adapt).run(samples)[300:-3, :, 0] for adapt in (False, True))
    truth = np.stack([samples[300 + step : 597 + step, 0] for step in (1, 2, 3)], axis=1)
    assert np.square(adapted - truth).mean() < np.square(static - truth).mean() / 4


def test_the_model_file_says_whether_streams_adapt() -> None:
    for adapt in (False, True):
        content = build(horizon=1, adapt=adapt)
        assert Predictor(content).adapts is Pool(content).adapts is adapt
        assert Predictor(content, adapt=not adapt).adapts is not adapt


def test_who_does_not_adapt_has_learned_nothing(seasonal: bytes) -> None:
    pool = Pool(seasonal)
    pool.add("a")
    with pytest.raises(UsageError, match="adapt=True"):
        pool.learned("a")
    with pytest.raises(UsageError, match="adapt=True"):
        _ = Predictor(seasonal).learned


def test_a_stream_goes_on_to_the_bit(model: bytes) -> None:
    """From a snapshot in another predictor, from its copies, and in a pool beside streams at other places."""
    whole = Predictor(model, adapt=True, monitor=True)
    samples = wave(300, len(whole.spec.features), gaps=True)
    first, expected = whole.run(samples[:190]), None
    assert np.isfinite(first[-1]).all()
    blob = whole.snapshot()
    copied, pickled = copy.copy(whole), pickle.loads(pickle.dumps(whole))  # noqa: S301 - our own bytes
    restored = Predictor(model, adapt=True, monitor=True)
    restored.restore(blob)
    expected = np.stack([whole.step(sample.tolist()) for sample in samples[190:]])
    for other in (copied, pickled, restored):
        found = np.stack([other.step(sample.tolist()) for sample in samples[190:]])
        np.testing.assert_array_equal(found, expected)
    pool = Pool(model, adapt=True, monitor=True)
    pool.add("other")
    for sample in samples[:7]:
        pool.step({"other": sample.tolist()})
    pool.restore("a", blob)
    found = np.stack([pool.step_array(np.repeat(sample[None], 2, axis=0))[1] for sample in samples[190:]])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_snapshot_without_adaptation_begins_to_learn(seasonal: bytes) -> None:
    """One of a stream that did not adapt is taken up by one that does, and the other way round."""
    plain, samples = Predictor(seasonal, adapt=False), wave(200)
    plain.run(samples[:100])
    adapting = Predictor(seasonal, adapt=True)
    adapting.run(samples[:50])
    adapting.restore(plain.snapshot())
    assert adapting.learned.taught == 0
    adapting.run(samples[100:])
    assert adapting.learned.taught > 90
    plain.restore(adapting.snapshot())
    plain.step(0.5)


def test_a_snapshot_that_no_stream_has_is_refused(seasonal: bytes) -> None:
    predictor = Predictor(seasonal, adapt=True)
    predictor.run(wave(50))
    state = predictor.state()
    memory = state.arrays["adaptation.memory"].copy()
    memory[0] = 99
    blob = pack(predictor.session.digest, Snapshot(state.counters, {**state.arrays, "adaptation.memory": memory}))
    before = predictor.snapshot()
    with pytest.raises(SnapshotError, match="adaptation"):
        predictor.restore(blob)
    assert predictor.snapshot() == before


def test_reset_forgets_and_a_gap_does_not(seasonal: bytes) -> None:
    """As with intervals: what was learned stays when a stream starts afresh by itself, and goes with `reset`."""
    predictor = Predictor(seasonal, adapt=True)
    predictor.run(wave(100))
    learned = predictor.learned
    for _ in range(predictor.spec.gap_limit + 1):
        predictor.step(None)
    assert predictor.status == "missing"
    assert predictor.learned.taught == learned.taught
    np.testing.assert_array_equal(predictor.learned.weights, learned.weights)
    predictor.reset()
    assert predictor.learned.taught == 0


@pytest.mark.parametrize(
    ("rules", "sample", "reason"),
    [
        (Rules(), None, "absent"),
        (Rules(range="flag"), 30.0, "range"),
        (Rules(range="impute"), 30.0, "range"),
        (Rules(range="skip"), 30.0, "range"),
        (Rules(range="confirm"), 30.0, "confirm"),
        (Rules(stuck_after=1), 0.25, "stuck"),
    ],
    ids=["missing", "flagged", "imputed", "left out", "held", "stuck"],
)
def test_what_was_not_measured_or_is_doubted_teaches_nothing(
    seasonal: bytes, rules: Rules, sample: float | None, reason: str
) -> None:
    for way in ("step", "run", "pool"):
        predictor, pool = Predictor(seasonal, adapt=True, rules=rules), Pool(seasonal, adapt=True, rules=rules)
        pool.add("a")
        samples = [*wave(60)[:, 0].tolist(), 0.25]
        predictor.run(samples)
        pool.run([[[value]] for value in samples])
        before = predictor.learned
        assert before.taught == pool.learned("a").taught > 40
        if way == "step":
            predictor.step(sample)
        elif way == "run":
            predictor.run([sample])
        else:
            pool.step({"a": sample})
        found = pool.learned("a") if way == "pool" else predictor.learned
        assert reason == (pool.reason["a"] if way == "pool" else predictor.reason)
        assert found.taught == before.taught
        np.testing.assert_allclose(found.weights, before.weights, rtol=1e-5)


def test_a_level_that_has_moved_for_good_is_learned(seasonal: bytes) -> None:
    """Values out of range that were confirmed teach, though their reason still is that they are out of range."""
    predictor = Predictor(seasonal, adapt=True)
    samples = wave(200)
    samples[100:] += 30
    predictor.run(samples[:120])
    taught = predictor.learned.taught
    for sample in samples[120:, 0].tolist():
        predictor.step(sample)
    assert predictor.reason == "range"
    assert predictor.learned.taught > taught + 70


def test_samples_that_lack_by_their_time_teach_nothing(seasonal: bytes) -> None:
    predictor = Predictor(seasonal, adapt=True)
    samples = wave(60)[:, 0].tolist()
    predictor.run(samples, [60.0 * at for at in range(60)])
    taught = predictor.learned.taught
    predictor.step(0.0, 60.0 * 61)  # one lacks, and is filled in
    assert predictor.counts["filled"] == 1
    assert predictor.learned.taught == taught + 1


def test_intervals_lie_around_adapted_forecasts(seasonal: bytes) -> None:
    """And are as narrow as the adapted errors are."""
    samples = wave(600)
    width = {}
    for adapt in (False, True):
        predictor = Predictor(seasonal, adapt=adapt, monitor=True)
        made = predictor.process(samples)
        assert made.interval
        low, high = made.interval
        np.testing.assert_allclose((low + high)[-1] / 2, made.forecasts[-1], atol=1e-3)
        truth = np.stack([samples[300 + step : 597 + step] for step in (1, 2, 3)], axis=1)
        inside = (low[300:-3] <= truth) & (truth <= high[300:-3])
        assert 0.85 < inside.mean() < 0.95
        width[adapt] = (high - low)[300:].mean()
    assert width[True] < 0.7 * width[False]


def test_what_is_repeated_or_stands_in_is_the_adapted_forecast(seasonal: bytes) -> None:
    samples = wave(300)
    for missing in ("skip", "impute"):
        predictor = Predictor(seasonal, adapt=True, missing=missing)
        last = predictor.run(samples)[-1]
        found = predictor.step(None)
        if missing == "skip":
            np.testing.assert_array_equal(found, last)
        else:
            assert predictor.state().arrays["x"].item() == last[0, 0]


def test_a_sample_that_is_refused_changes_nothing(seasonal: bytes) -> None:
    predictor = Predictor(seasonal, adapt=True, rules=Rules(range="error"))
    predictor.run(wave(100))
    before = predictor.snapshot()
    with pytest.raises(DataError):
        predictor.step(1000.0)
    with pytest.raises(DataError):
        predictor.run([0.1, 0.2, 1000.0])
    assert predictor.snapshot() == before


def test_a_step_that_fails_leaves_the_adapted_forecast(seasonal: bytes) -> None:
    """What a failed step puts back is what went out, not what the network had said."""
    predictor = Predictor(seasonal, adapt=True)
    for sample in wave(300)[:, 0].tolist():
        last = predictor.step(sample)
    predictor._engine.put_back()
    np.testing.assert_array_equal(predictor.forecast(3), last)


def test_each_sensor_counts_in_its_own_size() -> None:
    """Two sensors that measure the same but for level and size have the same adapted forecasts, each in its size."""
    content = build(horizon=3, season=12, sensors=2)
    predictors = [Predictor(content, adapt=True, sensor=f"s{number}") for number in (0, 1)]
    samples = wave(300)
    sensors = predictors[0].session.spec.sensors
    found = []
    for predictor, sensor in zip(predictors, sensors, strict=True):
        forecasts = predictor.run(sensor.offset[0] + sensor.gain[0] * samples)
        found.append((forecasts - sensor.offset[0]) / sensor.gain[0])
    np.testing.assert_allclose(found[0], found[1], atol=2e-3)
    pool = Pool(content, adapt=True)
    pool.add("s0", "s1")
    levels, sizes = (np.array([getattr(sensor, name)[0] for sensor in sensors]) for name in ("offset", "gain"))
    both = np.stack([pool.step_array(levels + sizes * sample) for sample in samples])
    np.testing.assert_allclose((both[:, 1] - levels[1]) / sizes[1], found[1], atol=1e-4)
