"""What is drawn: dates, units, two horizons, a baseline, and which stretch it is."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import edgeseq_export
from edgeseq.evaluation import plots
from edgeseq.evaluation.backtest import backtest
from edgeseq.evaluation.evaluate import Evaluation, evaluate_test_part
from edgeseq.evaluation.png import png
from edgeseq.evaluation.stretch import Stretch
from edgeseq.series import Parts, Series, load
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Predictor
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import UsageError
from tests.conftest import CommandLine
from tests.helpers.csv_helpers import csv

START = datetime(2026, 3, 1, tzinfo=UTC).timestamp()


def hourly(folder: Path, gap: range = range(0)) -> str:
    """Write 600 hours of a random walk from March on, but those of a gap."""
    values = np.cumsum(np.random.default_rng(0).standard_normal(600))
    rows = [f"{np.datetime64('2026-03-01T00') + i},{v:.2f}" for i, v in enumerate(values) if i not in gap]
    return csv(folder, "\n".join(["time,f0", *rows, ""]))


def judged(path: str) -> Evaluation:
    """Judge a random network over the last fifth of a file."""
    series, parts = load(path)
    assert series.seconds is not None
    return evaluate_test_part(Predictor(edgeseq_export.build(make_checkpoint(horizon=3))), parts)


def ticks(figure: Figure) -> list[str]:
    """Return the words along the lowest axis, as they are drawn."""
    png(figure)
    axis = figure.axes[-1].xaxis
    return [label.get_text() for label in axis.get_ticklabels()] + [axis.get_offset_text().get_text()]


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_axis_has_dates_and_the_lines_lie_at_their_times(tmp_path: Path) -> None:
    """A forecast of an hour ahead, made at a row, is drawn an hour after that row's time; so is what was measured."""
    found = judged(hourly(tmp_path))
    figure = plots.forecasts(found)
    lines = {str(line.get_label()): line for line in figure.axes[0].lines}
    assert any(text.startswith("2026-Mar") for text in ticks(figure))
    assert figure.axes[1].get_xlabel().startswith("time")
    first = float(np.asarray(lines["forecast 1 sample ahead"].get_xdata())[0])  # in days
    assert first * 86400 == pytest.approx(START + 3600 * (found.origins[0] + 1))
    measured = np.asarray(lines["measured"].get_ydata())
    np.testing.assert_array_equal(measured, found.values[found.origins[0] + 1 : found.origins[-1] + 4, 0])


def test_two_horizons_and_the_best_baseline_are_told_apart(tmp_path: Path) -> None:
    found = judged(hourly(tmp_path))
    figure = plots.forecasts(found)
    name = found.best_baseline
    assert name == min(found.baselines, key=lambda name: found.baselines[name].total.mse_standardized)
    ahead = ["forecast 1 sample ahead", "forecast 3 samples ahead"]
    assert legend(figure) == ["measured", f"{name}, 3 samples ahead", *ahead]
    assert len({line.get_color() for line in figure.axes[0].lines}) == 4


def test_the_legend_lies_below_the_data(tmp_path: Path) -> None:
    figure = plots.forecasts(judged(hourly(tmp_path)))
    png(figure)
    assert all(axes.get_legend() is None for axes in figure.axes)
    bottom = min(axes.get_window_extent().y0 for axes in figure.axes)
    assert figure.legends[0].get_window_extent().y1 <= bottom


def test_the_title_names_the_stretch_and_the_error_in_the_digits_of_the_data(tmp_path: Path) -> None:
    found = judged(hourly(tmp_path))
    figure = plots.forecasts(found, Stretch(last="2d"))
    [title] = [figure.get_suptitle()]
    assert "2026-03-23 22:00 to 2026-03-25 23:00 (48 of 118 samples)" in title
    assert f"RMSE {found.model.total.rmse:.3f} over" in title


def test_without_times_the_axis_counts_samples(tmp_path: Path) -> None:
    rows = "\n".join(f"{v:.3f}" for v in np.sin(np.arange(400) / 5))
    _, parts = load(csv(tmp_path, f"f0\n{rows}\n"))
    found = evaluate_test_part(Predictor(edgeseq_export.build(make_checkpoint())), parts)
    figure = plots.forecasts(found)
    assert figure.axes[1].get_xlabel() == "sample"
    assert "samples 320 to 399" in figure.get_suptitle()


