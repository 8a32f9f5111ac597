"""What a fleet of sensors needs, computed from the curves: processes and memory, for each provider."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.scaling.curves import Measured

_NEAR = 1.25
"""A pool size is as good as the best where a sample takes at most so many times as long: then the smallest is taken,
for its streams need not wait for as many others."""

_BUSY = 0.5
"""The share of a core that a process may need: the rest is for catching up after an outage, and for reading samples."""


@dataclass(frozen=True)
class Fleet:
    """Sensors of one kind."""

    sensors: int
    period: float
    """Seconds between two samples of one sensor."""


FLEETS = (Fleet(1_000_000, 60.0), Fleet(1_000_000, 1.0))


@dataclass(frozen=True)
class Costs:
    """What one provider takes, read off its curves."""

    provider: str
    streams: int
    """In one pool."""
    gathered: float
    """Microseconds a sample, where a pool takes those of all its streams in one call."""
    singly: float
    """Likewise, where each sample is a call of its own."""
    process_bytes: int
    """Resident in a process with a model open and one stream."""
    stream_bytes: float
    """For each further stream."""


@dataclass(frozen=True)
class Need:
    """What it takes to stream a fleet in one of the two cases."""

    fleet: Fleet
    costs: Costs
    microseconds: float
    """A sample."""

    @property
    def cores(self) -> float:
        """How many cores' work it is."""
        return self.fleet.sensors * self.microseconds / 1e6 / self.fleet.period

    @property
    def processes(self) -> int:
        """How many processes of one thread share it."""
        return math.ceil(self.cores / _BUSY)

    @property
    def resident(self) -> float:
        """Bytes of all of them together."""
        return self.processes * self.costs.process_bytes + self.fleet.sensors * self.costs.stream_bytes

    def row(self, taken: str) -> dict[str, Any]:
        """Return the row of the table."""
        return {
            "sensors": f"{self.fleet.sensors:,}",
            "a sample each, s": self.fleet.period,
            "provider": self.costs.provider,
            "samples": taken,
            "us a sample": self.microseconds,
            "cores' work": self.cores,
            "processes": self.processes,
            "resident, MB": round(self.resident / 1e6),
        }


def needs(fleets: Sequence[Fleet], every: Sequence[Costs]) -> Iterator[dict[str, Any]]:
    """Yield a row for each fleet, provider, and how its samples are taken."""
    for fleet in fleets:
        for costs in every:
            yield Need(fleet, costs, costs.gathered).row(f"gathered, in pools of {costs.streams}")
            yield Need(fleet, costs, costs.singly).row("one by one as they come")


def costs(provider: str, parted: Sequence[Measured], alone: Measured, among: Measured, *, imports: int) -> Costs:
    """Return what a provider takes, by the least times, which others' use of the machine does not change.

    `parted` is the curve along the size of pools that take turns, `alone` a pool of one stream, `among` one stream in
    the largest pool; `imports` are the resident bytes of a process before it opens a model.
    """
    chosen = best_size(parted)
    streams = chosen.point.streams * chosen.point.pools
    return Costs(
        provider,
        streams=chosen.point.streams,
        gathered=chosen.minimum,
        singly=among.minimum,
        process_bytes=imports + alone.grown,
        stream_bytes=(chosen.grown - alone.grown) / (streams - 1),
    )


def best_size(parted: Sequence[Measured]) -> Measured:
    """Return the smallest pools that are about as fast as the fastest."""
    limit = _NEAR * min(one.minimum for one in parted)
    return min((one for one in parted if one.minimum <= limit), key=lambda one: one.point.streams)
