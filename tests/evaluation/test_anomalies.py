"""Alarms over part of a series: the same as a device's, counted, and compared with labelled windows by hand."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import edgeseq_export
from edgeseq.cli import run
from edgeseq.evaluation.alarm_text import alarm_summary
from edgeseq.evaluation.anomalies import AlarmReport, watch
from edgeseq.evaluation.evaluate import residual_quantiles, typical_predictor
from edgeseq.evaluation.learning import AS_THEY_COME, Learner
from edgeseq.series import Part
from edgeseq.testing import make_checkpoint, make_spec
from edgeseq_runtime import Predictor


def report(codes: list[int], windows: list[tuple[int, int]] | None = None, first: int = 0) -> AlarmReport:
    rows = np.arange(first, first + len(codes))
    p_values = np.where(np.array(codes) > 0, 1e-5, 0.5).astype(np.float32)
    values = np.zeros((first + len(codes), 1), np.float32)
    return AlarmReport(make_spec(), values, None, 1e-4, rows, p_values, np.array(codes, np.int8), windows)


def test_alarms_meet_windows_as_counted_by_hand() -> None:
    """Of three windows one begins before what is watched and one ends there; two alarms lie in one, one outside."""
    found = report([0, 0, 1, 0, 0, 0, 1, 2, 0, 3], windows=[(0, 3), (8, 11), (15, 18)], first=10)
    assert found.kinds == {"spike": 2, "break": 1, "drift": 1}
    labelled = found.labelled
    assert labelled is not None
    assert (labelled.windows, labelled.found, labelled.inside, labelled.outside) == (2, 1, 2, 2)
    assert (labelled.precision, labelled.recall, labelled.delay) == (0.5, 0.5, 1.0)


def test_nothing_found_has_no_precision_and_scores_nothing() -> None:
    labelled = report([0] * 10, windows=[(2, 4)]).labelled
    assert labelled is not None
    assert math.isnan(labelled.precision)
    assert (labelled.recall, labelled.nab) == (0.0, 0.0)
    assert json.loads(json.dumps(labelled.to_dict(), allow_nan=False))["precision"] is None
    assert report([0]).labelled is None


def test_a_p_value_below_a_rate_is_counted_among_those_that_there_are() -> None:
    found = replace(report([0] * 4), p_values=np.array([np.nan, 0.005, 0.5, 0.00001], np.float32))
    assert (found.samples, found.share_below(1e-2), found.share_below(1e-3)) == (3, 2 / 3, 1 / 3)
    assert "1 alarm" in alarm_summary(replace(found, codes=np.array([0, 0, 0, 5], np.int8)))
    assert math.isnan(replace(found, p_values=np.full(4, np.nan, np.float32)).share_below(0.1))


def test_the_alarms_are_those_of_a_stream_that_is_warm_when_it_is_watched() -> None:
    """Step by step, with what a device would say."""
    made = make_checkpoint(horizon=3, warmup=5)
    values = np.random.default_rng(0).normal(0, 0.1, (900, 1)).astype(np.float32)
    values[700] = 4
    residuals = residual_quantiles(typical_predictor(edgeseq_export.build(made)), Part(values[:600], 200))
    model = edgeseq_export.build(replace(made, spec=replace(made.spec, residuals=residuals)))
    found = watch(typical_predictor(model), values, Learner(0, 300, 900), 1e-4, adapt=False)
    plain, watcher = typical_predictor(model), Predictor(model, rules=AS_THEY_COME, anomalies=1e-4)
    plain.run(values[:300])
    watcher.load(plain.state())
    words = []
    for value in values[300:]:
        watcher.step(value)
        words.append(watcher.anomaly)
    assert [word for word in words if word] == ["spike"]
    assert words.index("spike") == 400
    assert found.alarms.tolist() == [700]
    assert len(found.rows) == 600


@pytest.fixture(scope="module")
def boiler(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A series with a spike, a model file of it and a file with the window."""
    folder = tmp_path_factory.mktemp("alarms")
    values = np.random.default_rng(1).normal(20, 0.5, 2000)
    values[1900] = 40
    series, model, windows = folder / "boiler.csv", folder / "boiler.onnx", folder / "windows.csv"
    series.write_text("temperature\n" + "\n".join(f"{value:.3f}" for value in values) + "\n")
    checkpoint = f"{folder / 'c.npz'}"
    assert run(["train", str(series), "--steps", "20", "--horizon", "2", "-o", checkpoint]) == 0
    assert run(["export", checkpoint, "-o", str(model)]) == 0
    windows.write_text("first,last\n1898,1905\n")
    return series, model, windows


@pytest.mark.parametrize("command", ["evaluate", "backtest"])
def test_the_commands_count_alarms_and_draw_them(
    boiler: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    series, model, windows = boiler
    options = [command, str(model), str(series), "--anomalies", "--windows", str(windows)]
    assert run([*options, "--plot", f"{tmp_path / 'a.png'}", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["anomalies"]
    assert found["labelled"]["found"] == 1
    assert found["rate"] == 1e-4
    assert found["kinds"]["spike"] >= 1
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert run(options) == 0
    assert "1 of 1 labelled window found" in capsys.readouterr().out


def test_what_does_not_fit_is_refused(
    boiler: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    series, model, windows = boiler
    assert run(["evaluate", str(model), str(series), "--windows", str(windows)]) == 2
    assert "add --anomalies" in capsys.readouterr().err
    (tmp_path / "far.csv").write_text("5,9\n")
    assert run(["evaluate", str(model), str(series), "--anomalies", "--windows", f"{tmp_path / 'far.csv'}"]) == 1
    assert "none of its 1 window" in capsys.readouterr().err
