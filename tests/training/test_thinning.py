"""A long validation part is thinned out to stretches from all of it; a short one stays as it is."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseq.series import Part
from edgeseq.testing import make_spec
from edgeseq.training import thinning
from edgeseq.training.thinning import thinned


def numbered(rows: int) -> np.ndarray:
    """Each sample's value is its row."""
    return np.arange(rows, dtype=np.float32)[:, None]


def test_up_to_100_000_samples_nothing_is_left_out() -> None:
    part = Part(numbered(120_000), 20_000)
    assert thinned(make_spec(), part) is part


def test_a_long_part_is_thinned_out_to_100_000_samples_with_what_precedes_each_stretch() -> None:
    """The first sample and the last are among them, and each stretch has 2,000 samples before it."""
    part = Part(numbered(700_000), 200_000, seconds=np.arange(0.0, 700_000 * 60, 60))
    found = thinned(make_spec(warmup=10), part)
    assert found.samples == 100_000
    assert found.values[found.start, 0] == 200_000
    assert found.values[-1, 0] == 699_999
    assert found.seconds is not None
    for start, stop in found.stretches:
        rows = found.values[start - 2000 : stop, 0]
        np.testing.assert_array_equal(np.diff(rows), 1)
        np.testing.assert_array_equal(found.seconds[start - 2000 : stop], 60 * rows)
    firsts = np.array([found.values[start, 0] for start, _ in found.stretches])
    assert len(firsts) == 20
    np.testing.assert_allclose(np.diff(firsts), 495_000 / 19, atol=1)


def test_a_long_warm_up_has_ten_of_it_before_each_stretch() -> None:
    found = thinned(make_spec(warmup=500), Part(numbered(700_000), 200_000))
    assert all(start - begin == 5000 for begin, (start, _) in zip(begins(found), found.stretches, strict=True))


@settings(max_examples=100, deadline=None)
@given(
    sensors=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 200)), min_size=1, max_size=6),
    limit=st.integers(0, 3),
)
def test_no_stretch_reaches_over_two_sensors(sensors: list[tuple[int, int]], limit: int) -> None:
    """Sensors as a fleet has them, each with samples that precede its part, and with gaps between."""
    values: list[np.ndarray] = []
    edges: list[int] = []
    for number, (before, samples) in enumerate(sensors):
        begin = sum(len(piece) for piece in values)
        gap = np.full((limit + 1 if number else 0, 1), np.nan, np.float32)
        values += [gap, 1000 * number + numbered(before + samples)]
        edges += [begin + len(gap) + before, begin + len(gap) + before + samples]
    part = Part(np.concatenate(values), edges[0], tuple(zip(edges[1:-1:2], edges[2::2], strict=True)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thinning, "MOST", 100)
        patch.setattr(thinning, "_LEAD", 7)
        found = thinned(replace(make_spec(warmup=1), gap_limit=limit), part)
    if part.samples <= 100:
        assert found is part
        return
    assert found.samples == 100
    assert np.isfinite(found.values).all() == (len(found.stretches) == 1)
    for begin, (start, stop) in zip(begins(found), found.stretches, strict=True):
        rows = found.values[begin:stop, 0]
        rows = rows[np.flatnonzero(~np.isfinite(rows))[-1] + 1 :] if not np.isfinite(rows).all() else rows
        np.testing.assert_array_equal(np.diff(rows), 1)
        assert len(rows) >= stop - start
        number = int(rows[0]) // 1000
        assert rows[-(stop - start)] - 1000 * number >= sensors[number][0], "only what is to be forecast"


def begins(part: Part) -> list[int]:
    """Rows at which what precedes each stretch begins."""
    gaps = np.flatnonzero(~np.isfinite(part.values[:, 0]))
    return [0, *(int(gaps[gaps < start].max()) + 1 for start, _ in part.stretches[1:])]
