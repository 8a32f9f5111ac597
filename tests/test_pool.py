"""The pool: many streams, none of which feels its neighbours."""

import numpy as np
import pytest

import edgeseq_export
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.errors import DataError, MissingSampleError, UsageError
from tests.made_up import make_checkpoint


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
def test_a_refused_sample_moves_no_stream(model: bytes, sample: object, error: type[Exception]) -> None:
    pool, undisturbed = Pool(model, missing="error"), Pool(model, missing="error")
    for each in (pool, undisturbed):
        each.step({"a": 0.1, "b": 0.2})
    with pytest.raises(error):
        pool.step({"a": 0.5, "b": sample, "c": 0.1})
    assert len(pool) == 2
    again = {"a": 0.3, "b": 0.4}
    for name, forecast in undisturbed.step(again).items():
        np.testing.assert_array_equal(pool.step(again)[name] if name == "a" else forecast, forecast)


def test_only_a_stream_that_exists_can_be_removed(model: bytes) -> None:
    with pytest.raises(UsageError, match="no stream 'x'"):
        Pool(model).remove("x")


def test_several_targets_come_in_their_places() -> None:
    model = edgeseq_export.build(make_checkpoint(features=3, targets=2, horizon=4))
    sample = [0.1, 1.2, 2.3]
    forecast = Pool(model).step({"a": sample})["a"]
    assert forecast.shape == (4, 2)
    np.testing.assert_allclose(forecast, Predictor(model).step(sample), atol=1e-6)
