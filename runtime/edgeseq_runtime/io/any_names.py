"""Samples for a model of any sensor: each name under which numbers stand is a stream by itself.

What training decides about a file from all of its rows is decided here from the first sample that has a name, and said
in one note: which names hold numbers, which the time and how that is written, and what is left out.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io import time_search
from edgeseq_runtime.io.sample import OtherKindError, Sample, Tell, WrittenTime
from edgeseq_runtime.printable import listed, printable, shown
from edgeseq_runtime.reading.numbers import NumberReader
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.reading.words import MISSING_WORDS, TIME_NAMES

NAMELESS = ""
"""The name of numbers that come without one."""

TIME = "time"
"""What a time is called that a user has said the place of."""

JOINT = "#"
"""Stands between an owner and a name; no topic has one."""

_MOST_NAMES = 10_000
"""Names that are known at once, and ways in which samples combine them: a name that changes with every sample must not
fill the memory."""

_MOST_TOLD = 20
"""Notes about what was decided."""


class AnyNames:
    """Makes samples of what stands under names: one for each number, whose `stream` and `field` are its name.

    Where somebody owns the sample (a topic, a series, whom `--id` names), the stream is called by both: owner#name.
    """

    def __init__(
        self,
        reading: Reading,
        tell: Tell | None = None,
        *,
        timed: bool = True,
        named: bool = True,
        time: tuple[str, ...] = (),
        aside: Iterable[str] = (),
        only: Collection[str] | None = None,
    ) -> None:
        """Read numbers as `reading` says. Without `timed` no name holds the time; `time` are names that do.

        `named` says that names are names, and not places in a row; `aside` are those of the rows' numbers, which are no
        values, and `only` those that may be, where a user names them; `tell` is told what was decided.
        """
        self._reading, self._tell, self._timed, self._named = reading, tell, timed, named
        self._time = time or reading.time  # which a user names
        self._numbers: dict[str, NumberReader] = {}
        self._others, self._only = set(aside), only
        self._times: dict[tuple[str, ...], tuple[str, ...]] = {}  # by the names of samples, those of the time
        self._moments: dict[tuple[str, ...], time_search.Moments] = {}  # by the names of the time
        self._told = 0

    def number(self, text: str, line: int, owner: str = "") -> Sample:
        """Return the sample of a number, or a word for none, that stands alone. Raises `DataError` for neither."""
        if NAMELESS not in self._numbers:
            self._numbers[NAMELESS] = self._reader("the value")
            self._say([NAMELESS], (), [], "")
        return Sample(line, None, (self._numbers[NAMELESS](text),), stream=owner)

    def samples(self, cells: Mapping[str, Any], line: int, owner: str = "") -> list[Sample]:
        """Return a sample for each name that holds numbers; one whose cell cannot be read says so as its problem.

        A stream begins with its first number. Raises `OtherKindError` where no name ever held one.
        """
        keys = tuple(cells)
        if keys not in self._times or any(name not in self._numbers and name not in self._others for name in keys):
            self._decide(keys, cells)
        time, seconds, form = self._time_of(self._times[keys], cells)
        found, is_known = [], False
        for name in keys:
            reader = self._numbers.get(name)
            if reader is None:
                continue
            is_known, problem, value = True, None, None
            try:
                value = reader.number(cells[name])
            except DataError as error:
                problem = str(error)
            stream = joined(owner, name)
            found.append(Sample(line, time, (value,), problem, stream, seconds=seconds, field=name, time_format=form))
        if not is_known and any(name in self._others for name in keys):
            held = (f"{name} ({shown(cells[name], 20)})" for name in keys)
            raise OtherKindError(f"nothing here is a number: {listed(held)}")
        return found

    def is_single(self, cells: Mapping[str, Any]) -> bool:
        """Whether a sample that was taken has one name that holds numbers, or may yet."""
        time = self._times[tuple(cells)]
        return sum(name not in time and name not in self._others for name in cells) == 1

    def _decide(self, keys: tuple[str, ...], cells: Mapping[str, Any]) -> None:
        """Find the time among the names of a sample, and what the names hold that have not come before."""
        doubt = ""
        if keys not in self._times:
            self._times[keys], doubt = self._search(keys, cells)
            if len(self._times) > _MOST_NAMES:
                del self._times[next(iter(self._times))]
        new, left_out = list[str](), list[str]()
        for name in keys:
            if name in self._times[keys] or name in self._numbers or name in self._others:
                continue
            reader = self._reader(name)
            kind = _kind(reader, cells[name])
            if kind is None or len(self._numbers) + len(self._others) >= _MOST_NAMES:
                continue
            if self._only is not None and name not in self._only:
                self._others.add(name)
            elif kind:
                self._numbers[name] = reader
                new.append(name)
            else:
                self._others.add(name)
                left_out.append(f"{name} ({shown(cells[name], 20)})")
        if new or left_out or doubt:
            self._say(new, self._times[keys], left_out, doubt)

    def _search(self, keys: tuple[str, ...], cells: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
        """Return the names of the time among those of a sample, and what is in doubt of that."""
        if not self._timed:
            return (), ""
        if self._time and all(name in cells for name in self._time):
            return self._as_time(self._time, None), ""
        if self._time and self._named:
            raise DataError(f"nothing here is called {listed(n for n in self._time if n not in cells)}: {listed(keys)}")
        before = next((names for names in self._moments if all(name in cells for name in names)), None)
        if before:
            return before, ""
        free = {name: cell for name, cell in cells.items() if name not in self._numbers}
        found = time_search.find(free, self._reading, named=self._named)
        if found.names and not any(self._holds_number(name, cell, found.names) for name, cell in cells.items()):
            return (), ""
        if not found.names:
            return (), found.doubt
        names = self._as_time(found.names, found.form)
        self._moments[names].begin(time_search.joined([cells[name] for name in names]))
        return names, found.doubt

    def _holds_number(self, name: str, cell: Any, time: tuple[str, ...]) -> bool:
        return name not in time and (name in self._numbers or _kind(self._reader(name), cell) is not False)

    def _as_time(self, names: tuple[str, ...], form: str | None) -> tuple[str, ...]:
        if names not in self._moments:
            self._moments[names] = time_search.Moments(self._reading, form)
        return names

    def _time_of(self, names: tuple[str, ...], cells: Mapping[str, Any]) -> tuple[WrittenTime, float | None, str]:
        """Return a sample's time as it was written, None where no name holds it; in seconds, where it must be; how."""
        if not names:
            return None, None, ""
        moments = self._moments[names]
        time = time_search.joined([cells[name] for name in names])
        seconds = moments.seconds(time)
        if moments.doubt and self._tell:
            self._tell(moments.doubt)
            moments.doubt = ""
        return time, seconds, moments.form

    def _reader(self, name: str) -> NumberReader:
        reading = self._reading
        return NumberReader(
            printable(name, 60), decimal=reading.decimal, thousands=reading.thousands, missing=reading.missing
        )

    def _say(self, new: list[str], time: tuple[str, ...], left_out: list[str], doubt: str) -> None:
        """Say what was decided."""
        if not self._tell or self._told >= _MOST_TOLD:
            return
        self._told += 1
        what = ["numbers without a name" if new == [NAMELESS] else f"series: {listed(new)}"] * bool(new)
        if new and time:
            words = self._moments[time].words
            what.append(f"time: {listed(time)}{f' ({words})' if words else ''}")
        elif new and self._timed:
            what.append("no times, so by order")
        what += [f"left out, as no number: {listed(left_out)}"] * bool(left_out)
        what += [doubt] * bool(doubt)
        self._tell("; ".join(what))


def joined(owner: str, name: str) -> str:
    """Return what a stream is called that is the name of a number, and somebody's."""
    return f"{owner}{JOINT}{name}" if owner and name else owner or name


def owner_of(sample: Sample) -> str:
    """Return whose the stream of a sample is."""
    return (sample.stream or "").removesuffix(sample.field).removesuffix(JOINT)


def split_paths(paths: Mapping[str, str], reading: Reading) -> tuple[dict[str, str], str | None]:
    """Return where a user says that values stand, by the names that they are to have; and where the time does."""
    times = {*TIME_NAMES, *reading.time} if "time" in paths or "t" in paths else set(reading.time)
    of_time = next((path for name, path in paths.items() if name in times), None)
    return {name: path for name, path in paths.items() if name not in times}, of_time


def _kind(reader: NumberReader, cell: Any) -> bool | None:
    """Whether a cell is a number; None where it is empty, and tells nothing."""
    if cell is None or (isinstance(cell, str) and cell.strip().lower() in MISSING_WORDS):
        return None
    try:
        return None if reader.number(cell) is None else True
    except DataError as error:
        return "--decimal" in str(error)  # it is one of two numbers: whoever reads it says so
