"""Safe by default: what lies far outside of all that a series has shown waits until it is confirmed, value or time."""

from typing import Any

import numpy as np
import pytest

import edgeseq
import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor, Rules
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.judgement.judgement import Judgement

MINUTE = 60.0


@pytest.fixture(scope="module")
def daily(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, np.ndarray]:
    """A model of a temperature between 54 and 72, trained for some seconds, and a stretch that follows."""
    path = tmp_path_factory.mktemp("daily") / "daily.csv"
    random = np.random.default_rng(0)
    values = 63 + 8 * np.sin(np.arange(3000) / 144 * 2 * np.pi) + 0.2 * random.standard_normal(3000)
    times = 1_700_000_000 + 600 * np.arange(len(values))
    path.write_text("t,value\n" + "".join(f"{t},{v:.3f}\n" for t, v in zip(times[:2400], values[:2400], strict=True)))
    series, parts = edgeseq.load(str(path))
    model = edgeseq_export.export(edgeseq.fit(series, parts, horizon=6, steps=150, hidden=12)).content
    return model, values[2400:]


def rmse(model: bytes, samples: np.ndarray, truth: np.ndarray, good: np.ndarray) -> float:
    """Of all six steps ahead, over forecasts from good samples."""
    forecasts = Predictor(model).run(samples)[:, :, 0]
    errors = [
        forecasts[at] - truth[at + 1 : at + 7]
        for at in np.flatnonzero(good[:-6])
        if at > 100 and np.isfinite(forecasts[at]).all()
    ]
    assert len(errors) > 0.9 * (len(samples) - 110)
    return float(np.sqrt(np.mean(np.square(errors))))


def test_one_percent_of_glitches_costs_a_tenth_of_the_error_at_most(daily: tuple[bytes, np.ndarray]) -> None:
    """Of up to a million deviations, in either direction."""
    model, values = daily
    random = np.random.default_rng(1)
    glitches = random.random(len(values)) < 0.01
    size = values.std() * 10 ** random.uniform(1.5, 6, len(values)) * random.choice([-1, 1], len(values))
    spoilt = np.where(glitches, values + size, values)
    assert glitches.sum() >= 3
    spoilt_rmse, clean_rmse = rmse(model, spoilt, values, ~glitches), rmse(model, values, values, ~glitches)
    print(f"{spoilt_rmse:.4f} against {clean_rmse:.4f}")
    assert spoilt_rmse <= 1.1 * clean_rmse


def test_the_code_of_a_broken_sensor_is_noticed(daily: tuple[bytes, np.ndarray]) -> None:
    """85.0 in 54 to 72, which a width of the range would let pass, and -127."""
    model, values = daily
    for code in (85.0, -127.0):
        p = Predictor(model)
        p.run(values[:200])
        assert abs(float(p.step(code)[0, 0]) - values[200]) < 5
        assert (p.status, p.reason) == ("imputed", "confirm")
        p.step(float(values[201]))
        assert (p.status, p.reason) == ("ok", "")


@pytest.mark.parametrize("streams", ["one", "many"])
def test_a_level_that_moves_is_followed_from_the_third_sample_on(daily: tuple[bytes, np.ndarray], streams: str) -> None:
    model, values = daily
    found: list[tuple[str, str]] = []
    forecast = np.zeros((1, 1), np.float32)
    p, pool = Predictor(model), Pool(model)
    pool.add("a")
    p.run(values[:200])
    pool.run(values[:200, None, None])
    for value in (values[200:206] + 500).tolist():
        if streams == "one":
            forecast = p.step(value)
            found.append((p.status, p.reason))
        else:
            forecast = pool.step({"a": value})["a"]
            found.append((pool.status["a"], pool.reason["a"]))
    assert found == [("imputed", "confirm")] * 2 + [("ok", "range")] * 4
    assert abs(float(forecast[0, 0]) - 563) < abs(float(forecast[0, 0]) - 63) / 2


def test_a_series_that_rises_slowly_is_flagged_and_followed(model: bytes) -> None:
    p = Predictor(model)
    reasons = []
    for value in np.arange(3.0, 8.0, 0.1).tolist():
        p.step(value)
        reasons.append((p.status, p.reason))
    assert set(reasons) == {("ok", ""), ("ok", "range")}


def test_values_that_do_not_agree_confirm_nothing(model: bytes) -> None:
    p = Predictor(model)
    p.run([0.1, 0.2, 0.1])
    for value in (1e3, -1e3, 1e5):
        p.step(value)
        assert p.reason == "confirm"
    p.step(0.2)
    assert (p.status, p.reason) == ("ok", "")
    p.step(1e5)  # the count has begun anew
    p.step(1e5)
    assert p.reason == "confirm"


def test_before_the_first_good_sample_nothing_stands_in(model: bytes) -> None:
    """The value that a sensor gives when it is switched on is no level yet."""
    p = Predictor(model)
    assert np.isnan(p.step(85.0)).all()
    assert (p.status, p.reason) == ("missing", "confirm")
    np.testing.assert_array_equal(p.step(0.2), Predictor(model).step(0.2))


