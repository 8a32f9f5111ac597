"""Lines of text for a model of any sensor: CSV with or without a header, JSON lines or bare numbers; line protocol.

`text_lines` and `influx` read the same for a model that knows its features.
"""

from collections.abc import Iterable, Iterator, Mapping

from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.io import influx
from edgeseq_runtime.io.any_json import AnyJson
from edgeseq_runtime.io.any_names import AnyNames, split_paths
from edgeseq_runtime.io.any_rows import AnyRows
from edgeseq_runtime.io.sample import LONGEST, OtherKindError, Sample, Tell
from edgeseq_runtime.io.text_lines import LineText
from edgeseq_runtime.printable import listed
from edgeseq_runtime.reading import lines as grammar
from edgeseq_runtime.reading.reading import Reading

_NOTHING = (None,)


def read(
    lines: Iterable[bytes],
    reading: Reading,
    columns: Mapping[str, str] | None = None,
    tell: Tell | None = None,
    *,
    timed: bool = True,
) -> Iterator[Sample]:
    """Yield a sample for each number in each line, of the stream that its name is; of a bare number the name is "".

    `columns` says which columns, or paths within an object, are to be read, and how they are to be called; `tell` is
    told what was decided. Without `timed` nothing is the time. Raises `DataError` for what is no text.
    """
    yield from _Lines(reading, columns or {}, tell, timed=timed).samples(lines)


class _Lines:
    """Reads the lines of one input, which the first of them tells the kind of."""

    def __init__(self, reading: Reading, columns: Mapping[str, str], tell: Tell | None, *, timed: bool) -> None:
        self._skip, self._text = reading.skip_rows, LineText(tell)
        self._rows = AnyRows(reading, columns, tell, timed=timed)
        self._json = AnyJson(reading, columns, tell, timed=timed)
        self._is_json: bool | None = None
        self._streams: dict[str, Sample] = {}  # of the last line that was read

    def samples(self, lines: Iterable[bytes]) -> Iterator[Sample]:
        """Yield the samples of lines."""
        for number, line in enumerate(lines, start=1):
            if number <= self._skip:
                continue
            text = self._text(number, line) if self._is_json is not None else self._text.first(number, line)
            try:
                if len(line) > LONGEST:
                    raise DataError(f"longer than {LONGEST} bytes")  # noqa: TRY301 - said below
                found = self._of_line(number, text)
            except OtherKindError as error:
                yield Sample(number, None, _NOTHING, str(error), stream=None)
            except DataError as error:
                yield from self._unread(number, str(error))
            except (ValueError, OverflowError, RecursionError):  # whatever a line holds, the next one may be a sample
                yield from self._unread(number, f"{text[:40]!r} cannot be read")
            else:
                if found:
                    self._streams = {sample.stream or "": sample for sample in found}
                yield from found

    def _of_line(self, number: int, text: str) -> list[Sample]:
        if self._is_json is None and text and not grammar.is_comment(text):
            self._is_json = grammar.is_json(text)
        if grammar.is_comment(text):
            self._rows.comment(text)
            return []
        if self._is_json:
            return self._json.samples(text, number) if text else []
        return self._rows.samples(text, number)

    def _unread(self, number: int, problem: str) -> Iterator[Sample]:
        """Yield what stands for a line that cannot be read: a sample of each stream that the line before had."""
        if not self._streams:
            yield Sample(number, None, _NOTHING, problem)
        for name, sample in self._streams.items():
            yield Sample(number, None, _NOTHING, problem, name, field=sample.field)


def read_influx(
    lines: Iterable[bytes], reading: Reading, columns: Mapping[str, str] | None = None, tell: Tell | None = None
) -> Iterator[Sample]:
    """Yield a sample for each number in each point: a series and a field are a stream, whose name is series#field.

    The first sample of a line has its text. Raises as `influx.read` does.
    """
    paths, time = split_paths(columns or {}, reading)
    if time:
        raise UsageError(influx.NO_TIME)
    names, unit = AnyNames(reading, tell, timed=False), influx.TimeUnit(tell)
    for number, line in enumerate(lines, start=1):
        text = line[:LONGEST].decode("utf-8", "replace").strip("\r\n ")
        if not text or text[0] == "#":
            continue
        found = _points(names, paths, number, text if len(line) <= LONGEST else "")
        unit.see(number, found[0].time)
        yield from found


def _points(names: AnyNames, paths: Mapping[str, str], number: int, text: str) -> list[Sample]:
    """Return the samples of a line of line protocol; "" stands for one that is too long."""
    try:
        if not text:
            raise DataError(f"longer than {LONGEST} bytes")  # noqa: TRY301 - said below
        point = influx.parse(text)
        cells = {name: value[1:-1] if isinstance(value, str) else value for name, value in point.fields.items()}
        if paths:
            cells = {name: cells[path] for name, path in paths.items() if path in cells}
        found = names.samples(cells, number, point.key)
    except DataError as error:
        return [Sample(number, None, _NOTHING, str(error), stream=None, text=text)]
    if not found:
        return [Sample(number, None, _NOTHING, f"no number among {listed(point.fields)}", stream=None, text=text)]
    samples = [sample._replace(time=point.time, in_nanoseconds=True) for sample in found]
    return [samples[0]._replace(text=text), *samples[1:]]
