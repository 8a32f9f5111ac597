"""What a peer is: an engine that streams the same network as all others, and how it is opened."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from benchmarks.peers.network import Network

Step: TypeAlias = Callable[[Any], Any]
"""Takes the next sample and returns the forecast after it, any shape of (streams, outputs). A sample is a number where
there is one stream of one feature, else (stream, feature). Where a call takes a block, it is (time, feature)."""


def as_it_is(_network: Network, _streams: int) -> None:
    """Convert nothing: the engine reads the model file."""


def as_onnx(network: Network, streams: int) -> None:
    """Write the network as ONNX of elementary operators, with its state in one tensor."""
    from benchmarks.peers.recipes import onnx

    onnx.convert(network, streams)


@dataclass(frozen=True)
class Peer:
    """An engine as it streams a network. Only `open` runs on the device, so only that counts for a start."""

    name: str
    packages: tuple[str, ...]
    """What pip installs for it; the first one's version is shown."""
    open: Callable[[Network, int], Step]
    """Returns the step of so many streams, all fresh. Raises `CannotError`, and whatever the engine does."""
    convert: Callable[[Network, int], None] = as_it_is
    """Writes into the network's folder what `open` reads for so many streams. Raises as `open`."""
    block: int = 1
    """Samples of one stream that a call takes."""
    window: int = 0
    """How many samples each forecast is made from anew; 0: the state is carried, and all count."""
