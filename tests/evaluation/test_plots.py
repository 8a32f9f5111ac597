"""What is drawn: dates, units, two horizons, a baseline, and which stretch it is."""

from dataclasses import replace
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
from edgeseq.evaluation.report_text import forecasters
from edgeseq.evaluation.stretch import Stretch
from edgeseq.evaluation.style import BASELINE, FORECASTERS, LAST, NARROW, NEXT, TRUTH, WIDE, WITH_ADAPTATION
from edgeseq.series import Part, Parts, Series, load
from edgeseq.testing import make_checkpoint, make_spec
from edgeseq_runtime import Predictor
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.rules import AS_THEY_ARE
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
    return evaluate_test_part(Predictor(edgeseq_export.build(make_checkpoint(horizon=3)), rules=AS_THEY_ARE), parts)


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
    assert any(text.endswith(" Mar") for text in ticks(figure))
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
    assert "2026-03-23 22:00 to 2026-03-25 23:00 (48 of 118 samples)" in figure.get_suptitle()
    wanted = f"RMSE {found.model.total.rmse:.3f} over all 118 forecasts, 1 to 3 samples ahead"
    assert figure.get_suptitle().endswith(wanted)


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


# Several targets, and what has room


def two_targets(unit: str = "kW") -> Evaluation:
    """Judge a random network that forecasts two columns three steps ahead, in degrees and in another unit."""
    made = make_checkpoint(horizon=3, features=2, targets=2)
    units = ("K", unit)
    features = tuple(replace(one, unit=of) for one, of in zip(made.spec.features, units, strict=True))
    values = np.cumsum(np.random.default_rng(1).standard_normal((500, 2)), axis=0).astype(np.float32)
    values[:, 1] *= 10
    parts = Parts(values[:300], Part(values[:400], 300), Part(values, 400))
    content = edgeseq_export.build(replace(made, spec=replace(made.spec, features=features)))
    predictor = Predictor(content, rules=AS_THEY_ARE)
    return evaluate_test_part(predictor, parts)


def rising() -> tuple[Predictor, Parts]:
    """A series of which the random network knows nothing, so that adaptation pays."""
    values = np.cumsum(np.random.default_rng(1).normal(0.3, 0.1, (500, 1)), axis=0).astype(np.float32)
    predictor = Predictor(edgeseq_export.build(make_checkpoint(horizon=3)), rules=AS_THEY_ARE)
    return predictor, Parts(values[:300], Part(values[:400], 300), Part(values, 400))


def test_the_forecasts_that_are_drawn_are_those_with_adaptation() -> None:
    """The title has both errors; the farthest line is the adapted forecast."""
    predictor, parts = rising()
    found = evaluate_test_part(predictor, parts, adapt=True)
    figure = plots.forecasts(found)
    assert found.adapted
    assert found.adapted_forecasts is not None
    title = " ".join(figure.get_suptitle().split())
    assert f"RMSE {found.adapted.total.rmse:.3g}"[:8] in title
    assert " adapted, " in title
    (drawn,) = (line for line in figure.axes[0].lines if str(line.get_label()).startswith("forecast 3 "))
    np.testing.assert_array_equal(drawn.get_ydata(), found.adapted_forecasts[:, -1, 0])


def test_the_model_with_adaptation_is_a_line_of_its_own() -> None:
    """The baselines keep their colours."""
    predictor, parts = rising()
    static, both = (
        plots.by_step(
            {name: [rmse for rmse, _ in one.per_horizon] for name, one in forecasters(predictor.spec, found).items()},
            predictor.spec,
        ).axes[0]
        for found in (evaluate_test_part(predictor, parts), evaluate_test_part(predictor, parts, adapt=True))
    )
    colours = [{line.get_label(): line.get_color() for line in axes.lines} for axes in (static, both)]
    (more,) = colours[1].keys() - colours[0].keys()
    assert str(more).endswith(", adapted")
    assert colours[1] == {**colours[0], more: WITH_ADAPTATION}


