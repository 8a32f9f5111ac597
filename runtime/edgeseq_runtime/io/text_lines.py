"""Samples as lines of text: CSV with or without a header, JSON lines, or bare numbers, told apart by the first line.

Only the standard library: this runs on the device, once a line.
"""

import codecs
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TypeAlias

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io.gzip_blocks import beginning, gunzipped
from edgeseq_runtime.io.json_samples import JsonSamples, Parser, split_paths
from edgeseq_runtime.io.rows import Rows
from edgeseq_runtime.io.sample import LONGEST, OtherKindError, Sample, Tell, Values, WrittenTime
from edgeseq_runtime.reading import lines as grammar
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.spec import Spec

Samples: TypeAlias = Sequence[tuple[WrittenTime, Values, bool, str, Values, Values]]
"""What `Parsed` has of the samples in one line."""
Parse: TypeAlias = Callable[[str], Samples]

__all__ = ["LONGEST", "Sample", "WrittenTime", "json_parser", "read", "split"]


def split(blocks: Iterable[bytes], tell: Tell | None = None) -> Iterator[bytes]:
    """Yield the lines in blocks of bytes; of one that is too long only as much as shows that it is.

    Those of UTF-16 come out in UTF-8, which `tell` is told of; gzip is decompressed. Raises `DataError` where that is
    damaged.
    """
    rest = b""
    for block in _with_line_feeds(_from_utf16(blocks, tell)):
        *lines, rest = (rest + block).split(b"\n")
        rest = rest[: LONGEST + 1]
        yield from (line[: LONGEST + 1] for line in lines)
    if rest:
        yield rest


