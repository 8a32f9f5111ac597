"""The picture of alarms: labelled windows, marks by kind, and every p-value within its axis."""

import numpy as np
from matplotlib.figure import Figure

from edgeseq.evaluation.alarm_plot import alarms
from edgeseq.evaluation.anomalies import AlarmReport
from edgeseq.testing import make_spec


def drawn() -> Figure:
    """Draw 50 rows with two labelled windows, a spike of an unlikely p-value, a break, and a row without one."""
    p_values, codes = np.full(50, 0.5, np.float32), np.zeros(50, np.int8)
    p_values[[10, 11, 30]] = 1e-27, np.nan, 2e-5
    codes[[10, 30]] = 1, 2
    values = np.arange(50, dtype=np.float32)[:, None]
    return alarms(AlarmReport(make_spec(), values, None, 1e-4, np.arange(50), p_values, codes, [(9, 12), (30, 40)]))


def test_the_legend_names_each_thing_once() -> None:
    (legend,) = drawn().legends
    assert [text.get_text() for text in legend.get_texts()] == ["measured", "labelled", "spike", "break"]


def test_each_window_is_shaded_in_both_panels() -> None:
    above, below = drawn().axes
    assert len(above.patches) == len(below.patches) == 2


def test_every_p_value_lies_within_the_axis() -> None:
    """One of 1e-27 is drawn at the end of the axis, at 1e-12, and a row without one is not drawn."""
    _, below = drawn().axes
    lowest, highest = below.get_ylim()
    shown = np.asarray(below.lines[0].get_ydata(), np.float64)
    assert np.isnan(shown[11])
    assert np.isfinite(np.delete(shown, 11)).all()
    assert lowest < np.nanmin(shown) < 1e-11
    assert np.nanmax(shown) < highest
