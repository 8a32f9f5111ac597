"""How numbers, flags and missing values are written: one grammar for the columns of files and for samples on a device.

A cell is read by the `Reading` where that says how, else by what it can only mean: 21,5 is a number with a decimal
comma whatever is expected, 1,250 may be two numbers and is refused. Blanks and apostrophes part thousands wherever they
stand before three digits.
"""

import math
import re
from collections.abc import Sequence
from typing import Any, Protocol, Self, TypeAlias

import numpy as np

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.printable import shown
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.reading.units import is_unit, unit_key
from edgeseq_runtime.reading.words import FLAGS, MISSING_WORDS

LONGEST_NUMBER = 400
"""Characters; float64 needs 25, and what is longer is no number that a sensor wrote."""

BLANKS = " \u00a0\u2009\u202f"
"""Any of these parts thousands as the others do: blank, no-break, thin, narrow no-break."""

APOSTROPHES = "'\u2019"

MINUS = "\u2212\u2013"
"""Signs besides the hyphen that a minus is written as."""

SHAPE = (
    rf"[{APOSTROPHES}]?(?P<sign>[-+{MINUS}]?)(?P<body>[0-9](?:[0-9.,{BLANKS}{APOSTROPHES}]*[0-9.,])?|[.,][0-9]+)"
    rf"(?P<power>[eE][-+]?[0-9]+|[dD][-+][0-9]+)?"
    rf"(?:[{BLANKS}]*(?P<unit>[^0-9{BLANKS}.,;:+_'\"/*·^=<>-][^_\"]{{0,23}}))?"
)
"""Pattern of a number and, behind it, of what may be its unit; for Python and polars alike. Fortran's D is an E."""

_SHAPE = re.compile(SHAPE)
_NO_DIGIT = re.compile("[^0-9]")

Values: TypeAlias = tuple[float | None, ...]


def number_pattern(decimal: str, thousands: str = "") -> str:
    """Return the pattern of a number without sign, exponent and unit, for Python and polars alike."""
    parts = [f"[{BLANKS}]", f"[{APOSTROPHES}]", *map(re.escape, thousands.strip(BLANKS + APOSTROPHES))]
    groups = [f"[0-9]{{1,3}}(?:{part}[0-9]{{3}})+" for part in parts]
    if thousands == ",":  # in India, by two digits before the last three
        groups.append("[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}")
    point = re.escape(decimal)
    return rf"(?:{'|'.join(groups)}|[0-9]+)(?:{point}[0-9]*)?|{point}[0-9]+"


def grouped_pattern(mark: str) -> str:
    """Return the pattern of a number in which one mark may as well part thousands as be the decimal sign."""
    return rf"[1-9][0-9]{{0,2}}{re.escape(mark)}[0-9]{{3}}"


class Measured(Protocol):
    """What is to be known of a feature; the spec's `Feature` has it."""

    @property
    def name(self) -> str:
        """What errors call it."""

    @property
    def unit(self) -> str:
        """Its unit; "" where none is known."""

    @property
    def minimum(self) -> float:
        """Its smallest value in training."""

    @property
    def maximum(self) -> float:
        """Its largest."""


