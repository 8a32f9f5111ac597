"""A sidecar: what a person says of a model that edgeseq did not write.

{"input": "input", "output": "output", "states": {"state": "stateN"}, "constants": {"sr": 16000}}
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from edgeseq_runtime import files, strict_json
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.printable import shown

_MOST_BYTES = 1 << 20
"""In a sidecar's file."""

MOST_VALUES = 100_000
"""In what a graph takes as a sample and gives as a forecast: each of them gets a name."""


@dataclass(frozen=True)
class Sidecar:
    """What a person knows of a graph and the graph does not tell. Raises `UsageError` where that cannot be."""

    input: str
    output: str
    states: Mapping[str, str]
    """Input -> the output that is to be fed back there."""
    constants: Mapping[str, Any] = field(default_factory=dict)
    """Further inputs -> what they always are."""
    features: int = 0
    """Values in what the graph takes as a sample, where its shape leaves that open."""
    overlap: int = 0
    """Values at the start of it that repeat the end of the sample before; a caller gives the others only."""
    layout: str = ""
    """Axes of input and output: b for streams, t for time, f for values; bf and btf if not given."""

    def __post_init__(self) -> None:
        streams_first = "fb" not in self.layout.replace("t", "")
        if self.layout and not (sorted(self.layout) in (["f"], ["b", "f"], ["b", "f", "t"]) and streams_first):
            raise UsageError(f"the sidecar's layout: expected f, bf or btf (t at any place), got {shown(self.layout)}")
        if self.overlap < 0 or self.features < 0:
            raise UsageError("the sidecar's features and overlap cannot be below 0")
        if self.overlap > MOST_VALUES or self.features > MOST_VALUES:
            raise UsageError(f"the sidecar's features and overlap cannot be above {MOST_VALUES}")
        if not all(isinstance(name, str) for name in self.states.values()):
            raise UsageError("the sidecar's states must be names of inputs with names of outputs")

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Read a sidecar from a file of JSON. Raises `UsageError` with what is wrong, and `FileError`."""
        try:
            content = strict_json.loads(files.read(path, _MOST_BYTES))
        except ValueError as error:
            raise UsageError(f"the sidecar {os.fspath(path)} is not JSON: {error}") from error
        known = {entry.name: entry.type for entry in fields(cls)}
        if not isinstance(content, dict) or not {"input", "output", "states"} <= content.keys() <= known.keys():
            raise UsageError(
                f"the sidecar {os.fspath(path)} must have input, output and states, and may have "
                f"{', '.join(name for name in known if name not in ('input', 'output', 'states'))}"
            )
        for name, value in content.items():
            kind = {"states": dict, "constants": dict, "features": int, "overlap": int}.get(name, str)
            if type(value) is not kind:  # true is no number
                raise UsageError(f"the sidecar {os.fspath(path)}: {name} is {shown(value)}, not a {kind.__name__}")
        return cls(**content)
