"""Samples as JSON: objects of features by name, lists of values, one number alone, and packs of SenML."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.io.known_columns import KnownColumns
from edgeseq_runtime.io.sample import OtherKindError, Tell, Values, WrittenTime, as_stream
from edgeseq_runtime.io.time_columns import TimeColumns, written
from edgeseq_runtime.printable import counted, listed
from edgeseq_runtime.reading import fields, json_text
from edgeseq_runtime.reading.numbers import RowReader, readers
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.reading.words import TIME_NAMES
from edgeseq_runtime.spec import Spec

Parser: TypeAlias = Callable[[str], tuple[WrittenTime, Values]]


class Parsed(NamedTuple):
    """What one sample in a text says."""

    time: WrittenTime
    values: Values
    lacks: bool = False
    """Whether some of the features are not there at all."""
    stream: str = ""
    """Its name, where there is one."""
    known: Values = ()
    """As `Sample.known`."""
    now: Values = ()
    """As `Sample.now`."""


AWAY = ("offline", "disconnected", "not connected")
"""What a payload may say of a device rather than of a value."""

_SENML_RELATIVE = 2.0**28
"""SenML's times below it are counted from now (RFC 8428, 4.5.3)."""


class JsonSamples:
    """Reads samples of JSON."""

    def __init__(
        self,
        spec: Spec,
        reading: Reading | None = None,
        paths: Mapping[str, str] | None = None,
        tell: Tell | None = None,
    ) -> None:
        """Read as `reading` says, which without one is the model's; `paths` says where features and the time stand.

        Raises `UsageError` for a path of what is neither.
        """
        self._reading = reading or spec.known_reading
        self._names = [feature.name for feature in spec.measured]
        self._paths, self._time_path = split_paths(paths or {}, spec, self._reading)
        self._known = KnownColumns(spec, self._reading, self._paths)
        self._values = RowReader(readers(spec.measured, self._reading, of_fleet=bool(spec.sensors)))
        self._times = TimeColumns(spec, self._reading, tell)
        self._no_time = "" if len(spec.features) > len(self._names) else None
        self._keys: list[str] = []  # of the object before
        self._are_direct = False  # whether that had each feature under its name
        self.stream: str | None = ""
        """Whose the last object is, also where it is no sample; None where that cannot be told, "" without a key."""
        self._are_named = False  # whether objects before said whose they are

    def one(self, text: str) -> tuple[WrittenTime, Values]:
        """Return the time and the values of a text that is one sample.

        A time that lacks is an empty one, where the model sees the time. Raises `OtherKindError` for a text that has
        nothing of the model's, and `DataError` for what is no sample, or several.
        """
        samples = self._samples(text)
        if len(samples) != 1:
            raise DataError(f"expected one sample, got {len(samples)}")
        sample = samples[0]
        return (self._object(sample) if isinstance(sample, dict) else sample)[:2]

    def all(self, text: str) -> list[Parsed]:
        """Return the same of each sample in a text, and its stream: a list of objects is several, in their order.

        An object whose stream has no name is nobody's, and left out, as in training.
        """
        self.stream = None if self._are_named else ""
        found = []
        for sample in self._samples(text):
            if not isinstance(sample, dict):
                found.append(sample)
            elif (stream := self._stream(sample)) is not None:
                parsed = self._object(sample)
                found.append(parsed._replace(stream=stream) if stream else parsed)
        return found

    def _samples(self, text: str) -> list[dict[str, Any] | Parsed]:
        """Return what a text holds: objects, or one sample that is none."""
        start = text[:1]
        if start == "{":
            content = json_text.loads(text)
            if type(content) is dict:
                return [content]
        elif start != "[":
            return [self._alone(text)]
        else:
            content = json_text.loads(text)
        if isinstance(content, list) and content and all(isinstance(element, dict) for element in content):
            return list(merged(content))
        return [self._list(content if isinstance(content, list) else [content])]

    def _stream(self, content: dict[str, Any]) -> str | None:
        """Return the name of an object's stream, "" where it does not say, None where it is nobody's."""
        if not self._reading.id:
            return ""
        name = fields.find(content, self._reading.id)
        if name is fields.ABSENT:
            return ""
        self._are_named = True
        if name is not None and (isinstance(name, bool) or not isinstance(name, str | int)):
            raise OtherKindError(f"{self._reading.id} names no stream")
        self.stream = as_stream("" if name is None else str(name), self._reading.id) or None
        return self.stream

    def of_object(self, content: dict[str, Any]) -> Parsed | None:
        """Return the sample in an object, None where it is nobody's. Raises what `one` does."""
        stream = self._stream(content)
        return None if stream is None else self._object(content)._replace(stream=stream)

    def _object(self, content: dict[str, Any]) -> Parsed:
        if self._keys != (found := list(content)):
            self._keys = found
            self._are_direct = not self._paths and all(name in content for name in self._names)
            if not self._time_path:
                deeper = [name for name in self._reading.time if name not in content]
                there = [name for name in deeper if fields.find(content, name) is not fields.ABSENT]
                self._times.begin([*found, *there])
        if self._known:
            known, now = self._known.of_object(content)
            return self._measured(content)._replace(known=known, now=now)
        return self._measured(content)

    def _measured(self, content: dict[str, Any]) -> Parsed:
        if self._are_direct:
            return Parsed(self._time(content), self._values.numbers([content[name] for name in self._names]))
        found = self._found(content)
        values = self._values.numbers([None if value is fields.ABSENT else value for value in found])
        return Parsed(self._time(content), values, lacks=any(value is fields.ABSENT for value in found))

    def _found(self, content: dict[str, Any]) -> list[Any]:
        values = [fields.find(content, self._paths.get(name, name)) for name in self._names]
        if all(value is fields.ABSENT for value in values):
            hint = fields.hint(content, self._names)
            said = f"no value for {listed(self._names)}; the object has {listed(content)}"
            raise OtherKindError(f"{said}; {hint}" if hint else said)
        return values

    def _time(self, content: dict[str, Any]) -> WrittenTime:
        if self._time_path:
            value = fields.find(content, self._time_path)
            return "" if value is fields.ABSENT else written(value)
        times = self._times
        if not times.settled:
            lacking = times.settle(content.get)
            if not times.settled:
                return lacking if self._no_time is None else self._no_time
        found = [fields.find(content, name) for name in times.columns]
        cells = ["" if cell is fields.ABSENT else written(cell) for cell in found]
        if len(cells) == 1:
            return cells[0]
        return " ".join(map(str, cells)).strip() if cells else self._no_time

    def _alone(self, text: str) -> Parsed:
        """Return the sample of a text that is no object and no list: a number, or a word for none."""
        if len(self._names) == 1 and text and text.strip('"').lower() not in AWAY:
            try:
                cell = text[1:-1] if text[:1] == text[-1:] == '"' else text
                return Parsed(self._no_time, self._values.cells((cell,)))
            except DataError:
                pass
        raise OtherKindError(f"{text[:40]!r} is not JSON with a value for {listed(self._names)}")

    def _list(self, values: Sequence[Any]) -> Parsed:
        if len(values) == len(self._reading.header) > len(self._names):  # as training's lists, which have no names
            return self._object(dict(zip(self._reading.header, values, strict=True)))
        if len(values) != len(self._names):
            names, count = listed(self._names), counted(len(self._names), "value")
            raise DataError(f"the model expects {count} ({names}), got {len(values)}")
        return Parsed(self._no_time, self._values.numbers(values))


