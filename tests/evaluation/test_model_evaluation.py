"""`edgeseq.evaluate`: the figures of `edgeseq evaluate --json`, for whatever holds a model."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import edgeseq as host
import edgeseq_export
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import load
from edgeseq_runtime.errors import UsageError
from tests.conftest import CommandLine

FLEET = "t,name,v\n" + "".join(
    f"{row},{name},{number + size * ((row * row) % 7):.3f}\n"
    for row in range(200)
    for number, (name, size) in enumerate((("a", 1.0), ("b", 3.0)))
)


@pytest.fixture(scope="module")
def co2() -> Checkpoint:
    series, parts = load("co2")
    return host.fit(series, parts, steps=3, hidden=4, horizon=2, linear_path=0)


def printed(edgeseq: CommandLine, *words: object) -> dict[str, Any]:
    """What the command prints as JSON."""
    return dict(json.loads(edgeseq.must("evaluate", *words, "--json").out))


def test_a_checkpoint_a_model_file_and_its_bytes_have_the_figures_that_the_command_prints(
    edgeseq: CommandLine, co2: Checkpoint, tmp_path: Path
) -> None:
    checkpoint, model = tmp_path / "co2.safetensors", tmp_path / "co2.onnx"
    co2.save(checkpoint)
    content = edgeseq_export.export(co2).content
    model.write_bytes(content)
    from_checkpoint = printed(edgeseq, checkpoint, "co2")
    assert from_checkpoint["samples"] > 0
    assert host.evaluate(co2, "co2") == host.evaluate(checkpoint, "co2") == from_checkpoint
    from_file = printed(edgeseq, model, "co2")
    assert host.evaluate(content, "co2") == host.evaluate(str(model), "co2") == from_file


def test_the_options_of_the_command_are_keywords(edgeseq: CommandLine, co2: Checkpoint, tmp_path: Path) -> None:
    co2.save(tmp_path / "model")
    words = ("--split", "0.5:0.2:0.3", "--time", "date", "--every", "7d", "--sort", "--provider", "cpu")
    wanted = printed(edgeseq, tmp_path / "model", "co2", *words)
    found = host.evaluate(co2, "co2", split="0.5:0.2:0.3", time="date", every="7d", sort=True, provider="cpu")
    assert found == wanted != host.evaluate(co2, "co2")


def test_a_model_of_several_sensors_is_told_which_one_a_series_is_of(edgeseq: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "fleet.csv").write_text(FLEET)
    series, parts = load(str(tmp_path / "fleet.csv"), sensor="name", targets=["v"], time="t")
    checkpoint = host.fit(series, parts, steps=2, hidden=3)
    checkpoint.save(tmp_path / "model")
    (tmp_path / "b.csv").write_text("t,v\n" + "".join(f"{row},{1 + 3 * ((row * row) % 7)}\n" for row in range(200)))
    wanted = printed(edgeseq, tmp_path / "model", tmp_path / "b.csv", "--sensor", "b")
    assert host.evaluate(checkpoint, tmp_path / "b.csv", sensor="b") == wanted


def test_without_a_series_it_is_the_sine_for_a_model_of_the_sine(
    edgeseq: CommandLine, brief_sine: Checkpoint, co2: Checkpoint, tmp_path: Path
) -> None:
    brief_sine.save(tmp_path / "sine")
    assert host.evaluate(brief_sine) == printed(edgeseq, tmp_path / "sine")
    with pytest.raises(UsageError, match="name the series to evaluate it on"):
        host.evaluate(co2)


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_the_models_own_c_has_figures_too(co2: Checkpoint) -> None:
    """They differ from those of onnxruntime by rounding alone."""
    content = edgeseq_export.export(co2).content
    native, cpu = (host.evaluate(content, "co2", provider=provider) for provider in ("native", "cpu"))
    assert native["rmse"] == pytest.approx(cpu["rmse"], rel=1e-4)


def test_adaptation_is_as_the_model_says_unless_the_user_does(
    edgeseq: CommandLine, co2: Checkpoint, tmp_path: Path
) -> None:
    """The figures as trained do not depend on it; in Python and on the command line alike."""
    for adapt, name in ((True, "on"), (False, "off")):
        replace(co2, spec=replace(co2.spec, adapt=adapt)).save(tmp_path / name)
    static = printed(edgeseq, tmp_path / "off", "co2")
    both = printed(edgeseq, tmp_path / "on", "co2")
    assert "adapted" not in static
    assert {name: both[name] for name in static} == static
    assert both["adapted"].keys() == static.keys() - {"samples", "baselines", "left_out"}
    assert printed(edgeseq, tmp_path / "on", "co2", "--no-adapt") == static
    assert printed(edgeseq, tmp_path / "off", "co2", "--adapt") == both
    assert host.evaluate(tmp_path / "off", "co2", adapt=True) == both == host.evaluate(tmp_path / "on", "co2")
    assert host.evaluate(tmp_path / "on", "co2", adapt=False) == static


def test_a_backtest_takes_the_same_option(edgeseq: CommandLine, co2: Checkpoint, tmp_path: Path) -> None:
    replace(co2, spec=replace(co2.spec, adapt=True)).save(tmp_path / "model")
    words = ("backtest", tmp_path / "model", "co2", "--stride", "20", "--json")
    both = json.loads(edgeseq.must(*words).out)
    static = json.loads(edgeseq.must(*words, "--no-adapt").out)
    assert both["adapted"]
    assert all(fold["adapted"] for fold in both["folds"])
    assert "adapted" not in static
    assert {name: both[name] for name in ("rmse", "baselines")} == {
        name: static[name] for name in ("rmse", "baselines")
    }
