"""What samples have said of the columns known ahead, kept until their interval is over."""

from collections.abc import Iterator, Mapping

import numpy as np

from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.service.streams import Said
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.averaging import PREFIX
from edgeseq_runtime.streaming.validation import as_float32

_SAID = f"{PREFIX}known"
"""What the array of a snapshot is called."""


class LastTold:
    """What the samples of open intervals have said last of the columns known ahead."""

    def __init__(self, spec: Spec) -> None:
        self._like = {_SAID: np.zeros(spec.horizon * len(spec.known), np.float32)} if spec.known else {}
        self._said: dict[str, Said] = {}

    def note(self, name: str, said: Said) -> None:
        """Note what a sample of a stream has said; what it leaves open was said before."""
        before = self._said.get(name)
        if said:
            self._said[name] = (
                said if not before else [b if a is None else a for a, b in zip(said, before, strict=True)]
            )

    def take(self, name: str, count: int) -> Iterator[Said]:
        """Return what goes with so many samples that come of an interval and those after it."""
        return (self._said.pop(name, ()) if not at else () for at in range(count))

    def arrays(self, name: str) -> dict[str, Float32]:
        """Return what was said of a stream as an array of a snapshot, NaN for None; none where nothing was."""
        said = self._said.get(name)
        return {_SAID: as_float32(np.array(said, np.float64))} if said else {}

    def like(self) -> dict[str, Float32]:
        """Return arrays of the shapes that `arrays` has."""
        return self._like

    def load(self, name: str, arrays: Mapping[str, Float32]) -> None:
        """Go on with a snapshot's arrays, or with nothing said."""
        self._said.pop(name, None)
        if _SAID in arrays:
            self._said[name] = [None if np.isnan(value) else float(value) for value in arrays[_SAID]]
