"""What of a series is new, and the new part in parts of its own: training, validation and, the newest, test."""

from dataclasses import replace

import numpy as np

from edgeseq.series.series import Series
from edgeseq.series.split import Part, Parts, Split

CONTEXT = 5_000
"""Rows before the new ones that warm streams up, at most."""


def first_new(series: Series, known_until: float | None) -> int:
    """Return the first row after a time, in seconds since 1970 UTC; 0 where there are no times to tell by."""
    if known_until is None or series.seconds is None:
        return 0
    return int(np.searchsorted(series.seconds, known_until, side="right"))


def shares(split: str) -> tuple[float, float, float]:
    """Return the share of each part of a split that has three: in rows or fractions, they add up to 1 here."""
    sizes = Split.parse(split).sizes
    train, validation, test = (size / sum(sizes) for size in sizes)
    return train, validation, test


def part(series: Series, first: int, split: str) -> tuple[Series, Parts]:
    """Return the rows of a series from `first` on, and their parts in the proportions of a split.

    Nothing is left over: the test part is the newest. What precedes the new rows only warms streams up.
    """
    train, validation, _ = shares(split)
    new = len(series) - first
    stops = first + round(new * train), first + round(new * (train + validation)), len(series)
    begin = max(0, first - CONTEXT)

    def stretch(start: int, stop: int) -> Part:
        seconds = None if series.seconds is None else series.seconds[begin:stop]
        return Part(series.values[begin:stop], start - begin, seconds=seconds)

    parts = Parts(
        train=series.values[first : stops[0]],
        validation=stretch(stops[0], stops[1]),
        test=stretch(stops[1], stops[2]),
        split=split,
    )
    seconds = None if series.seconds is None else series.seconds[first:]
    return replace(series, values=series.values[first:], rows=series.rows[first:], seconds=seconds), parts
