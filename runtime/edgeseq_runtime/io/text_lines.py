"""Samples as lines of text: CSV with a header, JSON lines, or bare numbers, told apart by the first line.

Only the standard library: this runs on the device, once a line.
"""

import csv
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io import grammar
from edgeseq_runtime.printable import counted, listed
from edgeseq_runtime.spec import Spec

LONGEST = 1 << 20
"""Bytes in a line; a longer one is no sample."""

_COMMA, _GROUPED = re.compile(grammar.DECIMAL_COMMA), re.compile(grammar.GROUPED)

WrittenTime: TypeAlias = str | float | None
"""A time as a line has it; "" where it is empty, None where nothing in the line is the time."""

Values: TypeAlias = tuple[float | None, ...]


class Sample(NamedTuple):
    """One input line: its time as it was written, and one value for each feature of the model."""

    line: int
    """Counted from 1."""
    time: WrittenTime
    values: Values
    problem: str | None = None
    """Why the line is no sample; its values are then missing."""
    stream: str | None = ""
    """Whose sample it is, where a line says so; None where it should and does not."""
    text: str = ""
    """The line itself, where it may be passed on."""


_NO_SEPARATOR = "\x1f"
"""For a line of one cell: a character that no text has."""

Parser: TypeAlias = Callable[[str], tuple[WrittenTime, Values]]


