"""Which kind of file a path names, told by its first bytes and lines: what it is called does not count."""

from edgeseq.series.files import content, csv_text, influx_csv, json_lines, line_protocol, parquet
from edgeseq.series.files.table import Table
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.reading import lines


def open_table(path: str, skip_rows: int | None = None, header: bool | None = None) -> Table:
    """Open a file of CSV, JSON lines, Influx line protocol or Parquet; the text of either may be compressed.

    `skip_rows` says how many lines stand before a CSV's header, and `header` whether there is one; None finds out.
    Raises `DataError` for a file that cannot be read or has no rows.
    """
    table = _open(path, skip_rows, header)
    if not table.height:
        raise DataError(f"{path} has a header but no rows")
    return table


def _open(path: str, skip_rows: int | None, header: bool | None) -> Table:
    if content.beginning(path).startswith(parquet.MAGIC) or path.lower().endswith((".parquet", ".pq")):
        return parquet.read(path)
    data, notes = content.text(path, content.read(path))
    first = _first_lines(data)
    if first and lines.is_json(first[0]):
        return json_lines.read(path, data, notes)
    if first and json_lines.has_topics(first):
        return json_lines.read(path, data, notes, topics=True)
    if first and 2 * sum(map(lines.is_line_protocol, first)) > len(first):
        return line_protocol.read(path, data, notes)
    if influx_csv.is_annotated(data):
        return influx_csv.read(path, data, notes)
    return csv_text.read(path, data, notes, skip_rows, header)


def _first_lines(data: bytes, count: int = 3) -> list[str]:
    """Return the first lines that are neither blank nor comments; the last one only if it has an end, or is alone."""
    physical = data[: 1 << 20].split(b"\n")
    physical = physical[:-1] or physical
    texts = (line.decode("utf-8", "replace").strip() for line in physical)
    found = (text for text in texts if text and not lines.is_comment(text))
    return [text for _, text in zip(range(count), found, strict=False)]
