"""Anomalies of streams: whatever way samples come they are as surprising, and a stream goes on to the bit."""

import copy
import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeseq_runtime import Pool, Predictor, Rules
from edgeseq_runtime.anomalies.anomalies import KEPT
from edgeseq_runtime.anomalies.kinds import ANOMALIES_BY_CODE
from edgeseq_runtime.anomalies.layout import SUMS
from edgeseq_runtime.errors import DataError, SnapshotError, UsageError
from edgeseq_runtime.service.named_streams import NamedStreams
from edgeseq_runtime.service.single_stream import SingleStream
from edgeseq_runtime.stores.base import StreamRow
from edgeseq_runtime.streaming.snapshot import Snapshot, pack
from tests.runtime.adaptation.test_streams import build, wave

Float32 = npt.NDArray[np.float32]

RATE = 1e-2

SHAPES: dict[str, dict[str, Any]] = {
    "h1": {"horizon": 1},
    "h24": {"horizon": 24, "season": 12},
    "two targets": {"horizon": 3, "season": 12, "features": 3, "targets": 2},
}


@pytest.fixture(scope="module", params=SHAPES)
def model(request: pytest.FixtureRequest) -> bytes:
    """Models of several shapes."""
    return build(**SHAPES[request.param])


@pytest.fixture(scope="module")
def simple() -> bytes:
    """A model of one feature, three steps ahead."""
    return build(horizon=3)


def stepped(predictor: Predictor, samples: Float32) -> tuple[Float32, list[str]]:
    """Step through samples; return p-values (time, target + 1) and words."""
    found, words = [], []
    for sample in samples:
        predictor.step(sample.tolist())
        together = predictor.p_value
        found.append([*predictor.p_values.tolist(), np.nan if together is None else together])
        words.append(predictor.anomaly)
    return np.array(found, np.float32), words


@pytest.mark.parametrize("adapt", [False, True])
def test_steps_blocks_and_pools_find_the_same(model: bytes, adapt: bool) -> None:
    """P-values and words, to the bit without adaptation, through gaps, jumps and samples far out."""
    options: dict[str, Any] = {"anomalies": RATE, "adapt": adapt}
    one, block = Predictor(model, **options), Predictor(model, **options)
    pool, named = Pool(model, **options), Pool(model, **options)
    samples = wave(300, len(one.spec.features), gaps=True)
    expected, words = stepped(one, samples)
    outcomes = block.process(samples)
    pool.add("a", "b", "c")
    in_pool, by_name = [], []
    for at, sample in enumerate(samples):
        pool.step_array(np.repeat(sample[None], 3, axis=0))
        in_pool.append(np.append(pool.p_values[1], pool.p_value[1]))
        named.step({"b": sample.tolist()})
        if at % 2:
            named.step({"a": sample.tolist(), "c": sample.tolist()})
        row = named.names.index("b")
        by_name.append(np.append(named.p_values[row], named.p_value[row]))
        if not adapt:
            assert pool.anomaly[2] == words[at]
    close = 1e-2 if adapt else 0  # NumPy rounds adaptation in other places
    assert outcomes.p_values is not None
    assert outcomes.anomaly is not None
    np.testing.assert_array_equal(outcomes.p_values, expected)
    assert [ANOMALIES_BY_CODE[code] for code in outcomes.anomaly] == words
    for found in (in_pool, by_name):
        np.testing.assert_allclose(np.array(found)[:150], expected[:150], rtol=close, atol=close)
    assert any(words)