def split(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines in blocks of bytes; of one that is too long only as much as shows that it is."""
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        rest = rest[: LONGEST + 1]
        yield from (line[: LONGEST + 1] for line in lines)
    if rest:
        yield rest


def read(lines: Iterable[bytes], spec: Spec, tell: Callable[[str], object] | None = None) -> Iterator[Sample]:
    """Yield a sample for each line; a blank line is one without values. `tell` is told what a user should know.

    Raises `DataError` for what is not text in UTF-8, and for a first line that is a header without the model's
    features: no line after it could be read.
    """
    nothing = (None,) * len(spec.measured)
    numbered = enumerate(lines, start=1)
    parse: Parser | None = None
    for number, line in numbered:
        if number == 1 and (line.startswith(grammar.UTF16_MARKS) or b"\0" in line):
            raise DataError("the input is binary or UTF-16; expected UTF-8 text")
        text = line[:LONGEST].decode("utf-8-sig" if number == 1 else "utf-8", "replace").strip()
        if not text:
            yield _sample(number, line, text, None, nothing)
            continue
        try:
            parse, is_header = _parser_for(text, spec, tell)
        except DataError as error:
            raise DataError(f"line {number}: {error}") from None
        if not is_header:
            yield _sample(number, line, text, parse, nothing)
        break
    for number, line in numbered:
        text = line[:LONGEST].decode("utf-8", "replace").strip()
        yield _sample(number, line, text, parse, nothing)


def _sample(number: int, line: bytes, text: str, parse: Parser | None, nothing: Values) -> Sample:
    """Return the sample of a line, which as text is `text`."""
    try:
        if len(line) > LONGEST:
            raise DataError(f"longer than {LONGEST} bytes")  # noqa: TRY301 - said below
        return Sample(number, *parse(text)) if parse and text else Sample(number, None, nothing)
    except DataError as error:
        return Sample(number, None, nothing, str(error))
    except (ValueError, OverflowError, RecursionError):  # whatever a line holds, the next one may be a sample
        return Sample(number, None, nothing, f"{text[:40]!r} cannot be read")


def _parser_for(first: str, spec: Spec, tell: Callable[[str], object] | None) -> tuple[Parser, bool]:
    """Return how to read the lines that begin with `first`, and whether `first` is only a header."""
    if first[0] in "{[":
        return json_parser(spec), False
    separator = grammar.separator(first)
    cells = _split(first, separator)
    is_header = all(feature.name in cells for feature in spec.measured)
    # Without a separator, blanks may part numbers or stand within a column's name.
    bare = any(map(_is_number, cells)) or all(map(_is_value, cells)) or all(map(_is_value, first.split()))
    if bare and not is_header:
        return _bare_parser(spec), False
    if tell and spec.time and not _find_time(cells, spec):
        tell(f"none of the columns is known as the time ({listed(cells)}): gaps between samples are not seen")
    return _csv_parser(cells, separator, spec), True


def _bare_parser(spec: Spec) -> Parser:
    names = [feature.name for feature in spec.measured]
    one = len(names) == 1

    def parse(text: str) -> tuple[WrittenTime, Values]:
        if one and (values := _floats((text,))):
            return None, values
        separator = grammar.separator(text)
        cells = _split(text, separator) if separator or '"' in text else text.split()
        if len(cells) != len(names):
            raise DataError(f"the model expects {counted(len(names), 'value')} ({listed(names)}), got {len(cells)}")
        return None, _floats(cells) or tuple(_value(*pair) for pair in zip(names, cells, strict=True))

    return parse


def _csv_parser(header: list[str], separator: str | None, spec: Spec) -> Parser:
    names = [feature.name for feature in spec.measured]
    lacking = [name for name in names if name not in header]
    if lacking:
        raise DataError(f"the input has no column {lacking[0]!r}; its columns are {listed(header)}")
    twice = next((name for name in names if header.count(name) > 1), None)
    if twice:
        raise DataError(f"the input has {header.count(twice)} columns {twice!r}")
    positions = [header.index(name) for name in names]
    time = _find_time(header, spec)
    at_time = header.index(time) if time else None
    pointed = _with_point if separator in (";", "\t") else str  # elsewhere a comma may part cells

    def parse(text: str) -> tuple[WrittenTime, Values]:
        cells = _split(text, separator)
        if len(cells) != len(header):
            raise DataError(f"expected {counted(len(header), 'cell')} as in the header, got {len(cells)}")
        written = [cells[at] for at in positions]
        values = _floats(written) or tuple(_value(*pair) for pair in zip(names, map(pointed, written), strict=True))
        return None if at_time is None else cells[at_time], values

    return parse


def json_parser(spec: Spec) -> Parser:
    """Return what reads one sample from JSON: an object of features by name, a list of them, or one number alone.

    It returns the time, where there is one, and the values; it raises `DataError` for what is no sample. A time that
    lacks is an empty one, where the model sees the time.
    """
    names = [feature.name for feature in spec.measured]
    no_time = "" if len(spec.features) > len(names) else None
    keys: list[str] = []  # of the object before
    time: str | None = None

    def parse(text: str) -> tuple[WrittenTime, Values]:
        nonlocal keys, time
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            raise DataError(f"{text[:40]!r} is not JSON") from None
        if isinstance(content, dict):
            if keys != (found := list(content)):
                if not any(name in content for name in names):
                    raise DataError(f"no value for {listed(names)}; the object has {listed(content)}")
                keys, time = found, _find_time(found, spec)
            values = [content.get(name) for name in names]
            return _time(content[time]) if time else no_time, _numbers(names, values)
        values = content if isinstance(content, list) else [content]
        if len(values) != len(names):
            raise DataError(f"the model expects {counted(len(names), 'value')} ({listed(names)}), got {len(values)}")
        return no_time, _numbers(names, values)

    return parse


def _split(text: str, separator: str | None) -> list[str]:
    """Return the cells of a line, unquoted. Raises `DataError` where its quotes make no sense."""
    if '"' not in text:
        return [cell.strip() for cell in text.split(separator)] if separator else [text]
    try:
        cells = next(csv.reader([text], delimiter=separator or _NO_SEPARATOR, skipinitialspace=True))
    except csv.Error:  # of a line break within a cell, or a cell of more than 128 KiB
        raise DataError(f"{text[:40]!r} is not a line of CSV") from None
    return [cell.strip() for cell in cells]


def _find_time(names: list[str], spec: Spec) -> str | None:
    """Return which of the columns holds the time, if any does."""
    if spec.time in names:
        return spec.time
    features = {feature.name for feature in spec.measured}
    return next((name for name in names if name.lower() in grammar.TIME_NAMES and name not in features), None)


def _with_point(cell: str) -> str:
    """Return a number with its decimal comma as a point. Raises `DataError` where it may as well part thousands."""
    if "," not in cell or not _COMMA.fullmatch(cell):
        return cell
    if _GROUPED.fullmatch(cell):
        raise DataError(f"{cell!r} may use a decimal comma or a thousands separator; write a decimal point")
    return cell.replace(",", ".")


def _is_number(cell: str) -> bool:
    return _is_value(cell) and cell.lower() not in grammar.MISSING_WORDS


def _is_value(cell: str) -> bool:
    try:
        _value("", cell)
    except DataError:
        return False
    return True


def _floats(cells: Sequence[str]) -> Values | None:
    """Return the cells as numbers; None where not each is plainly one, for `_value` to say what it is."""
    try:
        numbers = tuple(map(float, cells))
    except ValueError:
        return None
    for number, cell in zip(numbers, cells, strict=True):
        if math.isnan(number) or "_" in cell or len(cell) > grammar.LONGEST_NUMBER:
            return None
    return numbers


def _value(name: str, cell: str) -> float | None:
    if cell.lower() in grammar.MISSING_WORDS:
        return None
    try:
        if "_" in cell or len(cell) > grammar.LONGEST_NUMBER:  # 1_0 is a number to Python only
            raise ValueError  # noqa: TRY301 - the same word for all that is no number
        return float(cell)
    except ValueError:
        raise DataError(f"{name} is {cell[:40]!r}, not a number") from None


def _numbers(names: list[str], values: list[Any]) -> tuple[float | None, ...]:
    return tuple(_number(name, value) for name, value in zip(names, values, strict=True))


def _number(name: str, value: Any) -> float | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str):
        return _value(name, value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DataError(f"{name} is {_kind(value)}, not a number")
    try:
        return float(value)
    except OverflowError:
        raise DataError(f"{name} is a number too large for a float") from None


def _time(value: Any) -> WrittenTime:
    """Return a time as JSON has it; what is there and can be none as text that says what it is."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()  # half a character is none
    return _kind(value) if isinstance(value, (bool, list, dict)) else value


def _kind(value: Any) -> str:
    """Return what a value of JSON is, in words; its content may be of any size and depth."""
    if isinstance(value, bool):
        return str(value).lower()
    return "a list" if isinstance(value, list) else "an object"
