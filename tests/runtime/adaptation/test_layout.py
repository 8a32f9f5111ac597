"""Where the numbers of a stream's adaptation lie."""

import numpy as np
import pytest

from edgeseq.testing import make_spec
from edgeseq_runtime.adaptation.layout import Layout


@pytest.mark.parametrize(
    ("horizon", "knots"),
    [(1, (1,)), (2, (1, 2)), (5, (1, 5)), (12, (1, 3, 12)), (24, (1, 3, 9, 24)), (48, (1, 3, 9, 27, 48))],
)
def test_knots_are_three_times_as_far_each_up_to_the_horizon(horizon: int, knots: tuple[int, ...]) -> None:
    assert Layout(horizon, 1, 0).knots == knots


@pytest.mark.parametrize("season", [0, 24, 168, 288, 336])
def test_a_stream_takes_less_than_four_kilobytes_at_24_steps(season: int) -> None:
    assert Layout(24, 1, season).words * 4 <= 4096


@pytest.mark.parametrize(("season", "kept"), [(None, 0), (1, 0), (2, 2), (336, 336), (337, 0)])
def test_seasons_are_kept_that_are_not_too_long(season: int | None, kept: int) -> None:
    assert Layout.of(make_spec(season=season)).season == kept


@pytest.mark.parametrize("layout", [Layout(1, 1, 0), Layout(24, 3, 7)])
def test_the_parts_are_the_row_word_for_word(layout: Layout) -> None:
    rows = np.arange(2 * layout.words, dtype=np.float32).reshape(2, -1)
    views = layout.views(rows)
    assert all(np.shares_memory(view, rows) for view in views.values())
    words = np.concatenate([view[1].reshape(-1) for view in views.values()])
    np.testing.assert_array_equal(np.sort(words), rows[1])
    # Of each target, all its parts lie one after the other, and they are C's struct.
    block = np.concatenate([views[name][1, -1].reshape(-1) for name in layout.of_target])
    np.testing.assert_array_equal(block, rows[1, -layout.block :])
