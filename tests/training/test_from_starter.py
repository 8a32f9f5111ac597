"""The starter fitted to a short series: what comes of it, what is refused, and what train says of a short series."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import edgeseq_export
from edgeseq.evaluation.evaluate import typical_predictor
from edgeseq.evaluation.learning import FITTED
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Part, Parts, Series, load
from edgeseq.testing import make_checkpoint
from edgeseq.training import beside_starter, fitting, from_starter, linear_history
from edgeseq.training.beside_starter import Beside
from edgeseq_export import starter_file
from edgeseq_export.synthetic import random_walk
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.spec import RUNNING
from tests.conftest import CommandLine
from tests.helpers import csv_helpers

HORIZON = 2


def noise(samples: int = 160) -> tuple[Series, Parts]:
    values = np.asarray(7 + np.random.default_rng(0).standard_normal((samples, 1)), np.float32)
    cut = samples * 3 // 4
    parts = Parts(values[:cut], Part(values[: cut + 12], cut), Part(values, cut + 12), split="a")
    return Series("level", ("temp",), ("degC",), 1, values, np.arange(samples), period=60.0), parts


def test_too_short_a_validation_part_leaves_the_starter_with_the_names_of_the_series() -> None:
    """Its forecasts are the starter's, to the bit, and so are its residuals where it has too few of its own."""
    made = fitting.fit(*noise(), horizon=HORIZON, begin="starter", adapt="off")
    starter = starter_file.checkpoint(HORIZON)
    assert made.spec.training
    assert made.spec.training.options[FITTED] == "nothing"
    assert (made.spec.series, made.spec.targets, made.spec.features[0].unit) == ("level", ("temp",), "degC")
    assert (made.spec.period, made.spec.horizon, made.spec.scaling) == (60.0, HORIZON, RUNNING)
    assert made.spec.residuals == starter.spec.residuals
    assert made.spec.figures
    assert not made.spec.takes_any
    samples = noise()[1].test.values
    own, other = (typical_predictor(edgeseq_export.build(one)).run(samples) for one in (made, starter))
    np.testing.assert_array_equal(own, other)


def wave(tmp_path: Path) -> str:
    """Two sines that a linear recurrence gives, with hardly any noise."""
    random = np.random.default_rng(3)
    values = np.sin(np.arange(700) * 0.9) + 0.6 * np.sin(np.arange(700) * 0.37) + 0.01 * random.standard_normal(700)
    return csv_helpers.csv(tmp_path, "value\n" + "\n".join(f"{value:.5f}" for value in values) + "\n")


def test_a_wave_is_left_to_a_linear_regression_which_can_be_gone_on_from(tmp_path: Path) -> None:
    """Its error over the test part is an eighth of that of the starter as it is, and of what adaptation makes of it."""
    parts = load(wave(tmp_path))
    made = fitting.fit(*parts, horizon=HORIZON, begin="starter", steps=10)
    assert made.spec.training
    noted = made.spec.training.options
    assert noted[FITTED] == from_starter.LINEAR
    assert made.spec.scaling != RUNNING
    assert made.spec.linear_path > 0
    assert made.spec.residuals
    assert "no network: a linear regression on the last" in from_starter.decision(made.spec)
    test = parts[1].test
    own, starter = (linear_history.squares(one, test).mean() for one in (made, starter_file.checkpoint(HORIZON)))
    assert own < starter / 8
    made.save(tmp_path / "made")
    again = fitting.fit(*parts, horizon=HORIZON, begin=tmp_path / "made", steps=2)
    assert again.spec.series == made.spec.series


def test_noise_is_not_left_to_a_linear_regression() -> None:
    """The starter knows as well as any that there is nothing to know."""
    series, parts = noise(700)
    parts = Parts(series.values[:450], Part(series.values[:600], 450), Part(series.values, 600), split="a")
    made = fitting.fit(series, parts, horizon=HORIZON, begin="starter", steps=10)
    assert made.spec.training
    assert made.spec.training.options[FITTED] == "nothing"
    assert "validation_linear" not in made.spec.training.options


