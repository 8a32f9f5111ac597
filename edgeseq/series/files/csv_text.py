"""CSV files as columns of text, with the line of the file that each row begins on."""

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt
import polars as pl

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io import grammar
from edgeseq_runtime.printable import counted

_AT_ONCE = 2_000
"""Rows that are held as Python's lists before they become columns, which take far less memory."""

_Row = tuple[int, list[str]]
"""The line that a row begins on, and its cells."""


def read(path: str) -> tuple[list[str], list[pl.Series], npt.NDArray[np.int64]]:
    """Return the header, the columns and the line of each row.

    A row of empty cells only, or a blank line, has empty cells throughout; those at the end of the file are left out.
    Raises `DataError` for what is no text, for a quote that does not end, and for a row with more or fewer cells than
    the header.
    """
    try:
        with Path(path).open(encoding=_encoding(path), errors="replace", newline="") as file:
            first = next((line for line in file if line.strip()), "")
            file.seek(0)
            rows = _rows(path, file, grammar.separator(first) or ",")
            header = next((cells for _, cells in rows if any(cells)), None)
            if header is None:
                raise DataError(f"{path} is empty")
            return header, *_columns(rows, len(header))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def _encoding(path: str) -> str:
    """Return the encoding that a file's first bytes tell of: UTF-8, or UTF-16 as spreadsheets may write it."""
    with Path(path).open("rb") as file:
        beginning = file.read(1 << 12)
    if beginning.startswith(grammar.UTF16_MARKS):
        return "utf-16"
    if b"\0" in beginning:
        raise DataError(f"{path} is not text in UTF-8: it holds zero bytes; save it as CSV in UTF-8, or as .parquet")
    return "utf-8-sig"


def _rows(path: str, file: TextIO, separator: str) -> Iterator[_Row]:
    """Yield each row with the line that it begins on: a quoted cell may hold line ends."""
    reader = csv.reader(file, delimiter=separator, skipinitialspace=True, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"cannot read {path}: line {line}: a quoted cell does not end as it should ({error})") from None


def _columns(rows: Iterator[_Row], width: int) -> tuple[list[pl.Series], npt.NDArray[np.int64]]:
    chunks: list[list[pl.Series]] = [[pl.Series(dtype=pl.String)] * width]
    lines: list[int] = []
    height = 0
    while some := list(islice(rows, _AT_ONCE)):
        cells = [_checked(*row, width) for row in some]
        height = next((len(lines) + at for at in range(len(cells), 0, -1) if any(cells[at - 1])), height)
        lines.extend(line for line, _ in some)
        chunks.append([pl.Series(column, dtype=pl.String) for column in zip(*cells, strict=True)])
    columns = [pl.concat(column).head(height) for column in zip(*chunks, strict=True)]
    return columns, np.array(lines[:height], np.int64)


def _checked(line: int, cells: list[str], width: int) -> list[str]:
    if len(cells) == width:
        return cells
    if any(cells):
        raise DataError(f"line {line}: expected {counted(width, 'cell')} as in the header, got {len(cells)}")
    return [""] * width
