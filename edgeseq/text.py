"""Text for a terminal: aligned tables and short numbers, with nothing installed."""

import math
import os
from collections.abc import Sequence

from edgeseq_runtime.printable import printable

_WIDEST = 200
"""Characters in a cell of a table."""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under a header, columns aligned: the first to the left, the others to the right."""
    lines = [[printable(cell, _WIDEST) for cell in line] for line in (header, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]

    def joined(line: Sequence[str]) -> str:
        cells = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
        cells[0] = line[0].ljust(widths[0])
        return "  ".join(cells).rstrip()

    return "\n".join([joined(lines[0]), "  ".join("-" * width for width in widths), *map(joined, lines[1:])])


def number(value: float) -> str:
    """Return a figure with four digits, in the notation that is easier to read."""
    if math.isnan(value):
        return "-"
    return f"{value:.4g}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.2e}"


def counted(count: int, noun: str) -> str:
    """Return how many there are of something, in the plural where that is not one."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def size(count: int) -> str:
    """Return a size in bytes as kilobytes of 1,000."""
    return f"{count / 1000:.1f} kB"


def colour() -> bool | None:
    """Return what click is told about colours: none where NO_COLOR is set (no-color.org), else those of a terminal."""
    return False if os.environ.get("NO_COLOR") else None
