"""Annotated CSV, as InfluxDB and Flux write it: tables one after the other, a value to a row, its field beside it.

The rows of one series and one time become one row, in which each field is a column.
"""

import csv
import io
from collections.abc import Iterator, Sequence

from edgeseq.series.files.columns import Columns, Value
from edgeseq.series.files.table import Table, Written, from_columns
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.printable import counted

_ANNOTATIONS = ("#datatype", "#group", "#default")

_TIME, _VALUE, _FIELD = "_time", "_value", "_field"

_OF_THE_QUERY = frozenset(("", "result", "table", "_start", "_stop"))
"""Columns that say something of the query, not of the series."""


def is_annotated(data: bytes) -> bool:
    """Whether a text begins with annotations, or with the header that stands below them."""
    first = data[: 1 << 16].lstrip().split(b"\n", 1)[0].decode("utf-8", "replace").strip()
    cells = [cell.strip('" ') for cell in first.split(",")]
    return cells[0] in _ANNOTATIONS or {_TIME, _VALUE, _FIELD} <= set(cells)


def read(path: str, data: bytes, notes: Sequence[str] = ()) -> Table:
    """Return the table of a file, given its text in UTF-8: the time, the tags, and a column for each field.

    Raises `DataError` for a row with more or fewer cells than its header, with the line.
    """
    rows: dict[tuple[str | None, ...], dict[str, Value]] = {}
    numbers: list[int] = []
    again = tables = 0
    for line, number_of_table, cells in _rows(path, data):
        tables = number_of_table
        value, field, time = cells.pop(_VALUE, None), cells.pop(_FIELD, None), cells.get(_TIME)
        series = {name: cell for name, cell in cells.items() if name != _TIME}
        # A row without a time or a field stands for itself.
        alone = str(line) if None in (time, field) else None
        row = rows.setdefault((time, alone, *(f"{name}={series[name]}" for name in sorted(series))), {})
        if not row:
            numbers.append(line)
            row.update({"time": time} if time is not None else {}, **series)
        name = field or _VALUE
        if value is not None or field is not None:
            again += name in row and row[name] != value
            row[name] = value
    columns = Columns()
    for row in rows.values():
        columns.add(row)
    by_name = columns.series()
    said = [*notes, f"text: annotated CSV of InfluxDB, {counted(tables, 'table')}; fields are columns"]
    if again:
        said.append(f"{counted(again, 'row')} of a series and time that are there already: the later value is taken")
    written = Written(separator=",", notes=tuple(said))
    return from_columns(
        path, [str(name) for name in by_name], list(by_name.values()), lambda row: f"line {numbers[row]}", written
    )


def _rows(path: str, data: bytes) -> Iterator[tuple[int, int, dict[str, str | None]]]:
    """Yield each row as cells by name, with its line and the number of its table; None where a cell is empty."""
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(data), "utf-8", "replace", newline=""), strict=True)
    header: list[str] | None = None
    defaults: list[str] = []
    tables, line = 0, 1
    try:
        for cells in reader:
            this, line = line, reader.line_num + 1
            if cells and cells[0] in _ANNOTATIONS:
                header, defaults = None, cells if cells[0] == "#default" else defaults if header is None else []
            elif not any(cells) or cells[0].startswith("#"):
                continue
            elif header is None or (_VALUE in cells and _TIME in cells):
                header, tables = cells, tables + 1
            elif len(cells) != len(header):
                raise DataError(
                    f"line {this}: expected {counted(len(header), 'cell')} as in the header, got {len(cells)}"
                )
            else:
                filled = [cell or (defaults[at] if at < len(defaults) else "") for at, cell in enumerate(cells)]
                named = zip(header, filled, strict=True)
                yield this, tables, {name: cell or None for name, cell in named if name not in _OF_THE_QUERY}
    except csv.Error as error:
        raise DataError(f"cannot read {path}: line {line}: a quoted cell does not end as it should ({error})") from None
