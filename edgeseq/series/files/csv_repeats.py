"""Lines among a CSV's rows that are none: comments, and headers that come again."""

import re
from collections.abc import Iterator

from edgeseq.series.files.layout import Layout
from edgeseq_runtime.printable import counted
from edgeseq_runtime.reading import lines

_COMMENT = re.compile(rb"^[ \t]*#[^\n]*\n?", re.MULTILINE)


def spans(data: bytes, start: int, found: Layout) -> list[tuple[int, int]]:
    """Return where such lines begin and end, from `start` on, in a text whose cells hold no line ends."""
    return sorted({*_comments(data, start), *_headers(data, start, found)})


def order(text: str, found: Layout) -> list[int] | None:
    """Return which cell of rows below a line each column is, where the line is the header again; else None."""
    if found.header is None:
        return None
    text = text.strip("\r\n ")
    if text == found.header.text.strip("\r\n "):
        return list(range(len(found.names)))
    cells = [cell.strip().strip('"').strip() for cell in (text.split(found.separator) if found.separator else [text])]
    names = [name.strip() for name in found.names]
    if len(cells) != len(names) or sorted(cells) != sorted(names) or len(set(names)) < len(names):
        return None
    return [cells.index(name) for name in names]


def told(headers: int, comments: int) -> tuple[str, ...]:
    """Return what is said of so many lines that are left out."""
    notes = []
    if headers:
        notes.append(f"header: comes again {'once' if headers == 1 else f'{headers} times'} within the file; left out")
    if comments:
        notes.append(f"text: {counted(comments, 'comment line')} among the rows left out")
    return tuple(notes)


def _comments(data: bytes, start: int) -> Iterator[tuple[int, int]]:
    if data.find(b"#", start) >= 0:
        for match in _COMMENT.finditer(data, start):
            if lines.is_comment(match[0].decode("utf-8", "replace")):
                yield match.span()


def _headers(data: bytes, start: int, found: Layout) -> Iterator[tuple[int, int]]:
    """Yield where the header stands again, perhaps in another order of the columns, and the units below it."""
    name = max(found.names, key=len).strip().encode() if found.header else b""
    # A search for each byte is many times as fast as one for the name, and most rows are of digits.
    if found.header is None or not name or any(data.find(bytes([byte]), start) < 0 for byte in set(name)):
        return
    size, slack = len(found.header.text.encode()), 2 * len(found.names) + 2
    units = found.units_line and found.units_line.strip().encode()
    at = data.find(name, start)
    while at >= 0:
        begin, end = max(data.rfind(b"\n", 0, at) + 1, start), (data.find(b"\n", at) + 1) or len(data)
        if abs(end - begin - size) <= slack and order(data[begin:end].decode("utf-8", "replace"), found):
            yield begin, end
            after = (data.find(b"\n", end) + 1) or len(data)
            if units and data[end:after].strip() == units:
                yield end, after
        at = data.find(name, end)
