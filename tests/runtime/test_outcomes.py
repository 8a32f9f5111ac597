"""What became of several samples: the same, sample for sample, as what `step` leaves behind."""

from typing import Any

import numpy as np

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor

HOUR = 3600.0
VALUES: list[Any] = [0.1, 0.3, None, 0.2, 0.25, None, 0.4]
TIMES = [hour * HOUR for hour in (0, 1, 2, 3, 3, 4, 7)]


def test_of_a_block_each_outcome_is_what_a_step_leaves() -> None:
    """A missing sample, a time that repeats and a gap among them."""
    model = edgeseq_export.build(make_checkpoint(horizon=3, period=HOUR))
    p, told = Predictor(model), Predictor(model)
    outcomes = p.process(VALUES, TIMES)
    assert len(outcomes) == len(VALUES)
    for result, value, time in zip(outcomes, VALUES, TIMES, strict=True):
        number = told.samples
        np.testing.assert_allclose(result.forecast, told.step(value, time), atol=1e-6)
        assert (result.status, result.reason, result.warm) == (told.status, told.reason, told.warm)
        assert (result.number, result.interval, result.drift) == (number, None, False)
        assert result.seconds == told._clocks.last[0]
    assert (p.counts, p.samples) == (told.counts, told.samples)


def test_of_streams_each_outcome_is_in_the_place_of_its_name(model: bytes) -> None:
    """In the order of the samples given, whatever order the streams joined in."""
    pool = Pool(model)
    pool.add("c", "a", "b")
    outcomes = pool.process({"a": 0.1, "b": None, "c": 0.3})
    assert [result.status for result in outcomes] == ["ok", "missing", "ok"]
    np.testing.assert_allclose(outcomes[2].forecast, Predictor(model).step(0.3), atol=1e-6)
