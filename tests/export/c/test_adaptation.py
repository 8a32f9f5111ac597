"""Adaptation in exported C makes of the network's forecasts what the reference in NumPy does, and stays bounded."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import edgeseq_export
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.testing import make_checkpoint
from edgeseq_export.c import export, toolchain
from edgeseq_export.c.adaptation import adapted
from edgeseq_export.c.toolchain import STRICT, Compiled
from edgeseq_runtime import Predictor
from edgeseq_runtime.adaptation.adaptation import Adaptation, typical_changes
from edgeseq_runtime.errors import CheckError, UsageError
from edgeseq_runtime.rules import AS_THEY_ARE
from edgeseq_runtime.spec import Spec
from tests.export.c.test_c import SANITIZED, self_test, sensor_of, sources_of

pytestmark = pytest.mark.skipif(toolchain.compiler() is None, reason="there is no C compiler here")

Float32 = npt.NDArray[np.float32]

MODELS = [
    pytest.param({}, id="one step"),
    pytest.param({"horizon": 2, "season": 12}, id="two steps"),
    pytest.param({"horizon": 24, "season": 24}, id="a season of 24"),
    pytest.param({"horizon": 24}, id="no season"),
    pytest.param({"horizon": 12, "season": 5, "features": 3, "targets": 2}, id="two targets"),
    pytest.param({"horizon": 24, "season": 24, "sensors": 2, "clocks": ("hour_sin",)}, id="a fleet"),
    pytest.param({"horizon": 5, "season": 2, "layout": "steps", "window": 5, "predicts": "value"}, id="values"),
    pytest.param({"horizon": 3, "warmup": 0, "cell": "gru"}, id="no warm-up"),
]


def small(**choices: Any) -> Checkpoint:
    return make_checkpoint(hidden=4, layers=1, adapt=True, gap_limit=3, **choices)


def made_up(checkpoint: Checkpoint, count: int, *, gaps: bool = False) -> Float32:
    """Samples (time, feature) of the second sensor, where there are several: waves, noise, a shift of the level."""
    spec, random = checkpoint.spec, np.random.default_rng(0)
    wave = np.sin(2 * np.pi * np.arange(count) / (spec.season or 24))[:, None]
    samples = wave + random.normal(0, 0.1, (count, len(spec.features))) + np.arange(len(spec.features))
    samples[count // 2 :, : len(spec.targets)] += 1.5
    sensor = sensor_of(checkpoint)
    samples = samples if sensor is None else sensor.offset + sensor.gain * samples
    if gaps:
        samples[random.random(samples.shape) < 0.03] = np.nan
        samples[40:50], samples[60:62] = np.nan, np.inf
    return samples.astype(np.float32)


def compiled(checkpoint: Checkpoint, quantize: str = "none", flags: tuple[str, ...] = (*STRICT, "-O2")) -> Compiled:
    command = toolchain.compiler()
    assert command
    return Compiled(sources_of(checkpoint, quantize), checkpoint.spec, command, flags=flags)


def alone(checkpoint: Checkpoint) -> Checkpoint:
    return replace(checkpoint, spec=replace(checkpoint.spec, adapt=False))


def adapted_by_numpy(checkpoint: Checkpoint, samples: Float32, forecasts: Float32) -> Float32:
    """What the reference makes of forecasts (time, output) after whole samples (time, feature)."""
    spec, sensor = checkpoint.spec, sensor_of(checkpoint)
    made = forecasts.reshape(len(samples), spec.horizon, -1).copy()
    reference = Adaptation(spec, 1)
    if sensor:
        reference.gains[0] = sensor.gain[: len(spec.targets)]
    for at, truth in enumerate(samples[:, None, : len(spec.targets)]):
        reference.update(slice(0, 1), truth, truth, made[at : at + 1], np.array([at + 1 >= spec.warmup]))
    return made.reshape(len(samples), -1)


def off(checkpoint: Checkpoint, ours: Float32, wanted: Float32) -> npt.NDArray[np.float64]:
    """How far forecasts (time, output) are apart, less how float32 rounds the largest, in typical changes (time,)."""
    sensor = sensor_of(checkpoint)
    units = typical_changes(checkpoint.spec) * (sensor.gain[: len(checkpoint.spec.targets), None] if sensor else 1)
    apart = np.abs(ours.astype(np.float64) - wanted) - np.spacing(np.abs(wanted).max())
    return np.asarray((apart / units.T.reshape(-1)).max(axis=1))


@pytest.mark.parametrize("quantize", export.KINDS)
@pytest.mark.parametrize("choices", MODELS)
def test_forecasts_are_what_numpy_makes_of_the_networks(choices: dict[str, Any], quantize: str) -> None:
    """In fixed point too, where the network's are the reference's to the last bit; under any optimisation."""
    checkpoint = small(**choices)
    samples, sensor = made_up(checkpoint, 600), sensor_of(checkpoint)
    with compiled(alone(checkpoint), quantize) as network:
        forecasts = network.stream(samples, sensor)[1]
    wanted = adapted_by_numpy(checkpoint, samples, forecasts)
    assert np.count_nonzero((wanted != forecasts).any(axis=1)) > 300
    with compiled(checkpoint, quantize) as ours:
        far = off(checkpoint, ours.stream(samples, sensor)[1], wanted)
    assert far[:100].max() <= 1e-6
    assert far.max() <= 1e-4
    with compiled(checkpoint, quantize, ("-std=gnu11", "-Ofast", "-march=native")) as ours:
        assert off(checkpoint, ours.stream(samples, sensor)[1], wanted).max() <= 1e-4


@pytest.mark.parametrize("flags", [(*STRICT, *SANITIZED), ("-std=gnu11", "-Ofast")], ids=["sanitized", "-Ofast"])
@pytest.mark.parametrize("choices", MODELS)
def test_missing_samples_are_as_with_the_predictor(choices: dict[str, Any], flags: tuple[str, ...]) -> None:
    """What stands in teaches nothing; after too long a gap the stream starts afresh, and what was learned stays."""
    checkpoint = small(**choices)
    samples, sensor = made_up(checkpoint, 400, gaps=True), sensor_of(checkpoint)
    predictor = Predictor(edgeseq_export.build(checkpoint), rules=AS_THEY_ARE, sensor=sensor)
    wanted = np.stack([predictor.step(sample).reshape(-1) for sample in samples[:200]])
    with compiled(checkpoint, flags=flags) as ours:
        found = ours.stream(samples[:200], sensor)[1]
    assert (np.isnan(found) == np.isnan(wanted)).all()
    assert np.isnan(found).any()
    told = ~np.isnan(found).any(axis=1)
    assert off(checkpoint, found[told], wanted[told]).max() <= 1e-3  # of two networks, each fed with its own forecasts


@pytest.mark.parametrize("quantize", export.KINDS)
def test_nothing_that_comes_makes_a_forecast_that_is_no_number(quantize: str) -> None:
    """Spikes of a thousand deviations, a level that stays far away, a sensor that stands still."""
    checkpoint = small(horizon=12, season=6)
    random = np.random.default_rng(1)
    samples = made_up(checkpoint, 20_000)
    samples[random.random(len(samples)) < 0.01] *= 1000
    samples[5000:8000] += 1e4
    samples[9000:12000] = 2.0
    with compiled(checkpoint, quantize, (*STRICT, "-O2")) as ours:
        found = ours.stream(samples)[1]
    assert np.isfinite(found).all()
    ahead = np.abs(found[:-1, 0] - samples[1:, 0])
    assert np.median(ahead[-2000:]) <= 1.5 * np.median(ahead[1000:3000])


def test_the_state_is_numpys_row_and_less_than_four_kilobytes(tmp_path: Path) -> None:
    checkpoint = small(horizon=24, season=336)
    words = Adaptation(checkpoint.spec, 1).layout.words
    sources = sources_of(checkpoint)
    main = """
        #include "model.h"
        int printf(const char *, ...);
        int main(void) { return !printf("%d", (int)sizeof(model_adaptation)); }
    """
    for name, text in (sources.files() | {"main.c": main}).items():
        (tmp_path / name).write_text(text)
    command = toolchain.compiler()
    assert command
    units = [str(tmp_path / name) for name in ("main.c", "model.c")]
    toolchain.run_checked([*command, *STRICT, *units, "-o", str(tmp_path / "main")])
    assert int(toolchain.run_checked([str(tmp_path / "main")])) == 4 * words <= 4096


@pytest.mark.parametrize("quantize", export.KINDS)
def test_the_self_test_is_of_the_network(tmp_path: Path, quantize: str) -> None:
    checkpoint = small(horizon=3, season=4)
    assert self_test(sources_of(checkpoint, quantize), tmp_path) == 0


@pytest.mark.parametrize("quantize", export.KINDS)
def test_without_adaptation_there_is_none_in_the_c(quantize: str) -> None:
    """The network's forecasts are then those that go out."""
    checkpoint = small(horizon=3, season=4)
    adapting = export.export(checkpoint, "model", quantize)
    frozen = export.export(alone(checkpoint), "model", quantize)
    assert "model_adaptation" in adapting.sources.header
    assert "adaptation" not in frozen.sources.header.split("*/", 1)[1] + frozen.sources.source


def test_figures_are_the_networks_own() -> None:
    """Adaptation learns from the validation part on, which C's comparison does not stream."""
    checkpoint = small(horizon=3, season=4)
    adapting = export.export(checkpoint, "model").spec.figures
    assert adapting == export.export(alone(checkpoint), "model").spec.figures


def test_c_that_adapts_otherwise_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were it only by a thousandth of a typical change."""
    checkpoint = small(horizon=3, season=4)

    def other(spec: Spec, samples: Float32, forecasts: Float32) -> Float32:
        return reference(spec, samples, forecasts) + np.float32(1e-3 * spec.target_scales[-1][0])

    reference = adapted
    monkeypatch.setattr(export, "adapted", other)
    with pytest.raises(CheckError, match="adaptation in C deviates from NumPy's by"):
        export.export(checkpoint, "model")


def test_a_model_that_cannot_adapt_is_refused() -> None:
    checkpoint = small()
    spec = checkpoint.spec
    still = replace(checkpoint, spec=replace(spec, features=(replace(spec.features[0], change=1e-60),)))
    with pytest.raises(UsageError, match="cannot adapt"):
        export.export(still, "model")