class NumberReader:
    """Reads the values of one feature: `reader(cell)` for text, `reader.number(value)` for JSON and the like."""

    def __init__(
        self,
        name: str,
        *,
        decimal: str = ".",
        thousands: str = "",
        missing: Sequence[str] = (),
        unit: str = "",
        flags: bool = True,
    ) -> None:
        """Read as `Reading` says. `unit` is the feature's own, "" where none is known; `flags`: on and off are 1 and 0.

        Raises `DataError` for a word in `missing` that is no word: an empty one is missing anyway.
        """
        self.name, self.unit, self.flags = name, unit, flags
        other = "." if decimal == "," else ","
        self._marked = decimal == ","
        """Whether a point needs a look: it parts thousands, or may."""
        self._own = re.compile(number_pattern(decimal, thousands))
        self._other = None if other == thousands else re.compile(number_pattern(other))
        self._either = re.compile(grouped_pattern(other))
        self._decimal, self._signs = decimal, (decimal, other)
        self._words = MISSING_WORDS | {word.strip().casefold() for word in missing}
        self._codes = frozenset(codes(missing))
        self._unit = unit_key(unit)

    @classmethod
    def of(cls, feature: Measured, reading: Reading | None, *, flags: bool | None = None) -> Self:
        """Return what reads a feature's values as the reading says.

        Flags are read where the feature's values lie between 0 and 1, unless `flags` says so.
        """
        reading = reading or Reading()
        between = 0 <= feature.minimum <= feature.maximum <= 1
        return cls(
            feature.name,
            decimal=reading.decimal,
            thousands=reading.thousands,
            missing=reading.missing,
            unit=feature.unit,
            flags=between if flags is None else flags,
        )

    @property
    def plain(self) -> bool:
        """Whether what Python takes for a finite number is that number, without a further look."""
        return not self._marked and not self._codes

    def __call__(self, cell: str) -> float | None:
        """Return the number in a cell, None where it stands for a missing value. Raises `DataError` for neither."""
        try:
            number = float(cell)
        except ValueError:
            return self._known(self._written(cell.strip()))
        if "_" in cell or not cell.isascii() or len(cell) > LONGEST_NUMBER or (self._marked and "." in cell):
            return self._known(self._written(cell.strip()))
        return self._known(number)

    def number(self, value: Any) -> float | None:
        """Return the number in a value of JSON, of line protocol or of Python; None where it is missing.

        Raises `DataError` for what is no number.
        """
        if value is None:
            return None
        if isinstance(value, str):
            return self(value)
        if isinstance(value, bool | np.bool_):
            if not self.flags:
                raise DataError(f"{self.name} is {str(value).lower()}, not a number")
            return float(value)
        if not isinstance(value, int | float | np.integer | np.floating):
            raise DataError(f"{self.name} is {_kind(value)}, not a number")
        try:
            return self._known(float(value))
        except OverflowError:
            raise DataError(f"{self.name} is a number too large for a float") from None

    def _known(self, number: float | None) -> float | None:
        """Return a number, None where it is infinite or a code for none."""
        if number is None or not math.isfinite(number):
            return None
        return None if self._codes and _rounded(number) in self._codes else number

    def _written(self, text: str) -> float | None:
        word = text.casefold()
        if word in self._words:
            return None
        if word in FLAGS:
            if self.flags:
                return FLAGS[word]
            raise DataError(f"{self.name} is {text!r}; its values in training were no flags")
        shape = _SHAPE.fullmatch(text) if len(text) <= LONGEST_NUMBER else None
        plain = shape and self._plain(shape["body"])
        if not shape or plain is None:
            raise DataError(f"{self.name} is {shown(text)}, not a number")
        self._check_unit(text, (shape["unit"] or "").strip())
        sign = "-" if shape["sign"] in ("-", *MINUS) and shape["sign"] else ""
        return float(sign + plain + (shape["power"] or "").lower().replace("d", "e"))

    def _plain(self, body: str) -> str | None:
        """Return a number as Python writes it, None where it is none. Raises `DataError` where it may be two."""
        own, other = self._signs
        if self._own.fullmatch(body):
            return _pointed(body, own)
        if self._either.fullmatch(body):
            mark = "comma" if other == "," else "point"
            raise DataError(f"{self.name} is {body!r}: a decimal {mark} or a thousands separator? --decimal says which")
        if self._other and self._other.fullmatch(body):
            return _pointed(body, other)
        return None

    def _check_unit(self, text: str, unit: str) -> None:
        """Refuse a unit that is not the feature's; where none is known, what is no unit or not that of before."""
        if not unit or (self._unit and unit_key(unit) == self._unit):
            return
        if self._unit:
            raise DataError(f"{self.name} is {shown(text)}; its unit is {self.unit}")
        if not is_unit(unit):
            raise DataError(f"{self.name} is {shown(text)}, not a number")
        self.unit, self._unit = unit, unit_key(unit)


def readers(features: Sequence[Measured], reading: Reading | None, *, of_fleet: bool = False) -> list[NumberReader]:
    """Return what reads the values of each feature.

    The features of a fleet have the typical sensor's numbers, which do not tell whether a sensor's own are flags.
    """
    return [NumberReader.of(feature, reading, flags=True if of_fleet else None) for feature in features]


class RowReader:
    """Reads a sample's values, one for each feature, quickly where they are plain numbers."""

    def __init__(self, one_each: Sequence[NumberReader]) -> None:
        self._readers = tuple(one_each)
        self._plain = all(reader.plain for reader in one_each)

    def cells(self, cells: Sequence[str]) -> Values:
        """Return the numbers in cells, one for each feature. Raises `DataError` for what is none."""
        if self._plain:
            try:
                numbers = tuple(map(float, cells))
            except ValueError:
                pass
            else:
                text = "".join(cells)
                # The sum is finite where each number is, but for huge ones, which then take the longer way.
                if math.isfinite(sum(numbers)) and "_" not in text and text.isascii() and len(text) <= LONGEST_NUMBER:
                    return numbers
        return tuple([reader(cell) for reader, cell in zip(self._readers, cells, strict=True)])

    def numbers(self, values: Sequence[Any]) -> Values:
        """Return the numbers in values of JSON and the like, one for each feature. Raises `DataError`."""
        return tuple([reader.number(value) for reader, value in zip(self._readers, values, strict=True)])


def codes(missing: Sequence[str]) -> tuple[float, ...]:
    """Return the words for missing values that are numbers, as float32 has them."""
    found = []
    for word in missing:
        try:
            number = float(word)
        except ValueError:
            continue
        if math.isfinite(number):
            found.append(_rounded(number))
    return tuple(found)


def _pointed(body: str, decimal: str) -> str:
    """Return a number with a decimal point, and nothing that parts thousands."""
    whole, _, fraction = body.partition(decimal)
    return f"{_NO_DIGIT.sub('', whole)}.{fraction}"


def _rounded(number: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.float32(number))


def _kind(value: Any) -> str:
    """Return what a value is, in words; its content may be of any size and depth."""
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list | tuple) else f"a value of type {type(value).__name__}"