def split_paths(paths: Mapping[str, str], spec: Spec, reading: Reading) -> tuple[dict[str, str], str | None]:
    """Return the paths of columns, and that of the time. Raises `UsageError` for one of anything else."""
    names = [column.name for column in (*spec.measured, *spec.known)]
    times = {name for name in (*reading.time, *TIME_NAMES) if name not in names}
    unknown = [name for name in paths if name not in names and name not in times]
    if unknown:
        raise UsageError(f"the model has no feature {unknown[0]!r}: expected {listed(names)}, or time")
    of_time = [path for name, path in paths.items() if name not in names]
    if len(of_time) > 1:
        raise UsageError(f"the time is said to be at {listed(of_time)}: expected one of them")
    return {name: path for name, path in paths.items() if name in names}, of_time[0] if of_time else None


def merged(content: list[dict[str, Any]], *, short: bool = True) -> list[dict[str, Any]]:
    """Return the objects of a list; of a pack of SenML one for each time, with its values by their names.

    With `short` they also stand under their names without the pack's.
    """
    if not any("n" in element or "bn" in element for element in content):
        return content
    base: dict[str, Any] = {}
    by_time: dict[float | None, dict[str, Any]] = {}
    for element in content:
        base |= {key: element[key] for key in ("bn", "bt", "bv") if key in element}
        name = f"{base.get('bn', '')}{element.get('n', '')}"
        value = next((element[key] for key in ("v", "vb", "vs") if key in element), fields.ABSENT)
        if value is fields.ABSENT:
            continue
        when = _number(base.get("bt")) + _number(element.get("t"))
        time = when if when >= _SENML_RELATIVE else None
        record = by_time.setdefault(time, {} if time is None else {"time": time})
        record[name] = value
        if short:
            record.setdefault(str(element.get("n", name)), value)
    return list(by_time.values()) or content


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
