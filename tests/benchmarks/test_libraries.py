"""The comparison with forecasting libraries: all forecasts are judged beside the same truths."""

from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import install_size
from benchmarks.libraries import __main__ as libraries
from benchmarks.libraries import on_edgeseq, on_neuralforecast, series, summary, task
from benchmarks.libraries.models import MODELS
from benchmarks.libraries.on_edgeseq import Setting
from benchmarks.libraries.on_lightgbm import OnLightgbm
from benchmarks.libraries.on_neuralforecast import OnNeuralforecast
from benchmarks.libraries.on_statsforecast import OnStatsforecast
from benchmarks.libraries.outcome import Outcome
from benchmarks.libraries.results import Results
from benchmarks.libraries.series import Named
from benchmarks.libraries.task import Task
from edgeseq.evaluation import baselines
from edgeseq.series import Part, Parts
from edgeseq.testing import make_spec

_VALUES = np.array([0, 1, 2, 4, 8, 16, 32, 64], np.float32)

SMALL = Task(_VALUES, np.ones(8, bool), mean=10, deviation=2, train=3, validation=2, horizon=2)
"""Its test part begins with 16; so its first origin is at 8, and its last one at 16, two before the end."""


@pytest.fixture
def waves(tmp_path: Path) -> Named:
    """A file of six hundred samples of a wave of 24 on a slope."""
    rows = np.arange(600)
    values = np.sin(rows * 2 * np.pi / 24) + rows / 200 + np.random.default_rng(0).normal(0, 0.05, 600)
    path = tmp_path / "waves.csv"
    path.write_text("OT\n" + "".join(f"{value:.6f}\n" for value in values))
    return Named("waves", str(path), 24, "OT", "400:100:100")


def task_of(named: Named) -> tuple[Task, Parts]:
    _, parts = named.load()
    return task.of(parts, named.horizon, season=24), parts


def test_origins_and_truths_by_hand() -> None:
    """All truths lie in the test part; the last origin is so far from the end as the horizon is long."""
    assert SMALL.test == 3
    np.testing.assert_array_equal(SMALL.origins, [4, 5])
    np.testing.assert_array_equal(SMALL.truths, [[16, 32], [32, 64]])


def test_what_was_not_measured_or_does_not_count_is_not_judged() -> None:
    """The sample 32 is missing, so 16 stands in for it and nothing is asked there; after 16 no forecast counts."""
    values = np.where(_VALUES == 32, np.nan, _VALUES)[:, None]
    parts = Parts(values[:3], Part(values[:5], 3), Part(values, 5))
    counts = np.arange(8) != 5
    found = task.of(parts, 2, counts=counts)
    np.testing.assert_allclose(found.values * found.deviation + found.mean, [0, 1, 2, 4, 8, 16, 16, 64], atol=1e-5)
    np.testing.assert_array_equal(np.isfinite(found.truths), [[True, False], [False, False]])
    assert found.mse(found.standardised(np.full((2, 2), 16.0))) == pytest.approx(0, abs=1e-12)


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


def test_the_tasks_errors_are_those_of_edgeseqs_baselines(waves: Named) -> None:
    """Persistence and the seasonal naive forecast, by slices of the series and by what evaluation uses."""
    found, parts = task_of(waves)
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


