"""The benchmark of false alarms: series by their statistics, counts by hand."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.anomalies import calibration, counting, summary
from benchmarks.anomalies.calibration import Settings
from benchmarks.anomalies.normal_series import DAY, SERIES, Made
from benchmarks.anomalies.planted import PLANTED
from benchmarks.anomalies.results import Results
from benchmarks.anomalies.rivals import gaussian_tail, half_space_trees
from edgeseq_runtime.errors import UsageError

N = 200_000


def made(kind: str, n: int = N, seed: int = 0) -> Made:
    return SERIES[kind](np.random.default_rng(seed), n)


def noise(kind: str) -> np.ndarray:
    """Return what stands about the daily sine, of which each kind has the same."""
    return made(kind).values - (20 + 5 * np.sin(2 * np.pi * np.arange(N) / DAY))


@pytest.mark.parametrize("kind", ["gaussian", "laplace", "student 5", "uniform", "gamma", "lognormal"])
def test_noise_about_the_sine_has_deviation_1_and_no_memory(kind: str) -> None:
    found = noise(kind)
    assert found.mean() == pytest.approx(0, abs=0.01)
    assert found.std() == pytest.approx(1, rel=0.02)
    assert np.corrcoef(found[:-1], found[1:])[0, 1] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    ("kind", "skewness", "kurtosis"),
    [
        ("gaussian", 0, 3),
        ("laplace", 0, 6),
        ("uniform", 0, 1.8),
        ("gamma", 2 / math.sqrt(2), 6),
        ("lognormal", 1.75, 8.9),
    ],
)
def test_its_shape_is_that_of_the_distribution(kind: str, skewness: float, kurtosis: float) -> None:
    found = noise(kind)
    assert (found**3).mean() == pytest.approx(skewness, abs=0.1)
    assert (found**4).mean() == pytest.approx(kurtosis, rel=0.1)


def test_students_tail_is_that_of_the_table() -> None:
    """5.841 and 4.032: what t passes, on either side, in one of 100 cases, with 3 and 5 degrees of freedom."""
    for kind, deviation, quantile in (("student 3", math.sqrt(3), 5.841), ("student 5", math.sqrt(5 / 3), 4.032)):
        assert (np.abs(noise(kind)) > quantile / deviation).mean() == pytest.approx(0.01, rel=0.1)


def test_recursions_have_the_textbooks_autocorrelation_and_variance() -> None:
    """AR(1): 0.9, 1 / (1 - 0.81). ARMA(1, 1): (1 + 2ab + bb) / (1 - aa), (1 + ab)(a + b) / (1 + 2ab + bb)."""
    a, b = 0.7, 0.5
    of_arma = 1 + 2 * a * b + b * b
    for kind, variance, correlation in (
        ("autoregressive", 1 / 0.19, 0.9),
        ("moving average", of_arma / (1 - a * a), (1 + a * b) * (a + b) / of_arma),
    ):
        found = made(kind).values
        assert found.var() == pytest.approx(variance, rel=0.05)
        assert np.corrcoef(found[:-1], found[1:])[0, 1] == pytest.approx(correlation, abs=0.01)


def test_what_the_best_forecast_cannot_know_has_the_deviation_that_is_told() -> None:
    """Noise over its deviation has deviation 1 at each time of the day, early and late, after calm and after unrest."""
    for kind in ("daily spread", "garch", "growing spread", "counts"):
        series = made(kind)
        level = 4 + 2 * np.sin(2 * np.pi * np.arange(N) / DAY) if kind == "counts" else series.values - noise(kind)
        scaled = (series.values - level) / series.deviation
        quiet = series.deviation < np.median(series.deviation)
        assert scaled[quiet].std() == pytest.approx(1, rel=0.02), kind
        assert scaled[~quiet].std() == pytest.approx(1, rel=0.02), kind
    squares = noise("garch") ** 2
    assert np.corrcoef(squares[:-1], squares[1:])[0, 1] > 0.1, "unrest lasts"
    assert made("growing spread", 1_000_001).deviation[-1] == pytest.approx(2)


def test_coarse_numbers_are_whole() -> None:
    for kind in ("rounded", "counts"):
        assert (made(kind).values % 1 == 0).all()
    assert made("counts").values.min() == 0


def test_bursts_and_the_walk() -> None:
    """A share of 1 - (1 - 1/500)^20 of samples is four times as loud; changes of the walk are noise and little more."""
    share = 1 - (1 - 1 / 500) ** 20
    assert noise("bursts").var() == pytest.approx(1 + 15 * share, rel=0.05)
    change = np.diff(made("walk").values)
    assert change.var() == pytest.approx(2 + 0.02**2, rel=0.02)


@pytest.mark.parametrize("kind", SERIES)
def test_a_seed_makes_one_series_and_an_event_touches_nothing_before_it(kind: str) -> None:
    usual = made(kind, 300, 5)
    assert (usual.values == made(kind, 300, 5).values).all()
    assert (usual.values != made(kind, 300, 6).values).any()
    for event, plant in PLANTED.items():
        values = plant(kind, 5, 300, 200).values
        assert (values[:200] == usual.values[:200]).all(), event
        assert (values[200:] != usual.values[200:]).any(), event


def test_events_are_what_they_are_called() -> None:
    usual = made("gaussian", 1000).values
    added = {event: plant("gaussian", 0, 1000, 600).values - usual for event, plant in PLANTED.items()}
    assert added["spike"][600:602].tolist() == [6, 0]
    assert added["shift"][[600, 999]].tolist() == [2, 2]
    assert added["drift"][[600, 609]].tolist() == pytest.approx([0.1, 1.0])
    level = 20 + 5 * np.sin(2 * np.pi * np.arange(1000) / DAY)
    around = usual - level
    assert added["doubled"][600:] == pytest.approx(around[600:])
    assert added["silent"][600:] == pytest.approx(-0.95 * around[600:])
    assert (PLANTED["stuck"]("gaussian", 0, 1000, 600).values[600:] == usual[599]).all()


def test_alarms_over_the_nominal_rate_by_hand() -> None:
    """Of 1,000 p-values, 20 below 0.01 and 2 below 0.001: twice what is promised; missing ones do not count."""
    p_values = np.concatenate([np.full(980, 0.5), np.full(18, 0.005), [0.0005, 0.0005], [np.nan] * 500])
    counted = counting.tally(p_values, np.random.default_rng(0))
    assert counted.samples == 1000
    assert counted.ratios == pytest.approx([2.0, 2.0, 0.0])
    alarms = np.zeros((1000, 3), dtype=bool)
    alarms[:20, 0] = alarms[:3, 1] = True
    assert counting.tally_alarms(alarms).ratios == pytest.approx([2.0, 3.0, 0.0])


def test_the_distance_to_uniform_by_hand() -> None:
    """Two p-values, 0.5 and 0.6: half of them lie at or below 0.5, none below it."""
    random = np.random.default_rng(0)
    assert counting.uniform_distance(np.array([0.5, 0.6]), random) == pytest.approx(0.5)
    assert counting.uniform_distance(np.array([0.25, 0.75]), random) == pytest.approx(0.25)
    uniform = random.random(100_000)
    assert counting.uniform_distance(uniform, random) < 0.006  # 1.36 / sqrt(n) in 95 of 100 cases: 0.0043
    assert counting.uniform_distance(uniform**1.1, random) > 0.02


def test_ties_are_randomised() -> None:
    """p-values of a tenth each are as uniform as such can be; half as many ones of them are not."""
    random = np.random.default_rng(0)
    coarse = np.ceil(random.random(100_000) * 10) / 10
    assert counting.uniform_distance(coarse, random) < 0.006
    assert counting.uniform_distance(coarse / 2, random) == pytest.approx(0.5, abs=0.01)


def test_delays_by_hand() -> None:
    """Found at once, at the third sample, too late, and never; the median lies between the third and the late one."""
    p_values = np.full((4, 20), 0.5)
    p_values[0, 0] = p_values[1, 2] = p_values[2, 14] = 1e-5
    words = np.full((4, 20), "", dtype="U5")
    words[0, 0], words[1, 2], words[1, 5], words[2, 14] = "spike", "break", "noise", "break"
    found = counting.found(p_values, words, 1e-4, 10)
    assert (found.trials, found.at_once, found.in_time) == (4, 1, 2)
    assert found.median == (3 + 15) / 2
    assert found.words == {"break": 1, "spike": 1}
    assert counting.found(p_values[2:], words[2:], 1e-4, 10).median is None


def test_the_gaussian_tail_is_right_on_gaussian_noise_and_wrong_on_others() -> None:
    random = np.random.default_rng(0)
    errors = random.standard_normal(N)
    p_values = gaussian_tail(errors)
    assert p_values[-1] == pytest.approx(math.erfc(abs(errors[-1]) / math.sqrt(2)), abs=0.05)
    assert counting.tally(p_values, random).ratios == pytest.approx([1, 1, 1], abs=0.6)
    assert counting.tally(gaussian_tail(random.laplace(size=N)), random).ratios[2] > 5


def test_half_space_trees_alarm_where_rivers_own_pipeline_does() -> None:
    pytest.importorskip("river")
    from river import anomaly, preprocessing

    trees = anomaly.HalfSpaceTrees(seed=0)
    pipeline = preprocessing.MinMaxScaler() | anomaly.QuantileFilter(trees, q=0.99, protect_anomaly_detector=False)
    errors = np.random.default_rng(0).standard_normal(2000)
    expected = []
    for error in errors.tolist():
        score = pipeline.score_one({"error": error})
        expected.append(pipeline["QuantileFilter"].classify(score))
        pipeline.learn_one({"error": error})
    assert any(expected)
    assert half_space_trees(errors, [0.01])[:, 0].tolist() == expected


def test_a_small_run_counts_what_a_model_says_of_its_series() -> None:
    """Every sample after the warm-up has a p-value, which few fall below; each event has its trials."""
    settings = Settings(samples=1500, trials=3, rival_samples=300, steps=5, provider="cpu")
    record = calibration.measure_series("gaussian", settings)
    own, tail = (record["detectors"][name] for name in ("edgeseq", "Gaussian tail"))
    assert 1000 < own["samples"] <= 1500
    assert own["samples"] - 10 <= tail["samples"] <= own["samples"] + 10
    assert own["ratios"][0] < 5
    assert own["distance"] < 0.2
    assert sum(record["words"].values()) == pytest.approx(record["alarms over nominal"] * own["samples"] * 1e-4)
    assert {event: found["trials"] for event, found in record["trials"].items()} == dict.fromkeys(PLANTED, 3)
    assert record["trials"]["stuck"]["in_time"] > 0


def record(ratio: float, **more: object) -> dict[str, object]:
    own = {"ratios": [ratio] * 3, "distance": 0.004, "farthest": 0.006, "samples": 10}
    rival = {"ratios": [3.0, 5.0, 7.0], "distance": None, "farthest": None, "samples": 10}
    return {"detectors": {"edgeseq": own, "other": rival}, "words": {}, "alarms over nominal": ratio / 2, **more}


def test_tables_and_a_run_that_goes_on(tmp_path: Path) -> None:
    """The row of all made-up series is the mean of them, without real ones; what is in the file is not lost."""
    found = {"trials": 100, "at_once": 3, "in_time": 95, "within": 10, "median": 4.0, "words": {}}
    results = Results.load(tmp_path / "found.json", {"samples": 10})
    results.add("a", record(1.0, trials={"shift": found}, **{"visible spikes": 0.24}))
    results.add("b", record(1.5, trials={"shift": found}, **{"visible spikes": 1.0}))
    results.add("real", record(9.0))
    again = Results.load(tmp_path / "found.json", {"samples": 10})
    assert again.records == results.records == json.loads((tmp_path / "found.json").read_text())["records"]
    own, others, trials = summary.tables(again.records)
    assert own.splitlines()[-1].split() == ["all", "made-up", "1.25", "1.25", "1.25", "0.62"]
    assert others.splitlines()[-1].split()[-3:] == ["3.00", "5.00", "7.00"]
    assert trials.splitlines()[-2].split() == ["a", "95", "(4)", "24"]
    with pytest.raises(UsageError, match="expected results of the settings"):
        Results.load(tmp_path / "found.json", {"samples": 11})
