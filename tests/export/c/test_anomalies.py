"""The detector in exported C finds in its forecasts' errors what the reference in NumPy does, to the last bit."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeseq.model.checkpoint import Checkpoint
from edgeseq.testing import make_checkpoint
from edgeseq_export.c import export, toolchain
from edgeseq_export.c.toolchain import STRICT
from edgeseq_runtime.anomalies.anomalies import Anomalies
from edgeseq_runtime.anomalies.event import LASTS, PAUSE
from edgeseq_runtime.anomalies.ladder import RUNGS, SHARES
from edgeseq_runtime.anomalies.layout import TAUGHT, Layout
from edgeseq_runtime.spec import GAIN, OFFSET, RUNNING, LearnedAnomalies, Residuals
from tests.export.c.test_c import SANITIZED, sensor_of, sources_of

pytestmark = pytest.mark.skipif(toolchain.compiler() is None, reason="there is no C compiler here")

Float32 = npt.NDArray[np.float32]

MODELS = [
    pytest.param({}, id="one step"),
    pytest.param({"horizon": 3, "adapt": True, "season": 12}, id="adapting"),
    pytest.param({"horizon": 24}, id="farther than the farther errors"),
    pytest.param({"horizon": 12, "features": 3, "targets": 2}, id="two targets"),
    pytest.param({"horizon": 5, "sensors": 2, "clocks": ("hour_sin",)}, id="a fleet"),
    pytest.param({"horizon": 3, "warmup": 0, "cell": "gru"}, id="no warm-up"),
    pytest.param({"horizon": 5, "scaling": "running"}, id="a running scale"),
]

RATE = 1e-3

MISSING = 2
"""What C calls a sample for which nothing could stand in."""

MAIN = """
#include "model.h"
#include <stdio.h>
#if MODEL_TARGETS > 1
#define P_VALUE_OF(d, target) model_p_value_of(d, target)
#else
#define P_VALUE_OF(d, target) model_p_value(d)
#endif

#ifndef UNIT
#define UNIT(s) 1.0f
#endif

int main(void)
{
    static model_state s;
    static model_detector d;
    float sample[MODEL_INPUTS], forecast[MODEL_OUTPUTS], rate;
    model_reset(&s);
#ifdef SENSOR
    float offset[MODEL_FEATURES], gain[MODEL_FEATURES];
    if (fread(offset, sizeof offset, 1, stdin) != 1 || fread(gain, sizeof gain, 1, stdin) != 1)
        return 1;
    model_set_sensor(&s, offset, gain);
#endif
    if (fread(&rate, sizeof rate, 1, stdin) != 1)
        return 1;
    model_detector_reset(&d, rate);
    while (fread(sample, sizeof sample, 1, stdin) == 1) {
        const float status = (float)model_step(&s, sample, forecast);
        const float alarm = (float)model_detect(&d, &s, sample, forecast), p_value = model_p_value(&d), unit = UNIT(s);
        fwrite(&status, sizeof status, 1, stdout);
        fwrite(&unit, sizeof unit, 1, stdout);
        fwrite(&alarm, sizeof alarm, 1, stdout);
        fwrite(&p_value, sizeof p_value, 1, stdout);
        int target;
        for (target = 0; target < MODEL_TARGETS; target++) {
            const float own = P_VALUE_OF(&d, target);
            fwrite(&own, sizeof own, 1, stdout);
        }
        fwrite(forecast, sizeof forecast, 1, stdout);
        fwrite(&d.memory, sizeof d.memory, 1, stdout);
    }
    return fflush(stdout) != 0;
}
"""


@dataclass(frozen=True)
class Found:
    """What a program says of samples, (time, ...)."""

    status: Float32
    unit: Float32
    """Where the scale runs, that after each; 1 elsewhere."""
    alarm: Float32
    p_value: Float32
    p_values: Float32
    """(time, target)"""
    forecasts: Float32
    """(time, output)"""
    memory: Float32
    """(time, word): the detector's after each."""


