"""The main job through the command line: a series of the user's own, from CSV to forecasts."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from edgeseq_runtime import Predictor
from edgeseq_runtime.spec import Spec
from tests.conftest import CommandLine


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """Hourly temperature with a day's rhythm, a load that drives it, rows that are lacking and empty cells."""
    random = np.random.default_rng(0)
    hours = np.arange(24 * 50)
    load = np.sin(hours / 24 * 2 * np.pi) + 0.1 * random.standard_normal(len(hours))
    temperature = 20 + np.cumsum(0.3 * load + 0.05 * random.standard_normal(len(hours)))
    lines = ["time,temp [degC],load"]
    for hour in hours:
        if hour in (100, 101) or 500 <= hour < 510:
            continue
        cell = "" if hour % 97 == 0 else f"{temperature[hour]:.3f}"
        time = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=int(hour))
        lines.append(f"{time:%Y-%m-%dT%H:%M:%SZ},{cell},{load[hour]:.4f}")
    path = tmp_path / "plant.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_from_csv_to_forecasts(edgeseq: CommandLine, plant: Path, tmp_path: Path, cell: str) -> None:
    checkpoint, model = tmp_path / "plant.safetensors", tmp_path / "plant.onnx"
    options = ["--target", "temp [degC]", "--feature", "load", "--horizon", "3"]
    network = ["--cell", cell, "--layers", "1", "--hidden", "8", "--steps", "30"]
    answer = edgeseq.must("train", plant, *options, *network, "-o", checkpoint)
    assert "season: 24 samples" in answer.err
    assert "longer gaps left open: 2 segments" in answer.err
    assert f"{cell} 1x8" in answer.out
    assert "ridge" in answer.out

    answer = edgeseq.must("export", checkpoint, "-o", model)
    assert "agrees with the oracle" in answer.out
    assert f"{model.stat().st_size:,} bytes" in answer.out
    answer = edgeseq.must("export", checkpoint, "-o", tmp_path / "int8.onnx", "--quantize", "int8")
    assert "test RMSE: float " in answer.out
    assert ", int8 " in answer.out

    assert "in a chunk" in edgeseq.must("verify", model).out
    spec = Spec.from_json(edgeseq.must("info", model, "--json").out)
    assert spec == Predictor(model).spec
    assert (spec.period, spec.season, spec.horizon) == (3600, 24, 3)
    assert spec.features[0].unit == "degC"
    assert "temp [degC]" in edgeseq.must("info", checkpoint).out

    figures = json.loads(edgeseq.must("evaluate", model, plant, "--json").out)
    assert spec.figures is not None
    assert figures["rmse"] == pytest.approx(spec.figures.model.rmse, rel=1e-3)

    forecasts = [json.loads(line) for line in edgeseq.must("predict", model, "--input", plant).out.splitlines()]
    assert len(forecasts) == len(plant.read_text().splitlines()) - 1
    assert forecasts[0]["t"] == "2026-01-01T00:00:00Z"
    assert forecasts[0]["status"] == "missing"  # the first cell is empty
    assert forecasts[-1]["warm"]
    assert sum(line["status"] == "imputed" for line in forecasts) >= 10


def test_providers_lists_what_can_be_typed(edgeseq: CommandLine, model_path: Path) -> None:
    for line in edgeseq.must("providers").out.splitlines():
        name = line.split()[0]
        assert edgeseq("verify", model_path, "--provider", name).code == 0


@pytest.mark.parametrize("is_sealed", [False, True])
def test_verify_fails_on_a_changed_file(edgeseq: CommandLine, model: bytes, tmp_path: Path, *, is_sealed: bool) -> None:
    """By the hash, or by the forecasts where somebody has made the hash anew."""
    from tests.export.test_parity import changed

    path = tmp_path / "changed.onnx"
    flipped = bytearray(model)
    flipped[len(model) // 2] ^= 1  # within a weight
    path.write_bytes(changed(model, "R2", 0.05) if is_sealed else flipped)
    answer = edgeseq("verify", path)
    assert answer.code == 1
    reason = "computes something else here" if is_sealed else "was changed after it was written"
    assert reason in answer.err.splitlines()[-1]
    assert json.loads(edgeseq("verify", path, "--json").out)["passed"] is False
