"""The C of a network whose scale runs along: its elementary functions, and streams of any scale, offset and kind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeseq.model.checkpoint import Checkpoint
from edgeseq.model.running_scale import YOUNG
from edgeseq.reference import Oracle
from edgeseq.testing import make_checkpoint
from edgeseq_export.c import export, fixed_running, toolchain
from edgeseq_export.c.toolchain import STRICT, Compiled
from tests.export.c.test_c import sources_of

pytestmark = pytest.mark.skipif(toolchain.compiler() is None, reason="there is no C compiler here")

Float32 = npt.NDArray[np.float32]

MAIN = """
#include "model.c"
#include <stdio.h>
int main(void)
{
    float x, y;
    while (fread(&x, sizeof x, 1, stdin) == 1) {
        y = FUNCTION(x);
        fwrite(&y, sizeof y, 1, stdout);
    }
    return fflush(stdout) != 0;
}
"""

FLAGS = [(*STRICT, "-O2"), ("-std=gnu11", "-Ofast", "-march=native")]

SIZES = np.geomspace(1e-12, 1e9, 200_001, dtype=np.float32)


def small(horizon: int = 5) -> Checkpoint:
    return make_checkpoint(scaling="running", horizon=horizon, hidden=10)


def by_c(function: str, x: Float32, quantize: str, flags: tuple[str, ...], folder: Path) -> Float32:
    """What a function of a model's C makes of numbers."""
    files = {"main.c": MAIN.replace("FUNCTION", function), **sources_of(small(), quantize).files()}
    for name, text in files.items():
        (folder / name).write_text(text)
    command = toolchain.compiler()
    assert command
    unused = ["-Wno-error=unused-function", "-Wno-unused-function"]
    toolchain.run_checked([*command, *flags, *unused, str(folder / "main.c"), "-o", str(folder / "main"), "-lm"])
    return np.frombuffer(toolchain.run_checked([str(folder / "main")], x.tobytes()), np.float32)


@pytest.mark.parametrize("flags", FLAGS, ids=lambda flags: flags[1])
@pytest.mark.parametrize("quantize", export.KINDS)
def test_area_sine_logarithm_and_root_are_right_over_the_whole_range(
    quantize: str, flags: tuple[str, ...], tmp_path: Path
) -> None:
    """Relative to the true value, small arguments included. Measured: 2.4e-7, 1.9e-7 and 1.3e-7."""
    exact = SIZES.astype(np.float64)
    made = by_c("area_sine", np.concatenate([-SIZES, SIZES]), quantize, flags, tmp_path)
    wanted = np.arcsinh(np.concatenate([-exact, exact]))
    np.testing.assert_allclose(made, wanted, rtol=3e-7)
    assert not by_c("area_sine", np.zeros(1, np.float32), quantize, flags, tmp_path).any()
    made = by_c("logarithm", SIZES, quantize, flags, tmp_path)
    np.testing.assert_allclose(made, np.log(exact), rtol=3e-7, atol=1e-9)
    ages = np.arange(1, 4097, dtype=np.float32)
    np.testing.assert_allclose(
        by_c("root_of_inverse", ages, quantize, flags, tmp_path), ages.astype(np.float64) ** -0.5, rtol=2e-7
    )


@pytest.mark.parametrize("flags", FLAGS, ids=lambda flags: flags[1])
def test_in_fixed_point_they_are_numpys_to_the_last_bit(flags: tuple[str, ...], tmp_path: Path) -> None:
    for function, same in (
        ("area_sine", fixed_running._area_sine),
        ("logarithm", fixed_running._logarithm),
        ("root_of_inverse", fixed_running._root_of_inverse),
    ):
        made = by_c(function, SIZES, "int8", flags, tmp_path)
        np.testing.assert_array_equal(made.view(np.int32), same(SIZES).view(np.int32))


