"""How figures look: colours, titles that fit, the legend below, no frame."""

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDE, NARROW = 10.0, 5.0
"""Inches: of a page or a screen; of a telephone, on which the text of the wide one would be too small."""

TRUTH, NEXT, LAST, BASELINE = "#303030", "#00798c", "#d1495b", "#6f7d95"
"""The series; forecasts one step and a whole horizon ahead; what needs no training.

Each at least three times as dark as white: WCAG 2.1, success criterion 1.4.11.
"""

FORECASTERS = (LAST, BASELINE, "#c9780a", "#00798c", "#6a4c93")
"""The model, then the baselines."""

BAND = 0.18
"""How opaque an interval is over white."""

_CHARACTERS = 11
"""Of a title's size, to an inch."""

_HANDLE, _CHARACTER = 0.65, 0.075
"""Inches that a legend needs for a line's sample, and for a letter."""


def wrapped(text: str, width: float) -> str:
    """Return a title on as many lines as a figure of this width in inches needs."""
    return "\n".join(textwrap.fill(line, int(_CHARACTERS * width)) for line in text.split("\n"))


def legend(figure: Figure, axes: Axes) -> None:
    """Name the lines below the figure, where no data are, in as many columns as there is room for."""
    handles, labels = axes.get_legend_handles_labels()
    needed = _HANDLE + _CHARACTER * max(map(len, labels))
    columns = max(1, min(len(labels), int(figure.get_figwidth() / needed)))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize="small")


def hide_spines(all_axes: Sequence[Axes]) -> None:
    """Leave only the two lines with ticks of the frame around data."""
    for axes in all_axes:
        axes.spines[["top", "right"]].set_visible(False)
