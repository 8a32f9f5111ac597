"""What a step takes and keeps: columns, states, and the sensors that measure."""

from dataclasses import dataclass

from edgeseq_runtime.spec.limits import FLOAT32_MAX, MOST_CHANGES, ROOM, as_float32, require


@dataclass(frozen=True)
class Feature:
    """One input column: its name, and its statistics over the training part, in the column's unit."""

    name: str
    unit: str
    mean: float
    std: float
    change: float
    """Root mean square of the change from one sample to the next."""
    minimum: float
    maximum: float
    level: bool
    """Whether the network sees the value itself; in a stream beside its change."""
    center: float
    """The network sees (value - center) / scale. Zero where the mean is small: the step graph then saves a node."""
    scale: float
    clock: bool = False
    """Whether it is read off the sample's time and not measured: hour_sin, ..., as in `time_features`."""

    @property
    def label(self) -> str:
        """The name with its unit, for people."""
        return f"{self.name} [{self.unit}]" if self.unit and self.unit not in self.name else self.name

    @property
    def limit(self) -> float:
        """The largest value that the network can take without an overflow, rounded to float32.

        A feature that never changed in training has only the limit that float32 sets. Values up to four times the
        training part's pass, as far as float32 holds them.
        """
        own = 4 * max(abs(self.minimum), abs(self.maximum))
        largest = min(max(FLOAT32_MAX / ROOM, own), FLOAT32_MAX / 4)
        return as_float32(min(largest, MOST_CHANGES * abs(self.change) or largest))


@dataclass(frozen=True)
class State:
    """One tensor of memory: an input of the graph, and the output that is to be fed back there."""

    name: str
    next: str
    shape: tuple[int, ...]
    """With -1 where the batch is: (1, -1, size); without one where there can be one stream only."""

    def __post_init__(self) -> None:
        sizes = [size for size in self.shape if size != -1]
        fits = self.shape and len(sizes) >= len(self.shape) - 1 and all(size > 0 for size in sizes)
        require(fits, "states", "one -1 in a shape")

    def sized(self, batch: int) -> tuple[int, ...]:
        """Return the shape for a batch of streams."""
        return tuple(batch if size == -1 else size for size in self.shape)


@dataclass(frozen=True)
class Sensor:
    """One of several sensors of a kind: it measures offset + gain * z where the typical one, the network's, measures z.

    Each of as many numbers as there are features.
    """

    name: str
    offset: tuple[float, ...]
    gain: tuple[float, ...]
