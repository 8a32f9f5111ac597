"""The starter's table: its figures by hand, what each model may know, and a run on a small series."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.starter import __main__ as starter
from benchmarks.starter import on_skaters, pool, state
from benchmarks.starter.baselines import baselines
from benchmarks.starter.figures import Figures, Forecasts, Task, is_periodic, mse
from benchmarks.starter.models import MODELS, RIVALS
from benchmarks.starter.on_statsforecast import OnStatsforecast
from benchmarks.starter.on_trained import OnTrained
from benchmarks.starter.results import Results
from benchmarks.starter.table import Measured, coverage_rows, rows
from edgeseq_runtime.errors import DataError

WALK = np.cumsum(np.random.default_rng(0).standard_normal(700))


def test_errors_are_those_of_the_rows_that_count() -> None:
    """Right but for the rows between: 0 both early and late; persistence on a ramp errs by 1 and 2."""
    task = Task(np.arange(1000.0), 2)
    right = task.values[:, None] + np.array([1.0, 2.0])
    right[300:800] += 100
    right[:15] += 100
    found = Figures.of(task, Forecasts(right))
    assert (found.young, found.late, found.coverage) == (0, 0, None)
    persistence = np.repeat(task.values[:, None], 2, axis=1)
    assert mse(task, persistence, np.arange(10)) == pytest.approx(2.5)


def test_a_table_by_hand() -> None:
    """On a ramp persistence errs by 1 and 2, 2.5 on average of the squares; a model that is off by half has a tenth.

    Its intervals reach 1.5 above the forecast: they hold the first of the two truths, 0.5 off, and the second, too; but
    those of the second step end at 0.25 for half of the rows. So 1, 0.5 and 0.75 are held.
    """
    task = Task(np.arange(1000.0), 2)
    made = task.values[:, None] + np.array([0.5, 1.5])
    reach = np.where((np.arange(1000) % 2 == 0)[:, None], 1.5, [1.5, 0.25])
    found = Figures.of(task, Forecasts(made, task.holds(made - reach, made + reach)))
    assert (found.young, found.late) == (0.25, 0.25)
    assert found.coverage == [1, pytest.approx(0.5, abs=1e-3)]
    others = {"persistence": Figures(2.5, 2.5), "ridge": Figures(5.0, 5.0)}
    one = Measured("ramp", float(task.values.var()), False, others, {"model": found})
    row, *summaries = rows([one], ["model"])
    # The least that counts is a millionth of the variance, 83333.25: less than all errors here.
    assert row == {
        "series": "ramp",
        "best": "persistence",
        "16..300 model": pytest.approx(0.1),
        "late model": pytest.approx(0.1),
        "90 % model": pytest.approx(0.75, abs=1e-3),
    }
    assert all(summary["late model"] == pytest.approx(0.1) for summary in summaries)
    steps = {each["step ahead"]: each["series within, model"] for each in coverage_rows([one], ["model"])}
    assert steps == {"1": 0, "2": 0, "all": 0}


def test_summaries_by_hand() -> None:
    """Shares of 0.5 and 2 have the geometric mean 1; the series that repeats counts in the first three rows only."""
    others = {"persistence": Figures(1.0, 1.0)}
    every = [
        Measured("a", 1.0, False, others, {"model": Figures(None, 0.5, [0.9])}),
        Measured("b", 1.0, True, others, {"model": Figures(None, 2.0, [0.8])}),
    ]
    found = {row["series"]: row.get("late model") for row in rows(every, ["model", "unknown"])}
    assert found["geometric mean"] == pytest.approx(1)
    assert (found["median"], found["worst"], found["worst, not periodic"]) == (1.25, 2, 0.5)
    assert [row["series within, model"] for row in coverage_rows(every, ["model"])] == [0.5, 0.5]


def test_models_are_compared_on_the_series_that_all_have_come_to() -> None:
    """A rival that has come to one of two series is set beside the other's figure on that one, 0.5, not beside 1."""
    others = {"persistence": Figures(1.0, 1.0)}
    every = [
        Measured("a", 1.0, False, others, {"model": Figures(0.3, 0.5), "rival": Figures(None, 0.7)}),
        Measured("b", 1.0, False, others, {"model": Figures(0.3, 2.0)}),
    ]
    found = {row["series"]: row for row in rows(every, ["model", "rival"])}
    assert found["geometric mean"]["late model"] == pytest.approx(1)
    both = found["geometric mean, all models"]
    assert (both["late model"], both["late rival"]) == (pytest.approx(0.5), pytest.approx(0.7))
    assert both["16..300 model"] == pytest.approx(0.3)


def test_baselines_know_nothing_of_the_last_fifth() -> None:
    """What comes after the start changes no forecast made before it, and no coefficient."""
    values = np.sin(np.arange(1500) * 2 * np.pi / 24) + 0.1 * np.random.default_rng(0).standard_normal(1500)
    changed = values.copy()
    changed[1300:] += 5
    late = baselines(Task(changed, 4))
    for name, found in baselines(Task(values, 4)).items():
        np.testing.assert_allclose(late[name].made[:1296], found.made[:1296], rtol=0, atol=1e-6)