def test_a_stream_goes_on_to_the_bit(model: bytes) -> None:
    """From a snapshot in another predictor, from its copies, and in a pool."""
    whole = Predictor(model, anomalies=RATE, adapt=False)
    samples = wave(260, len(whole.spec.features), gaps=True)
    stepped(whole, samples[:190])
    blob, last = whole.snapshot(), whole.p_values
    copied, pickled = copy.copy(whole), pickle.loads(pickle.dumps(whole))  # noqa: S301 - our own bytes
    restored, pool = Predictor(model, anomalies=RATE, adapt=False), Pool(model, anomalies=RATE, adapt=False)
    restored.restore(blob)
    pool.add("other")
    pool.restore("a", blob)
    np.testing.assert_array_equal(restored.p_values, last)
    expected, words = stepped(whole, samples[190:])
    for other in (copied, pickled, restored):
        found, other_words = stepped(other, samples[190:])
        np.testing.assert_array_equal(found, expected)
        assert other_words == words
    for at, sample in enumerate(samples[190:]):
        pool.step_array(np.repeat(sample[None], 2, axis=0))
        np.testing.assert_array_equal(np.append(pool.p_values[1], pool.p_value[1]), expected[at])


def test_p_values_do_not_change_forecasts(model: bytes) -> None:
    """With anomalies, forecasts, statuses and drift are those of a monitored stream without."""
    with_them, without = Predictor(model, anomalies=RATE), Predictor(model, monitor=True)
    samples = wave(250, len(without.spec.features), gaps=True)
    made, plain = with_them.process(samples), without.process(samples)
    for name in ("forecasts", "statuses", "reasons", "drift"):
        np.testing.assert_array_equal(getattr(made, name), getattr(plain, name))
    assert plain.p_values is None
    assert plain.anomaly is None


def test_only_a_sample_that_was_measured_has_a_p_value(simple: bytes) -> None:
    """One that is held back as out of range has one, and is a spike; one that is missing or late has none."""
    predictor = Predictor(simple, anomalies=1e-4, rules=Rules(range="impute"))
    values = wave(120)[:, 0].tolist()
    at = 1_000_000.0
    for value in values:
        at += 60
        predictor.step(value, at)
    assert predictor.p_value is not None
    before = predictor.p_value
    predictor.step(1000.0, at + 60)
    assert (predictor.status, predictor.reason) == ("imputed", "range")
    assert predictor.p_value is not None
    assert predictor.p_value < 1e-4
    assert predictor.anomaly == "spike"
    predictor.step(None, at + 120)
    assert predictor.p_value is None
    assert np.isnan(predictor.p_values).all()
    assert not predictor.anomaly
    predictor.step(values[0], at + 180)
    assert predictor.p_value is not None
    predictor.step(values[0], at)  # out of order
    assert predictor.status == "skipped"
    assert predictor.p_value is None
    assert before != predictor.p_value


def test_a_fresh_stream_has_no_p_value(simple: bytes) -> None:
    predictor = Predictor(simple, anomalies=RATE)
    assert predictor.p_value is None
    predictor.step(0.5)
    assert predictor.p_value is None
    stepped(predictor, wave(50))
    assert predictor.p_value is not None
    predictor.reset()
    assert predictor.p_value is None


def test_without_a_rate_there_are_no_p_values(simple: bytes) -> None:
    pool, predictor = Pool(simple), Predictor(simple, monitor=True)
    pool.add("a")
    for ask in (lambda: predictor.p_value, lambda: predictor.anomaly, lambda: pool.p_value, lambda: pool.anomaly):
        with pytest.raises(UsageError, match="anomalies=1e-4"):
            ask()


def test_a_snapshot_without_anomalies_begins_to_learn(simple: bytes) -> None:
    """One of a stream that did not look for anomalies is taken up by one that does, and the other way round."""
    plain, looking = Predictor(simple, monitor=True), Predictor(simple, anomalies=RATE)
    plain.run(wave(100))
    looking.run(wave(100))
    fresh = Predictor(simple, anomalies=RATE).state().arrays[KEPT]
    looking.restore(plain.snapshot())
    np.testing.assert_array_equal(looking.state().arrays[KEPT], fresh)
    looking.step(0.5)
    assert looking.p_value is not None
    plain.restore(looking.snapshot())
    plain.step(0.5)


