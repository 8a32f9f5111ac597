"""The starter adapts in streams: whatever way samples come, the same is learned."""

import numpy as np
import numpy.typing as npt

from edgeseq_runtime import Pool, Predictor

Float32 = npt.NDArray[np.float32]


def season(count: int, *, gaps: bool = False) -> Float32:
    """Samples (time,) of a day of 24 with noise; with `gaps`, some lack, and one is far out."""
    random = np.random.default_rng(0)
    heights = np.random.default_rng(1).standard_normal(24)
    samples = np.resize(heights, count) * 5 + random.normal(0, 0.3, count) + 100
    if gaps:
        samples[60:64] = np.nan
        samples[150] = 1000
    return samples.astype(np.float32)


def test_steps_blocks_and_pools_give_the_same() -> None:
    """Also when the pool's streams are named in turns, and with gaps; and a snapshot goes on as if nothing had been."""
    samples = season(260, gaps=True)
    one, block, named = Predictor("starter"), Predictor("starter"), Pool("starter")
    by_step = np.stack([one.step([float(sample)]) for sample in samples])
    np.testing.assert_allclose(block.run(samples[:, None]), by_step, rtol=1e-4, atol=1e-3)
    by_name = []
    for at, sample in enumerate(samples):
        by_name.append(named.step({"a": [float(sample)]})["a"])
        if at % 2:
            named.step({"b": [float(sample)], "c": [float(-sample)]})
    np.testing.assert_allclose(np.stack(by_name), by_step, rtol=1e-4, atol=1e-3)
    assert named.learned("a").taught == one.learned.taught > 200
    other = Predictor("starter")
    other.restore(one.snapshot())
    np.testing.assert_array_equal(other.step([100.0]), one.step([100.0]))
    assert other.learned.season == one.learned.season


def test_a_season_makes_forecasts_better_and_is_told() -> None:
    """What the starter does not know of a day's shape it learns from the days before."""
    samples = season(500)
    adapted, plain = Predictor("starter"), Predictor("starter", adapt=False)
    errors = []
    for predictor in (adapted, plain):
        made = predictor.run(samples[:, None])[:-1, 0, 0]
        errors.append(float(np.mean(np.square(made - samples[1:])[-100:])))
    assert errors[0] < 0.5 * errors[1]
    assert adapted.learned.season == 24
    assert adapted.learned.open.any()
