"""Where named arrays lie within a row of words: a stream's memory, which in C is a struct."""

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """Some words of a row, as an array."""

    offset: int
    """Of its first word, from the row's begin; of what each target has: from the begin of the target's block."""
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many words there are."""
        return math.prod(self.shape)


def in_order(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Part]:
    """Return the parts with these shapes, one behind the other from word 0 on."""
    parts, offset = {}, 0
    for name, shape in shapes.items():
        parts[name] = Part(offset, shape)
        offset += parts[name].size
    return parts
