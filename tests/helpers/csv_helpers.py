"""Series as files, for tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from edgeseq.series import Series
from edgeseq.series.files import reader
from edgeseq.series.files.options import ReadingOptions


def csv(folder: Path, text: str | bytes, name: str = "series.csv") -> str:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def parquet(folder: Path, columns: Mapping[str, Any]) -> str:
    path = folder / "series.parquet"
    pl.DataFrame(columns).write_parquet(path)
    return str(path)


def sensor_file(folder: Path, name: str, level: float, size: float, samples: int = 400) -> str:
    """A wave with noise, an hour apart, as a sensor of this level and size measures it."""
    random = np.random.default_rng(abs(int(level)))
    values = level + size * (np.sin(np.arange(samples) / 4) + 0.05 * random.standard_normal(samples))
    rows = [f"{np.datetime64('2024-01-01T00') + hour},{value:.6g}" for hour, value in enumerate(values)]
    return csv(folder, "\n".join(["time,temp", *rows, ""]), f"{name}.csv")


def read(path: str, **said: Any) -> Series:
    """Read a file as a user would have it."""
    return reader.read(path, ReadingOptions(**said))
