"""Durations as people write them: 30s, 15min, 1h, 1d."""

import re

from edgeseq_runtime.errors import UsageError

UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
"""Seconds in each unit, the shortest first."""

_LONGEST = 1e9
"""Seconds, some 30 years: a longer duration is a slip of the hand."""

_ROUND = (0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
"""Durations shorter than a day, in seconds, that a person would choose."""


def parse(text: str) -> float:
    """Return the seconds in a duration such as "15min". Raises `UsageError`."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)\s*", text, re.ASCII)
    seconds = float(match[1]) * UNITS[match[2]] if match else 0.0
    if not 0.001 <= seconds <= _LONGEST:
        raise UsageError(f"expected a duration such as 15min (above 0, in ms, s, min, h or d), got {text!r}")
    return seconds


def text(seconds: float) -> str:
    """Return a duration in the longest unit of which it is a whole number, else in seconds."""
    for unit, size in reversed(UNITS.items()):
        count = round(seconds / size)
        if count and abs(count * size - seconds) < 1e-6:
            return f"{count}{unit}"
    return f"{seconds:.{3 if seconds > 1 else 6}f}".rstrip("0").rstrip(".") + "s"


def at_least(seconds: float) -> float:
    """Return the shortest duration that a person would choose and that is not below `seconds`."""
    days = -(-seconds // UNITS["d"]) * UNITS["d"]
    return next((duration for duration in _ROUND if duration >= seconds), days)
