"""A long stream with faults in its input. `make soak` runs ten million steps, CI a tenth, `make test` far fewer."""

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from benchmarks.soak.__main__ import brief_model, soak


@pytest.mark.parametrize(
    ("steps", "adapt"), [(20_000, False), (20_000, True), pytest.param(1_000_000, True, marks=pytest.mark.slow)]
)
def test_memory_stays_flat_forecasts_finite_and_the_error_as_it_was(steps: int, adapt: bool) -> None:
    """With adaptation the stream learns what shifts do to it in its first tens of thousands of samples."""
    # In a process of its own: the memory of this one also holds what other tests have left.
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        found = process.submit(soak, brief_model(), steps, adapt=adapt).result()
    print(found)
    assert found.not_finite == 0
    if sys.platform == "linux":
        assert found.grown_mb <= 2
    assert max(found.first_rmse, found.last_rmse) < 0.1  # the noise has 0.05: it does forecast
    if not adapt or steps >= 1_000_000:
        # Chance moves an RMSE over n samples by some 1 / sqrt(2 n) of itself; four times that, of both ends. A stream
        # that adapts is moved for a while by what it has learned.
        assert found.last_rmse == pytest.approx(found.first_rmse, rel=0.05 if adapt else 4 / (steps / 10) ** 0.5)
    counts = {name: count for name, count in found.counts.items() if name not in ("ok", "known")}
    assert min(found.refused, *counts.values()) > steps / 10_000, "each kind of fault has been there"
