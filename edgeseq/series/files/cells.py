"""Cells as numbers: what a column holds, be it text or typed."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from edgeseq.series import codes
from edgeseq.series.files.number_style import NumberStyle, Place, apart, decide, sample
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.printable import counted, printable, shown
from edgeseq_runtime.reading import numbers as grammar
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.reading.units import is_unit, unit_key
from edgeseq_runtime.reading.words import FLAGS, MISSING_WORDS

Rows = npt.NDArray[np.uint32]

_USUAL_WORDS = ("", "na", "n/a", "nan", "null", "none")
"""Words for missing that are no news."""

_FEW = 3
"""Unknown words in a column that an error names, with the option that takes them as missing."""

_MOST_WORDS = 6
"""Words for missing values that a note names."""

_AT_ONCE = 1 << 18
"""Cells that are read in one piece of memory."""

_USUAL_STYLE = NumberStyle()

_ANY_NUMBER = f"^(?:{grammar.number_pattern('.', ',')}|{grammar.number_pattern(',', '.')})$"


@dataclass(frozen=True)
class Cells:
    """A column as numbers."""

    values: Float32
    """(row,), NaN where there is none."""
    unit: str = ""
    """What stands behind the numbers in its cells."""
    notes: tuple[str, ...] = ()
    """What was found in them; a line each."""


@dataclass(frozen=True)
class Numbers:
    """Columns of one file as numbers, and how these are written."""

    values: Float32
    """(row, column), NaN where there is none."""
    units: tuple[str, ...]
    """Of each column, as far as it is known."""
    style: NumberStyle
    notes: tuple[str, ...]
    """What was decided, and what was in doubt; a line each."""

    def told(self, reading: Reading) -> Reading:
        """Return the decision about a file with that about its numbers."""
        return replace(reading, decimal=self.style.decimal, thousands=self.style.thousands, missing=self.style.missing)


def read_all(
    columns: Sequence[pl.Series],
    others: Iterable[pl.Series],
    place: Place,
    *,
    units: Sequence[str] = (),
    decimal: str | None = None,
    missing: Sequence[str] = (),
) -> Numbers:
    """Read the columns of a series as numbers.

    `others` are further columns of the file, but for its times: they may show the decimal sign where these do not.
    `units` are what is known of each column's; `decimal` and `missing` are what the user says. Raises
    `DataError`, naming the line, for what cannot be read, or may be read in two ways.
    """
    plain = [_plain(column) if column.dtype == pl.String else None for column in columns]
    are_plain = {column.name for column, values in zip(columns, plain, strict=True) if values is not None}
    style = decide(columns, others, place, decimal=decimal, missing=missing, plain=are_plain)
    known = units or [""] * len(columns)
    read_columns = [
        read(column, place, style, unit, values) for column, unit, values in zip(columns, known, plain, strict=True)
    ]
    return Numbers(
        values=_beside([column.values for column in read_columns]),
        units=tuple(column.unit for column in read_columns),
        style=style,
        notes=(*style.notes, *(note for column in read_columns for note in column.notes)),
    )


def _beside(columns: Sequence[Float32]) -> Float32:
    """Return columns (row,) as one array (row, column); a single one is not copied."""
    return columns[0][:, np.newaxis] if len(columns) == 1 else np.stack(columns, axis=1)


def read(
    column: pl.Series,
    place: Place,
    style: NumberStyle = _USUAL_STYLE,
    unit: str = "",
    plain: Float32 | None = None,
) -> Cells:
    """Return a column as numbers. `unit` is what is known of its unit: another one in its cells is refused.

    `plain` are its values where all its cells are empty or plain numbers, which it may take for its own.
    Raises `DataError`, naming the line, for a cell that is none, and for a column without any number.
    """
    name = column.name
    missing: dict[str, int] = {}
    notes: list[str] = []
    values = plain if style.decimal == "." else None
    if values is None and is_text(column.dtype):
        text = _Text(column.cast(pl.String), place, style)
        numbers, unit = text.numbers(unit)
        missing, notes = text.missing, text.notes
        values = _as_float32(numbers, column, place)
    elif is_number(column.dtype) or column.dtype in (pl.Boolean, pl.Null):
        values = _as_float32(column, column, place)
    if values is None:
        raise DataError(f"column {name!r} holds {column.dtype}, not numbers")
    for code in grammar.codes(style.missing):
        if count := int(np.count_nonzero(values == code)):
            values[values == code] = np.nan
            missing[codes.text(code)] = count
    if np.isnan(values).all():
        raise DataError(f"column {name!r} holds no numbers at all")
    if missing:
        (word, count), *more = missing.items()
        words = ", ".join([f"{counted(count, 'cell')} {word}", *(f"{count} {word}" for word, count in more)])
        notes.append(f"missing: {name}: {words}")
    return Cells(values, unit, (*notes, *(f"warning: {name} is {code}" for code in codes.suspects(values))))


def groups(column: pl.Series) -> dict[str, npt.NDArray[np.int64]]:
    """Return the rows of each word in a column, in the order in which they appear; empty cells are nobody's."""
    text = column.cast(pl.String).str.strip_chars()
    rows_by_word: dict[str, list[int]] = {}
    for row, word in enumerate(text.to_list()):
        if word:
            rows_by_word.setdefault(word, []).append(row)
    return {word: np.array(rows, np.int64) for word, rows in rows_by_word.items()}


