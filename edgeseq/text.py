"""Text for a terminal: aligned tables and short numbers, with nothing installed."""

import math
import os
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from edgeseq_runtime.printable import printable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_UNITS = (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 0.001), ("us", 1e-6))

_MANY = 1000
"""From this on a count is hard to read, and a number needs no decimals."""

_LONGEST = 1e12
"""Seconds from which on a duration is not told in days."""

_MOST_DECIMALS = 6
"""Decimals that data may end after; with more they use all digits that float32 has."""

COLUMNS = 80
"""What a terminal has."""

_WIDEST = 200
"""Characters in a cell of a table."""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under a header, columns aligned: the first to the left, the others to the right.

    Where that is wider than a terminal, words of the header stand below each other.
    """
    tops = [[printable(cell, _WIDEST) for cell in header]]
    body = [[printable(cell, _WIDEST) for cell in line] for line in rows]
    if _width([*tops, *body]) > COLUMNS:
        parts = [_halves(cell) for cell in tops[0]]
        tops = [[first for first, _ in parts], [second for _, second in parts]]
    lines = [*tops, *body]
    widths = _widths(lines)

    def joined(line: Sequence[str]) -> str:
        cells = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
        cells[0] = line[0].ljust(widths[0])
        return "  ".join(cells).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([*map(joined, tops), rule, *map(joined, body)])


def wrapped(text: str) -> str:
    """Return a paragraph in lines of a terminal's width, all but the first indented."""
    return textwrap.fill(text, COLUMNS, subsequent_indent="  ")


def _halves(cell: str) -> tuple[str, str]:
    """Return words on two lines, about as long; one word stands on the second."""
    words = cell.split(" ")
    if len(words) == 1:
        return "", cell
    cuts = [(" ".join(words[:at]), " ".join(words[at:])) for at in range(1, len(words))]
    return min(cuts, key=lambda pair: max(map(len, pair)))


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*lines, strict=True)]


def _width(lines: Sequence[Sequence[str]]) -> int:
    return sum(_widths(lines)) + 2 * (len(lines[0]) - 1)


def number(value: float) -> str:
    """Return a figure with four digits, in the notation that is easier to read."""
    if math.isnan(value):
        return "-"
    return f"{value:.4g}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.2e}"


def decimals_of(values: "npt.NDArray[np.floating[Any]]") -> int | None:
    """Return after how many decimals numbers end, as a sensor or a logger cut them; None where they use all digits."""
    import numpy as np

    finite = values[np.isfinite(values)].astype(np.float64)
    grain = np.spacing(np.abs(finite).astype(np.float32))
    for decimals in range(_MOST_DECIMALS + 1):
        if np.all(np.abs(finite - np.round(finite, decimals)) <= grain):
            return decimals if len(finite) else None
    return None


def error(value: float, decimals: int | None = None) -> str:
    """Return an error in the unit of data that end after so many decimals: one digit more, two figures at least."""
    if decimals is None or not math.isfinite(value) or abs(value) >= _MANY:
        return number(value)
    figures = 0 if value == 0 else 1 - math.floor(math.log10(abs(value)))
    return f"{value:.{max(decimals + 1, figures)}f}" if figures < _MOST_DECIMALS else number(value)


def duration(seconds: float) -> str:
    """Return a duration in the longest unit of which it is a whole number, as "1 h"; else with three digits."""
    if seconds > _LONGEST:
        return f"{seconds:.3g} s"
    for unit, size in _UNITS:
        count = round(seconds / size)
        if count > 0 and (count < _MANY or unit == "d") and math.isclose(count * size, seconds, rel_tol=1e-6):
            return f"{count} {unit}"
    unit, size = next((pair for pair in _UNITS if pair[1] <= seconds), _UNITS[-1])
    return f"{seconds / size:.3g} {unit}"


def every(period: float) -> str:
    """Return how often samples come: "one every 1 h", or "100 a second"."""
    if period < 1:
        return f"{1 / period:.4g} a second"
    return f"one every {duration(period)}"


def moment(seconds: float) -> str:
    """Return a time in seconds since 1970 as a date (UTC), with as much of the time of day as it has."""
    try:
        shown = datetime.fromtimestamp(round(seconds, 3), UTC)
    except (ValueError, OverflowError, OSError):  # before the year 1, or after 9999
        return f"{seconds:.4g} s after 1970"
    if shown.second or shown.microsecond:
        return f"{shown:%Y-%m-%d %H:%M:%S}"
    return f"{shown:%Y-%m-%d %H:%M}" if shown.hour or shown.minute else f"{shown:%Y-%m-%d}"


def size(count: int) -> str:
    """Return a size in bytes as kilobytes of 1,000."""
    return f"{count / 1000:.1f} kB"


def colour() -> bool | None:
    """Return what click is told about colours: none where NO_COLOR is set (no-color.org), else those of a terminal."""
    return False if os.environ.get("NO_COLOR") else None
