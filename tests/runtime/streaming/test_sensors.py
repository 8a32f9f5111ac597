"""Sensors of one kind on the device: each in its own numbers, through one model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgeseq_export
from edgeseq.testing import make_checkpoint, make_spec
from edgeseq_runtime import Pool, Predictor, Rules
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.io.influx import sensors as names_in
from edgeseq_runtime.service.named_streams import NamedStreams
from edgeseq_runtime.service.single_stream import SingleStream
from edgeseq_runtime.streaming.sensors import Scale, statistics

MODEL = edgeseq_export.export(make_checkpoint(sensors=3, features=2, targets=2, horizon=2)).content
SPEC = open_session(MODEL).spec
TYPICAL = np.array([0, 1]) + np.cumsum(0.1 * np.random.default_rng(0).standard_normal((20, 2)), axis=0)


def own(name: str, typical: np.ndarray) -> np.ndarray:
    """What a sensor measures where the typical one measures this."""
    sensor = next(sensor for sensor in SPEC.sensors if sensor.name == name)
    return np.array(sensor.offset) + np.array(sensor.gain) * typical


@pytest.mark.parametrize("name", ["s0", "s1", "s2"])
def test_a_sensor_is_forecast_as_the_typical_one_in_its_own_numbers(name: str) -> None:
    wanted = own(name, Predictor(MODEL, sensor=Scale.identity(SPEC)).run(TYPICAL))
    samples = own(name, TYPICAL)
    p = Predictor(MODEL, sensor=name)
    np.testing.assert_allclose(p.run(samples), wanted, atol=2e-5)
    p.reset()
    np.testing.assert_allclose([p.step(sample) for sample in samples], wanted, atol=2e-5)
    pool = Pool(MODEL)
    pooled = [pool.step({"other": sample, name: sample})[name] for sample in samples]
    np.testing.assert_allclose(pooled, wanted, atol=2e-5)


def test_a_sensor_that_starts_afresh_stays_the_same_sensor() -> None:
    """Its scale is a setting, not a memory."""
    samples = own("s2", TYPICAL)
    wanted = Predictor(MODEL, sensor="s2").step(samples[0])
    p, pool = Predictor(MODEL, sensor="s2", missing="reset"), Pool(MODEL, missing="reset")
    pool.add("s2")
    for sample in (*samples, [None, None]):
        p.step(sample)
        pool.step({"s2": sample})
    assert (p.status, pool.status_of("s2")) == ("missing", "missing")
    np.testing.assert_array_equal(p.step(samples[0]), wanted)
    np.testing.assert_allclose(pool.step({"s2": samples[0]})["s2"], wanted, rtol=1e-6)
    pool.remove("s2")
    pool.add("unknown")
    assert not np.allclose(pool.step({"unknown": samples[0]})["unknown"], wanted)


def test_a_snapshot_knows_its_sensor() -> None:
    samples = own("s1", TYPICAL)
    p = Predictor(MODEL, sensor="s1", rules=Rules(range="impute"))
    p.run(samples[:10])
    other = Predictor(MODEL, rules=Rules(range="impute"))
    other.restore(p.snapshot())
    assert other.spec == p.spec
    for sample in samples[10:]:
        np.testing.assert_array_equal(other.step(sample), p.step(sample))
        assert other.status == "ok"


def test_the_guard_and_the_intervals_speak_the_sensors_numbers() -> None:
    low, high = (own("s2", np.array([end, end])) for end in (SPEC.features[0].minimum, SPEC.features[0].maximum))
    p = Predictor(MODEL, sensor="s2", rules=Rules(range="flag", margin=0.0), monitor=True)
    p.step((low + high) / 2)
    assert p.reason == ""
    typical = Predictor(MODEL, sensor=Scale.identity(SPEC), monitor=True)
    typical.step([0.0, 1.0])
    widths = [np.subtract(*q.interval(0.9)[::-1]) for q in (p, typical)]
    gain = np.array(SPEC.sensors[2].gain)
    np.testing.assert_allclose(widths[0], widths[1] * gain, rtol=1e-5)
    p.step(high + 1)
    assert p.reason == "range"


@given(
    level=st.floats(-100, 100),
    size=st.floats(0.01, 100),
    seed=st.integers(0, 100),
    missing=st.lists(st.integers(0, 29), max_size=5),
)
def test_a_scale_is_learned_from_what_a_sensor_measured(
    level: float, size: float, seed: int, missing: list[int]
) -> None:
    """Its mean becomes the typical sensor's level, zero, and its changes become as large as the typical one's."""
    samples = level + size * np.cumsum(np.random.default_rng(seed).standard_normal((30, 2)), axis=0)
    samples[missing] = np.nan
    scale = Scale.fit(SPEC, samples)
    means, changes = statistics(scale.to_typical(samples))
    wanted = [feature.change for feature in SPEC.features]
    np.testing.assert_allclose(means, 0, atol=1e-5 * np.abs(samples[np.isfinite(samples)]).max() / scale.gain.min())
    np.testing.assert_allclose(changes, wanted, rtol=1e-5)


def test_statistics_by_hand() -> None:
    means, changes = statistics(np.array([[1.0, 5.0], [3.0, np.nan], [np.nan, 5.0], [7.0, 6.0], [8.0, 8.0]]))
    np.testing.assert_allclose(means, [19 / 4, 6])
    np.testing.assert_allclose(changes, [np.sqrt((4 + 1) / 2), np.sqrt((1 + 4) / 2)])


def test_states_say_what_a_scale_is() -> None:
    scale = Scale.by_name(SPEC, "s1")
    again = Scale.from_states(scale.states())
    np.testing.assert_array_equal(again.offset, scale.offset)
    np.testing.assert_array_equal(again.gain, scale.gain)


def test_a_sensor_of_which_nothing_is_known_has_the_mean_level() -> None:
    p = Predictor(MODEL)
    offsets = np.mean([sensor.offset for sensor in SPEC.sensors], axis=0)
    assert p.spec.features[0].mean == pytest.approx(SPEC.features[0].mean + offsets[0])


def test_streams_by_name_find_their_sensors() -> None:
    """An MQTT topic by its id, an Influx series by a tag."""
    samples = own("s2", TYPICAL)
    single = SingleStream(Predictor(MODEL, sensor="s2"))
    many = NamedStreams(Pool(MODEL), names_in)
    for row in samples.tolist():
        wanted = single.step("", row).forecast
        np.testing.assert_allclose(many.step(r"air,place=a\ b,site=s2", row).forecast, wanted, rtol=1e-5)
    assert names_in(r"air,place=a\ b,site=s2") == (r"air,place=a\ b,site=s2", "a b", "s2")
    resumed = NamedStreams(Pool(MODEL), names_in)
    many.acknowledge(r"air,place=a\ b,site=s2")
    resumed.load(many.changed())
    assert (
        resumed.step(r"air,place=a\ b,site=s2", row).forecast == many.step(r"air,place=a\ b,site=s2", row).forecast
    ).all()


@pytest.mark.parametrize(
    ("sensor", "error", "word"),
    [
        ("s9", UsageError, "knows no sensor 's9'; it knows s0, s1, s2"),
        (np.ones((30, 2)), DataError, "f0 has too few samples, or no change"),
        (np.arange(8).reshape(4, 2), DataError, "f0 has too few samples"),
    ],
)
def test_a_sensor_that_cannot_be_is_refused(sensor: str | Float64, error: type[Exception], word: str) -> None:
    with pytest.raises(error, match=word):
        Predictor(MODEL, sensor=sensor)
    pool = Pool(MODEL)
    pool.add("a")
    with pytest.raises(error, match=word):
        pool.set_sensor("a", sensor)


def test_a_model_of_one_series_knows_no_sensors(model: bytes) -> None:
    with pytest.raises(UsageError, match="it was trained on one series"):
        Predictor(model, sensor="s0")
    with pytest.raises(UsageError, match="it was trained on one series"):
        Predictor(model).set_sensor([1.0, 2.0])


def test_time_features_are_nobodys_to_scale() -> None:
    spec = make_spec(features=1, clocks=("hour_sin", "hour_cos"), sensors=2)
    scale = Scale.fit(spec, np.arange(20.0) ** 2)
    np.testing.assert_array_equal(scale.offset[1:], 0)
    np.testing.assert_array_equal(scale.gain[1:], 1)
