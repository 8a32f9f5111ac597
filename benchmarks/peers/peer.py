"""What a peer is: an engine that streams the same network as all others, and how it is opened."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.spec import Spec

Array: TypeAlias = npt.NDArray[np.float32]

Step: TypeAlias = Callable[[Any], Any]
"""Takes the next sample and returns the forecast after it, any shape of (streams, outputs). A sample is a number where
there is one stream of one feature, else (stream, feature). Where a call takes a block, it is (time, feature)."""


class CannotError(Exception):
    """An engine cannot do what is asked of it; the message says why in a few words."""


@dataclass(frozen=True)
class Network:
    """A folder with one network in every form that a peer may want to read; `writing.write` fills it."""

    folder: Path

    @property
    def chunk(self) -> Path:
        """The model file for any number of samples in one call."""
        return self.folder / "chunk.onnx"

    @property
    def step(self) -> Path:
        """The model file for one sample at a time."""
        return self.folder / "step.onnx"

    def written_out(self, streams: int, kind: str = "onnx") -> Path:
        """Where a file of another format lies, with cells of elementary operators, for so many streams."""
        return self.folder / f"written_out_{streams}.{kind}"

    @cached_property
    def spec(self) -> Spec:
        """The spec of `chunk`."""
        return Spec.from_json((self.folder / "spec.json").read_text())

    @property
    def packed_width(self) -> int:
        """Numbers in the one state of a `written_out` file: the last sample, whether there is one, and each h and c."""
        return 2 + 2 * self.spec.layers * self.spec.hidden

    @cached_property
    def weights(self) -> dict[str, Array]:
        """The weights with all scales folded in and gates in torch's order: W1, R1, b1, ..., head, head_bias."""
        with np.load(self.folder / "weights.npz") as file:
            return dict(file)


def as_it_is(_network: Network, _streams: int) -> None:
    """Convert nothing: the engine reads the model file."""


def as_onnx(network: Network, streams: int) -> None:
    """Write the network as ONNX of elementary operators, with its state in one tensor."""
    from benchmarks.peers import recipe_onnx

    recipe_onnx.convert(network, streams)


@dataclass(frozen=True)
class Peer:
    """One way to stream a network. Only `open` runs on the device, so only that counts for a start."""

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
