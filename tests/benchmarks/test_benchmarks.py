"""The benchmarks run, at settings so small that their figures mean nothing, and what they compute is right."""

import json
import math
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeseq_export
from benchmarks.accuracy import __main__ as accuracy
from benchmarks.accuracy import training
from benchmarks.accuracy.generalisation import WAVES, Wave, share
from benchmarks.accuracy.rows import Row
from benchmarks.accuracy.series import beside_the_best
from benchmarks.accuracy.sine import drift
from benchmarks.accuracy.training import LOOK_EVERY, Settings
from benchmarks.speed import break_even
from edgeseq.evaluation.evaluate import Comparison
from edgeseq.evaluation.metrics import Metrics
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Predictor
from edgeseq_runtime.spec import Score

MAKE = shutil.which("make")

TINY = Settings(seeds=1, steps=20, hidden=4, further=1500)


def run(tmp_path: Path, *words: str) -> list[dict[str, Any]]:
    """The rows that a tiny run of the accuracy benchmark writes."""
    tiny = ("--seeds", "1", "--steps", "20", "--hidden", "4", "--further", "1500")
    accuracy.main([*tiny, "--json", str(tmp_path / "rows.json"), *words])
    rows: list[dict[str, Any]] = json.loads((tmp_path / "rows.json").read_text())["rows"]
    return rows


