"""From what a user names to a series and its parts: the sine, an example, a file, or the files of a fleet."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from edgeseq.series import ahead, fleet, glitches
from edgeseq.series.examples import EXAMPLES, sine
from edgeseq.series.files.options import ReadingKeywords, ReadingOptions
from edgeseq.series.series import Series
from edgeseq.series.split import DEFAULT_SPLIT, Parts, Split
from edgeseq_runtime import files
from edgeseq_runtime.errors import DataError, UsageError


def load(
    name: files.AnyPath | Sequence[files.AnyPath] | None,
    *,
    split: str | None = None,
    sensor: str | None = None,
    **reading: Unpack[ReadingKeywords],
) -> tuple[Series, Parts]:
    """Return the series that a user names, and its parts: a file, an example, or None for the sine.

    Several files, or one with a column `id` that says whose sample each row is (`sensor` is an older word for it), are
    series of sensors of one kind: each is split by itself, and together they are one series in the typical sensor's
    numbers. `split` is TRAIN:VAL:TEST, in rows or as fractions of the file, `DEFAULT_SPLIT` where none is given. The
    further arguments say how a file is read: targets, features, known, units, gap_limit, sort, period, clocks, and
    those of the options of the same names: time, time_format, zone, na, decimal, id, skip_rows, header, every,
    aggregate, hold.

    The series' `values` are float32 (time, column), targets first, in the columns' units, NaN where one is missing;
    the parts are the training part's samples, and validation and test part with what precedes them. Raises `UsageError`
    for what does not exist and `DataError` for what cannot be used.
    """
    chosen = ReadingOptions(**reading)
    if sensor is not None:
        chosen = replace(chosen, id=sensor)
    names = [os.fspath(one) for one in ([name] if isinstance(name, str | os.PathLike) else name or ())]
    if len(names) <= 1 and not chosen.tells_apart:
        return load_series(names[0] if names else None, split, chosen)
    members, short = load_members(names, split, chosen)
    members, unusable = fleet.usable(members)
    called = Path(names[0]).stem if len(names) == 1 else f"{next(iter(members))} and {len(names) - 1} more"
    series, parts = fleet.join(called, members, chosen.gap_limit)
    return replace(series, notes=(*series.notes, *short, *unusable)), parts


def load_series(name: str | None, split: str | None, options: ReadingOptions) -> tuple[Series, Parts]:
    """Return a single series and its parts."""
    if name is None or (name == "sine" and not Path("sine").exists()):
        if split or not options.suits_the_sine:
            raise UsageError("the sine has one column and a split of its own: give a series to choose others")
        return sine()
    return _load_one(name, Split.parse(split or DEFAULT_SPLIT), options)


def load_members(
    names: Sequence[str], split: str | None, options: ReadingOptions, *, id_may_lack: bool = False
) -> tuple[fleet.Members, list[str]]:
    """Return the series of each sensor in some files, with its parts, by the sensor's name.

    In one file the column `options.id` tells sensors apart; without it there is one sensor. Of several files each is a
    sensor, called after it. Then a line for each sensor that is left out, since it has too few rows.

    With `id_may_lack` a file without that column is of one sensor, whose name is "".
    """
    parsed = Split.parse(split or DEFAULT_SPLIT)
    if not options.tells_apart:
        members = {Path(name).stem: _load_one(name, parsed, options) for name in names}
        if len(members) < len(names):
            raise UsageError("several of the files have the same name, after which their sensors are called")
        return members, []
    if len(names) != 1:
        raise UsageError(f"--id says whose sample a row of one file is; {len(names)} files are given")
    from edgeseq.series.files import reader

    path, units = _find(names[0])
    by_sensor, left_out = reader.read_by(path, options.with_units(units), id_may_lack=id_may_lack)
    members = {}
    for name, series in by_sensor.items():
        try:
            members[name] = _cleaned(series, parsed)
        except DataError as error:  # of a split in rows
            left_out.append(f"{name} is left out: {error}")
    if not members:
        raise DataError(left_out[-1])
    return members, left_out


def _load_one(name: str, split: Split, chosen: ReadingOptions) -> tuple[Series, Parts]:
    from edgeseq.series.files import reader

    path, units = _find(name)
    series = reader.read(path, chosen.with_units(units))
    _check_units(chosen, series)
    return _cleaned(series, split)


def _cleaned(series: Series, split: Split) -> tuple[Series, Parts]:
    """Return a series and its parts without glitches, and without gaps in what is known ahead."""
    return ahead.completed(*glitches.leave_out(series, split.apply(series)))


def _find(name: str) -> tuple[str, Mapping[str, str]]:
    """Return the file that a name stands for, and what is known of its columns' units."""
    if name in EXAMPLES and not Path(name).exists():
        find, units = EXAMPLES[name]
        return str(find()), units
    if not Path(name).is_file():
        examples = ", ".join(["sine", *EXAMPLES])
        raise UsageError(f"there is no file {name!r}, and no example of that name ({examples})")
    return name, {}


def _check_units(chosen: ReadingOptions, series: Series) -> None:
    unused = [column for column in chosen.units if column not in series.columns]
    if unused:
        raise UsageError(f"a unit is given for {unused[0]!r}, but the columns in use are {', '.join(series.columns)}")
