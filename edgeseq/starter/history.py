"""A stretch of one series as a network with a running scale sees it, and what the network is to say of it."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from edgeseq.model import running_scale
from edgeseq.series.gaps import Filled
from edgeseq.starter.network import Memory, Network, normalise


@dataclass(frozen=True)
class History:
    """A series whose longer gaps part it into segments, each of which a fresh stream reads."""

    segments: tuple[tuple[int, int], ...]
    """Start and end of each, rows of what follows; outside of them it is 0."""
    features: Tensor
    """(time, 1, running_scale.FEATURES)."""
    scale: Tensor
    """(time, 1)."""
    distances: Tensor
    """(time, 1, level)."""
    targets: Tensor
    """Changes from each sample to those ahead, (time, horizon); NaN where either was not measured in the segment."""

    @classmethod
    def of(cls, filled: Filled, horizon: int) -> "History":
        """Return the history of a series of one feature without its short gaps."""
        rows = len(filled.values)
        features = torch.zeros(rows, 1, running_scale.FEATURES)
        scale, distances = torch.zeros(rows, 1), torch.zeros(rows, 1, len(running_scale.LEVELS))
        for start, stop in filled.segments:
            samples = torch.from_numpy(filled.values[start:stop])
            features[start:stop], scale[start:stop], distances[start:stop], _ = normalise(
                samples, samples.new_zeros(1, running_scale.STATES)
            )
        return cls(filled.segments, features, scale, distances, torch.from_numpy(_targets(filled, horizon)))

    @torch.no_grad()
    def outputs(self, network: Network, rows: slice = slice(None)) -> Tensor:
        """Return the last layer's output (time, HIDDEN) after each sample of `rows`, 0 outside of the segments.

        A fresh stream begins at the first of the rows in each segment.
        """
        first, last, _ = rows.indices(len(self.targets))
        output = torch.zeros(last - first, network.cell.hidden_size)
        for start, stop in self.segments:
            begin, end = max(start, first), min(stop, last)
            if begin < end:
                said, _ = network.cell(self.features[begin:end], network.fresh(1))
                output[begin - first : end - first] = said[:, 0]
        return output

    @torch.no_grad()
    def memory_at(self, network: Network, rows: list[int]) -> Memory:
        """Return the memory (layer, row, HIDDEN) of streams just before each of some rows, rising."""
        found, at, memory = [], 0, network.fresh(1)
        for row in rows:
            start = max((start for start, _ in self.segments if start <= row), default=row)
            if start >= at:
                at, memory = start, network.fresh(1)
            if row > at:
                _, memory = network.cell(self.features[at:row], memory)
            at = row
            found.append(memory)
        h, c = (torch.cat([memory[part] for memory in found], dim=1) for part in (0, 1))
        return h, c


def _targets(filled: Filled, horizon: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    values, observed = filled.values[:, 0].astype(np.float64), filled.observed[:, 0]
    targets = np.full((len(values), horizon), np.nan, np.float32)
    for start, stop in filled.segments:
        for ahead in range(1, min(horizon, stop - start - 1) + 1):
            leaps = values[start + ahead : stop] - values[start : stop - ahead]
            leaps[~(observed[start + ahead : stop] & observed[start : stop - ahead])] = np.nan
            targets[start : stop - ahead, ahead - 1] = leaps
    return targets
