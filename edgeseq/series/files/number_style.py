"""Which sign parts a fraction from its whole, and which parts thousands: decided once for all columns of a file."""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.reading.numbers import APOSTROPHES, BLANKS, LONGEST_NUMBER, SHAPE, grouped_pattern

Place = Callable[[int], str]
"""Tells where a row is found, for errors."""

_SAMPLE = 2_000
"""Cells that are looked at first: in most columns one of them shows the decimal sign."""


@dataclass(frozen=True)
class NumberStyle:
    """How the numbers of a file are written, as `Reading` has it."""

    decimal: str = "."
    thousands: str = ""
    missing: tuple[str, ...] = ()
    """Words and numbers that stand for no value, besides those that always do."""
    notes: tuple[str, ...] = ()
    """What was decided, and what was in doubt; a line each."""


@dataclass(frozen=True)
class _Marks:
    """The first row of a column whose number shows something; None where none does."""

    comma: int | None = None
    """A comma is decimal: 21,5 or 1.050,5 or 1.234.567."""
    point: int | None = None
    either_comma: int | None = None
    """1,250: a comma may be decimal, or part thousands."""
    either_point: int | None = None
    grouped_by_comma: int | None = None
    """1,234,567 or 1,050.5."""
    grouped_by_point: int | None = None
    ungrouped: int | None = None
    """1300 or more, and nothing parts its thousands."""
    unmarked: int | None = None
    """A whole number of three digits or fewer."""
    blank: int | None = None
    apostrophe: int | None = None

    def joined(self, more: "_Marks") -> "_Marks":
        """Return these, and what further cells show besides."""
        pairs = ((field.name, getattr(self, field.name), getattr(more, field.name)) for field in fields(self))
        return _Marks(**{name: one if one is not None else other for name, one, other in pairs})


def _shown_by(mark: str, other: str) -> tuple[str, str, str]:
    """Return patterns: a mark is decimal; it may be decimal or part thousands; it parts thousands."""
    m, o, power = f"[{mark}]", f"[{other}]", "(?:[eEdD].*)?"
    groups = f"[0-9]{{1,3}}(?:{o}[0-9]{{3}})"
    alone = f"[0-9]*{m}(?:[0-9]{{0,2}}|[0-9]{{4,}})|(?:0[0-9]*|[0-9]{{4,}})?{m}[0-9]*|[0-9]*{m}[0-9]*[eEdD].*"
    decimal = f"(?:{alone}){power}|{groups}+{m}[0-9]*{power}|{groups}{{2,}}"
    thousands = f"[0-9]{{1,3}}(?:{m}[0-9]{{3}})+{o}[0-9]*{power}|[0-9]{{1,3}}(?:{m}[0-9]{{3}}){{2,}}"
    return decimal, grouped_pattern(mark), thousands


_COMMA, _EITHER_COMMA, _BY_COMMA = _shown_by(",", ".")
_POINT, _EITHER_POINT, _BY_POINT = _shown_by(".", ",")
_PATTERNS = {
    "comma": _COMMA,
    "point": _POINT,
    "either_comma": _EITHER_COMMA,
    "either_point": _EITHER_POINT,
    "grouped_by_comma": _BY_COMMA,
    "grouped_by_point": _BY_POINT,
    "ungrouped": "[1-9][0-9]{3,}(?:[.,][0-9]*)?",
    "unmarked": "[0-9]{1,3}",
}


def decide(
    columns: Sequence[pl.Series],
    others: Iterable[pl.Series],
    place: Place,
    *,
    decimal: str | None = None,
    missing: Sequence[str] = (),
    plain: Container[str] = (),
) -> NumberStyle:
    """Decide how the numbers in columns of text are written, from these and, where they do not tell, from the `others`.

    `decimal` is what the user says. `plain` are the names of columns whose cells are all empty or numbers with at most
    a point. Raises `DataError`, naming lines, where columns differ, and where nothing tells.
    """
    shown = [(column, _marks(column, plain=column.name in plain)) for column in columns if column.dtype == pl.String]
    notes: list[str] = []
    sign = decimal or _decimal(shown, others, place, notes)
    mark, grouped, either = (
        (".", "grouped_by_point", "either_point") if sign == "," else (",", "grouped_by_comma", "either_comma")
    )
    parted = _first(shown, grouped, either)
    thousands = mark if parted else " " if _first(shown, "blank") else "'" if _first(shown, "apostrophe") else ""
    for column, marks in shown if parted else ():
        row = getattr(marks, grouped) if getattr(marks, grouped) is not None else getattr(marks, either)
        if row is not None and marks.ungrouped is not None:
            raise _two(place, (column, row), (column, marks.ungrouped), "numbers of 1000 or more with and without")
    return NumberStyle(sign, thousands, tuple(missing), (*notes, *_told(sign, thousands)))


