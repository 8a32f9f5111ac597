"""Streams by name: which row of a judgement is whose, how streams join and leave, and which were interrupted."""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from edgeseq_runtime.arrays import Rows
from edgeseq_runtime.errors import EdgeseqError, UsageError
from edgeseq_runtime.judgement.judgement import Judgement
from edgeseq_runtime.printable import shown
from edgeseq_runtime.streaming.sensors import Scale


class NamedRows:
    """The names of a judgement's streams, whose rows lie without gaps in the order in which they joined."""

    def __init__(self, judgement: Judgement) -> None:
        self._judgement = judgement
        self.names: list[Hashable] = []
        self.row: dict[Hashable, int] = {}
        """Name -> its row."""
        self.interrupted = set[Hashable]()
        """Streams that may be neither before a sample nor after it."""
        self._sensors = {sensor.name for sensor in judgement.spec.sensors}
        self._default_scale = Scale.default(judgement.spec) if self._sensors else None

    @property
    def all(self) -> slice:
        """The rows that streams have."""
        return slice(0, len(self.names))

    def existing(self, name: Hashable) -> int:
        """Return a stream's row. Raises `UsageError` where there is none of that name."""
        if name not in self.row:
            raise UsageError(f"the pool has no stream {name!r}")
        return self.row[name]

    def at(self, rows: Rows) -> list[Hashable]:
        """Return the names of the streams at `rows`."""
        return self.names[rows] if isinstance(rows, slice) else [self.names[row] for row in rows.tolist()]

    def require_whole(self, names: Iterable[Hashable]) -> None:
        """Raise `EdgeseqError` where one of the streams was interrupted."""
        for name in names:
            if name in self.interrupted:
                raise EdgeseqError(
                    f"the stream {shown(name)} was interrupted within a step: `restore` a snapshot, or `remove` it"
                )

    def find(self, names: list[Hashable]) -> Rows:
        """Return the streams' rows; those that are new join."""
        if names == self.names:
            return self.all
        self.join([name for name in names if name not in self.row])
        return np.array([self.row[name] for name in names], np.intp)

    def join(self, names: Sequence[Hashable]) -> None:
        """Give each new stream a row, which may move all to larger arrays."""
        if not names:
            return
        known = len(self.names)
        try:
            for name in names:
                self.row[name] = len(self.names)
                self.names.append(name)
            self._judgement.make_room(len(self.names))
            self._judgement.erase(slice(known, len(self.names)))
            if self._default_scale:
                spec = self._judgement.spec
                for name in names:
                    scale = Scale.by_name(spec, str(name)) if name in self._sensors else self._default_scale
                    self._judgement.set_sensor(self.row[name], scale)
        except BaseException:
            self.leave(known)
            raise

    def leave(self, known: int) -> None:
        """Forget the streams that joined after the first `known`, or were about to."""
        if known == len(self.names) == len(self.row):
            return
        self._judgement.forget_sensor(slice(known, None))
        self._judgement.erase(slice(known, None))
        del self.names[known:]
        self.row = {name: row for row, name in enumerate(self.names)}
        self.interrupted.intersection_update(self.row)
        self._judgement.find_usual()

    def remove(self, name: Hashable) -> None:
        """Forget a stream; those after it move up. Raises `UsageError` where there is none of that name."""
        row = self.existing(name)
        self.interrupted.discard(name)
        del self.row[name]
        self._judgement.close_gap(row, len(self.names))
        del self.names[row]
        for position in range(row, len(self.names)):
            self.row[self.names[position]] = position