def small(**choices: Any) -> Checkpoint:
    """A checkpoint whose validation part had errors of some size."""
    made = make_checkpoint(hidden=4, layers=1, gap_limit=3, **choices)
    of_step = ((-0.4, -0.2, 0.0, 0.2, 0.4),) * len(made.spec.targets)
    residuals = Residuals((0.05, 0.25, 0.5, 0.75, 0.95), (of_step,) * made.spec.horizon)
    return replace(made, spec=replace(made.spec, residuals=residuals))


def with_faults(checkpoint: Checkpoint, count: int, *, gaps: bool = False) -> Float32:
    """Samples (time, feature) of the second sensor, where there are several: a wave and noise, a fault of each kind."""
    spec, random = checkpoint.spec, np.random.default_rng(0)
    samples = np.sin(2 * np.pi * np.arange(count) / 24)[:, None] + random.normal(0, 0.1, (count, len(spec.features)))
    parts = np.linspace(count // 5, count, 7).astype(int)
    samples[parts[0]] += 3
    samples[parts[1] : parts[1] + 60] += 1
    samples[parts[2] : parts[2] + 60] += np.linspace(0, 1, 60)[:, None]
    samples[parts[3] : parts[3] + 30] = samples[parts[3]]
    samples[parts[4] : parts[4] + 100] += random.normal(0, 0.5, (100, 1))
    samples[parts[5] :: 50] *= 1e12
    sensor = sensor_of(checkpoint)
    samples = samples if sensor is None else sensor.offset + sensor.gain * samples
    if gaps:
        samples[random.random(samples.shape) < 0.03] = np.nan
        samples[count // 3 : count // 3 + 10], samples[60:62] = np.nan, np.inf
    return samples.astype(np.float32)


def found_by_c(
    checkpoint: Checkpoint,
    samples: Float32,
    folder: Path,
    quantize: str = "none",
    flags: tuple[str, ...] = (*STRICT, "-O2", "-ffp-contract=off"),
) -> Found:
    """What the exported C says."""
    spec, sensor = checkpoint.spec, sensor_of(checkpoint)
    for name, text in (sources_of(checkpoint, quantize).files() | {"main.c": MAIN}).items():
        (folder / name).write_text(text)
    command = toolchain.compiler()
    assert command
    units = [str(folder / "main.c"), str(folder / "model.c"), "-o", str(folder / "main")]
    more = ["-DSENSOR"] if sensor else ["-DUNIT(s)=(s).memory.scale[0]"] if spec.scaling == RUNNING else []
    toolchain.run_checked([*command, *flags, *more, *units])
    states = sensor.states() if sensor else {}
    settings = states[OFFSET][0].tobytes() + (1 + states[GAIN][0]).astype(np.float32).tobytes() if sensor else b""
    out = toolchain.run_checked([str(folder / "main")], settings + np.float32(RATE).tobytes() + samples.tobytes())
    rows = np.frombuffer(out, np.float32).reshape(len(samples), -1)
    targets, outputs = 4 + len(spec.targets), 4 + len(spec.targets) + spec.outputs
    status, unit, alarm, p_value = rows[:, :4].T
    return Found(status, unit, alarm, p_value, rows[:, 4:targets], rows[:, targets:outputs], rows[:, outputs:])


def memory_by_numpy(checkpoint: Checkpoint, samples: Float32, found: Found) -> Float32:
    """The reference's memory after each sample, (time, word), of what C forecast."""
    spec, sensor = checkpoint.spec, sensor_of(checkpoint)
    targets, horizon, one = len(spec.targets), spec.horizon, slice(0, 1)
    reference = Anomalies(spec, 1, RATE)
    gain = np.ones(targets, np.float32)
    if sensor:
        offset, more = (sensor.states()[name].reshape(-1)[:targets] for name in (OFFSET, GAIN))
        gain = (1 + more).astype(np.float32)
        reference.set_sensor(0, offset, gain)
    forecasts = found.forecasts.reshape(len(samples), horizon, targets)
    made, age = np.empty_like(found.memory), 0
    said = np.full((len(samples) + horizon, horizon, targets), np.nan, np.float32)
    for at, (sample, status, unit) in enumerate(zip(samples[:, :targets], found.status, found.unit, strict=True)):
        size = gain * unit if unit else np.float32(np.nan)  # of a stream that has been constant no error is known
        if status == MISSING:
            said[at:], age = np.nan, 0
            reference.forget(one)
        else:
            age += 1
            truth = np.where(np.isfinite(sample), sample, np.float32(np.nan))
            reference.update(one, ((truth - said[at]) / size)[None], truth[None])
            for step in range(horizon if age >= spec.warmup else 0):
                said[at + 1 + step, step] = forecasts[at, step]
        reference.gather()
        made[at] = reference.memory[0]
    return made


def bits_of(checkpoint: Checkpoint, memory: Float32) -> Float32:
    """The bits of surprise that a memory (time, word) holds, (time, target + 1), the last of all targets together."""
    layout = Layout.of(checkpoint.spec)
    own = layout.of_target["own bits"].offset
    places = [layout.head + target * layout.block + own for target in range(layout.targets)]
    return memory[:, [*places, layout.shared["bits"].offset]]


@pytest.mark.parametrize("quantize", export.KINDS)
@pytest.mark.parametrize("choices", MODELS)
def test_the_memory_is_numpys_to_the_last_bit(choices: dict[str, Any], quantize: str, tmp_path: Path) -> None:
    """Of the errors that the forecasts of C made, over faults of all kinds, missing samples and fresh starts."""
    checkpoint = small(**choices)
    samples = with_faults(checkpoint, 2500, gaps=True)
    if checkpoint.spec.scaling == RUNNING:
        samples -= samples[0]  # so that what C forecasts is what its detector compares
    found = found_by_c(checkpoint, samples, tmp_path, quantize)
    np.testing.assert_array_equal(found.memory, memory_by_numpy(checkpoint, samples, found))
    assert len(set(found.alarm.tolist())) >= 3  # none, and two words
    assert np.isnan(found.p_value).any()


def test_what_an_event_teaches_is_numpys_to_the_last_bit(tmp_path: Path) -> None:
    """Samples that grow for 500 are surprising all along: certain at first, and after 300 they teach again."""
    checkpoint = small(horizon=3)
    samples = with_faults(checkpoint, 1000)
    grown = 1.06 ** np.arange(500, dtype=np.float32)[:, None]
    samples[300:800] = (samples[300:800] + np.sign(samples[300:800])) * grown
    found = found_by_c(checkpoint, samples, tmp_path)
    np.testing.assert_array_equal(found.memory, memory_by_numpy(checkpoint, samples, found))
    taught = Layout.of(checkpoint.spec).views(found.memory.T.copy())[TAUGHT][0]
    assert np.diff(taught).max() > 1, "it was certain before 30 samples had taught"
    assert taught.max() > LASTS


@pytest.mark.parametrize("quantize", export.KINDS)
def test_an_offset_changes_no_bit_of_what_is_remembered(quantize: str, tmp_path: Path) -> None:
    """Where the scale runs and samples at the offset are exact, a thousand deviations away."""
    checkpoint = small(horizon=5, scaling="running")
    samples = (np.round(with_faults(checkpoint, 900) * 2**10) / 2**10).astype(np.float32)
    near, far = (
        found_by_c(checkpoint, samples + offset, tmp_path, quantize) for offset in (np.float32(0), np.float32(750))
    )
    np.testing.assert_array_equal(far.memory, near.memory)
    np.testing.assert_array_equal(far.status, near.status)
    np.testing.assert_allclose(far.forecasts - 750, near.forecasts, rtol=2e-7, atol=6e-5)  # rounded at last


def test_the_detector_begins_with_what_training_stored(tmp_path: Path) -> None:
    checkpoint = small(horizon=3)
    learned = LearnedAnomalies((500.0,), (0.0,), (0.5,), {"error": ((0.2,) * RUNGS,)}, ((0.3,) * len(SHARES),))
    told = replace(checkpoint, spec=replace(checkpoint.spec, anomalies=learned))
    samples = with_faults(checkpoint, 900)
    found, without = (found_by_c(made, samples, tmp_path) for made in (told, checkpoint))
    np.testing.assert_array_equal(found.memory, memory_by_numpy(told, samples, found))
    assert not np.array_equal(found.p_value, without.p_value, equal_nan=True)


@pytest.mark.parametrize("choices", [MODELS[1], MODELS[3]])
def test_p_values_are_those_of_the_bits(choices: dict[str, Any], tmp_path: Path) -> None:
    """C has no library's power of two: its own is off by less than 3e-7 of the p-value. Alarms are below the rate."""
    checkpoint = small(**choices)
    samples = with_faults(checkpoint, 3000, gaps=True)
    found = found_by_c(checkpoint, samples, tmp_path, flags=(*STRICT, *SANITIZED))
    made = np.concatenate([found.p_values, found.p_value[:, None]], axis=1)
    wanted = np.exp2(-bits_of(checkpoint, found.memory).astype(np.float64))
    np.testing.assert_allclose(made, wanted, rtol=3e-7)
    assert np.nanmin(made) < 1e-4
    assert (found.p_value[found.alarm > 0] < RATE).all()
    assert np.diff(np.flatnonzero(found.alarm)).min() > PAUSE


def test_optimisation_that_rounds_elsewhere_hardly_changes_a_p_value(tmp_path: Path) -> None:
    """The errors of the network's forecasts differ as well then."""
    checkpoint = small(horizon=3)
    samples = with_faults(checkpoint, 3000, gaps=True)
    strict = bits_of(checkpoint, found_by_c(checkpoint, samples, tmp_path).memory)
    flags = ("-std=gnu11", "-Ofast", "-march=native")
    free = bits_of(checkpoint, found_by_c(checkpoint, samples, tmp_path, flags=flags).memory)
    np.testing.assert_array_equal(np.isnan(free), np.isnan(strict))
    off = np.abs(free - strict)[~np.isnan(strict)]
    assert np.quantile(off, 0.99) < 0.05


def test_the_detector_is_numpys_row_and_less_than_two_kilobytes(tmp_path: Path) -> None:
    """With the forecasts that wait for their truth."""
    checkpoint = small(horizon=24)
    main = """
        #include "model.h"
        int printf(const char *, ...);
        int main(void) { return !printf("%d %d", (int)sizeof(model_anomalies), (int)sizeof(model_detector)); }
    """
    for name, text in (sources_of(checkpoint).files() | {"main.c": main}).items():
        (tmp_path / name).write_text(text)
    command = toolchain.compiler()
    assert command
    units = [str(tmp_path / name) for name in ("main.c", "model.c")]
    toolchain.run_checked([*command, *STRICT, *units, "-o", str(tmp_path / "main")])
    row, whole = map(int, toolchain.run_checked([str(tmp_path / "main")]).split())
    assert f"(the detector: {whole:,})" in sources_of(checkpoint).header
    assert row == 4 * Layout.of(checkpoint.spec).words
    assert row < whole <= 2048


@pytest.mark.parametrize("quantize", export.KINDS)
def test_without_residuals_there_is_no_detector_in_the_c(quantize: str) -> None:
    """Nothing says then how large an error is usual."""
    checkpoint = small(horizon=3)
    unknown = replace(checkpoint, spec=replace(checkpoint.spec, residuals=None))
    assert "model_detect" in sources_of(checkpoint, quantize).header
    sources = sources_of(unknown, quantize)
    assert "detect" not in sources.header + sources.source
