"""The comparison with forecasting libraries: all forecasts are judged beside the same truths."""

from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from benchmarks import install_size
from benchmarks.libraries import __main__ as libraries
from benchmarks.libraries import manual_linear, on_edgeseq, on_neuralforecast, task
from benchmarks.libraries.competitors import COMPETITORS, Competitor
from benchmarks.libraries.outcome import FORECAST, NETWORK, Outcome, Trained
from benchmarks.libraries.task import Task
from edgeseq.evaluation import baselines
from edgeseq.series import Parts, Series, load
from edgeseq.testing import make_spec

SMALL = Task(np.array([0, 1, 2, 4, 8, 16, 32, 64], np.float32), mean=10, deviation=2, train=3, validation=2, horizon=2)
"""Its test part begins with 16; so its first origin is at 8, and its last one at 16, two before the end."""


@pytest.fixture
def waves(tmp_path: Path) -> tuple[Series, Parts]:
    """Six hundred samples of a wave of 24 on a slope, as they are read from a file."""
    rows = np.arange(600)
    values = np.sin(rows * 2 * np.pi / 24) + rows / 200 + np.random.default_rng(0).normal(0, 0.05, 600)
    path = tmp_path / "waves.csv"
    path.write_text("OT\n" + "".join(f"{value:.6f}\n" for value in values))
    return load(str(path), targets=["OT"], split="400:100:100")


@pytest.fixture
def neuralforecast() -> None:
    """Skips where the library is not installed."""
    pytest.importorskip("neuralforecast", reason="needs neuralforecast: docs/libraries.md")


def test_origins_and_truths_by_hand() -> None:
    """All truths lie in the test part; the last origin is so far from the end as the horizon is long."""
    assert SMALL.test == 3
    np.testing.assert_array_equal(SMALL.origins, [4, 5])
    np.testing.assert_array_equal(SMALL.truths, [[16, 32], [32, 64]])


def test_errors_by_hand() -> None:
    """Persistence is off by 8, 24, 16 and 48: the mean of the squares is 800. In the series' unit 8 is 26."""
    persistence = np.array([[8.0, 8], [16, 16]])
    assert SMALL.mse(persistence) == (64 + 576 + 256 + 2304) / 4 == 800
    np.testing.assert_array_equal(SMALL.standardised(2 * persistence + 10), persistence)
    for wrong in (persistence[:1], np.where(persistence == 8, np.nan, 8)):
        with pytest.raises(ValueError, match="not a forecast of every origin and step"):
            SMALL.mse(wrong)


def test_a_list_of_forecasts_is_placed_by_what_it_says() -> None:
    """In any order: the row that is forecast less the origin's is the step ahead. What is not in it is missing."""
    origins, rows, values = np.array([5, 4, 4]), np.array([7, 5, 6]), np.array([7.0, 5, 6])
    np.testing.assert_array_equal(SMALL.placed(origins, rows, values), [[5, 6], [np.nan, 7]])


def test_the_tasks_errors_are_those_of_edgeseqs_baselines(waves: tuple[Series, Parts]) -> None:
    """Persistence and the seasonal naive forecast, by slices of the series and by what evaluation uses."""
    _, parts = waves
    found = task.of(parts)
    assert (found.train, found.validation, found.test, len(found.origins)) == (400, 100, 100, 77)
    assert found.values[:400].mean() == pytest.approx(0, abs=1e-6)
    assert found.values[:400].std() == pytest.approx(1)
    spec, values = make_spec(horizon=24), found.values.astype(np.float64)
    repeated = np.array([[values[at]] * 24 for at in range(499, 576)])
    a_day_before = np.array([values[at - 23 : at + 1] for at in range(499, 576)])
    for by_slices, forecasts in (
        (repeated, baselines.persistence(spec, parts.test.values, found.origins)),
        (a_day_before, baselines.seasonal_naive(spec, 24, parts.test.values, found.origins)),
    ):
        assert found.mse(by_slices) == pytest.approx(found.mse(found.standardised(forecasts[:, :, 0])), rel=1e-6)


def test_errors_that_differ_are_refused() -> None:
    assert "0.5000000 by edgeseq" in manual_linear.require(0.5000001, 0.5, "persistence")
    with pytest.raises(ValueError, match=r"persistence: through the library the error is 0\.51, edgeseq's is 0\.5"):
        manual_linear.require(0.51, 0.5, "persistence")