def test_the_folders_files_are_read_as_the_table_says(tmp_path: Path) -> None:
    """By a part of their names; all others each five minutes."""
    for name in ("exchange-2.csv", "deeper/nyc_taxi.csv", "other.csv", "readme.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found = {each.name: (each.every, each.horizon) for each in series.named(None, tmp_path)}
    assert found == {"CO2": (None, 4), "nyc_taxi": ("30min", 12), "exchange-2": ("1h", 12), "other": ("5min", 12)}
    assert [each.name for each in series.named(tmp_path, None)][:3] == ["ETTh1 OT, 24", "ETTh1 OT, 48", "ETTh1 OT, 96"]


def test_edgeseq_and_the_baselines_on_a_series(waves: Named) -> None:
    """Each has an error, what is trained has a time, and ridge is 95 distances and an intercept for each step."""
    setting, found = on_edgeseq.measure(waves, steps=2)
    assert setting.season == 24
    assert list(found) == [on_edgeseq.STATIC, on_edgeseq.ADAPTED, *summary.BASELINES]
    assert found["ridge"].bytes == 4 * 96 * 24
    assert all(0 < outcome.mse < 100 for outcome in found.values())
    assert (found[on_edgeseq.STATIC].training or 0) > 0
    assert found["persistence"].training is None


def test_a_run_goes_on_where_the_last_one_ended(
    waves: Named, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the file of results holds is not measured again; a library that fails leaves one series out, and says so."""

    class Failing:
        name, package, note = "failing", "numpy", ""

        def measure(self, task: Task) -> Outcome:
            raise RuntimeError(f"no season of {task.season}")

    class Constant(Failing):
        name = "constant"

        def measure(self, task: Task) -> Outcome:
            calls.append(task.horizon)
            return Outcome(task.mse(np.zeros(task.truths.shape)))

    calls: list[int] = []
    monkeypatch.setattr(libraries, "named", lambda *_: [waves])
    monkeypatch.setattr(libraries, "MODELS", (Failing(), Constant()))
    words = ["--steps", "2", "--json", str(tmp_path / "results.json")]
    libraries.main(words)
    first = capsys.readouterr()
    assert "failing on waves: RuntimeError('no season of 24')" in first.err
    libraries.main(words)
    assert calls == [24]
    assert capsys.readouterr().out == first.out


def test_a_library_that_is_not_installed_is_left_out(
    waves: Named, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(libraries, "named", lambda *_: [waves])
    monkeypatch.setattr(libraries, "MODELS", (OnLightgbm(package="no_such_package"),))
    libraries.main(["--steps", "2"])
    assert "LightGBM on lags is left out: no_such_package is not installed" in capsys.readouterr().err


def test_a_summary_by_hand() -> None:
    """Ratios 0.5 and 2 to the best baseline: geometric mean 1; below a thousandth of a deviation all are equal."""
    outcomes = {
        "a": {"own": Outcome(0.1, 3.0, 5.0, 2000), "ridge": Outcome(0.2), "persistence": Outcome(0.4)},
        "b": {"own": Outcome(1.0, 5.0, 7.0, 4000), "persistence": Outcome(0.5)},
        "c": {"own": Outcome(1e-8), "ridge": Outcome(1e-9)},
    }
    assert summary.ratios(outcomes, "own") == pytest.approx({"a": 0.5, "b": 2.0, "c": 1.0})
    (row,) = summary.rows(outcomes, ["own", "absent"], {"own": 7.0})
    assert (row["series"], row["wins"], row["worst"], row["on"], row["above 1.05"]) == (3, 2, 2.0, "b", 1)
    assert row["MSE / best baseline, geometric mean"] == pytest.approx(1)
    assert (row["training, s"], row["a forecast, us"], row["size, kB"], row["installed, MB"]) == (4, 6, 3, 7)
    assert [each["best baseline"] for each in summary.by_series(outcomes, ["own"])] == ["ridge", "persistence", "ridge"]


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    written = Results.load(path)
    written.add("a", {"own": Outcome(0.25, 1.5, 2.0, 10)}, Setting(24, 10, 3))
    written.add("a", {"other": Outcome(0.5)})
    found = Results.load(path)
    assert (found.settings, found.outcomes) == (written.settings, written.outcomes)


def test_what_each_was_given_is_told() -> None:
    found = {model.name: model.note for model in MODELS}
    assert list(found) == [
        "LightGBM on lags",
        "statsforecast AutoETS",
        "statsforecast Theta",
        "neuralforecast NHITS",
        "neuralforecast DLinear",
    ]
    assert "ended by the validation part" in found["neuralforecast NHITS"]


def test_what_an_installation_brings_follows_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    """a wants b with its extra x, which wants c; d is an extra's that nobody asked for. A circle ends."""
    wanted = {"a": ["B[x]>=1"], "b": ['c; extra == "x"', 'd; extra == "y"', "a"], "c": None}
    monkeypatch.setattr(metadata, "requires", wanted.__getitem__)
    assert install_size.packages("a") == {"a", "b", "c"}
    assert install_size.packages("b") == {"a", "b", "c"}
    assert install_size.packages("c") == {"c"}


@pytest.mark.parametrize("words", [["--etth1", "no-such-file.csv"], ["--folder", "no-such-folder"]])
def test_what_is_named_must_be_there(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        libraries.main(words)
    assert stopped.value.code == 2
    assert f"there is no {words[1]!r}" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["persistence", "seasonal naive"])
def test_the_librarys_forecasts_lie_beside_our_truths(name: str, waves: Named) -> None:
    """A linear network of neuralforecast repeats the last sample or the one a day before, by weights set by hand.

    It has edgeseq's error; one sample too early or too late, and it has not.
    """
    pytest.importorskip("neuralforecast", reason="needs neuralforecast: docs/libraries.md")
    import torch

    found, parts = task_of(waves)
    library, _ = OnNeuralforecast("NLinear", {"input_size": 96}).fit(found, steps=1)
    weight = np.zeros((24, 96), np.float32)  # (step ahead, lag), newest last; of distances from the last sample
    if name == "seasonal naive":
        weight[np.arange(24), 96 - 24 + np.arange(24)] = 1
    with torch.no_grad():
        library.models[0].linear.weight.copy_(torch.from_numpy(weight))
        library.models[0].linear.bias.zero_()
    error = found.mse(on_neuralforecast.forecasts(library, found))

    spec = make_spec(horizon=24)
    forecaster = (
        partial(baselines.persistence, spec) if name == "persistence" else partial(baselines.seasonal_naive, spec, 24)
    )
    for late, same in ((0, True), (1, False)):
        wanted = found.mse(found.standardised(forecaster(parts.test.values, found.origins - late)[:, :, 0]))
        assert (error == pytest.approx(wanted, rel=1e-6)) == same


@pytest.mark.parametrize(
    "model",
    [OnLightgbm(), OnStatsforecast("Theta"), OnStatsforecast("AutoETS"), OnNeuralforecast("NHITS", {"max_steps": 2})],
    ids=lambda model: str(model.name),
)
def test_a_librarys_model_goes_all_the_way(model: Any, waves: Named) -> None:
    """Trained, judged, timed and measured."""
    pytest.importorskip(model.package, reason=f"needs {model.package}: docs/libraries.md")
    outcome = model.measure(task_of(waves)[0])
    assert 0 < outcome.mse < 100
    assert outcome.training is not None
    assert outcome.forecast > 0
    assert outcome.bytes > 500