@pytest.mark.parametrize("taken", ["by steps", "in a block", "in a pool"])
def test_a_stream_that_goes_far_away_or_comes_back_starts_afresh(daily: tuple[bytes, np.ndarray], taken: str) -> None:
    """From then on it forecasts as a fresh stream does, instead of remembering the jump."""
    model, values = daily
    there, back = np.full(5, 1e6), values[200:230]
    samples = np.concatenate([values[:200], there, back])
    if taken == "in a pool":
        pool = Pool(model)
        pool.add("a", "b")
        both = np.stack([samples, np.concatenate([values[:200], values[:5], back])], axis=1)
        found = pool.run(both[..., None])[:, 0]
        assert not pool.warm["a"] or pool.spec.warmup <= len(back)
    else:
        p = Predictor(model)
        found = p.run(samples) if taken == "in a block" else np.stack([p.step(float(value)) for value in samples])
        assert p.counts["confirm"] == 2
    np.testing.assert_allclose(found[205:], Predictor(model).run(back), atol=1e-4)
    fresh = Predictor(model, rules=Rules(range="flag"))
    np.testing.assert_allclose(found[202:205], fresh.run(there[:3]), rtol=1e-6)


@pytest.mark.parametrize("streams", ["one", "many"])
def test_the_first_value_of_a_stream_may_lie_a_range_beyond(daily: tuple[bytes, np.ndarray], streams: str) -> None:
    """A series that has risen since its training begins at once; one that begins far off waits for the third."""
    model, values = daily
    width = float(values.max() - values.min())
    for beyond, wanted in ((0.9 * width, "ok range"), (2.5 * width, "missing confirm")):
        p, pool = Predictor(model), Pool(model)
        value = float(values.max()) + beyond
        if streams == "one":
            assert np.isfinite(p.step(value)).all() == wanted.startswith("ok")
            assert f"{p.status} {p.reason}" == wanted
        else:
            pool.step({"a": value})
            assert f"{pool.status['a']} {pool.reason['a']}" == wanted


def test_what_waits_is_part_of_the_snapshot(model: bytes) -> None:
    p, other = Predictor(model), Predictor(model)
    p.run([0.1, 0.2])
    p.run([50.0, 50.5])
    other.restore(p.snapshot())
    for q in (p, other):
        q.step(50.2)
        assert (q.status, q.reason) == ("ok", "range")


# Time


@pytest.fixture(scope="module")
def timed() -> bytes:
    return edgeseq_export.build(make_checkpoint(horizon=2, period=MINUTE))


def test_one_time_far_ahead_costs_nothing(timed: bytes) -> None:
    """The year 2106: the stream goes on as if that sample had come in time."""
    p, told = Predictor(timed), Predictor(timed)
    for number in range(6):
        time = 4_294_967_295.0 if number == 3 else 1.7e9 + number * MINUTE
        np.testing.assert_array_equal(p.step(0.1 * number, time), told.step(0.1 * number, 1.7e9 + number * MINUTE))
        assert (p.status, p.reason) == ("ok", "time" if number == 3 else "")
    assert p.seconds == told.seconds


def test_a_jump_is_real_where_the_next_sample_goes_on_from_it(timed: bytes) -> None:
    p, fresh = Predictor(timed), Predictor(timed)
    p.step(0.1, 1.7e9)
    found = []
    for number in range(3):
        forecast = p.step(0.2, 1.8e9 + number * MINUTE)
        found.append((p.status, p.reason))
    assert found == [("ok", "time"), ("ok", "gap"), ("ok", "")]
    fresh.step(0.2)
    np.testing.assert_array_equal(forecast, fresh.step(0.2))


def test_who_wants_no_gap_is_told_of_one_at_once(timed: bytes) -> None:
    p = Predictor(timed, rules=Rules(gap="error"))
    p.step(0.1, 1.7e9)
    with pytest.raises(DataError, match="samples too late"):
        p.step(0.2, 1.8e9)


def test_a_time_that_waits_is_part_of_the_snapshot(timed: bytes) -> None:
    p = Predictor(timed)
    p.step(0.1, 1.7e9)
    p.step(0.2, 1.8e9)
    pool: Any = Pool(timed)
    pool.restore("a", p.snapshot())
    pool.step({"a": 0.3}, 1.8e9 + MINUTE)
    assert pool.reason["a"] == "gap"


def test_a_series_that_rises_out_of_its_range_is_taken_in_blocks(model: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Near the value before, which may be the last one of the block before, it is no glitch."""
    stepped: list[object] = []
    take = Judgement.take

    def noted(*words: Any) -> Any:
        stepped.append(words)
        return take(*words)

    monkeypatch.setattr(Judgement, "take", noted)
    p, twin = Predictor(model), Predictor(model)
    rising = np.arange(400, dtype=np.float32) / 20
    found = [p.process(block) for block in np.split(rising, 4)]
    assert not stepped
    assert np.count_nonzero(np.concatenate([part.reasons for part in found])) > 200
    wanted = [twin.step(float(value)) for value in rising]
    np.testing.assert_allclose(np.concatenate([part.forecasts for part in found]), wanted, rtol=1e-5, atol=1e-5)
    assert (p.counts, p.reason) == (twin.counts, twin.reason)
