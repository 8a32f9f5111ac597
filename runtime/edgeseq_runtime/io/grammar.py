"""How times, numbers and missing values are written as text: one grammar for training files and for the device.

Patterns and thresholds only, of the standard library: the host applies them to whole columns, the device to a line.
"""

import re

TIME_NAMES = ("t", "time", "timestamp", "date", "datetime", "ds")
"""Names under which a sample's time is looked for, in any case, where the spec names no time column."""

MISSING_WORDS = ("", "na", "n/a", "nan", "null", "none")
"""What stands for a missing value, in any case."""

LONGEST_NUMBER = 400
"""Characters; float64 needs 25, and what is longer is no number that a sensor wrote."""

SEPARATORS = ";\t,"
"""What may part cells; the first of them that stands outside quotes does."""

DECIMAL_COMMA = r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?"
"""A number with one comma."""

GROUPED = r"[+-]?[1-9]\d{0,2},\d{3}"
"""One in which the comma may as well part thousands."""

UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
"""How a file in UTF-16 begins."""

EPOCHS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""From which epoch number on it counts fractions of a second, and how many: as seconds 1e11 would be the year 5138."""

_QUOTED = re.compile(r'"[^"]*"')


def separator(line: str) -> str | None:
    """Return what parts the cells of a line; None where it is one cell."""
    unquoted = _QUOTED.sub("", line) if '"' in line else line
    return next((mark for mark in SEPARATORS if mark in unquoted), None)