def test_a_sample_after_a_gap_has_its_own_time(tmp_path: Path) -> None:
    """A gap of a hundred hours is kept as a few rows: what stands in has times before those that follow."""
    series, _ = load(hourly(tmp_path, gap=range(100, 200)))
    assert series.seconds is not None
    assert len(series.seconds) == len(series) < 600
    hours = (series.seconds - START) / 3600
    known = np.isfinite(series.values[:, 0])
    np.testing.assert_array_equal(hours[known], [*range(100), *range(200, 600)])
    np.testing.assert_array_equal(hours[~known], 100 + np.arange((~known).sum()))


# The stretch

ROWS = np.arange(100, 200)
TIMES: Float64 = np.asarray(START + 3600.0 * np.arange(200), np.float64)


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ({}, 150, 199),  # the most that is drawn
        ({"last": "12h"}, 188, 199),
        ({"last": "7"}, 193, 199),
        ({"last": "1d", "until": "2026-03-07"}, 121, 144),
        ({"since": "2026-03-09T05:00"}, 197, 199),
        ({"since": "2026-03-09T05:00+02:00"}, 195, 199),
        ({"since": "2026-03"}, 100, 199),
        ({"since": "2026", "until": "2026-03-05T05:30"}, 100, 101),
    ],
)
def test_a_stretch_is_what_it_says(said: dict[str, str], first: int, last: int) -> None:
    chosen = ROWS[Stretch(**said).choose(ROWS, TIMES, most=50)]
    assert (chosen[0], chosen[-1]) == (first, last)


def test_a_stretch_of_samples_without_times_is_counted() -> None:
    assert ROWS[Stretch(since="150", until="160").choose(ROWS, None, 50)].tolist() == list(range(150, 161))
    assert ROWS[Stretch(last="2").choose(ROWS, None, 50)].tolist() == [198, 199]


@pytest.mark.parametrize(
    ("said", "times", "line"),
    [
        ({"last": "7x"}, TIMES, "expected a duration such as 15min"),
        ({"since": "soon"}, TIMES, "--since: expected a time such as 2026-05-01T12:00, got 'soon'"),
        ({"since": "2027"}, TIMES, "nothing to draw there: forecasts were made from 2026-03-05 04:00 to"),
        ({"last": "0"}, TIMES, "nothing to draw there"),
        ({"last": "7d"}, None, "--last 7d needs times, and this series has none: give samples, e.g. --last 200"),
        ({"until": "2026-03-01"}, None, "--until: expected the number of a sample, got '2026-03-01'"),
    ],
)
def test_a_stretch_that_cannot_be_is_refused(said: dict[str, str], times: Float64 | None, line: str) -> None:
    with pytest.raises(UsageError) as refused:
        Stretch(**said).choose(ROWS, times, 50)
    assert str(refused.value).startswith(line)


# A backtest


def folds_drawn(series: Series, parts: Parts) -> Figure:
    found = backtest(Predictor(edgeseq_export.build(make_checkpoint())), series, parts, folds=4)
    return plots.errors(found, Stretch(since="2026-03-22"))


def test_a_backtest_shows_the_folds_of_a_stretch_by_date(tmp_path: Path) -> None:
    """Of four folds of 45 hours from the 18th of March on, the second ends on the 22nd: three are drawn."""
    figure = folds_drawn(*load(hourly(tmp_path)))
    assert figure.axes[1].get_title() == "3 folds, all steps ahead"
    assert "2026-03-20 08:00 to 2026-03-25 22:00" in figure.get_suptitle()
    assert any(text.startswith("2026-Mar") for text in ticks(figure))
    assert legend(figure)[1:] == ["persistence", "ridge"]
    assert all(axes.get_legend() is None for axes in figure.axes)


# The commands


def test_the_commands_take_a_stretch(edgeseq: CommandLine, tmp_path: Path) -> None:
    path, model, drawn = hourly(tmp_path), tmp_path / "m.safetensors", tmp_path / "p.png"
    make_checkpoint().save(model)
    for command in ("evaluate", "backtest"):
        edgeseq.must(command, model, path, "--time", "time", "--plot", drawn, "--last", "2d")
        answer = edgeseq(command, model, path, "--last", "2d")
        assert (answer.code, answer.err) == (
            2,
            "edgeseq: --last, --since and --until say what --plot draws: add --plot FILE.png\n",
        )
        answer = edgeseq(command, model, path, "--time", "time", "--plot", drawn, "--since", "2030")
        assert (answer.code, answer.err.count("\n")) == (2, 1)
