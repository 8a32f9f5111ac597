"""What a file is that `predict --input` names: text to be read by its lines, line protocol, or a table.

A device reads lines by itself; of tables (Parquet, zstd, annotated CSV of InfluxDB, arrays of objects, logs with
topics) the host's reader takes care, which wants polars.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeseq_runtime.errors import DataError, DependencyError
from edgeseq_runtime.io import gzip_blocks
from edgeseq_runtime.io.any_json import AnyJson
from edgeseq_runtime.io.json_samples import JsonSamples, split_paths
from edgeseq_runtime.io.sample import OtherKindError, Sample, Tell
from edgeseq_runtime.io.time_columns import usual_names
from edgeseq_runtime.printable import listed
from edgeseq_runtime.reading import lines

if TYPE_CHECKING:
    from edgeseq.series.files.table import Table
    from edgeseq_runtime.reading.reading import Reading
    from edgeseq_runtime.spec import Spec

LINES, INFLUX, TABLE = "lines", "influx", "table"

_TABLES = (b"PAR1", b"\x28\xb5\x2f\xfd")
"""How Parquet and zstd begin."""
_ANNOTATIONS = (b"#group", b"#datatype", b"#default")
_WITH_TOPIC = re.compile(r"[^\s{\[]\S* [{\[].*[}\]]")

_LOOKED_AT = 1 << 16
"""Bytes, and below it lines, that tell what a file is."""
_LINES = 3

_ROWS = 1024
"""Rows of a table that are taken at once."""


def kind_of(path: str) -> str:
    """Return what a file is; what cannot be looked at is of lines, so that whoever reads it says why."""
    if not Path(path).is_file():
        return LINES
    try:
        with Path(path).open("rb") as file:
            data = b"".join(gzip_blocks.gunzipped([file.read(_LOOKED_AT)]))
    except (OSError, DataError):
        data = b""
    if data.startswith(_TABLES) or data.lstrip(b"\xef\xbb\xbf\r\n").startswith(_ANNOTATIONS):
        return TABLE
    texts = (line.decode("utf-8", "replace").strip() for line in data.split(b"\n")[:100])
    first = [text for text in texts if text and not lines.is_comment(text)][:_LINES]
    if first and all(map(lines.is_line_protocol, first)):
        return INFLUX
    is_array = bool(first) and first[0].startswith("[") and not first[0].endswith("]")
    return TABLE if is_array or (first and all(map(_WITH_TOPIC.fullmatch, first))) else LINES


def read_table(
    path: str, reading: "Reading", columns: Mapping[str, str], _lines: Iterable[bytes], spec: "Spec", tell: Tell | None
) -> Iterator[Sample]:
    """Yield a sample for each row of a table.

    Raises `DataError` for a file that is none, or lacks a column of the model's, and `DependencyError` without polars.
    """
    table = _opened(path)
    samples = JsonSamples(spec, reading, columns, tell)
    nothing = (None,) * len(spec.measured)
    for row, content in enumerate(_rows(table, _wanted(table, spec, reading, columns)), start=1):
        try:
            found = samples.of_object(content)
        except OtherKindError as error:
            raise DataError(f"{path}: {error}") from None
        except DataError as error:
            yield Sample(row, None, nothing, str(error), samples.stream)
        else:
            if found:
                yield Sample(row, found.time, found.values, stream=found.stream, known=found.known, now=found.now)


def read_any_table(
    path: str, reading: "Reading", columns: Mapping[str, str], tell: Tell | None, *, timed: bool
) -> Iterator[Sample]:
    """Yield a sample for each number in each row of a table, for a model that takes any series.

    Raises as `read_table` does.
    """
    table = _opened(path)
    samples = AnyJson(reading, columns, tell, timed=timed)
    names = [name for name in table.names if table.is_plain(name)]
    for row, content in enumerate(_rows(table, names), start=1):
        try:
            yield from samples.of_object(content, row)
        except OtherKindError as error:
            yield Sample(row, None, (None,), str(error), stream=None)
        except DataError as error:
            yield Sample(row, None, (None,), str(error))


def _opened(path: str) -> "Table":
    try:
        from edgeseq.series.files.opening import open_table
    except ImportError as error:
        raise DependencyError(f"{path} is read with polars, which is not here: pip install 'edgeseq[train]'") from error
    return open_table(path)


def _wanted(table: "Table", spec: "Spec", reading: "Reading", columns: Mapping[str, str]) -> list[str]:
    """Return the columns that hold features or may hold the time. Raises `DataError` where a feature has none."""
    names = [feature.name for feature in spec.measured]
    paths, time = split_paths(columns, spec, reading)
    features = [paths.get(name, name) for name in names]
    by_case = {name.lower() for name in table.names}
    lacking = next((name for name in features if name.lower() not in by_case), None)
    if lacking is not None:
        raise DataError(f"the input has no column {lacking!r}; its columns are {listed(table.names)}")
    ahead = [paths.get(column.name, column.name) for column in spec.known]
    wanted = (*features, *ahead, *reading.time, reading.id, *([time] if time else []))
    taken = {name.lower() for name in wanted} | usual_names(reading)
    plain = [name for name in table.names if table.is_plain(name)]
    return [name for name in plain if name.lower() in taken or table.kinds[name].is_temporal()]


def _rows(table: "Table", names: list[str]) -> Iterable[dict[str, Any]]:
    """Yield the rows of some columns, times as text."""
    series = [table.column(name) for name in names]
    for start in range(0, table.height, _ROWS):
        cells = [[_plain(value) for value in one.slice(start, _ROWS).to_list()] for one in series]
        for row in zip(*cells, strict=True):
            yield dict(zip(names, row, strict=True))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value