def mostly_numbers(column: pl.Series) -> bool:
    """Whether a column is one of numbers, text with a few stray words among numbers included.

    With units, if all have the same or they are in use; flags are none.
    """
    if not is_text(column.dtype):
        return is_number(column.dtype)
    text = column.cast(pl.String)
    filled = _filled(text.gather(sample(len(text))))
    filled = filled if len(filled) else _filled(text)
    numbers = apart(filled).struct
    are_numbers = numbers.field("body").str.contains(_ANY_NUMBER).fill_null(value=False)
    units = numbers.field("unit").filter(are_numbers).drop_nulls().unique()
    have_one_unit = len(set(map(unit_key, units))) <= 1
    return bool(are_numbers.sum() * 2 > len(filled)) and (have_one_unit or all(map(is_unit, units)))


def first_cell(column: pl.Series) -> str:
    """Return the first cell that is filled, as an error may show it; "" where none is."""
    filled = column.filter(~is_empty(column)).head(1)
    return shown(filled[0]) if len(filled) else ""


def is_number(kind: pl.DataType) -> bool:
    """Whether a column of this kind holds integers, decimals or floats."""
    return kind.is_numeric()


def is_text(kind: pl.DataType) -> bool:
    """Whether a column of this kind holds words."""
    return kind in (pl.String, pl.Categorical, pl.Enum)


def is_empty(column: pl.Series) -> pl.Series:
    """Return which cells hold nothing at all."""
    if is_text(column.dtype):
        return column.is_null() | (column.cast(pl.String).str.strip_chars() == "")
    return column.is_null()


