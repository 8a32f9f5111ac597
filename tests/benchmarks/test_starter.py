"""The starter's accuracy table: its figures by hand, and a run at settings so small that none means anything."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy import starter
from edgeseq.starter.training import Settings, Trainer


def test_errors_are_those_of_the_rows_that_count() -> None:
    """Right but for the rows between: 0 both early and late; persistence on a ramp errs by 1 and 2."""
    values = np.arange(1000.0)
    right = values[:, None] + np.array([1.0, 2.0])
    wrong_between = right.copy()
    wrong_between[300:800] += 100
    wrong_between[:15] += 100
    found = starter.measure(values, wrong_between)
    assert found["young/persistence"] == 0
    assert starter.mse(np.repeat(values[:, None], 2, axis=1), values, np.arange(10)) == pytest.approx(2.5)


def test_baselines_know_nothing_of_the_last_fifth() -> None:
    """What comes after the start changes no forecast made before it, and no coefficient."""
    random = np.random.default_rng(0)
    values = np.sin(np.arange(1500) * 2 * np.pi / 24) + 0.1 * random.standard_normal(1500)
    changed = values.copy()
    changed[1300:] += 5
    for name, made in starter.baselines(values, 1200, 4).items():
        np.testing.assert_allclose(starter.baselines(changed, 1200, 4)[name][:1300], made[:1300], rtol=0, atol=1e-6)


def test_ridge_finds_a_sine_and_the_season_is_found() -> None:
    values = np.sin(np.arange(1500) * 2 * np.pi / 24)
    made = starter.baselines(values, 1200, 12)
    late = np.arange(1200, 1480)
    assert starter.mse(made["ridge"], values, late) < 1e-6
    assert starter.mse(made["seasonal naive"], values, late) < 1e-12
    assert starter.mse(made["persistence"], values, late) > 0.5


def test_what_repeats_is_periodic_and_what_has_a_little_noise_is_not() -> None:
    values = np.tile(np.random.default_rng(0).standard_normal(70), 20)
    assert starter.is_periodic(values, 1100)
    assert not starter.is_periodic(values + 0.01 * np.random.default_rng(1).standard_normal(1400), 1100)
    assert not starter.is_periodic(np.arange(1400.0), 1100)


def test_a_constant_series_has_no_figures() -> None:
    found = starter.measure(np.ones(700), np.ones((700, 3)))
    assert found["young/persistence"] is None
    assert found["late/best"] is None


def test_a_run_prints_and_writes_the_table(tmp_path: Path) -> None:
    (tmp_path / "run.safetensors").write_bytes(Trainer(Settings()).pack())
    values = np.cumsum(np.random.default_rng(0).standard_normal(700))
    (tmp_path / "walk.csv").write_text("time,value\n" + "".join(f"{i},{v}\n" for i, v in enumerate(values)))
    words = [str(tmp_path), "--series", str(tmp_path / "walk.csv"), "--horizon", "4"]
    starter.main([*words, "--json", str(tmp_path / "out.json")])
    rows = {row["series"]: row for row in json.loads((tmp_path / "out.json").read_text())["rows"]}
    assert {"co2", "walk", "geometric mean", "worst"} <= rows.keys()
    assert rows["walk"]["young/persistence"] == pytest.approx(1, abs=1e-6)  # untrained: persistence