@pytest.mark.parametrize(("part", "rows"), [("sine", 9), ("classic", 2), ("generalisation", 8), ("co2", 15)])
def test_each_part_of_the_accuracy_benchmark_runs(
    part: str, rows: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints a line for each figure, and writes them: one number for each seed, none of them missing."""
    found = run(tmp_path, "--only", part)
    assert len(found) == rows
    printed = capsys.readouterr().out
    for row in found:
        assert row["figure"] in printed
        assert len(row["each seed"]) == 1
        if "at that moment" not in row["figure"] and "time to" not in row["figure"]:
            assert row["median"] == row["each seed"][0] >= 0


def test_etth1_is_measured_where_its_file_is_given(tmp_path: Path) -> None:
    """On a made-up file of its form: persistence is beside the model, and computed here once more."""
    random = np.random.default_rng(0)
    hours = np.arange(14400)
    values = np.sin(2 * np.pi * hours / 24) + 0.1 * random.standard_normal(len(hours))
    path = tmp_path / "ETTh1.csv"
    path.write_text("HUFL,OT\n" + "".join(f"0,{value:.6f}\n" for value in values))
    found = run(tmp_path, "--only", "etth1", "--etth1", str(path))
    assert ["float32" in row["figure"] for row in found] == [True, False]
    values = np.round(values, 6)
    last = np.arange(8640 + 2880 - 1, len(values) - 24)
    errors = np.array([values[last] - values[last + ahead] for ahead in range(1, 25)])
    wanted = np.mean(errors**2) / values[:8640].var()
    assert found[0]["beside"]["persistence"] == pytest.approx(wanted, rel=1e-4)


def test_etth1_is_skipped_with_a_word_where_no_file_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(accuracy, "PARTS", {name: accuracy.PARTS[name] for name in ("classic", "etth1")})
    assert len(run(tmp_path)) == 2
    assert "etth1: skipped" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        run(tmp_path, "--only", "etth1")
    assert stopped.value.code == 2


def persistent() -> Checkpoint:
    """A network whose head says nothing: the forecast is the last sample."""
    checkpoint = make_checkpoint()
    silent = {name: np.zeros_like(value) for name, value in checkpoint.weights.items() if name.startswith("head")}
    return replace(checkpoint, weights={**checkpoint.weights, **silent})


@pytest.mark.parametrize("frequency", [0.8, 1.25])
def test_a_share_of_the_extrapolations_error_by_trigonometry(frequency: float) -> None:
    """On a sine of d radians a sample, persistence is off by 2 sin(d/2), extrapolation by its square."""
    wave = Wave(amplitude=2.0, offset=0.5, frequency=frequency, phase=0.3)
    wanted = 1 / (2 * math.sin(0.01 * frequency / 2))
    assert share(Predictor(edgeseq_export.build(persistent())), wave) == pytest.approx(wanted, rel=0.1)


def test_the_sine_of_the_training_is_not_among_the_unseen_ones() -> None:
    assert len(WAVES) == 3 * 3 * 5 * 4 - 4
    assert not [wave for wave in WAVES if (wave.amplitude, wave.offset, wave.frequency) == (1, 0, 1)]


def test_drift_is_the_error_of_the_last_thousand_samples_by_that_of_the_first() -> None:
    """Persistence is off by the series' own change, which is known without a model."""
    change = np.diff(np.sin(110.2 + 0.01 * np.arange(2501)).astype(np.float32).astype(np.float64))[10:]
    wanted = np.sqrt(np.mean(change[-1000:] ** 2) / np.mean(change[:1000] ** 2))
    assert abs(wanted - 1) > 0.01
    assert drift(edgeseq_export.build(persistent()), 2500) == pytest.approx(wanted, rel=1e-4)


def test_training_until_an_error_ends_at_the_first_look_that_shows_less() -> None:
    stopped = training.train_until(TINY, 0, rmse=100.0)
    assert stopped is not None
    assert stopped.checkpoint.spec.training is not None
    assert stopped.checkpoint.spec.training.steps == LOOK_EVERY
    assert training.train_until(TINY, 0, rmse=1e-12) is None


def test_training_until_an_error_is_the_ordinary_run_looked_at_more_often() -> None:
    """Asked for hardly more than the ordinary run's last error, it ends at the same step with the same weights."""
    ordinary = training.sine(TINY, 0).checkpoint
    last = ordinary.spec.training
    assert last is not None
    assert last.best_step == TINY.steps
    rmse = 1.001 * math.sqrt(last.validation_mse) * ordinary.spec.features[0].std
    found = training.train_until(TINY, 0, rmse)
    assert found is not None
    for name, value in ordinary.weights.items():
        np.testing.assert_array_equal(found.checkpoint.weights[name], value)


def test_each_step_ahead_stands_beside_the_best_baseline_there() -> None:
    """Model 2 and 3, one baseline 1 and 4, the other 5 and 2: ratios 2 / 1 and 3 / 2, the worst at the first step."""

    def scored(*rmse: float) -> Metrics:
        return Metrics(Score(0.0, 0.0, 0.0, 0.0), tuple((value, 0.0) for value in rmse))

    compared = Comparison(1, scored(2, 3), {"a": scored(1, 4), "b": scored(5, 2)})
    first, second, worst = beside_the_best([compared, compared], "made up", "K")
    assert (list(first.values), first.beside) == ([2, 2], {"a": 1})
    assert (list(second.values), second.beside) == ([3, 3], {"b": 2})
    assert (list(worst.values), worst.note) == ([2, 2], "1 ahead")


@pytest.mark.parametrize(("values", "missed"), [([1, 4], False), ([1, 4.1], True), ([1, math.nan], True)])
def test_a_limit_holds_for_every_seed(values: list[float], missed: bool) -> None:
    assert (Row("ratio", values, at_most=4).to_dict()["note"] == "MISSED") == missed


@pytest.mark.skipif(MAKE is None, reason="make is not installed")
def test_make_accuracy_hands_on_where_etth1_is() -> None:
    root = Path(__file__).parents[2]

    def commands(*words: str) -> str:
        # `make test` hands its own flags and level on to whatever it starts.
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        command = (str(MAKE), "--no-print-directory", "--dry-run", "accuracy", *words)
        return subprocess.run(command, cwd=root, env=ours, check=True, capture_output=True, text=True).stdout

    assert commands().rstrip().endswith("-m benchmarks.accuracy")
    assert '-m benchmarks.accuracy --etth1 "a b.csv"' in commands("ETTH1=a b.csv")


def test_the_break_even_benchmark_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The CPU against itself: a row for each size of a pool."""
    break_even.main(["--provider", "cpu", "--rounds", "1", "--json", str(tmp_path / "rows.json")])
    rows = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert [row["streams"] for row in rows] == list(break_even.SIZES)
    assert all(row["ratio"] == row["other"] / row["cpu"] for row in rows)
    assert "pay" in capsys.readouterr().out


def test_the_break_even_benchmark_says_which_provider_is_not_here(capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, with the exit code of bad usage."""
    with pytest.raises(SystemExit) as ended:
        break_even.main(["--provider", "nowhere", "--rounds", "1"])
    assert ended.value.code == 2
    assert "no provider 'nowhere' here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ratios", "said"),
    [
        ([2, 1.5, 0.9, 0.5], "from 64"),
        ([0.9, 2, 0.5, 0.9], "from 64"),
        ([0.5] * 4, "from 1 "),
        ([1] * 4, "does not pay"),
    ],
)
def test_a_provider_pays_from_where_it_is_faster_at_all_larger_sizes(ratios: list[float], said: str) -> None:
    rows = [{"streams": size, "ratio": ratio} for size, ratio in zip((1, 8, 64, 512), ratios, strict=True)]
    assert said in break_even.verdict(rows, "cuda")
