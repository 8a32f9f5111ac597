"""What a text says of the columns known ahead.

In JSON that is a list for each, in a table and in line protocol cells `outdoor+1`, `outdoor+2` and so on. Beside it may
stand their values at the sample's own time, of which a file makes values ahead.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io.sample import Tell, Values
from edgeseq_runtime.printable import counted, listed, shown
from edgeseq_runtime.reading import fields
from edgeseq_runtime.reading.numbers import readers
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.spec import Spec

KEY = "known"
"""The key of a JSON object that holds them."""


class KnownColumns:
    """Finds the columns known ahead of a model; of one without, nothing.

    What it returns are values ahead, step after step, the column fastest, or () where nothing is said; and the values
    now, one a column, or (). Raises `DataError` for what is no number, and for more values than the horizon has steps.
    """

    def __init__(self, spec: Spec, reading: Reading, paths: Mapping[str, str], tell: Tell | None = None) -> None:
        """Read as `reading` says; `paths` says how a column is called here, or where in an object it is.

        `tell` is told once of a cell that is of no step of the horizon.
        """
        self._tell = tell
        self.names = [column.name for column in spec.known]
        self._paths = {name: path for name, path in paths.items() if name in self.names}
        self._called = {self._paths.get(name, name).lower() for name in self.names}
        self._steps = range(1, spec.horizon + 1)
        self._readers = readers(spec.known, reading)
        self._is_feature = any(feature.name == KEY for feature in spec.features)
        self._ahead: list[tuple[int, int]] = []  # of a table: places in a row, and among the values ahead
        self._now: list[tuple[int, int]] = []

    def __bool__(self) -> bool:
        """Whether there are such columns."""
        return bool(self.names)

    def begin(self, header: Sequence[str]) -> None:
        """Begin with a table of these columns. Raises `DataError` for one twice, or a path that leads nowhere."""
        self._say_beyond(header)
        wanted = {*self._cells(), *(self._paths.get(name, name) for name in self.names)}
        twice = next((name for name in header if name in wanted and header.count(name) > 1), None)
        if twice is not None:
            raise DataError(f"the input has {header.count(twice)} columns {twice!r}")
        exact, alike = ({name: at for at, name in enumerate(names)} for names in (header, map(str.lower, header)))
        found = {place: exact.get(name, alike.get(name.lower())) for place, name in enumerate(self._cells())}
        self._ahead = [(at, place) for place, at in found.items() if at is not None]
        called = [self._paths.get(name, name) for name in self.names]
        found = {place: exact.get(name, alike.get(name.lower())) for place, name in enumerate(called)}
        self._now = [(at, place) for place, at in found.items() if at is not None]
        said = {place % len(called) for _at, place in self._ahead} | {place for _at, place in self._now}
        lacking = [name for place, name in enumerate(called) if self.names[place] in self._paths and place not in said]
        if lacking:
            raise DataError(f"the input has no column {lacking[0]!r}, nor {lacking[0] + '+1'!r}")

    def of_row(self, cells: Sequence[str]) -> tuple[Values, Values]:
        """Return what the cells of a row say."""
        count = len(self.names)
        ahead: list[float | None] = [None] * (count * len(self._steps) if self._ahead else 0)
        for at, place in self._ahead:
            ahead[place] = self._readers[place % count](cells[at])
        now: list[float | None] = [None] * (count if self._now else 0)
        for at, place in self._now:
            now[place] = self._readers[place](cells[at])
        return tuple(ahead), tuple(now)

    def of_fields(self, content: Mapping[str, Any]) -> tuple[Values, Values]:
        """Return what the fields of a point say."""
        self._say_beyond(content)
        count = len(self.names)
        ahead = [self._number(at % count, content.get(name)) for at, name in enumerate(self._cells())]
        now = [self._number(at, content.get(self._paths.get(name, name))) for at, name in enumerate(self.names)]
        return _unless_nothing(ahead), _unless_nothing(now)

    def of_object(self, content: Mapping[str, Any]) -> tuple[Values, Values]:
        """Return what an object says."""
        given = self._given(content)
        ahead: list[float | None] = [None] * (len(self.names) * len(self._steps))
        now: list[float | None] = []
        for column, name in enumerate(self.names):
            path = self._paths.get(name)
            said = given.get(name) if path is None else fields.find(content, path)
            value = fields.find(content, name) if path is None else said
            if isinstance(said, list):
                ahead[column :: len(self.names)] = self._list(column, said)
            elif path is None and said is not None:
                raise DataError(f"the values of {name} ahead are {shown(said)}; expected a list")
            is_value = value is not fields.ABSENT and not isinstance(value, list)
            now.append(self._readers[column].number(value) if is_value else None)
        return _unless_nothing(ahead), _unless_nothing(now)

    def _given(self, content: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the lists that an object has under `known`."""
        given = content.get(KEY)
        if given is None or (self._is_feature and not isinstance(given, dict)):
            return {}
        if not isinstance(given, dict):
            raise DataError(f"{KEY} is {shown(given)}; expected an object with a list for {listed(self.names)}")
        if given and not any(name in given for name in self.names):
            raise DataError(f"{KEY} has no values for {listed(self.names)}; it has {listed(given)}")
        return given

    def _list(self, column: int, values: list[Any]) -> list[float | None]:
        steps, read = len(self._steps), self._readers[column].number
        if len(values) > steps:
            raise DataError(
                f"{self.names[column]} has {len(values)} values ahead; expected at most {steps}, the horizon"
            )
        return [*map(read, values), *[None] * (steps - len(values))]

    def _cells(self) -> list[str]:
        """Return what the values ahead are called, in their order."""
        return [f"{self._paths.get(name, name)}+{step}" for step in self._steps for name in self.names]

    def _say_beyond(self, names: Iterable[str]) -> None:
        """Say once that there are values of steps that the horizon does not have."""
        for name in names if self._tell else ():
            column, _, step = name.rpartition("+")
            if step.isdecimal() and column.lower() in self._called and int(step[:9]) not in self._steps:
                assert self._tell
                self._tell(f"{shown(name)} is not used: the horizon is {counted(len(self._steps), 'step')}")
                self._tell = None
                return

    def _number(self, column: int, value: Any) -> float | None:
        return self._readers[column].number(value[1:-1] if isinstance(value, str) else value)


def _unless_nothing(values: list[float | None]) -> Values:
    return tuple(values) if any(value is not None for value in values) else ()
