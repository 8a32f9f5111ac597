"""The lines of a text: what stands before its table, what parts its cells, and which of its lines name the columns.

One line at a time, so that the host's files and the device's streams are taken apart alike.
"""

import csv
import re
from collections.abc import Sequence

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.reading.words import MISSING_WORDS

SEPARATORS = ";\t|,"
"""What may part cells; the first of them that stands outside quotes does. Commas come last: they may be decimal."""

BLANKS = " "
"""What `separator` says where runs of blanks part the cells."""

UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
"""How a text in UTF-16 begins."""

_NO_SEPARATOR = "\x1f"
"""For a line of one cell: a character that no text has."""

_QUOTED = re.compile(r'"[^"]*"')
_SEPARATOR_LINE = re.compile(r'"?sep=(;|,|\||\t|\\t|:| |$)"?[;,\t ]*"?', re.IGNORECASE)

_NUMBER = re.compile(
    r"'?[+-]?(?:\d[\d.,'\u00a0\u202f]*|[.,]\d+)(?:[eE][+-]?\d+|[dD][+-]\d+)?(?:\s*[%\u00b0]\w?|\s+\S{1,8})?"
)
"""A number, with an apostrophe, thousands or a unit as it may be; words that begin with digits are none."""
_TIME = re.compile(
    r"[+-]?\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?\.?([T ,_]+\d{1,2}[:.hH]?\d{0,2}.*)?"  # 2024-01-31, 31.01. 12:00
    r"|\d{1,2}:\d\d(:\d\d([.,]\d+)?)?( ?[aApP]\.?[mM]\.?)?|\d{8}[T ]\d{4}.*"
    r"|([A-Za-z]{3,9},? )?(\d{1,2}[- /.]*[A-Za-z]{3,9}[- /.,]*\d{2,4}|[A-Za-z]{3,9}\.? \d{1,2},? \d{4})\b.*"
)
"""Roughly a date or a time of day: enough to tell a row from names."""
_INFINITE = ("inf", "-inf", "+inf", "infinity", "-infinity", "-nan", "nan")

_BRACKETED = re.compile(r"\[[^\]]*\]|\([^)]*\)|\{[^}]*\}|<[^>]*>")
_UNIT_SIGNS = re.compile(
    r"[%\u00b0\u2030\u00b5\u03bc\u03a9\u2126\u00b2\u00b3]|(?<![^\W\d_])[^\W\d_]++[0-9]?[/^\u00b7][^\W\d_]"
)
_WORDS = (
    "c k f degc degf deg degrees celsius fahrenheit kelvin v mv kv volt a ma ampere w mw kw va var kva kvar wh kwh mwh "
    "j kj mj hz khz mhz pa hpa kpa mpa mbar bar psi atm mmhg m mm cm km um in inch ft mi s sec ms us ns min h hr hrs d "
    "g kg mg t lb l ml m3 l/h ppm ppb db dba dbm rpm ohm kohm lx lux lm cd n nm ph rh percent pct count counts pcs "
    "bool boolean flag int integer float double real number string text date time datetime timestamp utc gmt local "
    "ts rn seconds minutes hours days unix epoch iso iso8601"
)
_UNITS = frozenset(_WORDS.split())
_TIME_TEMPLATE = re.compile(r"(?=.*[ymdhs]{2})[ymdhsft:/. '\-]+(?:zone|z|tt|am/pm)?", re.IGNORECASE)
"""yyyy-mm-dd hh:mm:ss and the like."""

_ERROR_CELL = re.compile(
    f"(?:{'|'.join(re.escape(word) for word in sorted(MISSING_WORDS) if word.startswith('#'))})[ \t]*(?:[;,|\t]|$)",
    re.IGNORECASE,
)
"""What a spreadsheet writes where a cell has no value."""

_WIDTH = re.compile(r"\d{1,3}[sdn]")

_LINE_PROTOCOL = re.compile(
    r"(?:[^\\, \"{\[]|\\.)(?:[^\\, ]|\\.)*(?:,(?:[^\\,= ]|\\.)+=(?:[^\\,= ]|\\.)+)* +"
    r"(?:[^\\,= ]|\\.)+=(?:\"(?:[^\\\"]|\\.)*\"|[^, ]+)(?:,(?:[^\\,= ]|\\.)+=(?:\"(?:[^\\\"]|\\.)*\"|[^, ]+))*"
    r"(?: +[-+]?\d{1,19})? *"
)


def encoding(beginning: bytes) -> str:
    """Return the encoding that the first bytes of a text tell of: utf-8-sig, utf-16 (-le, -be without a mark), cp1252.

    The last character may be cut. What is no UTF-8 is Windows' code page; none of its bytes is refused.
    """
    if beginning.startswith(UTF16_MARKS):
        return "utf-16"
    if beginning[:2].count(0) == 1:
        return "utf-16-le" if beginning[1:2] == b"\0" else "utf-16-be"
    return "utf-8-sig" if is_utf8(beginning, whole=False) else "cp1252"


def is_utf8(data: bytes, *, whole: bool = True) -> bool:
    """Whether bytes are text in UTF-8; without `whole` the last character may be cut."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return not whole and len(data) - error.start < 4 and error.reason == "unexpected end of data"
    return True


def decode(line: bytes) -> tuple[str, bool]:
    """Return the text of one line, and whether it is UTF-8; else it is read as cp1252."""
    try:
        return line.decode("utf-8"), True
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace"), False


def is_comment(line: str) -> bool:
    """Whether a line is a comment, and not a row whose first cell is a spreadsheet's #N/A."""
    text = line.lstrip("\ufeff \t")
    return text.startswith("#") and not _ERROR_CELL.match(text)