def _with_line_feeds(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield blocks whose lines end with line feeds: old Macs, and spreadsheets for them, end lines otherwise."""
    rest = iter(blocks)
    first = beginning(rest)
    old = b"\r" in first[:-1] and b"\n" not in first
    for block in chain([first], rest):
        yield block.replace(b"\r", b"\n") if old else block


def _from_utf16(blocks: Iterable[bytes], tell: Tell | None) -> Iterator[bytes]:
    """Yield the same text in UTF-8, if its first two bytes are of UTF-16; else the very blocks."""
    rest = gunzipped(blocks)
    first = beginning(rest)
    encoding = grammar.encoding(first[:2])
    if not encoding.startswith("utf-16"):
        yield first
        yield from rest
        return
    if tell:
        tell("the input is UTF-16")
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    yield decoder.decode(first).encode("utf-8", "replace")
    for block in rest:
        yield decoder.decode(block).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")


def json_parser(spec: Spec, reading: Reading | None = None, paths: Mapping[str, str] | None = None) -> Parser:
    """Return what reads one sample from JSON, as `JsonSamples.one` does."""
    return JsonSamples(spec, reading, paths).one


_OPENING = "{[#"
"""How lines of JSON and comments begin, which no tab before them makes a row."""


def read(
    lines: Iterable[bytes],
    spec: Spec,
    tell: Tell | None = None,
    reading: Reading | None = None,
    columns: Mapping[str, str] | None = None,
) -> Iterator[Sample]:
    """Yield a sample for each line; a blank line is one without values, but in a table, and a comment is none.

    `reading` says how samples are written, without it the model does; `columns` says which column, or path within an
    object, a feature or the time has here. `tell` is told what a user should know. Raises `DataError` for what is no
    text, and for a first line that is a header without the model's features: no line after it could be read.
    """
    reader = _Reader(spec, reading or spec.known_reading, columns or {}, tell)
    return reader.samples(lines)


class _Reader:
    """Reads the lines of one stream."""

    def __init__(self, spec: Spec, reading: Reading, columns: Mapping[str, str], tell: Tell | None) -> None:
        self._skip, self._text = reading.skip_rows, LineText(tell)
        self._nothing, self._knows = (None,) * len(spec.measured), bool(spec.known)
        self._json = JsonSamples(spec, reading, columns, tell)
        paths, time = split_paths(columns, spec, reading)
        self._rows = Rows(spec, reading.replaced(time=(time,)) if time else reading, paths, tell)
        self._source: Rows | JsonSamples = self._rows
        self._blank = () if reading.id else (self._nothing,)  # a blank line between several streams is nobody's

    def samples(self, lines: Iterable[bytes]) -> Iterator[Sample]:
        """Yield the samples of lines."""
        numbered = enumerate(lines, start=1)
        parse: Parse | None = None
        blank: list[Sample] = []  # missing samples, unless a table follows
        for number, line in numbered:
            text = self._text.first(number, line)
            if not text:
                blank += (Sample(number, None, nothing) for nothing in self._blank)
                continue
            try:
                parse, is_sample = self._parser_for(text, is_before=number <= self._skip)
            except DataError as error:
                raise DataError(f"line {number}: {error}") from None
            if parse and not self._rows.is_table:
                yield from blank
            if is_sample and parse:
                yield from self._parsed(number, line, text, parse)
            if parse:
                break
        else:
            yield from blank
        for number, line in numbered:
            yield from self._parsed(number, line, self._text(number, line), parse)

    def _parser_for(self, text: str, *, is_before: bool) -> tuple[Parse | None, bool]:
        """Return what reads the lines that begin with this one, None where it tells nothing; and whether it is one."""
        if grammar.is_json(text):
            self._source = self._json
            return self._json.all, True
        if grammar.is_comment(text):
            return (self._row if self._rows.is_commented_header(text) else None), False
        is_sample = self._rows.begins_with(text, skipped=is_before)
        return (None if is_sample is None else self._row), bool(is_sample)

    def _row(self, text: str) -> Samples:
        if text[0] == "#" and grammar.is_comment(text):
            return ()
        row = self._rows(text)
        return () if row is None else ((*row, False, self._rows.stream or "", *self._rows.known),)

    def _parsed(self, number: int, line: bytes, text: str, parse: Parse | None) -> Iterable[Sample]:
        """Return the samples of a line, which as text is `text`: one, but for comments and lists of samples."""
        try:
            if len(line) > LONGEST:
                raise DataError(f"longer than {LONGEST} bytes")  # noqa: TRY301 - said below
            if not text and self._rows.is_table:
                return ()
            if not (parse and text):
                return [Sample(number, None, nothing) for nothing in self._blank]
            found = parse(text)
            if len(found) == 1 and not (found[0][2] or self._knows):
                return (Sample(number, found[0][0], found[0][1], None, found[0][3]),)
            return [
                Sample(number, time, values, None, name, lacks=lacks, known=known, now=now)
                for time, values, lacks, name, known, now in found
            ]
        except OtherKindError as error:
            return (Sample(number, None, self._nothing, str(error), stream=None),)
        except DataError as error:
            return (Sample(number, None, self._nothing, str(error), self._source.stream),)
        except (ValueError, OverflowError, RecursionError):  # whatever a line holds, the next one may be a sample
            return (Sample(number, None, self._nothing, f"{text[:40]!r} cannot be read"),)


class LineText:
    """Makes text of lines; `tell` is told once of those that are not UTF-8."""

    def __init__(self, tell: Tell | None) -> None:
        self._tell = tell

    def first(self, number: int, line: bytes) -> str:
        """Return the text of a line before which only blank ones came. Raises `DataError` for what is no text."""
        if number == 1 and (line.startswith(grammar.UTF16_MARKS) or b"\0" in line):
            raise DataError("the input is binary or UTF-16; expected UTF-8 text")
        text = self(number, line)
        return text.removeprefix("\ufeff").lstrip(" ") if number == 1 else text

    def __call__(self, number: int, line: bytes) -> str:
        """Return the text of a line, without what surrounds it."""
        try:
            return _bare(line[:LONGEST].decode())
        except UnicodeDecodeError:
            if self._tell and len(line) <= LONGEST:
                self._tell(f"line {number} is not UTF-8: such lines are read as cp1252")
                self._tell = None
            return _bare(line[:LONGEST].decode("cp1252", "replace"))


def _bare(text: str) -> str:
    """Return a line without what surrounds it: blanks, and DOS's end of a file. Tabs may part an empty cell."""
    text = text.rstrip(" \r\n\v\f\x1a")
    bare = text.lstrip()
    return bare if bare[:1] in _OPENING else text.lstrip(" ")
