"""`predict --plot`: a picture of the last samples and of the forecast after them."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeseq.commands.predict.forecast_plot import ForecastPlot
from edgeseq.testing import make_checkpoint, make_spec
from edgeseq_runtime.io.text_lines import Sample
from edgeseq_runtime.outcomes import StepResult
from tests.conftest import CommandLine

HOUR = 3600
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp()


def plot_of(times: list[str | float | None], *, interval: bool = False, warm: bool = True) -> ForecastPlot:
    """Feed a plot with samples 0, 1, 2, ... at these times, and a forecast of two steps."""
    made = ForecastPlot(replace(make_spec(horizon=2), period=float(HOUR)), "unused.png")
    forecast = np.array([[10], [11]], np.float32)
    ends = (forecast - 1, forecast + 2) if interval else None
    for number, time in enumerate(times):
        result = StepResult(forecast, "ok", warm, number, interval=ends)
        made.add(Sample(number + 1, time, (float(number),)), result)
    return made


def drawn(made: ForecastPlot) -> tuple[Any, dict[str, Any]]:
    assert made._result is not None
    figure = made.figure(made._result)
    return figure, {str(line.get_label()): line for line in figure.axes[0].lines}


def test_the_forecast_follows_the_samples_at_their_times() -> None:
    """Three hourly samples end at noon; the forecast begins there and reaches to two o'clock."""
    figure, lines = drawn(plot_of(["2026-05-01T10:00", "2026-05-01T11:00", "2026-05-01T12:00"], interval=True))
    ahead = lines["forecast, up to 2 h ahead"]
    np.testing.assert_allclose(np.asarray(ahead.get_xdata()) * 86400, NOON + HOUR * np.arange(3))
    np.testing.assert_array_equal(ahead.get_ydata(), [2, 10, 11])
    band = np.asarray(figure.axes[0].collections[0].get_paths()[0].vertices)
    assert {y for x, y in band if abs(x * 86400 - NOON - 2 * HOUR) < 1} == {10, 13}
    assert figure.get_suptitle() == "made_up: forecast after 2026-05-01 12:00"
    assert figure.axes[0].get_legend() is None


def test_each_of_several_targets_has_a_panel() -> None:
    """Two targets and one feature more: what was measured of each, then what is forecast."""
    made = ForecastPlot(make_spec(horizon=2, features=3, targets=2), "unused.png")
    forecast = np.array([[10, 20], [11, 21]], np.float32)
    for number in range(3):
        values = (float(number), 100.0 + number, 7.0)
        made.add(Sample(number + 1, None, values), StepResult(forecast, "ok", True, number))
    figure, _ = drawn(made)
    assert [axes.get_ylabel() for axes in figure.axes] == ["f0", "f1"]
    for axes, wanted in zip(figure.axes, ([0, 1, 2, 2, 10, 11], [100, 101, 102, 102, 20, 21]), strict=True):
        np.testing.assert_array_equal(np.concatenate([line.get_ydata() for line in axes.lines[:2]]), wanted)


@pytest.mark.parametrize("times", [[None, None, None], ["", "", ""], [3.0, 2.0, 1.0], [1e22, 2e22, 3e22], ["soon"] * 3])
def test_where_the_times_are_none_samples_are_counted(times: list[str | float | None]) -> None:
    """Times that are missing, run backwards, lie in no year or are no times make no axis."""
    figure, lines = drawn(plot_of(times))
    assert figure.axes[0].get_xlabel() == "sample"
    np.testing.assert_array_equal(lines["measured"].get_xdata(), [0, 1, 2])


def test_a_forecast_that_does_not_count_yet_says_so() -> None:
    figure, _ = drawn(plot_of([None], warm=False))
    assert "not reliable yet: the model needs" in figure.get_suptitle()


def test_the_picture_is_drawn_when_the_input_ends_and_the_output_is_as_without(
    edgeseq: CommandLine, tmp_path: Path
) -> None:
    checkpoint, model, picture = tmp_path / "c", tmp_path / "m.onnx", tmp_path / "p.png"
    make_checkpoint(horizon=3).save(checkpoint)
    edgeseq.must("export", checkpoint, "-o", model)
    samples = tmp_path / "s.csv"
    samples.write_text("f0\n" + "".join(f"{value}\n" for value in range(30)))
    plain = edgeseq.must("predict", model, "--input", samples)
    answer = edgeseq.must("predict", model, "--input", samples, "--plot", picture)
    assert answer.out == plain.out
    assert len([json.loads(line) for line in answer.out.splitlines()]) == 30
    assert f"wrote {picture}" in answer.err
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_drawn_is_refused_before_the_first_sample(edgeseq: CommandLine, tmp_path: Path) -> None:
    checkpoint, model, samples = tmp_path / "c", tmp_path / "m.onnx", tmp_path / "s.csv"
    make_checkpoint().save(checkpoint)
    edgeseq.must("export", checkpoint, "-o", model)
    samples.write_text("1\n2\n")
    for words, line in (
        (["--plot", tmp_path / "no" / "p.png"], f"cannot write {tmp_path / 'no' / 'p.png'}: No such file or directory"),
        (["--plot", samples], f"--plot and --input are the same file, {samples}"),
        (["--plot", model], f"--plot and MODEL are the same file, {model}"),
        (
            ["--plot", "p.png", "--input-format", "influx"],
            "--plot needs a single stream, without --mqtt, influx or --id",
        ),
    ):
        answer = edgeseq("predict", model, "--input", samples, *words)
        assert (answer.out, answer.err) == ("", f"edgeseq: {line}\n")
        assert answer.code in (1, 2)


def test_without_matplotlib_one_line_says_what_to_install(edgeseq: CommandLine, tmp_path: Path) -> None:
    checkpoint, model = tmp_path / "c", tmp_path / "m.onnx"
    make_checkpoint().save(checkpoint)
    edgeseq.must("export", checkpoint, "-o", model)
    program = (
        "import sys; sys.modules['matplotlib'] = None; from edgeseq import cli; "
        f"sys.exit(cli.run(['predict', {str(model)!r}, '--plot', {str(tmp_path / 'p.png')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", program], input="1\n", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "edgeseq: matplotlib is not installed; pip install 'edgeseq[train]'\n"
