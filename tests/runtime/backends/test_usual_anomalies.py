"""The library's own anomalies beside the reference in NumPy: the same streams through both, to the last bit."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import edgeseq_export
from edgeseq_export.c import toolchain
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.anomalies.anomalies import KEPT, Anomalies
from edgeseq_runtime.backends.native.session import NativeSession
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.judgement.judgement import Judgement
from edgeseq_runtime.spec import Spec
from tests.export.c.test_anomalies import small

pytestmark = pytest.mark.skipif(toolchain.compiler() is None, reason="there is no C compiler here")

Float32 = npt.NDArray[np.float32]
Pair = tuple[NativeSession, NativeSession]

RATE = 1e-3

KINDS: dict[str, dict[str, Any]] = {
    "one step": {},
    "a day": {"horizon": 24},
    "two targets": {"horizon": 12, "features": 3, "targets": 2},
    "a fleet": {"horizon": 5, "sensors": 3},
    "a running scale": {"horizon": 5, "scaling": "running"},
}


@pytest.fixture(scope="module", params=KINDS)
def pair(request: pytest.FixtureRequest) -> Pair:
    """Two sessions of one library, of which the second judges in NumPy."""
    content = edgeseq_export.build(small(**KINDS[request.param]))
    sessions = [open_session(content, provider="native") for _ in range(2)]
    for session, judges in zip(sessions, (True, False), strict=True):
        assert isinstance(session, NativeSession)
        assert session.judges
        session.judges = judges
    return sessions[0], sessions[1]  # type: ignore[return-value]


def noise(spec: Spec, count: int, sensor: int | None = None, seed: int = 0) -> Float32:
    """Samples (time, feature): noise around a wave, spikes, a shift, a stuck sensor, and now and then none."""
    random = np.random.default_rng(seed)
    samples = 0.3 * np.sin(np.arange(count) / 4)[:, None] + random.normal(0, 0.2, (count, len(spec.features)))
    samples[random.random(count) < 0.005] += 3
    samples[count // 2 : count // 2 + 50] += 1
    samples[count * 3 // 4 : count * 3 // 4 + 20] = 0.5
    if sensor is not None:
        samples = np.array(spec.sensors[sensor].offset) + np.array(spec.sensors[sensor].gain) * samples
    samples[random.random(samples.shape) < 0.02] = np.nan
    samples[count // 3 : count // 3 + 20] = np.nan
    return samples.astype(np.float32)


def test_a_predictor_finds_what_numpy_finds(pair: Pair) -> None:
    """Half-way each of the two goes on with the other one's snapshot."""
    spec = pair[0].spec
    sensor = "s1" if spec.sensors else None
    ours, other = (Predictor(session, sensor=sensor, anomalies=RATE) for session in pair)
    samples, found = noise(spec, 1000, 1 if spec.sensors else None), []
    for part in (samples[:500], samples[500:]):
        for sample in part:
            for predictor in (ours, other):
                predictor.step(sample)
            assert ours.p_value == other.p_value
            np.testing.assert_array_equal(ours.p_values, other.p_values)
            assert ours.anomaly == other.anomaly
            found.append((ours.p_value, ours.anomaly))
        mine, theirs = ours.snapshot(), other.snapshot()
        ours.restore(theirs)
        other.restore(mine)
    assert sum(p is not None for p, _ in found) > 600
    assert sum(word != "" for _, word in found) >= 2
    memory, wanted = (predictor.state().arrays[KEPT] for predictor in (ours, other))
    np.testing.assert_array_equal(memory, wanted)


def test_blocks_are_as_steps(pair: Pair) -> None:
    """However the samples are cut, and in all that is remembered."""
    spec = pair[0].spec
    by_step, by_block, by_numpy = (Predictor(session, anomalies=RATE) for session in (pair[0], *pair))
    samples = noise(spec, 400, 0 if spec.sensors else None)
    wanted = [by_step.step(sample) is not None and (by_step.p_value, by_step.anomaly) for sample in samples]
    made = [by_block.process(samples[at : at + 37]) for at in range(0, 400, 37)]
    of_numpy = [by_numpy.process(samples[at : at + 37]) for at in range(0, 400, 37)]
    for field in ("p_values", "anomaly"):
        ours, theirs = (np.concatenate([getattr(part, field) for part in parts]) for parts in (made, of_numpy))
        np.testing.assert_array_equal(ours, theirs)
    found = [
        (None if np.isnan(result.p_values[-1]) else float(result.p_values[-1]), result.anomaly)
        for part in made
        for result in part
        if result.p_values is not None
    ]
    assert found == wanted
    remembered = by_step.state().arrays
    for name, array in by_block.state().arrays.items():
        np.testing.assert_array_equal(array, remembered[name], err_msg=name)


def test_a_pool_finds_what_numpy_finds(pair: Pair) -> None:
    """Streams that move together, by turns, come and go."""
    spec, random = pair[0].spec, np.random.default_rng(2)
    pools = [Pool(session, anomalies=RATE) for session in pair]
    sensors = [0, 1, 2, 0] if spec.sensors else [None] * 4
    streams = {f"s{at}": noise(spec, 400, sensor, at) for at, sensor in enumerate(sensors)}
    seen, known = dict.fromkeys(streams, 0), 0
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
        np.testing.assert_array_equal(made.p_values, wanted.p_values)
        np.testing.assert_array_equal(made.anomaly, wanted.anomaly)
        np.testing.assert_array_equal(pools[0].p_values, pools[1].p_values)
        assert made.p_values is not None
        known += int(np.count_nonzero(np.isfinite(made.p_values[:, -1])))
    assert known > 500


def test_most_samples_take_the_short_way(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is odd, NumPy neither judges nor looks for anomalies: of one stream, of many, of some of many."""

    def refuse(*_: Any) -> None:
        raise AssertionError("NumPy is asked")

    for kind, name in ((Judgement, "_take_in_time"), (Judgement, "_take_at_odd_times"), (Anomalies, "update")):
        monkeypatch.setattr(kind, name, refuse)
    spec = pair[0].spec
    predictor, pool = Predictor(pair[0], anomalies=RATE), Pool(pair[0], anomalies=RATE)
    pool.add("a", "b", "c")
    level = np.mean([sensor.offset for sensor in spec.sensors]) if spec.sensors else 0.0
    for number in range(60):
        sample = [level + np.sin(number / 3), *[0.1] * (len(spec.measured) - 1)]
        predictor.step(sample if len(sample) > 1 else sample[0])
        pool.step_array([sample] * 3)
        pool.step({"a": sample, "c": sample})
    assert predictor.p_value is not None
    assert np.isfinite(pool.p_value).all()


def test_models_that_adapt_are_watched_as_they_forecast() -> None:
    """The errors are those of the forecasts that go out."""
    adapting = small(horizon=3, season=12, adapt=True)
    sessions = [open_session(edgeseq_export.build(adapting), provider="native") for _ in range(2)]
    static = open_session(
        edgeseq_export.build(replace(adapting, spec=replace(adapting.spec, adapt=False))), provider="native"
    )
    samples = noise(adapting.spec, 600)
    ours, as_steps, other = (Predictor(session, anomalies=RATE) for session in (*sessions, static))
    made, without = ours.process(samples), other.process(samples)
    assert made.p_values is not None
    assert without.p_values is not None
    steps = [as_steps.step(sample) is not None and as_steps.p_value for sample in samples]
    np.testing.assert_array_equal(made.p_values[:, -1], np.array(steps, np.float32))
    assert not np.array_equal(made.p_values, without.p_values, equal_nan=True)
