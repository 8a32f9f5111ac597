"""The error by a sensor's age: the figures by hand, and the picture of them."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.starter import by_age


def test_errors_are_shares_of_persistences_by_age() -> None:
    """On a ramp persistence errs by 1 and 2; what errs by half of that has a quarter of the squared error."""
    values, ahead = np.arange(100.0), np.array([1.0, 2.0])
    made = {by_age.PERSISTENCE: np.repeat(values[:, None], 2, axis=1), by_age.ALONE: values[:, None] + ahead / 2}
    made[by_age.A_TRAINED] = np.where(np.arange(100)[:, None] < 31, np.nan, values[:, None] + ahead)
    found = by_age.by_age(values, made, 2)
    assert [one[by_age.ALONE] for one in found[:6]] == pytest.approx([0.25] * 6)
    assert np.isnan(found[4][by_age.A_TRAINED])  # of ages 16 to 31, which has one forecast only
    assert found[5][by_age.A_TRAINED] < 1e-3
    assert all(np.isnan(value) for value in found[-1].values())  # as old as that it did not grow


def test_several_series_count_by_their_geometric_mean(tmp_path: Path) -> None:
    """Four times as bad in one, four times as good in the other; the picture is a PNG."""
    nothing = dict.fromkeys((by_age.PERSISTENCE, by_age.ALONE, by_age.ADAPTED, by_age.A_TRAINED), np.nan)
    known = [{**nothing, by_age.PERSISTENCE: 1.0, by_age.ALONE: share, by_age.ADAPTED: 1.0} for share in (4.0, 0.25)]
    ages = len(by_age.EDGES) - 1
    rows = list(by_age.together([[one] + [nothing] * (ages - 1) for one in known]))
    assert rows[0][by_age.ALONE] == pytest.approx(1.0)
    assert (rows[0]["series"], rows[0][by_age.A_TRAINED], rows[1][by_age.ALONE]) == (2, None, None)
    rows[1][by_age.A_TRAINED] = 0.5
    by_age.draw(rows, tmp_path / "age.png", 2, 24)
    assert (tmp_path / "age.png").read_bytes().startswith(b"\x89PNG")
