"""How figures look: colours, titles that fit, the legend below, no frame."""

import textwrap
from collections.abc import Sequence

import numpy as np
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

WITH_ADAPTATION = "#2e7d32"
"""The model with adaptation."""

BAND = 0.18
"""How opaque an interval is over white."""

_CHARACTERS = 11
"""Of a title's size, to an inch."""

_HANDLE, _CHARACTER = 0.6, 0.06
"""Inches that a legend needs for a line's sample, and for a letter."""


def wrapped(text: str, width: float) -> str:
    """Return a title on as many lines as a figure of this width in inches needs."""
    return "\n".join(textwrap.fill(line, int(_CHARACTERS * width)) for line in text.split("\n"))


def legend(figure: Figure, axes: Axes) -> None:
    """Name the lines below the figure, where no data are, in as many columns as there is room for."""
    handles, labels = axes.get_legend_handles_labels()
    columns = next(c for c in range(len(labels), 0, -1) if c == 1 or _width(labels, c) <= figure.get_figwidth())
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize="small")


def _width(labels: Sequence[str], columns: int) -> float:
    """Return how many inches a legend needs whose entries are shared among so many columns."""
    longest = (max(map(len, part)) for part in np.array_split(labels, columns))
    return sum(_HANDLE + _CHARACTER * letters for letters in longest)


def hide_spines(all_axes: Sequence[Axes]) -> None:
    """Leave only the two lines with ticks of the frame around data."""
    for axes in all_axes:
        axes.spines[["top", "right"]].set_visible(False)