def _decimal(
    shown: list[tuple[pl.Series, _Marks]],
    others: Iterable[pl.Series],
    place: Place,
    notes: list[str],
) -> str:
    """Return the decimal sign. Raises `DataError` where columns differ or leave it open."""
    comma, point = _first(shown, "comma", "grouped_by_point"), _first(shown, "point", "grouped_by_comma")
    if comma and point:
        raise _two(place, comma, point, "decimal commas and decimal points")
    if comma or point:
        return "," if comma else "."
    either = _first(shown, "either_comma", "either_point")
    if not either:
        return "."
    elsewhere = [(column, _marks(column)) for column in others if column.dtype == pl.String]
    comma, point = _first(elsewhere, "comma", "grouped_by_point"), _first(elsewhere, "point", "grouped_by_comma")
    if bool(comma) != bool(point):
        return "," if comma else "."
    return _alone(shown, place, notes)


def _alone(shown: list[tuple[pl.Series, _Marks]], place: Place, notes: list[str]) -> str:
    """Return the decimal sign that a column shows by writing 1300 or more without a mark, or all cells with one."""
    signs = {}
    for column, marks in shown:
        for sign, row in ((",", marks.either_comma), (".", marks.either_point)):
            if row is None:
                continue
            fixed = sign == "." and marks.unmarked is None  # three digits behind the point in every cell, or thousands
            if marks.ungrouped is None and not fixed:
                mark = "comma" if sign == "," else "point"
                raise DataError(
                    f"{place(row)}: column {column.name!r} holds {column[row]!r}: a decimal {mark} or a thousands "
                    "separator? --decimal . or --decimal , says which"
                )
            signs[sign] = (column, row)
            if fixed and marks.ungrouped is None:
                notes.append(
                    f"numbers: {column.name} {column[row]!r} is taken for a number with a decimal point; "
                    "where points part thousands, add --decimal ,"
                )
    if len(signs) > 1:
        raise _two(place, signs[","], signs["."], "decimal commas and decimal points")
    return next(iter(signs))


def _two(place: Place, one: tuple[pl.Series, int], other: tuple[pl.Series, int], what: str) -> DataError:
    cells = [f"{place(row)}: column {column.name!r} holds {column[row]!r}" for column, row in (one, other)]
    return DataError(f"{', '.join(cells)}: {what}; write all numbers alike")


def _told(decimal: str, thousands: str) -> list[str]:
    """Say what is not usual."""
    parts = {".": "points", ",": "commas", " ": "blanks", "'": "apostrophes"}
    said = [
        *(["decimal comma"] if decimal == "," else []),
        *([f"{parts[thousands]} part thousands"] if thousands else []),
    ]
    return [f"numbers: {', '.join(said)}"] if said else []


def _first(shown: Sequence[tuple[pl.Series, _Marks]], *names: str) -> tuple[pl.Series, int] | None:
    """Return the first column, and its row, that shows one of these."""
    found = ((column, getattr(marks, name)) for column, marks in shown for name in names)
    return next(((column, row) for column, row in found if row is not None), None)


def sample(height: int) -> npt.NDArray[np.int64]:
    """Return some of so many rows, in order; at random, since what comes at even steps may be alike."""
    if height <= _SAMPLE:
        return np.arange(height)
    return np.sort(np.random.default_rng(0).integers(0, height, _SAMPLE))


def _marks(column: pl.Series, *, plain: bool = False) -> _Marks:
    """Look for what a column of text shows; at all cells only where the first look leaves something open."""
    rows = sample(len(column))
    marks = _marks_of(column.gather(rows), rows)
    if len(rows) == len(column):
        return marks
    if marks.point is not None and all(getattr(marks, name) is None for name in _DOUBTS):
        if plain:
            return marks
        odd = (column.cast(pl.Float64, strict=False).is_null() & column.is_not_null()).arg_true()
        odd = odd.filter(column.gather(odd).str.contains(f"[0-9][,{BLANKS}{APOSTROPHES}][0-9]"))
        return marks.joined(_marks_of(column.gather(odd), odd.to_numpy()))
    unseen = f".{BLANKS}{APOSTROPHES}" if marks.comma is not None else f".,{BLANKS}{APOSTROPHES}"
    if not column.str.contains(f"[0-9][{unseen}][0-9]").any():
        return marks
    return _marks_of(column, np.arange(len(column)))


_DOUBTS = ("comma", "either_comma", "grouped_by_comma", "grouped_by_point", "blank", "apostrophe")
"""What makes a column with decimal points worth a second look."""


def apart(cells: pl.Series) -> pl.Series:
    """Return sign, body, power and unit of the numbers in cells without blanks around them, null where none is."""
    short = cells.set(cells.str.len_bytes() > LONGEST_NUMBER, None)
    return short.str.extract_groups(f"^(?:{SHAPE})$")


def _marks_of(cells: pl.Series, rows: npt.NDArray[np.integer[Any]]) -> _Marks:
    groups = apart(cells.str.strip_chars()).struct
    body = groups.field("body")
    part = "[0-9][{}][0-9]{{3}}(?:[^0-9]|$)"
    compact = body.str.replace_all(f"[{BLANKS}{APOSTROPHES}]", "") + groups.field("power").fill_null("")
    masks = {name: compact.str.contains(f"^(?:{pattern})$") for name, pattern in _PATTERNS.items()}
    masks["blank"] = body.str.contains(part.format(BLANKS))
    masks["apostrophe"] = body.str.contains(part.format(APOSTROPHES))
    first = {name: mask.fill_null(value=False).arg_true().head(1) for name, mask in masks.items()}
    return _Marks(**{name: int(rows[found[0]]) for name, found in first.items() if len(found)})