def test_a_wave_is_learned_and_the_checkpoint_can_be_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something is fitted to a wave, and its validation error is the lowest of what was tried, regressions left out."""
    monkeypatch.setattr(linear_history, "is_clearly_better", lambda *_: False)
    path = wave(tmp_path)
    made = fitting.fit(*load(path), horizon=HORIZON, begin="starter", adapt="off", steps=10)
    assert made.spec.training
    noted = made.spec.training.options
    errors = [float(noted[name]) for name in noted if name.startswith(from_starter.ERROR_OF)]
    assert noted[FITTED] != "nothing"
    assert made.spec.training.validation_mse == min(errors) < 0.9 * float(noted["validation_nothing"])
    made.save(tmp_path / "made")
    with pytest.raises(UsageError, match="expected 1 to 2"):
        fitting.fit(*load(path), horizon=3, begin=tmp_path / "made")


def test_a_series_that_is_too_short_is_told_of_the_starter_as_it_is() -> None:
    with pytest.raises(DataError, match=r"validation part has 12 samples.*edgeseq predict starter needs no training"):
        fitting.fit(*noise(), horizon=13, begin="starter")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--target", "a", "--horizon", "49"], "--horizon: expected 1 to 48"),
        (["--hidden", "8"], "--hidden is decided"),
        (["--search", "2"], "--search tries shapes"),
        (["--resume"], "nothing to resume"),
        (["--target", "a", "--target", "b"], "forecasts one column, got a, b"),
        (["--target", "a", "--feature", "b"], "sees its target only, a: leave out b"),
        (["--target", "a", "--known", "b"], "leave out b"),
        (["--time-features", "hour"], "sees no times"),
    ],
)
def test_what_such_a_network_has_not_is_refused_in_one_line(
    words: list[str], wanted: str, tmp_path: Path, edgeseq: CommandLine
) -> None:
    rows = "\n".join(f"{value % 7},{value % 5}" for value in range(200))
    path = csv_helpers.csv(tmp_path, f"a,b\n{rows}\n")
    answer = edgeseq("train", path, "--from", "starter", *words, "-o", str(tmp_path / "out"))
    assert answer.code == 2
    assert wanted in answer.err
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_short_series_gets_a_line_about_the_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the three words, by the errors alone."""
    part = Part(np.zeros((320, 1), np.float32), 280)
    for starter, word in (
        (0.3, "the starter is better"),
        (0.505, "the starter is as good"),
        (0.6, "this model is better"),
    ):
        monkeypatch.setattr(beside_starter, "compare", lambda *_, error=starter: Beside(0.5, error))
        (line,) = beside_starter.told(make_checkpoint(), part, "out")
        assert line.startswith(f"320 samples: {word}")
        assert ("edgeseq predict starter" in line) == (starter < 0.6)


def test_the_starter_stands_beside_no_long_or_other_series() -> None:
    """Nor where no forecast of a part counts."""
    empty = Part(np.full((300, 1), np.nan, np.float32), 200)
    assert beside_starter.compare(make_checkpoint(horizon=3), empty) is None
    assert beside_starter.compare(make_checkpoint(), Part(np.zeros((5001, 1), np.float32), 4000)) is None
    assert beside_starter.compare(make_checkpoint(horizon=49), empty) is None
    assert beside_starter.compare(make_checkpoint(features=2, targets=2), empty) is None
    starter = starter_file.checkpoint(3)
    assert beside_starter.compare(Checkpoint(starter.spec, starter.weights), empty) is None


@pytest.mark.parametrize("unit", [1e-9, 1e-3, 1e9])
def test_what_was_fitted_to_a_series_in_any_unit_is_exported(unit: float) -> None:
    """The graph is compared with the oracle on samples of the series' size, though the file's change is 1."""
    series, _ = noise()
    values = np.float32(unit) * series.values
    parts = Parts(values[:120], Part(values[:132], 120), Part(values, 132), split="a")
    made = fitting.fit(replace(series, values=values), parts, horizon=HORIZON, begin="starter", adapt="off")
    walk = random_walk(made.spec, 40, 1)
    assert np.ptp(walk) < 100 * made.spec.features[0].std
    file = edgeseq_export.build(made)  # which raises CheckError where they differ
    forecast = Predictor(file).step(values[0])
    np.testing.assert_array_equal(forecast, np.broadcast_to(values[0], (HORIZON, 1)))
