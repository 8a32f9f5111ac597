"""Exported C of a network for any sensor starts afresh after garbage, by the rule of the runtime."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edgeseq.model.checkpoint import Checkpoint
from edgeseq_export.c import export, toolchain
from edgeseq_export.c.toolchain import STRICT, Compiled
from edgeseq_runtime.streaming.beginnings import Beginnings
from edgeseq_runtime.streaming.shown_range import FEWEST
from tests.export.c.test_anomalies import found_by_c, small
from tests.export.c.test_c import SANITIZED, sources_of

pytestmark = pytest.mark.skipif(toolchain.compiler() is None, reason="there is no C compiler here")

Float32 = npt.NDArray[np.float32]

GAP_LIMIT = 3


def running() -> Checkpoint:
    return small(scaling="running", horizon=5, adapt=True)


def noise(count: int, seed: int = 0, middle: float = 20.0) -> Float32:
    return (middle + 0.1 * np.random.default_rng(seed).standard_normal((count, 1))).astype(np.float32)


def after(garbage: float, samples: Float32, times: int = 1) -> Float32:
    return np.concatenate([np.full((times, 1), garbage, np.float32), samples])


def found_by_numpy(samples: Float32) -> int | None:
    """Which sample is the first one of a stream that starts afresh."""
    beginnings, row, usable = Beginnings(1, 1.0, confirms=True), np.zeros(1, np.intp), np.ones(1, np.bool_)
    for at, sample in enumerate(samples[:, 0].astype(np.float64)):
        beginnings.see(row, np.array([sample]), usable & np.isfinite(sample))
        if beginnings.are_far(row)[0]:
            return at
    return None


SERIES = {
    "huge": after(1e9, noise(150)),
    "error code": after(-9999, noise(150)),
    "zero": after(0, noise(150)),
    "several": after(85, noise(150), 5),
    "as many as may be": after(85, noise(150), FEWEST - 1),
    "too many": after(85, noise(150), FEWEST),
    "then a constant": after(85, np.concatenate([np.full((40, 1), 20, np.float32), noise(100)])),
    "then a gap": after(85, np.concatenate([noise(FEWEST), np.full((2, 1), np.nan, np.float32), noise(100, 1)])),
    "near": after(22, noise(150)),
    "nothing": noise(150),
}


@pytest.mark.parametrize("quantize", export.KINDS)
def test_the_stream_is_one_that_begins_where_numpy_has_it(quantize: str, tmp_path: Path) -> None:
    """Forecasts, adaptation, and all that the detector remembers, to the last bit; elsewhere it goes on."""
    checkpoint = running()
    begins = {name: found_by_numpy(samples) for name, samples in SERIES.items()}
    assert [name for name, at in begins.items() if at is None] == ["too many", "near", "nothing"]
    for name, samples in SERIES.items():
        at = begins[name]
        found = found_by_c(checkpoint, samples, tmp_path, quantize)
        is_first = (found.forecasts == samples).all(axis=1)
        if at is None:
            assert not is_first[FEWEST + 1 :].any()
            continue
        assert is_first[at]
        wanted = found_by_c(checkpoint, samples[at:], tmp_path, quantize)
        for one in ("forecasts", "status", "alarm", "p_value", "memory", "unit"):
            np.testing.assert_array_equal(getattr(found, one)[at:], getattr(wanted, one))


def test_a_sensor_may_power_up_again() -> None:
    """After a gap that nothing bridges the next value is a first one; a shorter gap changes nothing."""
    checkpoint, command = running(), toolchain.compiler()
    assert command
    lacking = np.full((GAP_LIMIT + 1, 1), np.nan, np.float32)
    with Compiled(sources_of(checkpoint), checkpoint.spec, command, flags=(*STRICT, *SANITIZED)) as program:
        for gap, is_found in ((lacking, True), (lacking[1:], False)):
            samples = np.concatenate([noise(60), gap, after(1e6, noise(60, 1))])
            _, forecasts = program.stream(samples)
            at = 60 + len(gap) + FEWEST
            assert (forecasts[at] == samples[at]).all() == is_found
