"""Arrays as C initialisers: short numbers that read back as the same ones, in lines of readable length."""

import textwrap

import numpy as np
import numpy.typing as npt

_WIDTH = 112


def number(value: float) -> str:
    """Return a float32 as a C constant."""
    text = str(np.float32(value))
    return f"{text}f" if any(mark in text for mark in ".en") else f"{text}.0f"


def values(array: npt.NDArray[np.generic], indent: int = 4) -> str:
    """Return an array's numbers, row-major, broken into lines."""
    write = number if array.dtype.kind == "f" else str
    cells = map(write, array.reshape(-1).tolist())
    return textwrap.fill(", ".join(cells), _WIDTH, initial_indent=" " * indent, subsequent_indent=" " * indent)
