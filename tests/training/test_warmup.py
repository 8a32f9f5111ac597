"""The warm-up is what a fresh stream needs to forecast as one does that began long before."""

from dataclasses import replace

import numpy as np
import pytest

import edgeseq_export
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Part
from edgeseq.testing import make_checkpoint
from edgeseq.training.warmup import measure_warmup, warmup_from_errors
from edgeseq_runtime.backends.base import Session
from edgeseq_runtime.backends.open import open_session

LAGS = 40


def echo() -> Checkpoint:
    """A model that says only what its linear path does: the change to come is that of `LAGS` - 1 samples ago."""
    checkpoint = make_checkpoint(linear_path=LAGS, warmup=3)
    weights = {name: np.zeros_like(value) for name, value in checkpoint.weights.items()}
    weights["linear.weight"][0, 0, 0] = 1.0
    spec = replace(checkpoint.spec, target_scales=((checkpoint.spec.features[0].change,),))
    return Checkpoint(spec, weights)


def session(checkpoint: Checkpoint) -> Session:
    return open_session(edgeseq_export.build(checkpoint), provider="cpu")


def repeating(samples: int) -> Part:
    """A series of which the echo foretells each change, once it has seen as many samples as it looks back."""
    pattern = np.random.default_rng(0).standard_normal(LAGS)
    return Part(np.cumsum(np.tile(pattern, samples // LAGS + 1)[:samples]).astype(np.float32)[:, None] * 0.1, 0)


@pytest.mark.parametrize(
    ("fresh", "settled"),
    [
        ([1.0] * 32, 3),  # as good as the long stream from the warm-up on
        ([9.0] * 10 + [1.0] * 22, 11),  # blocks of four that begin with sample 3: 3-6, 7-10, 11-14, ...
        ([9.0] * 11 + [1.0] * 21, 15),
        ([1.04] * 32, 3),  # within the excess that is allowed
        ([1.06] * 32, 32),  # and beyond it, to the end
        ([1.0] * 20 + [2.0] * 4 + [1.0] * 8, 27),  # a later lapse counts as well
        ([1.0] * 31 + [9.0], 32),
    ],
)
def test_the_first_age_from_which_on_a_fresh_stream_is_as_good(fresh: list[float], settled: int) -> None:
    assert warmup_from_errors(np.array(fresh), np.ones(32), least=3) == settled


def test_a_model_that_needs_all_it_looks_back_to_settles_just_then() -> None:
    """Its path holds `LAGS` changes after as many samples and one more; before, its forecast is of no use."""
    found = measure_warmup(session(echo()), repeating(2000), 100)
    block = max(4, 100 // 16)
    assert LAGS < found <= LAGS + block


def test_it_settles_no_later_than_it_looks_back() -> None:
    assert measure_warmup(session(echo()), repeating(2000), LAGS) <= LAGS


def test_a_model_that_needs_one_sample_keeps_its_warm_up() -> None:
    """Persistence: all weights are zero."""
    checkpoint = echo()
    checkpoint.weights["linear.weight"][:] = 0
    assert measure_warmup(session(checkpoint), repeating(2000), 100) == 3


@pytest.mark.parametrize("samples", [20, LAGS + 2, 2 * LAGS + 1])
def test_too_short_a_series_gives_the_longest(samples: int) -> None:
    """A fresh stream can be compared only with one that began `longest` samples before it.

    Without them the two were the same stream, and any model settled at once.
    """
    assert measure_warmup(session(echo()), repeating(samples), LAGS) == LAGS


def test_a_long_gap_parts_the_streams() -> None:
    """Segments too short for a comparison are not used, even where they add up to enough."""
    part = repeating(2000)
    part.values[LAGS :: 2 * LAGS] = np.nan
    wide = session(replace(echo(), spec=replace(echo().spec, gap_limit=0)))
    assert measure_warmup(wide, part, LAGS) == LAGS


def test_a_warm_up_longer_than_the_longest_stays() -> None:
    checkpoint = echo()
    checkpoint = replace(checkpoint, spec=replace(checkpoint.spec, warmup=60))
    assert measure_warmup(session(checkpoint), repeating(2000), LAGS) == 60
