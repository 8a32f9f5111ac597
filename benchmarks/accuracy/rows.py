"""The rows of the table: a figure for each seed, and what to read it beside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Row:
    """One figure."""

    figure: str
    values: Sequence[float]
    """One for each seed."""
    beside: Mapping[str, float] = field(default_factory=dict)
    """What to compare it with: name -> the same figure."""
    at_most: float | None = None
    """What no seed may exceed."""
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the row as it is printed and written."""
        limit = {} if self.at_most is None else {"at most": self.at_most}
        missed = self.at_most is not None and not all(value <= self.at_most for value in self.values)
        return {
            "figure": self.figure,
            "median": float(median(self.values)),
            "each seed": [float(value) for value in self.values],
            "beside": {**limit, **self.beside},
            "note": "MISSED" if missed else self.note,
        }