def uncommented(line: str) -> str:
    """Return what a comment says: some writers mark the names of the columns as one (`# time temp`)."""
    return line.lstrip("\ufeff \t#").rstrip()


def separator_line(line: str) -> str | None:
    """Return the separator that a line such as `sep=;` tells spreadsheets of, None where it is no such line."""
    match = _SEPARATOR_LINE.fullmatch(line.strip("\ufeff\r\n "))
    return match and (BLANKS if match[1] == " " else match[1].replace("\\t", "\t") or "\t")  # the tab may be stripped


def separator(line: str, *others: str) -> str | None:
    """Return what parts the cells of a line: one of `SEPARATORS`, `BLANKS`, None where it is one cell.

    Of several marks it is the first that parts the `others`, further lines of the same table, into as many cells.
    Blanks are taken only where others confirm it: a name may hold some.
    """
    marks = [mark for mark in SEPARATORS if mark in _unquoted(line)]
    if others and len(marks) > 1:
        counts = {mark: _unquoted(line).count(mark) for mark in marks}
        even = (m for m in marks if all(_unquoted(other).count(m) == counts[m] for other in others))
        return next(even, marks[0])
    if marks:
        return marks[0]
    width = len(line.split())
    if others and width > 1 and all(len(other.split()) == width for other in others):
        return BLANKS
    return None


def split(line: str, separator: str | None) -> list[str]:
    """Return the cells of a line, unquoted, without blanks around them.

    Raises `DataError` where its quotes make no sense.
    """
    if '"' not in line:
        if separator == BLANKS:
            return line.split()
        return [cell.strip() for cell in line.split(separator)] if separator else [line.strip()]
    try:
        cells = next(csv.reader([line], delimiter=separator or _NO_SEPARATOR, skipinitialspace=True))
    except csv.Error:  # of a line break within a cell, or a cell of more than 128 KiB
        raise DataError(f"{line[:40]!r} is not a line of CSV") from None
    return [cell.strip() for cell in cells if cell or separator != BLANKS]


def column_names(header: Sequence[str]) -> list[str]:
    """Return the names of columns; one without a name is called after its place: "column 1"."""
    return [name.strip() or f"column {place}" for place, name in enumerate(header, start=1)]


def fitted(cells: Sequence[str], width: int) -> list[str] | None:
    """Return a row as so many cells, without the empty ones at its end that are too many; None where it has others."""
    if len(cells) == width:
        return list(cells)
    return list(cells[:width]) if len(cells) > width and not any(cells[width:]) else None


def looks_like_header(cells: Sequence[str], after: Sequence[str] = ()) -> bool:
    """Whether cells are the names of columns rather than a row: the line `after` it decides where that is known.

    Numbers may be names where they stand above a row of another kind: `time,1,2`, or pandas' `,0`.
    """
    kinds, below = [_kind(cell) for cell in cells], [_kind(cell) for cell in after]
    if "word" not in kinds:
        places = [str(place) for place in range(len(cells) - 1)]
        return len(cells) > 1 and list(cells) == ["", *places] and (not below or below[0] != "")
    if len(below) == len(kinds):
        if any(kind == "word" and under in ("number", "time") for kind, under in zip(kinds, below, strict=True)):
            return True
        return not {"number", "time"} & {*kinds, *below}
    return not {"number", "time"} & {*kinds}


def is_format_row(cells: Sequence[str]) -> bool:
    """Whether cells below a header say how wide its columns are, as in the USGS's RDB: `5s 15s 20d 14n`."""
    return len(cells) > 1 and all(_WIDTH.fullmatch(cell.strip()) for cell in cells)


def is_units_row(cells: Sequence[str]) -> bool:
    """Whether cells below a header are the units of its columns: none is a value, and most are known units."""
    if is_format_row(cells):
        return True
    filled = [cell.strip() for cell in cells if cell.strip() not in ("", "-", "1")]
    kinds = [_kind(cell) for cell in filled if not _is_unit(cell)]
    return len(kinds) < len(filled) and 2 * len(kinds) <= len(filled) and all(kind == "word" for kind in kinds)


def is_json(line: str) -> bool:
    """Whether a line begins an object or a list of JSON."""
    return line.lstrip("\ufeff \t")[:1] in ("{", "[")


def is_line_protocol(line: str) -> bool:
    """Whether a line is a point of Influx line protocol: a series, fields with their values, and perhaps a time."""
    return "=" in line and len(line) < 1 << 16 and _LINE_PROTOCOL.fullmatch(line.rstrip("\r\n")) is not None


def _kind(cell: str) -> str:
    """Return what a cell is: "" for missing, number, time, word."""
    cell = cell.strip()
    lower = cell.lower()
    if lower in _INFINITE:
        return "number"
    if lower in MISSING_WORDS:
        return ""
    if _NUMBER.fullmatch(cell):
        return "number"
    return "time" if len(cell) < 80 and _TIME.fullmatch(cell) else "word"


def _is_unit(cell: str) -> bool:
    bare = cell.lower().rstrip(".").replace(" ", "")
    if _BRACKETED.fullmatch(cell) or bare in _UNITS or _TIME_TEMPLATE.fullmatch(cell):
        return True
    return len(cell) <= 16 and _UNIT_SIGNS.search(cell) is not None and _kind(cell) == "word"


def _unquoted(line: str) -> str:
    return _QUOTED.sub("", line) if '"' in line else line