def test_each_target_has_its_own_panel_unit_and_error() -> None:
    """By hand: the root of the mean squared difference of a target's forecasts from what came."""
    found = two_targets()
    figure = plots.forecasts(found)
    assert len(figure.axes) == 4
    for target, unit in enumerate(("K", "kW")):
        above, below = figure.axes[2 * target : 2 * target + 2]
        truth = np.stack([found.values[found.origins + step, target] for step in (1, 2, 3)], axis=1)
        rmse = np.sqrt(np.square(truth - found.forecasts[:, :, target]).mean())
        assert above.get_title().startswith(f"f{target}: RMSE {rmse:.4g} {unit} over all ")
        assert (above.get_ylabel(), below.get_ylabel()) == (f"f{target} [{unit}]", f"error [{unit}]")


@pytest.mark.parametrize(("unit", "label"), [("kW", "RMSE of 2 targets"), ("K", "RMSE of 2 targets [K]")])
def test_an_error_over_several_units_has_none(unit: str, label: str) -> None:
    spec = two_targets(unit).spec
    assert plots.by_step({"model": [1.0, 2.0, 3.0]}, spec).axes[0].get_ylabel() == label


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_no_text_is_cut_and_none_lies_over_another(width: float) -> None:
    """Titles, labels and legend lie within the figure, and those around a panel apart from it and from each other."""
    found = two_targets()
    for figure in (plots.forecasts(found, width=width), plots.by_step({"model": [1.0, 2.0, 9.0]}, found.spec, width)):
        figure.draw_without_rendering()
        texts = [figure.legends[0], *(text for text in figure.texts if text.get_text())]
        for axes in figure.axes:
            low, high = axes.get_ylim()
            ticks = [label for label in axes.get_yticklabels() if low <= label.get_position()[1] <= high]
            labels = (axes.title, axes.xaxis.label, axes.yaxis.label, *ticks)
            texts += [text for text in labels if text.get_text()]
        boxes = [text.get_window_extent() for text in texts]
        for box in boxes:
            assert min(box.x0, box.y0) >= 0
            assert box.x1 <= figure.bbox.width
            assert box.y1 <= figure.bbox.height
        assert not any(one.overlaps(other) for at, one in enumerate(boxes) for other in boxes[:at])
        assert not any(box.overlaps(axes.get_window_extent()) for box in boxes[:1] for axes in figure.axes)


def test_no_step_is_0_ahead_and_errors_far_apart_are_all_seen() -> None:
    """Steps begin at 1; a hundredth of the largest error would lie on the axis, so that it is logarithmic."""
    spec = make_spec(horizon=24)
    axes = plots.by_step({"model": [1.0] * 24, "other": [2.0] * 24}, spec).axes[0]
    low, high = axes.get_xlim()
    assert next(tick for tick in axes.get_xticks() if low <= tick <= high) > 0
    assert (axes.get_yscale(), axes.get_ylim()[0]) == ("linear", 0)
    assert plots.by_step({"model": [0.01] * 24, "other": [1.0] * 24}, spec).axes[0].get_yscale() == "log"


def test_one_step_ahead_is_a_number_for_each_forecaster() -> None:
    axes = plots.by_step({"model": [1.25], "other": [2.0]}, make_spec(horizon=1)).axes[0]
    assert [text.get_text().strip() for text in axes.texts] == ["1.25", "2"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["model", "other"]


@pytest.mark.parametrize("colour", sorted({*FORECASTERS, TRUTH, NEXT, LAST, BASELINE, WITH_ADAPTATION}))
def test_a_line_stands_out_from_white(colour: str) -> None:
    """WCAG 2.1: (L1 + 0.05) / (L2 + 0.05) of relative luminances is at least 3 for what is drawn."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    assert 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05) >= 3


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
    assert figure.axes[1].get_title() == "3 folds"
    assert "2026-03-20 08:00 to 2026-03-25 22:00" in figure.get_suptitle()
    assert any(text.endswith(" Mar") for text in ticks(figure))
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
