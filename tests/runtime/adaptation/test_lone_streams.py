"""The ways of one stream: under whatever comes they learn what rows learn, and hide nothing from a snapshot."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseq.model.shorter import shorter_spec
from edgeseq.testing import make_spec
from edgeseq_runtime import Predictor
from edgeseq_runtime.adaptation.adaptation import Adaptation
from edgeseq_runtime.adaptation.of_model import adaptation_of
from edgeseq_runtime.adaptation.seasonal.adaptation import SeasonalAdaptation

Float32 = npt.NDArray[np.float32]
Adapting = Adaptation | SeasonalAdaptation

STARTER = Predictor("starter", monitor=False, adapt=False).spec

SPECS = {
    "one step": make_spec(horizon=1, season=5),
    "one step, no season": make_spec(horizon=1),
    "several steps": make_spec(horizon=7, season=12),
    "several steps, no season": make_spec(horizon=24),
    "starter, one step": shorter_spec(STARTER, 1),
    "starter": shorter_spec(STARTER, 12),
}


@dataclass(frozen=True)
class Stretch:
    """Samples in a row that are alike."""

    count: int
    kind: str
    """wave, walk, still, jump (a walk from far away), absent (no truth), or afresh (what waits is forgotten)."""


STRETCHES = st.lists(
    st.builds(
        Stretch, st.integers(1, 60), st.sampled_from(["wave", "wave", "walk", "still", "jump", "absent", "afresh"])
    ),
    min_size=1,
    max_size=8,
)


def stream(adaptation: Adapting, stretches: list[Stretch], seed: int, *, between: Callable[[int], object]) -> Float32:
    """Return the adapted forecasts (time, horizon) of the first stream; `between` is told each sample's number."""
    random, level, found = np.random.default_rng(seed), 0.0, []
    horizon = adaptation.layout.horizon
    rows = slice(0, 1) if len(adaptation.memory) == 1 else np.array([0])
    scale, at = 1.0, 0
    for stretch in stretches:
        level += 1e4 if stretch.kind == "jump" else 0
        if stretch.kind == "afresh":
            adaptation.forget(np.array([0]))
        for _ in range(stretch.count):
            level += random.normal() if stretch.kind in ("walk", "jump") else 0
            wave = 0 if stretch.kind == "still" else np.sin(at / 12 * 6.283) + random.normal(0, 0.1)
            scale = 0.98 * scale if stretch.kind == "still" and scale > 0.5 else 0.0 if stretch.kind == "still" else 1.0
            sample = np.array([[level + wave]], np.float32)
            forecasts = (sample + random.normal(0.2, 0.5, (1, horizon))).astype(np.float32)[..., None]
            if isinstance(adaptation, SeasonalAdaptation):
                adaptation.gains[0] = scale
            truth = np.full_like(sample, np.nan) if stretch.kind == "absent" else sample
            between(at)
            adaptation.update(rows, sample, truth, forecasts, np.array([at > 1]))
            found.append(forecasts[0, :, 0])
            at += 1
    return np.array(found)


@pytest.mark.parametrize("name", SPECS)
@settings(max_examples=15, deadline=None)
@given(stretches=STRETCHES, seed=st.integers(0, 99), every=st.integers(1, 40))
def test_what_is_kept_beside_the_row_follows_from_it(
    name: str, stretches: list[Stretch], seed: int, every: int
) -> None:
    """To the bit: a stream that is looked up anew now and then, as after a snapshot, goes on as one that never is."""
    whole, anew = (adaptation_of(SPECS[name], 1) for _ in range(2))
    expected = stream(whole, stretches, seed, between=lambda _: None)
    found = stream(anew, stretches, seed, between=lambda at: at % every or anew.look_up())
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(anew.memory, whole.memory)


@pytest.mark.parametrize("name", SPECS)
@settings(max_examples=15, deadline=None)
@given(stretches=STRETCHES, seed=st.integers(0, 99))
def test_a_lone_stream_learns_what_rows_learn(name: str, stretches: list[Stretch], seed: int) -> None:
    """Counts are the same, and forecasts but for rounding: of numbers as large as a jump makes them, some of it."""
    alone, rows = adaptation_of(SPECS[name], 1), adaptation_of(SPECS[name], 2)
    found, wanted = (stream(one, stretches, seed, between=lambda _: None) for one in (alone, rows))
    assert alone.learned(0).taught == rows.learned(0).taught
    apart = np.abs(found - wanted).max(axis=1)
    assert np.mean(apart > 0.05) < 0.05, apart.max()
