"""Series as files, for tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl


def csv(folder: Path, text: str | bytes, name: str = "series.csv") -> str:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def parquet(folder: Path, columns: Mapping[str, Any]) -> str:
    path = folder / "series.parquet"
    pl.DataFrame(columns).write_parquet(path)
    return str(path)
