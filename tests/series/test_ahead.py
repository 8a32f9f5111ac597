"""Columns known ahead: read from files, without gaps, and as a sample has them over the horizon."""

from pathlib import Path

import numpy as np
import pytest

from edgeseq.series import load
from edgeseq.series.ahead import graph_inputs, over_horizon
from edgeseq_runtime.errors import DataError, EdgeseqError


def written(folder: Path, outdoor: list[str], extra: str = "") -> str:
    """Thirty hours of a load and a column to be known ahead; `extra` is a further column's name."""
    rows = [f"2024-05-01T{hour:02d}:00Z,{20 + hour % 5},{outdoor[hour % len(outdoor)]},{hour}" for hour in range(24)]
    path = folder / "home.csv"
    path.write_text("\n".join([f"time,load,outdoor,{extra or 'other'}", *rows]) + "\n")
    return str(path)


def test_each_sample_has_the_values_of_the_next_ones_and_beyond_the_end_the_last() -> None:
    """By hand, two columns, two steps ahead."""
    values = np.array([[1, 10], [2, 20], [3, 30]], np.float32)
    wanted = [[[2, 20], [3, 30]], [[3, 30], [3, 30]], [[3, 30], [3, 30]]]
    np.testing.assert_array_equal(over_horizon(values, 2), wanted)


def test_the_graphs_input_is_the_features_then_step_after_step_of_what_is_known() -> None:
    """By hand: a feature, a column, two steps ahead."""
    values = np.array([[5, 1], [6, 2], [7, 3]], np.float32)
    np.testing.assert_array_equal(graph_inputs(values, 1, 2), [[5, 2, 3], [6, 3, 3], [7, 3, 3]])
    np.testing.assert_array_equal(graph_inputs(values, 2, 2), values)


def test_between_two_sensors_the_last_value_stands_in() -> None:
    """The rows between them hold no number, and no sample may see that."""
    values = np.array([[1], [np.nan], [3]], np.float32)
    np.testing.assert_array_equal(over_horizon(values, 1)[:, 0, 0], [1, 3, 3])


def test_a_known_column_stands_behind_the_features_of_the_time(tmp_path: Path) -> None:
    """Whatever the order of the options."""
    series, parts = load(
        written(tmp_path, ["4", "5"]), targets=["load"], features=["other"], known=["outdoor"], clocks=["hour_sin"]
    )
    assert series.columns == ("load", "other", "hour_sin", "outdoor")
    assert (series.features, series.measured, series.known) == (3, 2, 1)
    np.testing.assert_array_equal(series.values[:3, 3], [4, 5, 4])
    assert parts.test.values.shape[1] == 4


def test_gaps_of_a_known_column_are_filled_on_a_line_and_named(tmp_path: Path) -> None:
    """However long: they make no sample missing, and no segment ends there."""
    path = written(tmp_path, ["4", "", "", "", "", "", "10", "10"])
    series, _ = load(path, targets=["load"], known=["outdoor"])
    np.testing.assert_allclose(series.values[:7, 1], [4, 5, 6, 7, 8, 9, 10])
    assert any("outdoor, known ahead, lacks in 15 samples" in note for note in series.notes)


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ("load", "load is a target or a feature; it cannot be known ahead as well"),
        ("nosuch", "there is no column 'nosuch'"),
    ],
)
def test_what_cannot_be_known_ahead_is_refused_in_one_line(tmp_path: Path, known: str, message: str) -> None:
    with pytest.raises(EdgeseqError, match=message) as caught:
        load(written(tmp_path, ["4", "5"]), targets=["load"], known=[known])
    assert "\n" not in str(caught.value)


def test_a_known_column_without_a_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'outdoor'"):
        load(written(tmp_path, [""]), targets=["load"], known=["outdoor"])
