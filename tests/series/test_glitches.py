"""Single values a thousand deviations off."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeseq.series import load
from edgeseq.series.glitches import find, leave_out
from edgeseq.series.series import Series
from edgeseq.series.split import Split
from edgeseq.training.options import TrainingOptions
from edgeseq.training.plan import plan
from edgeseq_runtime.arrays import Float32

ROWS = [100, 250, 300, 360, 420]
"""In all parts of 480 samples."""


def wave(samples: int = 480) -> Float32:
    rng = np.random.default_rng(7)
    values = 20 + 4 * np.sin(np.arange(samples) / 24 * 2 * np.pi) + rng.normal(0, 0.3, samples)
    return np.round(values, 2).astype(np.float32)


def written(folder: Path, values: Float32) -> str:
    path = folder / "room.csv"
    stamps = np.datetime64("2024-01-01T00:00:00") + np.arange(len(values)) * np.timedelta64(1, "h")
    rows = [f"{stamp},{value:g}" for stamp, value in zip(stamps, values, strict=True)]
    path.write_text("time,temp\n" + "\n".join(rows) + "\n")
    return str(path)


@pytest.mark.parametrize("spike", [1e6, -1e6, 5000, 3e38])
def test_spikes_are_missing_in_all_parts_and_told(tmp_path: Path, spike: float) -> None:
    """The line says how many, how large and where the first ones are."""
    values = wave()
    values[ROWS] = spike
    series, parts = load(written(tmp_path, values))
    for part in (parts.train, parts.validation.values, parts.test.values):
        rows = [row for row in ROWS if row < len(part)]
        assert np.flatnonzero(np.isnan(part[:, 0])).tolist() == rows
    told = [note for note in series.notes if "single value" in note]
    assert len(told) == 1
    assert told[0].startswith("warning: temp of room has 5 single values more than 100 times as far off as usual (")
    assert f"at {np.datetime64('2024-01-01T00:00:00') + np.timedelta64(ROWS[0], 'h')}" in told[0]
    assert told[0].endswith(", ...): taken as missing in all parts")


def test_spikes_decide_no_scale_season_or_range(tmp_path: Path) -> None:
    """All that is learned before training is as without the rows."""
    values = wave()
    lacking = values.copy()
    lacking[ROWS] = np.nan
    values[ROWS] = 1e6
    (tmp_path / "lacking").mkdir()
    with_spikes, without = load(written(tmp_path, values)), load(written(tmp_path / "lacking", lacking))
    plans = [plan(*pair, TrainingOptions(hidden=4, layers=1)) for pair in (with_spikes, without)]
    assert plans[0].spec.features == plans[1].spec.features
    assert plans[0].spec.target_scales == plans[1].spec.target_scales
    assert plans[0].spec.season == plans[1].spec.season == 24
    assert plans[0].hyperparameters == plans[1].hyperparameters
    assert plans[0].spec.data_sha256 == plans[1].spec.data_sha256


def test_a_new_level_is_no_glitch() -> None:
    """Three values in a row are what a device takes as well."""
    values = wave()
    values[100:102] = 1e6
    assert find(values, 336).tolist() == [100, 101]
    values[100:103] = 1e6
    assert find(values, 336).tolist() == []
    values[200:] += 1e6
    assert find(values, 336).tolist() == []


NORMAL: dict[str, Callable[[np.random.Generator], npt.NDArray[Any]]] = {
    "wave": lambda _: wave(),
    "walk": lambda rng: np.cumsum(rng.normal(0, 1, 2000)),
    "normal": lambda rng: rng.normal(0, 1, 20_000),
    "heavy tail": lambda rng: rng.standard_t(3, 20_000),
    "rain": lambda rng: np.where(rng.random(5000) < 0.05, rng.exponential(3, 5000), 0),
    "on and off": lambda rng: rng.integers(0, 2, 500).astype(float),
    "kettle": lambda rng: np.where(rng.random(5000) < 0.3, rng.normal(2000, 8, 5000), rng.normal(3, 0.5, 5000)),
    "missing": lambda _: np.full(500, np.nan),
    "constant": lambda _: np.full(500, 5.0),
}


@pytest.mark.parametrize("kind", NORMAL)
def test_what_is_usual_is_left_as_it_is(kind: str) -> None:
    """The series and its parts are the very same objects: all figures stay bit for bit."""
    for seed in range(10):
        values = np.asarray(NORMAL[kind](np.random.default_rng(seed)), np.float32)[:, None]
        series = Series("x", ("v",), ("",), 1, values, np.arange(len(values)))
        parts = Split.parse("0.7:0.1:0.2").apply(series)
        same, same_parts = leave_out(series, parts)
        assert same is series
        assert same_parts is parts


def test_what_comes_often_is_kept_and_told() -> None:
    """Three of a hundred samples may be what the series does; nobody else can tell."""
    values = wave()[:, None]
    values[10::33] = 1e6
    series = Series("x", ("v",), ("",), 1, values, np.arange(len(values)))
    parts = Split.parse("0.7:0.1:0.2").apply(series)
    told, same_parts = leave_out(series, parts)
    assert same_parts is parts
    assert told.notes[0].endswith("so many are kept, as what the series does")


def test_rows_name_the_places_where_there_are_no_times() -> None:
    """Counted from 1, as rows in other messages."""
    values = wave()[:, None]
    values[[41, 99]] = 1e6
    series = Series("x", ("v",), ("",), 1, values, np.arange(len(values)))
    told, _ = leave_out(series, Split.parse("0.7:0.1:0.2").apply(series))
    assert "(1000000 in row 42, 1000000 in row 100)" in told.notes[0]
