"""Columns gathered value by value, where rows need not have all of them; each gets the kind of what it holds."""

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import polars as pl

Value: TypeAlias = str | float | int | bool | None

Name: TypeAlias = str | int
"""Of a column; its place where it has no name."""

_WIDEST = 2**63


class Columns:
    """Rows of values by name, in the order in which the names appear."""

    def __init__(self) -> None:
        self.height = 0
        self._values: dict[Name, list[Value]] = {}

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self._values)

    def add(self, row: Mapping[Any, Value]) -> None:
        """Add a row; the names that it lacks are missing values."""
        for name, value in row.items():
            values = self._values.setdefault(name, [])
            if len(values) < self.height:
                values.extend([None] * (self.height - len(values)))
            values.append(value)
        self.height += 1

    def series(self) -> dict[Name, pl.Series]:
        """Return the columns: of integers, numbers or flags where all of a column's values are such, else text."""
        found: dict[Name, pl.Series] = {}
        for name, values in self._values.items():
            values.extend([None] * (self.height - len(values)))
            found[name] = _series(str(name), values)
        return found


def _series(name: str, values: list[Value]) -> pl.Series:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    if kinds == {int} and all(abs(value) < _WIDEST for value in values if isinstance(value, int)):
        return pl.Series(name, values, dtype=pl.Int64)
    if kinds and kinds <= {int, float}:
        return pl.Series(name, [None if value is None else float(value) for value in values], dtype=pl.Float64)
    return pl.Series(name, [_text(value) for value in values], dtype=pl.String)


def _text(value: Value) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value):
        return f"{value!r}e0" if "e" not in repr(value) else repr(value)  # no point that may part thousands
    return None if value is None else str(value)
