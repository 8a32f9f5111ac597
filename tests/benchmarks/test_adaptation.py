"""The benchmark of adaptation: ratios of the figures that are kept, and what cannot be measured is named."""

import json
from pathlib import Path

import numpy as np
import pytest

import edgeseq
from benchmarks.accuracy import adaptation
from edgeseq.series import load


def write(path: Path, values: list[float]) -> None:
    path.write_text("value\n" + "\n".join(f"{value:.4f}" for value in values))


def test_the_table_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A series whose level moves after the training, one that is too short, and their mean: that of the first."""
    series, kept = tmp_path / "series", tmp_path / "kept"
    series.mkdir()
    kept.mkdir()
    random = np.random.default_rng(0)
    values = np.convolve(random.standard_normal(1500), [1, 0.7, 0.4])[:1500] + np.where(np.arange(1500) < 1200, 0, 8)
    write(series / "moves.csv", values.tolist())
    write(series / "short.csv", [1.0, 2.0, 3.0])
    checkpoint = edgeseq.fit(*load(series / "moves.csv"), horizon=2, steps=50, hidden=8, level=True, linear_path=0)
    checkpoint.save(kept / "moves.safetensors")
    adaptation.main([str(series), "--horizon", "2", "--keep", str(kept), "--json", str(tmp_path / "rows.json")])
    rows = {row["series"]: row for row in json.loads((tmp_path / "rows.json").read_text())["rows"]}
    figures = checkpoint.spec.figures
    assert figures
    assert figures.adapted
    best = min(score.mse_standardized for score in figures.baselines.values())
    found = [rows["moves"][name] for name in adaptation.RATIOS]
    static, adapted = figures.model.mse_standardized, figures.adapted.mse_standardized
    assert found == pytest.approx([static / best, adapted / best, adapted / static], rel=1e-3)
    assert [rows["geometric mean of 1"][name] for name in adaptation.RATIOS] == pytest.approx(found)
    assert rows["short"]["static/best"] is None
    assert "short: short is too short" in capsys.readouterr().out


def test_the_summary_by_hand() -> None:
    """Means of the logarithms; the worst; and the worst of those whose static model was not behind."""
    ratios = [(0.5, 0.4, 0.8), (2.0, 1.0, 0.5), (1.0, 1.01, 1.01)]
    rows = [{"series": "", **dict(zip(adaptation.RATIOS, row, strict=True))} for row in ratios]
    mean, worst, ahead = adaptation.summary(rows)
    assert mean["static/best"] == pytest.approx(1.0)
    assert mean["adapted/best"] == pytest.approx((0.4 * 1.0 * 1.01) ** (1 / 3))
    assert [worst[name] for name in adaptation.RATIOS] == [2.0, 1.01, 1.01]
    assert ahead["adapted/static"] == 1.01
    assert adaptation.summary([{"series": "", **dict.fromkeys(adaptation.RATIOS)}]) == []
