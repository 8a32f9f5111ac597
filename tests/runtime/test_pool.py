"""The pool: many streams, none of which feels its neighbours."""

import json
import threading
from collections.abc import Hashable
from typing import Any

import numpy as np
import onnx
import pytest

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import DataError, MissingSampleError, ModelFileError, SnapshotError, UsageError
from edgeseq_runtime.judgement.judgement import Judgement
from edgeseq_runtime.streaming.snapshot import Snapshot
from tests.helpers.model_files import sealed_by_hand


def test_streams_come_and_go_and_keep_their_own_state(model: bytes) -> None:
    """A stream that pauses, and one whose place was another's before, forecast as they would alone."""
    pool, alone = Pool(model), {name: Predictor(model) for name in "abc"}
    random = np.random.default_rng(0)
    for number in range(30):
        names = [name for i, name in enumerate("abc") if (number // 3 + i) % 3]
        samples = {name: float(random.standard_normal()) for name in names}
        forecasts = pool.step(samples)
        assert list(forecasts) == names
        for name in names:
            np.testing.assert_allclose(forecasts[name], alone[name].step(samples[name]), atol=1e-6)
        if number == 15:
            pool.remove("a")
            alone["a"].reset()
            assert len(pool) == 2


def test_a_restore_that_fails_leaves_those_as_they_were_that_it_had_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the pool grew for those that were to join: snapshots of sensors, the last with numbers out of bounds."""
    model = edgeseq_export.build(make_checkpoint(sensors=3))
    pool, other = Pool(model), Predictor(model)
    for sample in (0.5, None, 0.5):
        pool.step({"a": sample})
    other.step(0.25)
    before, load = pool.snapshot("a"), Judgement.load

    def fail_late(judgement: Judgement, row: int, snapshot: Snapshot) -> None:
        if row == 99:
            raise ArithmeticError
        load(judgement, row, snapshot)

    monkeypatch.setattr(Judgement, "load", fail_late)
    with pytest.raises(SnapshotError):
        pool.restore_all({"a": other.snapshot(), **{number: other.snapshot() for number in range(99)}})
    assert pool.names == ("a",)
    assert pool.snapshot("a") == before


def test_it_grows_by_itself(model: bytes) -> None:
    pool = Pool(model)
    first = pool.step({0: 0.5})[0]
    forecasts = pool.step(dict.fromkeys(range(1, 300), 0.5))
    assert len(pool) == 300
    for forecast in forecasts.values():
        np.testing.assert_allclose(forecast, first, atol=1e-6)


def test_a_missing_sample_is_each_streams_own_matter(model: bytes) -> None:
    pool = Pool(model)
    pool.step({"a": 0.1, "b": 0.2})
    forecasts = pool.step({"a": None, "b": 0.3, "new": float("nan")})
    assert pool.status == {"a": "imputed", "b": "ok", "new": "missing"}
    assert np.isnan(forecasts["new"]).all()
    assert np.isfinite(forecasts["a"]).all()


@pytest.mark.parametrize(("sample", "error"), [("text", DataError), (None, MissingSampleError)])
def test_a_refused_sample_moves_no_stream(model: bytes, sample: Any, error: type[Exception]) -> None:
    pool, undisturbed = Pool(model, missing="error"), Pool(model, missing="error")
    for each in (pool, undisturbed):
        each.step({"a": 0.1, "b": 0.2})
    with pytest.raises(error):
        pool.step({"a": 0.5, "b": sample, "c": 0.1})
    assert len(pool) == 2
    again = {"a": 0.3, "b": 0.4}
    found, wanted = pool.step(again), undisturbed.step(again)
    for name in again:
        np.testing.assert_array_equal(found[name], wanted[name])


def test_a_step_that_fails_moves_no_stream(model: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    pool, undisturbed = Pool(model), Pool(model)
    for each in (pool, undisturbed):
        each.step({"a": 0.1, "b": 0.2})

    def fail(*_: object) -> None:
        raise ModelFileError("out of memory")

    monkeypatch.setattr(pool.session, "advance", fail)
    with pytest.raises(ModelFileError):
        pool.step({"a": 0.5, "b": None})
    monkeypatch.undo()
    assert (pool.status, pool.warm) == (undisturbed.status, undisturbed.warm)
    found, wanted = pool.step({"a": None, "b": 0.4}), undisturbed.step({"a": None, "b": 0.4})
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name])


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2, 1)], ids=["streams first", "streams last"])
def test_states_may_have_the_streams_along_any_axis(order: tuple[int, ...]) -> None:
    """The same network with its states stored in another order of axes gives the same forecasts in every way."""
    plain = edgeseq_export.build(make_checkpoint(horizon=2))
    moved = with_states_in_order(plain, order)
    assert {state.shape.index(-1) for state in Predictor(moved).spec.states} == {order.index(1)}
    pool, alone = Pool(moved), {name: Predictor(plain) for name in range(40)}
    random = np.random.default_rng(0)
    for number in range(12):
        names = [name for name in alone if (number + name) % 3]
        samples = {name: float(random.standard_normal()) if (number + name) % 7 else None for name in names}
        forecasts = pool.step(samples)
        for name in names:
            np.testing.assert_allclose(forecasts[name], alone[name].step(samples[name]), atol=1e-6)
        if number == 5:
            pool.remove(7)
            alone[7].reset()
    p, told = Predictor(moved), Predictor(plain)
    values = [0.1, 0.3, None, 0.2]
    np.testing.assert_allclose([p.step(value) for value in values], [told.step(value) for value in values], atol=1e-6)
    np.testing.assert_allclose(p.run(values), told.run(values), atol=1e-6)
    p.restore(p.snapshot())
    np.testing.assert_allclose(p.forecast(9), told.forecast(9), atol=1e-6)


def with_states_in_order(model: bytes, order: tuple[int, ...]) -> bytes:
    """The model file with a Transpose around each state; `order` is its own inverse."""
    proto = onnx.load_from_string(model)
    spec = json.loads(next(entry.value for entry in proto.metadata_props if entry.key == "edgeseq"))
    for state in spec["states"]:
        state["shape"] = [state["shape"][axis] for axis in order]
        for value in (*proto.graph.input, *proto.graph.output):
            if value.name in (state["name"], state["next"]):
                dimensions = [
                    onnx.TensorShapeProto.Dimension.FromString(d.SerializeToString())
                    for d in value.type.tensor_type.shape.dim
                ]
                del value.type.tensor_type.shape.dim[:]
                value.type.tensor_type.shape.dim.extend(dimensions[axis] for axis in order)
        for node in proto.graph.node:
            for names in (node.input, node.output):
                for position, name in enumerate(names):
                    if name in (state["name"], state["next"]):
                        names[position] = f"{name}_inside"
        into = onnx.helper.make_node("Transpose", [state["name"]], [f"{state['name']}_inside"], perm=order)
        out = onnx.helper.make_node("Transpose", [f"{state['next']}_inside"], [state["next"]], perm=order)
        proto.graph.node.insert(0, into)
        proto.graph.node.append(out)
    onnx.checker.check_model(proto, full_check=True)
    return sealed_by_hand(proto, spec)


def test_only_a_stream_that_exists_can_be_removed(model: bytes) -> None:
    with pytest.raises(UsageError, match="no stream 'x'"):
        Pool(model).remove("x")


def test_several_targets_come_in_their_places() -> None:
    model = edgeseq_export.build(make_checkpoint(features=3, targets=2, horizon=4))
    sample = [0.1, 1.2, 2.3]
    forecast = Pool(model).step({"a": sample})["a"]
    assert forecast.shape == (4, 2)
    np.testing.assert_allclose(forecast, Predictor(model).step(sample), atol=1e-6)


def test_an_array_does_what_a_dictionary_of_the_same_samples_does() -> None:
    """Gaps, streams that join in between and one that leaves included; rows are in the order of the names."""
    session = open_session(edgeseq_export.build(make_checkpoint(features=3, targets=2, horizon=2)))
    by_array, by_name = Pool(session), Pool(session)
    by_array.add("a", "b")
    random, seen = np.random.default_rng(0), set()
    for number in range(40):
        if number in (5, 6, 20):
            by_array.add(f"late {number}")
        if number == 15:
            by_array.remove("b")
            by_name.remove("b")
        samples = random.standard_normal((len(by_array), 3))
        samples[random.random(samples.shape) < 0.1] = np.nan
        forecasts = by_array.step_array(samples)
        wanted = by_name.step(dict(zip(by_array.names, samples.tolist(), strict=True)))
        assert by_array.names == tuple(wanted)
        np.testing.assert_array_equal(forecasts, np.stack(list(wanted.values())))
        assert (by_array.status, by_array.warm) == (by_name.status, by_name.warm)
        seen |= set(by_array.status.values())
    assert seen == {"ok", "imputed", "missing"}


def test_streams_come_and_go_among_many_and_none_feels_it() -> None:
    """Streams that begin, pause, lack values for a while and leave at random forecast as each would alone."""
    session = open_session(edgeseq_export.build(make_checkpoint(features=3, targets=2, gap_limit=2)))
    pool, seen = Pool(session), set[str]()
    alone: dict[int, Predictor] = {}
    random = np.random.default_rng(1)
    for _ in range(60):
        names = random.choice(60, random.integers(1, 60), replace=False).tolist()
        samples = {name: random.standard_normal(3).tolist() for name in names}
        for sample in samples.values():
            for position in np.flatnonzero(random.random(3) < 0.25):
                sample[position] = None
        forecasts = pool.step(samples)
        for name in names:
            single = alone.setdefault(name, Predictor(session))
            np.testing.assert_allclose(forecasts[name], single.step(samples[name]), atol=1e-5)
            assert (pool.status[name], pool.warm[name]) == (single.status, single.warm)
            seen.add(single.status)
        for name in random.choice(list(alone), len(alone) // 10, replace=False).tolist():
            pool.remove(name)
            del alone[name]
        assert set(pool.names) == set(alone)
    assert seen == {"ok", "imputed", "missing"}


def test_a_pool_without_streams_has_no_forecasts(model: bytes) -> None:
    pool = Pool(model)
    assert pool.step({}) == {}
    assert pool.step_array([]).shape == (0, 3, 1)


def test_a_fresh_stream_does_not_change_its_neighbours(model: bytes) -> None:
    """The same streams, with and without another that joins in the middle of their arrays' growth."""
    alone, joined = Pool(model), Pool(model)
    random = np.random.default_rng(2)
    for number in range(30):
        samples: dict[Hashable, float] = {name: float(random.standard_normal()) for name in range(8)}
        wanted = alone.step(samples)
        found = joined.step(samples if number < 10 else {**samples, "new": 1e4 * random.standard_normal()})
        for name in samples:
            np.testing.assert_allclose(found[name], wanted[name], atol=1e-6)


def test_what_a_caller_does_to_a_forecast_or_a_sample_stays_with_the_caller(model: bytes) -> None:
    pool, undisturbed = Pool(model), Pool(model)
    samples = np.array([0.1, 0.2], np.float32)
    for each in (pool, undisturbed):
        each.add("a", "b")
    pool.step_array(samples)[:] = 7
    undisturbed.step_array(samples.copy())
    samples[:] = 9
    pool.step({"a": None})["a"][:] = 7
    undisturbed.step({"a": None})
    for name, forecast in undisturbed.step({"a": None, "b": 0.3}).items():
        np.testing.assert_array_equal(pool.step({name: None if name == "a" else 0.3})[name], forecast)


def test_two_threads_serve_two_pools_of_one_session(model: bytes) -> None:
    session = open_session(model)
    samples = np.random.default_rng(3).standard_normal((2, 200, 16)).astype(np.float32)

    def serve(rows: np.ndarray) -> list[np.ndarray]:
        pool = Pool(session)
        pool.add(*range(16))
        return [pool.step_array(row) for row in rows]

    found: dict[int, list[np.ndarray]] = {}
    threads = [threading.Thread(target=lambda i=i: found.update({i: serve(samples[i])})) for i in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in (0, 1):
        np.testing.assert_array_equal(found[number], serve(samples[number]))


@pytest.mark.parametrize("samples", [[0.1], [[0.1, 0.2]], 0.1, ["0.1", "0.2"], [0.1, None], [[0.1], [0.2], [0.3]]])
def test_an_array_of_another_shape_or_type_is_refused(model: bytes, samples: Any) -> None:
    pool = Pool(model)
    pool.add("a", "b")
    with pytest.raises(DataError, match="samples"):
        pool.step_array(samples)
    assert not any(pool.warm.values())


def test_a_name_is_given_once(model: bytes) -> None:
    pool = Pool(model)
    pool.step({"a": 0.1})
    for names in (("b", "a"), ("c", "c")):
        with pytest.raises(UsageError, match="already"):
            pool.add(*names)
    assert pool.names == ("a",)


@pytest.mark.parametrize("sample", ["1.5", b"1", [0.1, 0.2], {"f1": 0.1}, [[0.1]]])
def test_what_is_no_sample_is_refused_whoever_else_is_in_the_call(model: bytes, sample: Any) -> None:
    pool = Pool(model)
    for samples in ({"a": sample}, {"a": sample, "b": 0.1}, {"a": sample, "b": sample}):
        with pytest.raises(DataError):
            pool.step(samples)
    assert pool.names == ()
