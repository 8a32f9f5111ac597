"""JSON as tables: an object to a line, a list of numbers to a line, or one array of objects."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from edgeseq.series.files.columns import Columns, Value
from edgeseq.series.files.table import Table, Written, from_columns
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.reading import json_text, lines

_TOPIC = re.compile(r"([^\s{\[\"']+) ([{\[].*)", re.DOTALL)
"""A line as `mosquitto_sub -v` prints it."""

_MOST = 2_000
"""Columns; objects whose keys differ from line to line are no table."""

_WIDEST = 100
"""Columns of a single sample; what has more is no sample, but a document of many."""

_BASES = frozenset(("bn", "bt", "bv"))
"""Keys of SenML (RFC 8428) whose values are added to those of later records."""

_LARGEST = 1 << 1000
"""Integers from here on may be larger than any float."""


def has_topics(first: Sequence[str]) -> bool:
    """Whether lines are messages with their topics before them."""
    return bool(first) and all(_TOPIC.fullmatch(line) for line in first)


def read(path: str, data: bytes, notes: Sequence[str] = (), *, topics: bool = False) -> Table:
    """Return the table of a file, given its text in UTF-8.

    Objects within objects become columns such as `DS18B20.Temperature`, lists such as `temps.0`. Raises `DataError` for
    a line that is no JSON; the last one is left out where it has no end.
    """
    whole = None if topics else _array(path, data)
    columns, numbers, notes = Columns(), list[int](), list(notes)
    unended = not data.endswith((b"\n", b"\r"))
    rows = enumerate(whole, start=1) if whole is not None else _objects(data, topics, unended, notes)
    waiting: list[int] = []  # blank lines, which are rows where others follow
    for number, content in rows:
        if content is None:
            waiting.append(number)
            continue
        for blank in waiting:
            numbers.append(blank)
            columns.add({})
        waiting = []
        numbers.append(number)
        columns.add(_row(content))
        if columns.width > _MOST and columns.height > 1:
            raise DataError(f"{path} has more than {_MOST} columns: the keys differ from object to object")
    if columns.height == 1 and columns.width > _WIDEST:
        raise DataError(f"{path} is one document of JSON with lists in it; expected an object for each sample")
    series = columns.series()
    header = [name if isinstance(name, str) else "" for name in series]
    word = "line" if whole is None else "object"
    written = Written(header=tuple(lines.column_names(header)) if not any(header) else (), notes=tuple(notes))
    return from_columns(path, header, list(series.values()), lambda row: f"{word} {numbers[row]}", written)


def _array(path: str, data: bytes) -> list[Any] | None:
    """Return the objects of a file that is one array of them. Raises `DataError` for a pack of SenML."""
    if not data.lstrip().startswith(b"["):
        return None
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        try:
            content = json_text.loads(data.decode("utf-8", "replace"))
        except DataError:
            return None
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        return None
    if any(not _BASES.isdisjoint(one) for one in content):
        raise DataError(f"{path} is JSON of SenML with base values, which hold for later records: resolve them first")
    return content


def _objects(data: bytes, topics: bool, unended: bool, notes: list[str]) -> Iterator[tuple[int, Any]]:
    """Yield what each line holds, with its number; None for a blank line."""
    every = data.split(b"\n")
    for number, line in enumerate(every, start=1):
        text = line.decode("utf-8", "replace").strip()
        if not text:
            yield number, None
            continue
        topic = _TOPIC.fullmatch(text) if topics else None
        try:
            content = json_text.loads(topic[2] if topic else text)
        except DataError as error:
            if unended and number == len(every) and number > 1:
                notes.append(f"line {number}, the last, is cut: left out")
                return
            raise DataError(f"line {number}: {error}") from None
        if not isinstance(content, dict | list):
            raise DataError(f'line {number}: expected an object such as {{"temp": 21.5}}, got {text[:40]!r}')
        yield number, {"topic": topic[1], **content} if topic and isinstance(content, dict) else content


def _row(content: Any) -> dict[str | int, Value]:
    """Return one row of cells: by their paths in an object, by their places in a list."""
    if isinstance(content, list):
        return {place: value for place, one in enumerate(content) for _, value in _flat(one, "")}
    return dict(_flat(content, ""))


def _flat(content: Any, path: str) -> Iterator[tuple[str, Value]]:
    if isinstance(content, dict | list):
        steps = content.items() if isinstance(content, dict) else enumerate(content)
        for step, value in steps:
            yield from _flat(value, f"{path}.{step}" if path else str(step))
    else:
        yield path, str(content) if isinstance(content, int) and abs(content) > _LARGEST else content
