"""The network that all peers stream: a folder with it in every form that one may want to read."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.spec import Spec


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
    def weights(self) -> dict[str, Float32]:
        """The weights with all scales folded in and gates in torch's order: W1, R1, b1, ..., head, head_bias."""
        with np.load(self.folder / "weights.npz") as file:
            return dict(file)