@pytest.mark.parametrize("more", [-2, 0, 2])
def test_a_snapshot_with_another_versions_row_begins_to_learn_and_a_note_says_so(simple: bytes, more: int) -> None:
    """A row of more or fewer words, of one stream and of a named one; one of as many is gone on from."""
    looking = Predictor(simple, anomalies=RATE)
    fresh = looking.state().arrays[KEPT]
    looking.run(wave(100))
    state = looking.state()
    row = np.resize(state.arrays[KEPT], len(fresh) + more)
    blob = pack(looking.session.digest, Snapshot(state.counters, {**state.arrays, KEPT: row}))
    predictor, pool = Predictor(simple, anomalies=RATE), Pool(simple, anomalies=RATE)
    said = SingleStream(predictor).restore(blob), NamedStreams(pool).load([StreamRow("a", 100, blob, ())])
    note = "; anomalies begin as at first, since another version of edgeseq saved the state" if more else ""
    assert said == (f"resumed after 100 samples{note}", f"resumed 1 streams after 100 samples{note}")
    for kept in (predictor.state(), pool.state("a")):
        np.testing.assert_array_equal(kept.arrays[KEPT], fresh if more else row)


@pytest.mark.parametrize("number", [np.nan, np.inf, -1.0, 1e31])
def test_a_snapshot_that_no_stream_has_is_refused(simple: bytes, number: float) -> None:
    """Whatever word of a target's ladders, sums, sizes or counts is damaged so that no stream can have it."""
    predictor = Predictor(simple, anomalies=RATE)
    predictor.run(wave(50))
    state = predictor.state()
    anomalies = predictor._judgement.anomalies
    assert anomalies
    begin = anomalies.layout.head
    for name in ("count", "size", "far size", *SUMS, "spread", "run", "event", "taught", "quiet", "gaps", "last gaps"):
        memory = state.arrays[KEPT].copy()
        memory[begin + anomalies.layout.of_target[name].offset] = number
        damaged = Snapshot(state.counters, {**state.arrays, KEPT: memory})
        with pytest.raises(SnapshotError, match="anomalies that no stream has"):
            predictor.restore(pack(predictor.session.digest, damaged))
    predictor.restore(pack(predictor.session.digest, state))


def test_a_step_that_is_refused_moves_nothing(simple: bytes) -> None:
    """Of a pool and of a block: all is as before, and the next samples are as surprising as without it."""
    pool, predictor = Pool(simple, anomalies=RATE), Predictor(simple, anomalies=RATE, rules=Rules(range="error"))
    pool.add("a", "b")
    samples = wave(100)
    for sample in samples:
        pool.step_array(np.repeat(sample[None], 2, axis=0))
        predictor.step(sample.tolist())
    before = [pool.state(name).arrays[KEPT] for name in "ab"], predictor.state().arrays[KEPT]
    with pytest.raises(DataError):
        pool.step({"a": 0.1, "b": [1.0, 2.0]})
    with pytest.raises(DataError):
        predictor.run(np.array([0.1, 0.2, 1e6], np.float32))
    for kept, name in zip(before[0], "ab", strict=True):
        np.testing.assert_array_equal(pool.state(name).arrays[KEPT], kept)
    np.testing.assert_array_equal(predictor.state().arrays[KEPT], before[1])


def test_streams_that_come_and_go_keep_their_own(simple: bytes) -> None:
    """A row that moves up, one that joins and one that is removed leave the others' p-values alone."""
    pool, alone = Pool(simple, anomalies=RATE, adapt=False), Predictor(simple, anomalies=RATE, adapt=False)
    pool.add("a", "b")
    for at, sample in enumerate(wave(150)):
        if at == 50:
            pool.remove("a")
        if at == 80:
            pool.add(*range(20))
        pool.step({name: sample.tolist() for name in pool.names})
        alone.step(sample.tolist())
        row = pool.names.index("b")
        np.testing.assert_array_equal(pool.p_values[row], alone.p_values)
