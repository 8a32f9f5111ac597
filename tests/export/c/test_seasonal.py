"""Adaptation of a running scale in exported C makes of the network's forecasts what the reference in NumPy does."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edgeseq.model import running_scale
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.testing import make_checkpoint
from edgeseq_export.c import export, toolchain
from edgeseq_export.c.adaptation import adapted
from edgeseq_export.c.toolchain import STRICT, Compiled
from edgeseq_runtime.adaptation.seasonal.layout import Layout
from tests.export.c.test_c import SANITIZED, sources_of

pytestmark = pytest.mark.skipif(toolchain.compiler() is None, reason="there is no C compiler here")

Float32 = npt.NDArray[np.float32]


def small(horizon: int) -> Checkpoint:
    return make_checkpoint(scaling="running", horizon=horizon, hidden=4, layers=1, adapt=True, gap_limit=3)


def seasonal(period: int, count: int = 800, scale: float = 1.0, offset: float = 0.0) -> Float32:
    """Samples (time, 1): a wave, noise and a shift of the level."""
    random = np.random.default_rng(0)
    wave = np.sin(2 * np.pi * np.arange(count) / period) + 0.1 * random.standard_normal(count)
    wave[count // 2 :] += 3
    return (wave * scale + offset).astype(np.float32)[:, None]


def compiled(checkpoint: Checkpoint, quantize: str = "none", flags: tuple[str, ...] = (*STRICT, "-O2")) -> Compiled:
    command = toolchain.compiler()
    assert command
    return Compiled(sources_of(checkpoint, quantize), checkpoint.spec, command, flags=flags)


@pytest.mark.parametrize("quantize", export.KINDS)
@pytest.mark.parametrize("horizon", [1, 7, 48])
def test_forecasts_are_what_numpy_makes_of_the_networks(horizon: int, quantize: str) -> None:
    """In multiples of the scale, over seasons of 24 and 7, units small and large, an offset. Measured: 1e-5."""
    checkpoint = small(horizon)
    alone = replace(checkpoint, spec=replace(checkpoint.spec, adapt=False))
    with compiled(alone, quantize) as network, compiled(checkpoint, quantize) as whole:
        for samples in (seasonal(7, scale=1e-6), seasonal(7, scale=1e9), seasonal(24, offset=1000)):
            first, made = samples[0], whole.stream(samples)[1]
            forecasts = network.stream(samples - first)[1]
            wanted = first + adapted(checkpoint.spec, samples - first, forecasts)
            scales = running_scale.scales(samples[:, 0].astype(np.float64))[:, None]
            apart = np.abs(made.astype(np.float64) - wanted) - 2 * np.spacing(np.abs(wanted).max())
            assert (apart <= 1e-4 * scales).all()
            assert np.mean(np.abs(wanted - forecasts).max(axis=1) > 0) > 0.3  # it has something to say


def test_it_is_clean_under_the_sanitizers_whatever_comes() -> None:
    """Gaps, infinite values, leaps, constants, more samples than the clock counts at this horizon."""
    checkpoint = small(2)
    samples = seasonal(12, Layout(2).turns + 800)
    random = np.random.default_rng(1)
    samples[random.random(samples.shape) < 0.02] = np.nan
    samples[300:340], samples[500:502], samples[600:700] = np.nan, np.inf, 1.0
    samples[random.random(samples.shape) < 0.005] *= np.float32(1e15)
    with compiled(checkpoint, flags=(*STRICT, *SANITIZED)) as program:
        status, made = program.stream(samples)
    assert np.isfinite(made[status < 2]).all()
    assert {0, 1, 2} == set(status.tolist())


def test_a_stream_remembers_numpys_row(tmp_path: Path) -> None:
    main = '#include "model.h"\ntypedef char same[sizeof(model_adaptation) == 4 * WORDS_OF_NUMPY ? 1 : -1];\n'
    checkpoint = small(48)
    for name, text in (sources_of(checkpoint).files() | {"main.c": main}).items():
        (tmp_path / name).write_text(text)
    command = toolchain.compiler()
    assert command
    told = f"-DWORDS_OF_NUMPY={Layout(48).words}"
    toolchain.run_checked([*command, *STRICT, told, "-c", str(tmp_path / "main.c"), "-o", str(tmp_path / "main.o")])
