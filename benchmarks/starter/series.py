"""The series of the table: columns of CSV files, row after row as the files have them."""

import csv
from collections.abc import Iterator, Sequence
from importlib.resources import files as package_files
from pathlib import Path

import numpy as np

from edgeseq_runtime.arrays import Float64

LEAST = 600
"""Samples that a series must have."""


def all_series(paths: Sequence[Path]) -> Iterator[tuple[str, Float64]]:
    """Yield CO2, then the columns of numbers of all CSV files at or below the paths: name, values (time,)."""
    inside = package_files("edgeseq.series").joinpath("mauna_loa_co2.csv")
    yield from columns("co2", inside.read_text().splitlines())
    for path in paths:
        for file in sorted(path.rglob("*.csv")) if path.is_dir() else [path]:
            yield from columns(file.stem, file.read_text().splitlines())


def columns(name: str, lines: Sequence[str]) -> Iterator[tuple[str, Float64]]:
    """Yield the columns of a table that hold numbers, but for the first, which is the time.

    For a missing value stands the one before it.
    """
    header, *body = csv.reader(lines)
    for place, title in enumerate(header[1:], start=1):
        values: list[float] = []
        for cell in (row[place] for row in body):
            if cell or values:
                values.append(float(cell) if cell else values[-1])
        if len(values) >= LEAST:
            yield f"{name} {title}" if len(header) > 2 else name, np.array(values)
