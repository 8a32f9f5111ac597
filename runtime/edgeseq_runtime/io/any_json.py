"""JSON for a model of any sensor: each number in an object is a stream, called by its path (`DS18B20.Temperature`)."""

from collections.abc import Mapping
from typing import Any

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io.any_names import TIME, AnyNames, joined, split_paths
from edgeseq_runtime.io.json_samples import AWAY, merged
from edgeseq_runtime.io.sample import OtherKindError, Sample, Tell, as_stream
from edgeseq_runtime.printable import printable
from edgeseq_runtime.reading import fields, json_text
from edgeseq_runtime.reading.lines import column_names
from edgeseq_runtime.reading.reading import Reading


class AnyJson:
    """Reads samples of JSON."""

    def __init__(
        self,
        reading: Reading,
        paths: Mapping[str, str] | None = None,
        tell: Tell | None = None,
        *,
        timed: bool = True,
    ) -> None:
        """Read as `AnyNames` does; with `paths` only what stands there, by the names that these give it."""
        self._id, self._tell = reading.id, tell
        self._has_owners = self._has_told_of_nobody = self._has_told_of_twins = False
        self._paths, time = split_paths(paths or {}, reading)
        self._named = {**self._paths, **({TIME: time} if time else {})}
        self._names = AnyNames(reading, tell, timed=timed, time=(TIME,) if time else (), only=self._paths or None)

    def samples(self, text: str, line: int, owner: str = "") -> list[Sample]:
        """Return the samples in a text: of each number in an object, of each object in a list, or of a number alone.

        Raises `OtherKindError` for a text that holds no numbers, and `DataError` for what is no JSON.
        """
        if text[:1] not in ("{", "["):
            return [self._alone(text, line, owner)]
        content = json_text.loads(text)
        if isinstance(content, dict):
            return self.of_object(content, line, owner)
        values = content if isinstance(content, list) else [content]
        if values and all(isinstance(value, dict) for value in values):
            return [one for each in merged(values, short=False) for one in self.of_object(each, line, owner)]
        if len(values) == 1 and not isinstance(values[0], list):
            return [self._alone("null" if values[0] is None else str(values[0]), line, owner)]
        return self._names.samples(dict(zip(column_names([""] * len(values)), values, strict=True)), line, owner)

    def of_object(self, content: dict[str, Any], line: int, owner: str = "") -> list[Sample]:
        """Return the samples of an object; none where it is nobody's, as `--id` says."""
        name = self._owner(content, line)
        if name is None:
            return []
        cells = self._cells(content, line)
        for known, path in self._named.items():
            value = fields.find(content, path)
            cells.pop(path, None)
            if value is not fields.ABSENT:
                cells[known] = value
        cells.pop(self._id, None)
        return self._names.samples(cells, line, joined(owner, name))

    def _cells(self, content: dict[str, Any], line: int) -> dict[str, Any]:
        """Return an object's values by their paths. Of two with the same path the last counts, and one note says so."""
        found = list(fields.scalars(content))
        cells = dict(found)
        if len(cells) < len(found) and self._tell and not self._has_told_of_twins and not self._paths:
            paths = [path for path, _ in found]
            twin = next(path for at, path in enumerate(paths) if path in paths[:at])
            self._tell(f"line {line}: two values are called {printable(twin)}; the last of them counts")
            self._has_told_of_twins = True
        return cells

    def _owner(self, content: dict[str, Any], line: int) -> str | None:
        """Return whom an object names, "" where it does not say, None where that is nobody."""
        if not self._id:
            return ""
        name = fields.find(content, self._id)
        if name is fields.ABSENT:
            if not self._has_owners:
                raise OtherKindError(f"no {self._id}, which names the stream")
            if self._tell and not self._has_told_of_nobody:  # as rows say it
                self._tell(f"line {line}: no {self._id}, which names the stream; such lines are left out")
                self._has_told_of_nobody = True
            return None
        self._has_owners = True
        if name is not None and (isinstance(name, bool) or not isinstance(name, str | int)):
            raise OtherKindError(f"{self._id} names no stream")
        return as_stream("" if name is None else str(name), self._id) or None

    def _alone(self, text: str, line: int, owner: str) -> Sample:
        cell = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
        if cell and cell.lower() not in AWAY:
            try:
                return self._names.number(cell, line, owner)
            except DataError:
                pass
        raise OtherKindError(f"{text[:40]!r} is no number, and no JSON that holds some")