KINDS: dict[str, Callable[[np.random.Generator], Any]] = {
    "a walk": lambda random: np.cumsum(random.standard_normal(250)),
    "noise around a level that shifts": lambda random: random.standard_normal(250) + 20 * (np.arange(250) > 120),
    "on and off": lambda random: np.where(random.random(250) < 0.02, 5.0, 0.0),
    "constant at first": lambda random: np.where(np.arange(250) < 100, 7, np.cumsum(random.standard_normal(250))),
    "constant": lambda _: np.full(250, 3.7),
}


@pytest.mark.parametrize("quantize", export.KINDS)
def test_a_stream_of_any_scale_is_the_references(quantize: str) -> None:
    """Errors in multiples of the scale at that time: float as near as float32 allows, fixed point to the last bit."""
    checkpoint = small(horizon=7)
    kind = export.kind_of(checkpoint, quantize)
    command = toolchain.compiler()
    assert command
    with Compiled(kind.render(kind.spec, "model"), kind.spec, command) as compiled:
        for make, (scale, offset) in zip(
            KINDS.values(), [(1, 0), (1e-6, 0), (1e9, 0), (1, 1000), (1e9, 3)], strict=True
        ):
            samples = (make(np.random.default_rng(0)) * scale + offset).astype(np.float32)[:, None]
            _, made = compiled.stream(samples)
            expected = kind.expected(samples)
            if quantize == "int8":
                np.testing.assert_array_equal(made, expected)
            else:
                scales = scales_of(checkpoint, samples)
                allowed = 1e-5 * scales[:, None] + 2 * np.spacing(np.abs(samples).max())
                assert (np.abs(made - expected) <= allowed).all()


def scales_of(checkpoint: Checkpoint, samples: Float32) -> npt.NDArray[np.float64]:
    """By how much forecasts may be off after each sample, as the oracle has it."""
    oracle = Oracle(checkpoint.spec, checkpoint.weights)
    states, found = oracle.fresh(), []
    for sample in samples:
        _, states = oracle.step(sample[None], states)
        found.append(float(states["scale"].item()))
    return np.array(found)


@pytest.mark.parametrize("quantize", export.KINDS)
def test_a_constant_and_the_first_sample_are_forecast_as_they_are(quantize: str) -> None:
    """Exactly, whatever the weights say."""
    command = toolchain.compiler()
    assert command
    checkpoint = small(horizon=48)
    samples = np.concatenate([np.full(50, np.float32(1 / 3)), [1.0]]).astype(np.float32)[:, None]
    with Compiled(sources_of(checkpoint, quantize), checkpoint.spec, command) as compiled:
        _, made = compiled.stream(samples)
    assert (made[:50] == samples[0]).all()
    assert (made[50] != samples[0]).any()


def test_the_scale_that_c_keeps_is_the_oracles(tmp_path: Path) -> None:
    """The state `scale` after a change of 2: 2 (1 + YOUNG / sqrt(2)), and a mean of changes after it."""
    main = """
        #include "model.h"
        #include <stdio.h>
        int main(void)
        {
            static model_state s;
            float sample, forecast[MODEL_OUTPUTS];
            model_reset(&s);
            while (fread(&sample, sizeof sample, 1, stdin) == 1) {
                model_step(&s, &sample, forecast);
                fwrite(s.memory.scale, sizeof(float), 1, stdout);
            }
            return fflush(stdout) != 0;
        }
    """
    checkpoint = small()
    samples = np.array([5, 7, 7, 3, *np.random.default_rng(0).standard_normal(300)], np.float32)
    for name, text in (sources_of(checkpoint).files() | {"main.c": main}).items():
        (tmp_path / name).write_text(text)
    command = toolchain.compiler()
    assert command
    units = [str(tmp_path / name) for name in ("main.c", "model.c")]
    toolchain.run_checked([*command, *STRICT, *units, "-o", str(tmp_path / "main")])
    made = np.frombuffer(toolchain.run_checked([str(tmp_path / "main")], samples.tobytes()), np.float32)
    np.testing.assert_allclose(made, scales_of(checkpoint, samples[:, None]), rtol=1e-6)
    np.testing.assert_allclose(made[:3], [0, 2 * (1 + YOUNG / 2**0.5), 1 * (1 + YOUNG / 3**0.5)], rtol=1e-6)
