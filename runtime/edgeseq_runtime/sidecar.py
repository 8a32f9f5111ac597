"""A sidecar: what a person says of a model that edgeseq did not write.

{"input": "input", "output": "output", "states": {"state": "stateN"}, "constants": {"sr": 16000}}
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from edgeseq_runtime import files
from edgeseq_runtime.errors import UsageError


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
            raise UsageError(f"the sidecar's layout is {self.layout!r}; wanted is f, bf or, with t anywhere, btf")
        if self.overlap < 0 or self.features < 0:
            raise UsageError("the sidecar's features and overlap cannot be below 0")

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Read a sidecar from a file of JSON. Raises `UsageError` with what is wrong, and `FileError`."""
        try:
            content = json.loads(files.read(path))
        except ValueError as error:
            raise UsageError(f"the sidecar {os.fspath(path)} is not JSON") from error
        known = {entry.name: entry.type for entry in fields(cls)}
        if not isinstance(content, dict) or not {"input", "output", "states"} <= content.keys() <= known.keys():
            raise UsageError(
                f"the sidecar {os.fspath(path)} must have input, output and states, and may have "
                f"{', '.join(name for name in known if name not in ('input', 'output', 'states'))}"
            )
        for name, value in content.items():
            kind = {"states": dict, "constants": dict, "features": int, "overlap": int}.get(name, str)
            if not isinstance(value, kind):
                raise UsageError(f"the sidecar {os.fspath(path)}: {name} is {value!r}, not a {kind.__name__}")
        return cls(**content)
