"""Parquet files as tables; polars reads them."""

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import cache

import polars as pl

from edgeseq.series.files.table import Table, named
from edgeseq_runtime.errors import DataError

MAGIC = b"PAR1"
"""How such a file begins, whatever it is called."""


def read(path: str) -> Table:
    """Open a Parquet file; a column is read when it is asked for, so that the others do not matter."""

    def rows(query: Callable[[pl.LazyFrame], pl.LazyFrame]) -> pl.DataFrame:
        try:
            with _muted_stderr():
                return query(pl.scan_parquet(path, glob=False, hive_partitioning=False)).collect()
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            reason = str(error).strip().partition("\n")[0][:200]
            raise DataError(f"cannot read {path}: {reason}") from error

    schema = rows(lambda frame: frame.head(0)).schema
    names, unnamed, twins = named(schema.names())
    originals = dict(zip(names, schema.names(), strict=True))

    @cache
    def column(name: str) -> pl.Series:
        return rows(lambda frame: frame.select(originals[name])).to_series().alias(name)

    height = int(rows(lambda frame: frame.select(pl.len())).item())
    kinds = dict(zip(names, schema.dtypes(), strict=True))
    return Table(path, names, unnamed, height, kinds, column, twins=twins)


@contextlib.contextmanager
def _muted_stderr() -> Iterator[None]:
    """Keep polars from writing on stderr, past Python: what it panics over in a damaged file is raised as well."""
    try:
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except OSError:  # nobody listens anyway
        yield
        return
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
