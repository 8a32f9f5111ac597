"""Glitches: single values a thousand deviations off that come back, which must decide no scale, season or error.

They become missing values in all parts, as a device holds back what it sees so far out of range until
`CONFIRMED_BY` samples agree. What is usual is learned from the training part.
"""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from edgeseq.series import gaps
from edgeseq.series.codes import text
from edgeseq.series.series import Series, Values
from edgeseq.series.split import Part, Parts
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.printable import counted
from edgeseq_runtime.rules import CONFIRMED_BY

_FAR = 100.0
"""How far from the median a glitch lies at least, in the width of the middle four fifths: 250 normal deviations."""

_APART = 10.0
"""How many times farther than every other value: what has a long tail has values in between."""

_FEW, _RARE = 5, 0.02
"""How many glitches there are at most, or their share; what comes more often may be what the series does."""

_NEWS = 0.1
"""The share up to which such values are named, though they are kept."""

_NAMED = 3
"""Glitches whose places a note names."""

_ENOUGH = 100_000
"""Values that show what is usual."""


def leave_out(series: Series, parts: Parts) -> tuple[Series, Parts]:
    """Return a series and its parts with glitches as missing values, and a note where there are any.

    The parts are those that `Split` makes: they begin with the series.
    """
    values, notes = series.values, []
    for column in [*range(series.measured), *range(series.features, len(series.columns))]:
        found = find(values[:, column], len(parts.train))
        if not 0 < len(found) <= max(_FEW, _NEWS * len(values)):
            continue
        kept = len(found) > max(_FEW, _RARE * len(values))
        notes.append(_note(series, column, found, kept=kept))
        if not kept:
            values = values.copy() if values is series.values else values
            values[found, column] = np.nan
    if not notes:
        return series, parts
    series = replace(series, notes=(*series.notes, *notes))
    if values is series.values:
        return series, parts
    return replace(series, values=values), replace(
        parts,
        train=values[: len(parts.train)],
        validation=_of(parts.validation, values),
        test=_of(parts.test, values),
    )


def find(values: Float32, train: int) -> npt.NDArray[np.int64]:
    """Return the rows of single values far off among values (time,), of which the first `train` show what is usual."""
    shown = values[:train][:: max(1, train // _ENOUGH)]
    shown = shown[np.isfinite(shown)].astype(np.float64)
    nothing = np.zeros(0, np.int64)
    if not len(shown):
        return nothing
    low, middle, high = np.quantile(shown, (0.1, 0.5, 0.9))
    if not high > low:
        return nothing
    distances = np.abs(values - np.float32(middle))
    far = distances > np.float32(_FAR * (high - low))  # false for NaN
    if not np.count_nonzero(far):
        return nothing
    if distances[far].min() < _APART * np.nanmax(np.where(far, np.nan, distances)):
        return nothing
    single = [np.arange(start, stop) for start, stop in gaps.runs(far) if stop - start < CONFIRMED_BY]
    return np.concatenate(single) if single else nothing


def _of(part: Part, values: Values) -> Part:
    return replace(part, values=values[: len(part.values)])


def _note(series: Series, column: int, found: npt.NDArray[np.int64], *, kept: bool) -> str:
    named = [f"{text(series.values[row, column])} {_place(series, int(row))}" for row in found[:_NAMED]]
    more = ", ..." if len(found) > _NAMED else ""
    return (
        f"warning: {series.columns[column]} of {series.name} has {counted(len(found), 'single value')} more than "
        f"{_FAR:g} times as far off as usual ({', '.join(named)}{more}): "
        f"{'so many are kept, as what the series does' if kept else 'taken as missing in all parts'}"
    )


def _place(series: Series, row: int) -> str:
    if series.seconds is None:
        return f"in row {series.rows[row] + 1}"
    return f"at {datetime.fromtimestamp(float(series.seconds[row]), UTC):%Y-%m-%dT%H:%M:%S}"
