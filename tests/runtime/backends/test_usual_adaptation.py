"""The library's own adaptation beside the reference in NumPy: the same streams through both, but for rounding."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_export.c import toolchain
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.adaptation.adaptation import Adaptation, typical_changes
from edgeseq_runtime.backends.native.session import NativeSession
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import ModelFileError, UsageError
from edgeseq_runtime.judgement.judgement import Judgement
from edgeseq_runtime.spec import Spec
from tests.stored.test_stored_files import FOLDER, LIBRARY

pytestmark = pytest.mark.skipif(toolchain.compiler() is None, reason="there is no C compiler here")

Float32 = npt.NDArray[np.float32]
Pair = tuple[NativeSession, NativeSession]

KINDS: dict[str, dict[str, Any]] = {
    "one step": {},
    "two steps": {"horizon": 2, "season": 12},
    "a season": {"horizon": 24, "season": 24},
    "no season": {"horizon": 24},
    "two targets": {"horizon": 12, "season": 5, "features": 3, "targets": 2},
    "a fleet": {"horizon": 24, "season": 24, "sensors": 3},
    "values": {"horizon": 5, "season": 2, "layout": "steps", "window": 5, "predicts": "value"},
}


def pair_of(choices: dict[str, Any]) -> Pair:
    """Return two sessions of one library, of which the second judges in NumPy."""
    content = edgeseq_export.build(make_checkpoint(hidden=4, layers=1, adapt=True, **choices))
    sessions = [open_session(content, provider="native") for _ in range(2)]
    for session, judges in zip(sessions, (True, False), strict=True):
        assert isinstance(session, NativeSession)
        assert session.judges
        session.judges = judges
    return sessions[0], sessions[1]  # type: ignore[return-value]


@pytest.fixture(scope="module", params=KINDS)
def pair(request: pytest.FixtureRequest) -> Pair:
    return pair_of(KINDS[request.param])


def wave(spec: Spec, count: int, sensor: int | None = None, seed: int = 0) -> Float32:
    """Samples (time, feature): waves, noise, a shift of the level, and now and then none."""
    random = np.random.default_rng(seed)
    samples = np.sin(2 * np.pi * np.arange(count) / (spec.season or 24))[:, None] + np.arange(float(len(spec.features)))
    samples = samples + random.normal(0, 0.1, samples.shape)
    samples[count // 2 :] += 0.7
    if sensor is not None:
        samples = np.array(spec.sensors[sensor].offset) + np.array(spec.sensors[sensor].gain) * samples
    samples[random.random(samples.shape) < 0.02] = np.nan
    samples[count // 3 : count // 3 + 20] = np.nan
    return samples.astype(np.float32)


def off(spec: Spec, ours: Float32, wanted: Float32, gain: float = 1.0) -> npt.NDArray[np.float64]:
    """How far forecasts (time, horizon, target) are apart in typical changes, less four roundings of the largest."""
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(wanted))
    apart = np.abs(ours.astype(np.float64) - wanted) - 4 * np.spacing(np.nanmax(np.abs(wanted)))
    return np.asarray(np.nan_to_num(apart / (typical_changes(spec).T * gain)).reshape(len(ours), -1).max(axis=1))


def test_a_predictor_adapts_as_in_numpy(pair: Pair) -> None:
    """Half-way each of the two goes on with the other one's snapshot."""
    spec = pair[0].spec
    sensor, gain = ("s1", spec.sensors[1].gain[0]) if spec.sensors else (None, 1.0)
    ours, other = (Predictor(session, sensor=sensor) for session in pair)
    static = Predictor(pair[0], sensor=sensor, adapt=False)
    samples, begin = wave(spec, 1000, 1 if spec.sensors else None), 0
    for end in (500, 1000):
        made, wanted = (predictor.process(samples[begin:end]) for predictor in (ours, other))
        far = off(spec, made.forecasts, wanted.forecasts, gain)
        assert far[:100].max() <= (1e-6 if begin == 0 else 1e-4)
        assert far.max() <= 1e-4
        for field in ("statuses", "reasons", "warm"):
            np.testing.assert_array_equal(getattr(made, field), getattr(wanted, field))
        assert ours.learned.taught == other.learned.taught > 0.8 * end
        np.testing.assert_array_equal(ours.learned.open, other.learned.open)
        np.testing.assert_allclose(ours.learned.weights, other.learned.weights, rtol=1e-3, atol=1e-6)
        mine, theirs = ours.snapshot(), other.snapshot()
        ours.restore(theirs)
        other.restore(mine)
        begin = end
    assert off(spec, static.process(samples).forecasts[-300:], other.run(samples)[-300:]).max() > 0.1


def test_blocks_are_as_steps(pair: Pair) -> None:
    """To the bit, however the samples are cut, and in all that is remembered."""
    spec = pair[0].spec
    by_step, by_block = Predictor(pair[0]), Predictor(pair[0])
    samples = wave(spec, 200, 0 if spec.sensors else None)
    wanted = np.stack([by_step.step(sample) for sample in samples])
    made = np.concatenate([by_block.process(samples[at : at + 37]).forecasts for at in range(0, 200, 37)])
    np.testing.assert_array_equal(made, wanted)
    ours, other = by_block.state().arrays, by_step.state().arrays
    assert "adaptation.memory" in ours
    for name, array in ours.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