def test_ridge_finds_a_sine_and_the_season_is_found() -> None:
    task = Task(np.sin(np.arange(1500) * 2 * np.pi / 24), 12)
    found = {name: mse(task, one.made, task.late) or 0.0 for name, one in baselines(task).items()}
    assert found["ridge"] < 1e-6
    assert found["seasonal naive"] < 1e-12
    assert found["persistence"] > 0.5


def test_what_repeats_is_periodic_and_what_has_a_little_noise_is_not() -> None:
    values = np.tile(np.random.default_rng(0).standard_normal(70), 20)
    assert is_periodic(Task(values, 1))
    assert not is_periodic(Task(values + 0.01 * np.random.default_rng(1).standard_normal(1400), 1))
    assert not is_periodic(Task(np.arange(1400.0), 1))
    assert is_periodic(Task(np.ones(1400), 1))


def test_a_constant_series_has_no_shares() -> None:
    task = Task(np.ones(700), 3)
    others = {name: Figures.of(task, found) for name, found in baselines(task).items()}
    one = Measured("flat", 0.0, True, others, {"model": Figures.of(task, Forecasts(np.ones((700, 3))))})
    assert one.young("model") is None
    assert one.late("model") is None


def test_places_in_distributions_say_what_intervals_held() -> None:
    """The sample of row 2 lies at 0.04 of what was forecast a step before, and in the middle of what was two before."""
    places = np.array([[np.nan, np.nan], [0.5, np.nan], [0.04, 0.5]])
    np.testing.assert_array_equal(on_skaters.held(places), [[1, 1], [0, np.nan], [np.nan, np.nan]])


def test_results_go_on_where_they_were(tmp_path: Path) -> None:
    """Two runs that share a file lose nothing of each other's; another horizon is refused."""
    path = tmp_path / "results.json"
    ours, others = Results(path, 4), Results(path, 4)
    ours.add("a", "model", Figures(1.0, None))
    others.add("b", "model", Figures(2.0, 3.0, [0.9]))
    again = Results(path, 4)
    again.read()
    assert again.figures == {"a": {"model": Figures(1.0, None)}, "b": {"model": Figures(2.0, 3.0, [0.9])}}
    with pytest.raises(DataError, match="expected results 5 samples ahead, got 4"):
        Results(path, 5).read()


def test_the_trained_model_knows_nothing_of_the_last_fifth() -> None:
    """Only that fifth is judged; what comes in its second half changes nothing in its first."""
    changed = WALK.copy()
    changed[600:] += 50
    first, second = (OnTrained(steps=20).forecasts(Task(values, 2)) for values in (WALK, changed))
    assert np.isnan(first.made[:560]).all()
    np.testing.assert_array_equal(first.made[560:600], second.made[560:600])


def test_autoets_forecasts_what_is_judged() -> None:
    """It is close to persistence on a walk, which nothing forecasts better."""
    pytest.importorskip("statsforecast")
    task = Task(WALK, 2)
    found = Figures.of(task, OnStatsforecast().forecasts(task))
    walked = Figures.of(task, baselines(task)["persistence"])
    assert found.young == pytest.approx(walked.young, rel=0.3)
    assert found.late == pytest.approx(walked.late, rel=0.3)


def test_a_run_prints_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what another run has measured of the rivals, and the starter measured now."""
    (tmp_path / "walk.csv").write_text("time,value\n" + "".join(f"{i},{v}\n" for i, v in enumerate(WALK)))
    known = {"horizon": 4, "series": {"walk": {RIVALS[0].name: {"young": None, "late": 3.0, "coverage": None}}}}
    (tmp_path / "out.json").write_text(json.dumps(known))
    words = ["--series", str(tmp_path / "walk.csv"), "--horizon", "4", "--only", "walk", "--rivals"]
    starter.main([*words, "--json", str(tmp_path / "out.json")])
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("walk ") for line in lines)
    assert any(line.startswith("worst, not periodic") for line in lines)
    assert all(any(line.startswith(f"{model.name}: ") for line in lines) for model in MODELS)


def test_a_pool_of_the_starter_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """A stream's arrays hold at least the network's 270 numbers of state, 1,080 bytes."""
    pool.main(["--case", "forecasts", "--streams", "10", "--steps", "2"])
    before, after, kept, seconds = map(float, capsys.readouterr().out.split())
    assert 0 < before <= after
    assert kept >= 10 * 1080
    assert seconds > 0


def test_a_stream_of_the_starter_keeps_at_most_16_kb(capsys: pytest.CaptureFixture[str]) -> None:
    """With adaptation, intervals and anomalies, 48 steps ahead; as much as a pool's arrays, whoever keeps it."""
    found = state.kept(48)
    assert sum(found.values()) <= 16_000
    assert all(size > 0 for size in found.values())
    assert found["intervals and drift", "waiting"] == 4 * 48 * 49 / 2
    pool.main(["--case", "with anomalies", "--streams", "10", "--steps", "2"])
    assert float(capsys.readouterr().out.split()[2]) == 10 * sum(found.values())
