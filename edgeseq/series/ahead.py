"""Columns whose future is known: without gaps, and as a sample has them, over the horizon."""

from dataclasses import replace

import numpy as np

from edgeseq.series.series import Series, Values
from edgeseq.series.split import Part, Parts
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.printable import counted


def completed(series: Series, parts: Parts) -> tuple[Series, Parts]:
    """Return a series and its parts with the gaps of the columns known ahead filled in, however long, with a note.

    Between two values on a line, at an end by the nearest one: what stands in on a device is as old, and no target is
    ever filled in this way. The parts are those that `Split` makes: they begin with the series. Raises `DataError` for
    a column without a value.
    """
    lacking = np.isnan(series.values[:, series.features :])
    if not lacking.any():
        return series, parts
    values, rows, notes = series.values.copy(), np.arange(len(series)), []
    for column, unknown in enumerate(lacking.T, start=series.features):
        name = series.columns[column]
        if unknown.all():
            raise DataError(f"column {name!r}, which is to be known ahead, has no value in {series.name}")
        values[unknown, column] = np.interp(rows[unknown], rows[~unknown], values[~unknown, column])
        if unknown.any():
            notes.append(f"{name}, known ahead, lacks in {counted(int(unknown.sum()), 'sample')}: neighbours stand in")

    def of(part: Part) -> Part:
        return replace(part, values=values[: len(part.values)])

    filled = replace(series, values=values, notes=(*series.notes, *notes))
    train = values[: len(parts.train)]
    return filled, replace(parts, train=train, validation=of(parts.validation), test=of(parts.test))


def over_horizon(values: Values, horizon: int) -> Float32:
    """Return what is known at each sample of values (time, column) to come, (time, horizon, column).

    Beyond the last sample the last value stands in, as on a device; so it does in the gap between two sensors.
    """
    if not values.shape[1]:
        return np.zeros((len(values), horizon, 0), np.float32)
    rows = np.arange(len(values))[:, None] + np.arange(1, horizon + 1)
    return np.asarray(_carried(values)[np.minimum(rows, len(values) - 1)])


def graph_inputs(values: Values, features: int, horizon: int) -> Float32:
    """Return samples (time, column) as the graph takes them, (time, input): what is known ahead behind the features."""
    known = values[:, features:]
    if not known.shape[1]:
        return values
    return np.concatenate(
        [values[:, :features], over_horizon(known, horizon).reshape(len(values), horizon * known.shape[1])], axis=1
    )


def _carried(values: Values) -> Values:
    """Return values with the last one before it in place of each that lacks: of the rows between two sensors."""
    known = np.isfinite(values)
    if known.all():
        return values
    last = np.maximum.accumulate(np.where(known, np.arange(len(values))[:, None], 0), axis=0)
    return np.asarray(np.take_along_axis(values, last, axis=0))