def test_a_pool_adapts_as_in_numpy(pair: Pair) -> None:
    """Streams that move together, by turns, come and go; those that began later are at other places."""
    spec, random = pair[0].spec, np.random.default_rng(2)
    pools = [Pool(session) for session in pair]
    sensors = [0, 1, 2, 0] if spec.sensors else [None] * 4
    streams = {f"s{at}": wave(spec, 400, sensor, at) for at, sensor in enumerate(sensors)}
    gain = max(sensor.gain[0] for sensor in spec.sensors) if spec.sensors else 1.0
    seen, worst = dict.fromkeys(streams, 0), 0.0
    for number in range(300):
        names = [name for name in streams if number > 40 or name != "s3"]
        if random.random() < 0.4:
            names = [name for name in names if random.random() < 0.6] or names[:1]
        if number == 150:
            for pool in pools:
                pool.remove("s1")
            seen["s1"] = 0
        samples = {name: streams[name][seen[name]] for name in names}
        for name in names:
            seen[name] += 1
        made, wanted = (pool.process(samples) for pool in pools)
        worst = max(worst, off(spec, made.forecasts, wanted.forecasts, gain / 2).max())
    assert worst <= 1e-4
    for name in streams:
        assert pools[0].learned(name).taught == pools[1].learned(name).taught > 80
    assert any(pools[0].learned(name).open.any() for name in streams)


def test_most_samples_take_the_short_way(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is odd, NumPy neither judges nor adapts: of one stream, of many, and of some of many."""

    def refuse(*_: Any) -> None:
        raise AssertionError("NumPy is asked")

    for kind, name in ((Judgement, "_take_in_time"), (Judgement, "_take_at_odd_times"), (Adaptation, "update")):
        monkeypatch.setattr(kind, name, refuse)
    spec = pair[0].spec
    predictor, pool = Predictor(pair[0]), Pool(pair[0])
    pool.add("a", "b", "c")
    level = np.mean([sensor.offset for sensor in spec.sensors]) if spec.sensors else 0.0
    for number in range(60):
        sample = [level + np.sin(number / 3), *[0.1] * (len(spec.measured) - 1)]
        predictor.step(sample if len(sample) > 1 else sample[0])
        pool.step_array([sample] * 3)
        pool.step({"a": sample, "c": sample})
    assert predictor.learned.taught > 40
    assert pool.learned("a").taught > pool.learned("b").taught > 40


def test_a_fresh_start_forgets_what_waits(pair: Pair) -> None:
    """After a gap that is too long nothing is compared with what was said before; what was learned stays."""
    spec = pair[0].spec
    ours, other = (Predictor(session) for session in pair)
    samples = wave(spec, 120, 1 if spec.sensors else None)
    samples[90:118] = np.nan
    for predictor in (ours, other):
        predictor.process(samples)
    assert ours.learned.taught == other.learned.taught
    memory, wanted = (predictor.state().arrays["adaptation.memory"] for predictor in (ours, other))
    np.testing.assert_array_equal(np.isnan(memory), np.isnan(wanted))
    assert np.isnan(memory).any()
    np.testing.assert_allclose(memory, wanted, rtol=1e-3, atol=1e-4)


def test_streams_with_values_known_ahead_are_each_others_neighbours() -> None:
    """Each learns from its own sample, though the values that are known lie between two samples."""
    pair = pair_of({"horizon": 4, "known": 2, "season": 12})
    spec, random = pair[0].spec, np.random.default_rng(0)
    pools = [Pool(session) for session in pair]
    waves = np.stack([wave(spec, 300, seed=seed) for seed in range(3)], axis=1)
    known = random.normal(5, 1, (300, 3, spec.horizon, 2)).astype(np.float32)
    for pool in pools:
        pool.add("a", "b", "c")
    made, wanted = (pool.run(waves, known=known) for pool in pools)
    assert off(spec, made.reshape(-1, spec.horizon, 1), wanted.reshape(-1, spec.horizon, 1)).max() <= 1e-4
    assert all(pools[0].learned(name).taught == pools[1].learned(name).taught > 200 for name in "abc")
    assert any(pools[0].learned(name).open.any() for name in "abc")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["one step", "a season"])
def test_after_a_hundred_thousand_samples_they_are_still_as_near(kind: str) -> None:
    """By less than a ten-thousandth of a typical change; for a moment after a shift float32 recursions part further."""
    pair = pair_of(KINDS[kind])
    samples = wave(pair[0].spec, 100_000)
    made, wanted = (Predictor(session).process(samples).forecasts for session in pair)
    far = off(pair[0].spec, made, wanted)
    assert far[:100].max() <= 1e-6
    assert far[-10_000:].max() <= 1e-4
    assert np.quantile(far, 0.999) <= 1e-4
    assert far.max() <= 1e-3
    assert np.nanmax(np.abs(made)) < 10


def test_a_library_of_version_0_1_adapts_in_numpy() -> None:
    """It has no adaptation of its own, and gives what its model file gives on the CPU."""
    try:
        session = open_session(FOLDER / "models" / LIBRARY)
    except (ModelFileError, UsageError) as error:
        pytest.skip(f"it cannot be loaded here: {error}")
    ours, cpu = Predictor(session, adapt=True), Predictor(session.content, "cpu", adapt=True)
    feature = session.spec.features[0]
    samples = (feature.mean + 0.1 * feature.std * np.sin(np.arange(200) / 3)).astype(np.float32)
    made, wanted = (predictor.run(samples) for predictor in (ours, cpu))
    np.testing.assert_allclose(made, wanted, rtol=1e-4, atol=1e-4 * feature.std)
    assert ours.learned.taught == cpu.learned.taught > 0
