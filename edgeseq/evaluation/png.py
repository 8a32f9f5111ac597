"""A figure as PNG, whatever names and units stand in it."""

import warnings
from collections.abc import Iterator
from io import BytesIO

from matplotlib.figure import Figure
from matplotlib.text import Text

from edgeseq_runtime.printable import printable

_LONGEST = 120
"""Characters of a text in a figure."""


def png(figure: Figure) -> bytes:
    """Return a figure as PNG, drawn without a display. Two dollars in a name are no formula there."""
    for text in _words(figure):
        text.set_parse_math(False)
        text.set_text("\n".join(printable(line, _LONGEST) for line in text.get_text().split("\n")))
    content = BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a box stands there, and says so
        figure.savefig(content, format="png", dpi=120, metadata={"Software": None})
    return content.getvalue()


def _words(figure: Figure) -> Iterator[Text]:
    """Return all texts but those at the ticks: those of logarithmic axes are formulas of matplotlib's own."""
    at_ticks = {
        id(text)
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for text in (*axis.get_ticklabels(which="both"), axis.get_offset_text())
    }
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if id(text) not in at_ticks:
            yield text