def test_edgeseq_and_ridge_on_the_task(waves: tuple[Series, Parts]) -> None:
    """The errors are the evaluation's."""
    series, parts = waves
    outcomes, evaluation = on_edgeseq.measure(task.of(parts), series, parts, seeds=1, steps=2)
    found = {outcome.name: outcome for outcome in outcomes}
    assert list(found)[:2] == ["edgeseq, float32", "edgeseq, int8"]
    assert found["edgeseq, int8"].bytes < found["edgeseq, float32"].bytes
    assert found["ridge"].trained[0].mse == evaluation.baselines["ridge"].total.mse_standardized
    assert found["ridge"].bytes == 4 * 96 * 24  # 95 distances and an intercept for each step ahead
    forecast, windows = found["ridge"].calls[FORECAST]
    alone = np.array([forecast(window)[0, :, 0] for window in windows[:77]])
    assert alone.shape == (77, 24)
    assert np.isfinite(alone).all()
    times = libraries.race(outcomes, rounds=1)
    assert min(times[name][FORECAST] for name in ("edgeseq, float32", "edgeseq, int8", "ridge")) > 0
    assert times["persistence"] == {}


def test_a_row_by_hand() -> None:
    """The median of three trainings; what is not trained has no time and no size."""
    trained = [Trained(0.3, 10.0), Trained(0.1, 12.0), Trained(0.2, 11.0)]
    row = Outcome("a", trained, "defaults only", bytes=1500, to_train=99.6).row({FORECAST: 7.0})
    assert (row["MSE"], row["each seed"]) == (0.2, [0.3, 0.1, 0.2])
    assert (row["training, s"], row["file, kB"]) == (11.0, 1.5)
    assert (row[FORECAST], row[NETWORK]) == (7.0, None)
    assert (row["installed to train, MB"], row["to forecast, MB"]) == (100, None)
    row = Outcome("persistence", [Trained(0.5, 0.0)]).row({})
    assert (row["MSE"], row["each seed"], row["training, s"], row["file, kB"]) == (0.5, None, None, None)


def test_what_each_was_given_is_told() -> None:
    found = {competitor.name: competitor.note for competitor in COMPETITORS}
    assert found["LSTM"] == "defaults only"
    assert found["DLinear"] == "input_size=96"
    assert found["LSTM, watched"] == "loss=MSE(), early_stop_patience_steps=3 on the validation part"


def test_what_an_installation_brings_follows_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    """a wants b with its extra x, which wants c; d is an extra's that nobody asked for. A circle ends."""
    wanted = {"a": ["B[x]>=1"], "b": ['c; extra == "x"', 'd; extra == "y"', "a"], "c": None}
    monkeypatch.setattr(metadata, "requires", wanted.__getitem__)
    assert install_size.packages("a") == {"a", "b", "c"}
    assert install_size.packages("b") == {"a", "b", "c"}
    assert install_size.packages("c") == {"c"}


@pytest.mark.parametrize("words", [[], ["--etth1", "no-such-file.csv"]])
def test_etth1_must_be_named(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        libraries.main(words)
    assert stopped.value.code == 2
    assert ("there is no file 'no-such-file.csv'" if words else "--etth1") in capsys.readouterr().err


@pytest.mark.usefixtures("neuralforecast")
@pytest.mark.parametrize("name", ["persistence", "seasonal_naive"])
def test_the_librarys_forecasts_lie_beside_our_truths(name: str, waves: tuple[Series, Parts]) -> None:
    """Weights set by hand give edgeseq's error; a series that is one sample late does not."""
    _, parts = waves
    found, spec = task.of(parts), make_spec(horizon=24)
    forecasts = {
        "persistence": lambda at: baselines.persistence(spec, parts.test.values, at),
        "seasonal_naive": lambda at: baselines.seasonal_naive(spec, 24, parts.test.values, at),
    }[name]
    wanted = found.mse(found.standardised(forecasts(found.origins)[:, :, 0]))
    manual_linear.require(getattr(manual_linear, name)(found), wanted, name)
    late = found.mse(found.standardised(forecasts(found.origins - 1)[:, :, 0]))
    with pytest.raises(ValueError, match="through the library"):
        manual_linear.require(getattr(manual_linear, name)(found), late, name)


@pytest.mark.usefixtures("neuralforecast")
def test_a_librarys_model_goes_all_the_way(waves: tuple[Series, Parts]) -> None:
    """Trained for two steps, judged, its files measured, and called for one forecast at a time in both cases."""
    _, parts = waves
    competitor = Competitor("small", "DLinear", {"input_size": 30}, watched=True)
    outcome = on_neuralforecast.measure(competitor, task.of(parts), seeds=1, steps=2)
    assert 0 < outcome.trained[0].mse < 100
    assert outcome.bytes > 1000
    (forecast, tables), (network, windows) = outcome.calls[FORECAST], outcome.calls[NETWORK]
    assert forecast(tables[0]).shape == (24, 3)
    assert network(windows[0]).shape == (1, 24, 1)