class _Text:
    """The cells of a column of text."""

    def __init__(self, text: pl.Series, place: Place, style: NumberStyle) -> None:
        self._text, self._place, self._style, self._name = text, place, style, text.name
        self.missing: dict[str, int] = {}
        """How often each word stands for no value, but for those that usually do."""
        self.notes: list[str] = []

    def numbers(self, unit: str) -> tuple[pl.Series, str]:
        """Return the cells as numbers, null where a value is missing, and their unit; `unit` is what is known of it."""
        numbers = self._plain()
        rows = (numbers.is_null() & self._text.is_not_null()).arg_true().to_numpy()
        if not len(rows):
            return numbers, unit
        cells = self._text.gather(rows).str.strip_chars()
        lower = cells.str.to_lowercase()
        are_missing = lower.is_in([*MISSING_WORDS, *(word.strip().casefold() for word in self._style.missing)])
        are_flags = lower.is_in(list(FLAGS)) & ~are_missing
        written, units = self._apart(cells)
        written = written.set(are_missing, None)
        if are_flags.any():
            self._check_flags(rows, are_flags, numbers, written)
            self.notes.append(_told_flags(self._name, cells.filter(are_flags)))
            written = written.zip_with(~are_flags, lower.replace_strict(FLAGS, default=None, return_dtype=pl.Float64))
        units = units.set(written.is_null(), "")
        read = len(numbers) - numbers.null_count() + len(written) - written.null_count()
        unit = self._unit(rows, units, unit, read)
        wrong = written.is_null() & ~are_missing
        if wrong.any():
            raise self._not_a_number(rows, cells, wrong, has_numbers=read > 0)
        self._count(cells.filter(are_missing))
        return numbers.scatter(rows, written), unit

    def _plain(self) -> pl.Series:
        """Return the cells that can be read at once; the others are null."""
        if self._style.decimal == ".":
            return self._text.cast(pl.Float64, strict=False)
        numbers = self._text.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
        return numbers.set(self._text.str.contains(".", literal=True), None)

    def _apart(self, cells: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Return the numbers in cells, as a device reads them, null where there is none, and what is behind them."""
        decimal, thousands = self._style.decimal, self._style.thousands
        other = "." if decimal == "," else ","
        shape = apart(cells).struct
        body = shape.field("body")
        own = body.str.contains(f"^(?:{grammar.number_pattern(decimal, thousands)})$")
        digits = _pointed(body, decimal).set(~own, None)
        if other != thousands:
            may_be = body.str.contains(f"^(?:{grammar.number_pattern(other)})$")
            may_be &= ~body.str.contains(f"^{grammar.grouped_pattern(other)}$")
            digits = digits.zip_with(own.fill_null(value=True), _pointed(body, other).set(~may_be, None))
        sign = shape.field("sign").str.replace(f"^[{grammar.MINUS}]$", "-")
        power = shape.field("power").fill_null("").str.replace("[dD]", "e")
        number = (sign + digits + power).cast(pl.Float64, strict=False)
        return number, shape.field("unit").str.strip_chars().fill_null("")

    def _unit(self, rows: Rows, units: pl.Series, known: str, numbers: int) -> str:
        """Return the one unit that stands in cells, else what is known. Raises `DataError` where they have two."""
        keys = {unit_key(unit): unit for unit in units.unique(maintain_order=True).to_list() if unit}
        if not keys:
            return known
        first, *others = map(str, keys.values())
        if others:
            one, other = (self._holds(int(rows[(units == unit).arg_max() or 0])) for unit in (first, others[0]))
            raise DataError(f"{one}, {other}: expected one unit in all cells")
        count = int((units != "").sum())
        if known and is_unit(known):
            if unit_key(known) not in keys:
                raise DataError(f"{self._holds(int(rows[(units != '').arg_max() or 0]))}; its unit is {known}")
            return known
        if not is_unit(first) and count * 2 < numbers:
            raise DataError(f"{self._holds(int(rows[(units != '').arg_max() or 0]))}, not a number")
        lacking = f"; {counted(numbers - count, 'cell')} without it" if count < numbers else ""
        self.notes.append(f"unit: {self._name} is in {shown(first)[1:-1]} by its cells{lacking}")
        return first

    def _check_flags(self, rows: Rows, are_flags: pl.Series, *numbers: pl.Series) -> None:
        """Refuse numbers among flags."""
        flag = self._holds(int(rows[are_flags.arg_max() or 0]))
        plain, written = ((column.is_not_null() & column.is_not_nan()).arg_true() for column in numbers)
        found = [*plain.head(1).to_list(), *(int(rows[row]) for row in written.head(1))]
        if found:
            raise DataError(f"{flag}, {self._holds(found[0])}: flags and numbers in one column")

    def _not_a_number(self, rows: Rows, cells: pl.Series, wrong: pl.Series, *, has_numbers: bool) -> DataError:
        said = f"{self._holds(int(rows[wrong.arg_max() or 0]))}, not a number"
        if not has_numbers:
            return DataError(f"{said}, nor a flag such as on or off")
        words = cells.filter(wrong).unique(maintain_order=True).head(_FEW + 1).to_list()
        if len(words) > _FEW or any(word[:1].isdigit() for word in words):
            return DataError(said)
        options = " ".join(f"--na {shlex.quote(printable(word, 40))}" for word in words)
        return DataError(f"{said}; {options} takes {'it' if len(words) == 1 else 'them'} as missing")

    def _count(self, words: pl.Series) -> None:
        unusual = words.filter(~words.str.to_lowercase().is_in(_USUAL_WORDS))
        found = sorted(unusual.alias("word").value_counts().rows(), key=lambda row: (-row[1], row[0]))
        self.missing.update((shown(word), count) for word, count in found[:_MOST_WORDS])
        if len(found) > _MOST_WORDS:
            self.missing["others"] = sum(count for _, count in found[_MOST_WORDS:])

    def _holds(self, row: int) -> str:
        return f"{self._place(row)}: column {self._name!r} holds {self._text[row]!r}"


def _told_flags(name: str, flags: pl.Series) -> str:
    words = sorted(flags.unique().to_list())
    said = {value: ", ".join(word for word in words if FLAGS[word.lower()] == value) for value in (1.0, 0.0)}
    return f"flags: {name} is " + ", ".join(f"{value:g} for {said[value]}" for value in said if said[value])


def _pointed(body: pl.Series, decimal: str) -> pl.Series:
    """Return numbers with a decimal point, and nothing that parts thousands."""
    return body.str.replace_all(f"[^0-9{decimal}]", "").str.replace(decimal, ".", literal=True).str.strip_suffix(".")


def _filled(text: pl.Series) -> pl.Series:
    cells = text.drop_nulls().str.strip_chars()
    return cells.filter(~cells.str.to_lowercase().is_in(list(MISSING_WORDS)))


def _plain(text: pl.Series) -> Float32 | None:
    """Return a column whose cells are empty or plain numbers, NaN where they are empty; None where one is neither.

    In one piece of memory after the other, which is far quicker than in one for all.
    """
    values = np.empty(len(text), np.float32)
    for start in range(0, len(text), _AT_ONCE):
        part = text.slice(start, _AT_ONCE)
        numbers = part.cast(pl.Float64, strict=False)
        if numbers.null_count() > part.null_count():
            return None
        wide = numbers.to_numpy()
        if np.fmax.reduce(np.abs(wide)) > np.finfo(np.float32).max:  # or infinite
            return None
        values[start : start + _AT_ONCE] = wide
    return values


def _as_float32(numbers: pl.Series, column: pl.Series, place: Place) -> Float32:
    """Return numbers as an array of their own, NaN where one is missing or infinite."""
    exact = numbers if numbers.dtype in (pl.Float32, pl.Float64) else numbers.cast(pl.Float64)
    wide = exact.to_numpy()
    with np.errstate(over="ignore"):
        values = wide.astype(np.float32)
    finite = np.isfinite(values)
    if not finite.all():
        large = np.flatnonzero(~finite & np.isfinite(wide))
        if len(large):
            row = int(large[0])
            raise DataError(f"{place(row)}: column {column.name!r} holds {column[row]}, which is too large for float32")
        values[~finite] = np.nan
    return values
