"""What was said with the last samples, kept until its truths have come: the records of one stream.

They stand one after the other, so that what belongs to a knot is always as far before the last one; when there is no
room left, the last ones move to the begin. All that they hold follows from the stream's row and the season: where
others have changed the row, or another season was found, `look_back` makes them anew, to the bit.
"""

import numpy as np

from edgeseq_runtime.adaptation.seasonal.blend import clipped
from edgeseq_runtime.adaptation.seasonal.layout import BLEND, CORRECTED, OWN, SAID, VALUES, Layout
from edgeseq_runtime.adaptation.seasonal.lone_places import Indices, LonePlaces
from edgeseq_runtime.arrays import Float32

_SPARE = 64
"""Records that there is room for besides those that are needed."""


class LonePast:
    """The records of the last samples, as many as the horizon is long."""

    def __init__(self, layout: Layout, places: LonePlaces, row: Float32) -> None:
        self._layout, self._places = layout, places
        self._views = layout.views(row[None])
        self._kept = layout.horizon * places.record
        self._records = np.zeros(self._kept + _SPARE * places.record, np.float32)
        self._end = self._kept
        """Where the next record begins."""
        self._knots = np.array(layout.knots)
        self._first = np.cumsum([0, *layout.knots[:-1]])
        self._ages = np.arange(layout.horizon, 0, -1)
        self._begin = places.at["one"].start

    def take(self, places: Indices, numbers: Float32) -> None:
        """Write to `numbers` those at places, which count from the record of the sample a horizon ago."""
        self._records[self._end - self._kept :].take(places, 0, numbers, "clip")

    def add(self, record: Float32) -> None:
        """Keep the record of a sample."""
        if self._end == len(self._records):
            self._records[: self._kept] = self._records[-self._kept :]
            self._end = self._kept
        end = self._end + len(record)
        self._records[self._end : end] = record
        self._end = end

    def look_back(self, clock: int) -> None:
        """Make all records before the sample of that number anew, as they would be with the present season."""
        places, at, views, ages = self._places, self._places.at, self._views, self._ages[:, None]
        made = np.zeros((len(ages), places.size), np.float32)
        numbers = {name: made[:, where] for name, where in at.items()}
        values = views["values"][0].take((clock - ages - places.back) % VALUES)
        count = len(places.per)
        later, earlier = values[:, :count], values[:, count:]
        units = views["units"][0].take((clock - ages) % self._layout.horizon)
        sizes = units * places.per
        made[:, places.begin_of_sizes :][:, :count] = sizes
        with np.errstate(all="ignore"):
            made[:, places.begin :][:, :count] = (later - earlier) / sizes
        waits = views["waiting"][0][self._first + (clock - ages) % self._knots]
        own = waits[..., OWN]
        made[:, at["at_knots"]] = made[:, places.at_knots]
        for name, word in (("own_at", OWN), ("blended_at", BLEND), ("corrected_at", CORRECTED), ("said_at", SAID)):
            numbers[name][:] = waits[..., word]
        naive, change = numbers["naive_at"], numbers["change_at"]
        known = np.isfinite(naive) & places.is_seasonal
        naive[:] = np.where(known, naive, own)
        change[:] = np.where(known & np.isfinite(change), change, own)
        numbers["one"][:], numbers["last"][:] = 1, own[:, -1:]
        numbers["changes"][:] = np.arcsinh(numbers["changes"])
        seen = clipped(numbers["seen"])
        numbers["seen"][:] = np.where(np.isnan(seen), np.float32(0), seen)
        numbers["base"][:] = views["values"][0].take((clock - ages) % VALUES)
        self._records[: self._kept] = made[:, self._begin :].reshape(-1)
        self._end = self._kept
