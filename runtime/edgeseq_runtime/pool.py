"""Many streams through one session: one call of the network for all samples that arrive together.

The streams' memory lies in arrays with a row for each stream, without gaps, so that a sample of every stream at once is
taken without looking for rows, and one of some of them by the rows' numbers.
"""

import os
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32, are_finite, are_within
from edgeseq_runtime.backends.base import Rows, Session, roomy
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import DataError, EdgeseqError, SnapshotError, UsageError
from edgeseq_runtime.model_file.source import Model
from edgeseq_runtime.outcomes import Outcomes
from edgeseq_runtime.printable import shown
from edgeseq_runtime.rules import ABSENT
from edgeseq_runtime.sidecar import Sidecar
from edgeseq_runtime.spec import SETTINGS, Spec
from edgeseq_runtime.streaming.sensors import Scale
from edgeseq_runtime.streaming.snapshot import Snapshot, pack, unpack
from edgeseq_runtime.streaming.validation import IMPUTED, MISSING, OK, STATUSES, Issue, Policy, RawSample, Validator

Name = TypeVar("Name", bound=Hashable)
"""What a stream goes by."""

_LEAST_ROOM = 8
"""Rows that the arrays of a pool begin with."""

_CODES = {status: code for code, status in enumerate(STATUSES)}


class Pool:
    """Streams of many sensors of one kind through one model file.

        pool = Pool("model.onnx")
        pool.step({"boiler-1": 21.4, "boiler-2": 19.0})     # -> {id: float32 (horizon, target)}
        pool.step_array([21.5, 19.1])                       # -> float32 (stream, horizon, target), as `pool.names`

    A stream begins with `add` or with its first sample; where the model was trained on several sensors, a stream of a
    name that it knows is that sensor's, any other one's of which nothing is known until `set_sensor` says more.
    Arguments and errors are those of `Predictor`. Pools may share a session, each in a thread of its own; one pool
    belongs to one thread at a time.
    """

    def __init__(
        self,
        model: Model | Session,
        provider: str = "auto",
        threads: int = 1,
        missing: str = "impute",
        *,
        sidecar: Sidecar | str | os.PathLike[str] | None = None,
        key: str | os.PathLike[str] | None = None,
    ) -> None:
        if not isinstance(model, Session):
            model = open_session(model, provider=provider, threads=threads, sidecar=sidecar, key=key)
        self.session = model
        self._features = len(self.spec.features)
        self._forecast = (self.spec.horizon, len(self.spec.targets))  # a stream's, in step_array's result
        self._names: list[Hashable] = []
        self._row: dict[Hashable, int] = {}
        self._validator = Validator(self.spec, np.zeros(len(self.spec.features), np.float32))
        self._missing = missing
        self._policy = Policy(self.spec, missing)
        # A sum of squares that only usable values have.
        self._harmless = min(feature.limit for feature in self.spec.features) ** 2 / 4
        # Whatever belongs to streams, a row for each and some to spare.
        self._engine = self.session.batch_engine(_LEAST_ROOM)
        self._known = {sensor.name for sensor in self.spec.sensors}
        self._default_scale = Scale.default(self.spec) if self._known else None
        # A stream's age is `_steps` less when it began, so that a step of all streams is one sum, not one for each.
        self._steps = 0
        self._begun = np.zeros(_LEAST_ROOM, np.int64)
        self._imputed = np.zeros(_LEAST_ROOM, np.int64)
        self._code = np.zeros(_LEAST_ROOM, np.int8)  # of the status
        self._any_status = False  # whether there may be one other than 0 among these two
        self._interrupted = set[Hashable]()  # streams that may be neither before a sample nor after it

    @property
    def spec(self) -> Spec:
        """What the model file says of itself."""
        return self.session.spec

    @property
    def names(self) -> tuple[Hashable, ...]:
        """The streams, in the order of `step_array`'s rows: as they joined. One that is removed leaves no gap."""
        return tuple(self._names)

    @property
    def status(self) -> dict[Hashable, str]:
        """What happened to each stream's last sample."""
        return {name: STATUSES[code] for name, code in zip(self._names, self._code.tolist(), strict=False)}

    @property
    def warm(self) -> dict[Hashable, bool]:
        """Whether each stream's forecasts count already."""
        warm = (self._steps - self._begun >= self.spec.warmup).tolist()
        return dict(zip(self._names, warm, strict=False))

    def __contains__(self, name: Hashable) -> bool:
        return name in self._row

    def __len__(self) -> int:
        return len(self._names)

    def step(self, samples: Mapping[Name, RawSample]) -> dict[Name, Float32]:
        """Take one sample of each stream named; return their forecasts, float32 (horizon, target).

        Streams not named stay as they are. NaN where there is no forecast. Raises `DataError` for a sample of the wrong
        length or with text in it and, with missing="error", `MissingSampleError`; no stream has then moved. After any
        other exception, of a signal's handler too, the streams named take no further sample until `restore`.
        """
        return dict(zip(samples, self._step(samples), strict=True))

    def process(self, samples: Mapping[Name, RawSample]) -> Outcomes:
        """Take one sample of each stream named, as `step` does; return all that became of each, in that order."""
        forecasts = self._step(samples)
        rows = np.array([self._row[name] for name in samples], np.intp)
        ages = self._steps - self._begun[rows]
        return Outcomes(
            forecasts,
            np.maximum(ages - 1, 0),
            self._code[rows],
            np.zeros(len(rows), np.int8),
            ages >= self.spec.warmup,
            np.full(len(rows), np.nan),
        )

    def _step(self, samples: Mapping[Name, RawSample]) -> Float32:
        """Take one sample of each stream named; return (stream, horizon, target)."""
        if not samples:
            return np.empty((0, *self._forecast), np.float32)
        block = self._read(list(samples.values()))
        known = len(self._names)
        rows = self._find(list(samples))
        try:
            return self._take(rows, block)
        except BaseException:
            self._leave(known)  # those that would have begun with this step
            raise

    def step_array(self, samples: npt.ArrayLike) -> Float32:
        """Take one sample of every stream, (stream, feature), in the order of `names`; NaN marks a missing value.

        Returns forecasts, float32 (stream, horizon, target). A model of one feature takes (stream,) too. Raises
        `DataError` for another shape or type; else as `step`.
        """
        block = np.asarray(samples)
        expected = (len(self._names), self._features)
        if block.shape != expected and not (expected[1] == 1 and block.shape == expected[:1]):
            raise DataError(f"samples have shape {block.shape}; the pool takes (stream, feature) = {expected}")
        if block.dtype.kind not in "biuf":
            raise DataError(f"samples are of type {block.dtype}, not numbers; NaN is a missing one")
        return self._take(slice(0, len(self._names)), _as_float32(block.reshape(expected)))

    def add(self, *names: Hashable) -> None:
        """Begin streams before their first samples. Raises `UsageError` where there is one of that name."""
        new = set[Hashable]()
        for name in names:
            if name in self._row or name in new:
                raise UsageError(f"the pool has a stream {name!r} already")
            new.add(name)
        self._join(names)

    def remove(self, name: Hashable) -> None:
        """Forget a stream. Raises `UsageError` where there is none of that name."""
        row = self._existing(name)
        self._interrupted.discard(name)
        del self._row[name]
        last = len(self._names) - 1
        for array in self._arrays():
            array[row:last] = array[row + 1 : last + 1]
        del self._names[row]
        for position in range(row, last):
            self._row[self._names[position]] = position
        self._erase(slice(last, last + 1))

    def set_sensor(self, name: Hashable, sensor: str | Scale | npt.ArrayLike | None) -> None:
        """Tell which sensor a stream's samples come from, as `Predictor.set_sensor` does; the stream starts afresh.

        Raises `UsageError` where there is no stream of that name, and what that method does.
        """
        row = self._existing(name)
        scale = Scale.resolve(self.spec, sensor)
        self._interrupted.discard(name)
        self._forget(slice(row, row + 1))
        self._set(row, scale)

    def _read(self, samples: list[RawSample]) -> Float32:
        """Return samples as (stream, feature), NaN where a value is missing. Raises `DataError`."""
        try:
            block = np.array(samples)
        except (ValueError, OverflowError):  # samples of several lengths
            block = np.array(None)
        if block.dtype.kind in "biuf" and block.size == len(samples) * self._features and block.ndim <= 2:
            return _as_float32(block.reshape(len(samples), self._features))
        rows = [self._validator.to_numbers(sample) for sample in samples]
        return _as_float32(np.array(rows, np.float64))

    def _find(self, names: list[Hashable]) -> Rows:
        """Return the streams' rows; those that are new join."""
        if names == self._names:
            return slice(0, len(names))
        self._join([name for name in names if name not in self._row])
        return np.array([self._row[name] for name in names])

    def _take(self, rows: Rows, block: Float32) -> Float32:
        """Move the streams at `rows` by a sample each, (stream, feature); return (stream, horizon, target)."""
        if not len(block):
            return np.empty((0, *self._forecast), np.float32)
        if self._interrupted:
            self._require_whole(self._at(rows))
        try:
            if are_within(block, self._harmless):
                forecasts = self._take_whole(rows, block)
            else:
                finite = self._validator.are_usable(block)
                whole = np.count_nonzero(finite) == finite.size  # a tenth of the time that all() takes
                forecasts = self._take_whole(rows, block) if whole else self._take_rest(rows, block, finite)
            if not are_finite(forecasts):
                self._drop_infinite(rows, forecasts)
        except EdgeseqError:  # before anything has moved
            raise
        except BaseException:
            self._interrupted.update(self._at(rows))
            self._engine.forget_bindings()
            raise
        return forecasts.reshape(len(block), *self._forecast)

    def _at(self, rows: Rows) -> list[Hashable]:
        """Return the names of the streams at `rows`."""
        return self._names[rows] if isinstance(rows, slice) else [self._names[row] for row in rows.tolist()]

    def _require_whole(self, names: Iterable[Hashable]) -> None:
        for name in names:
            if name in self._interrupted:
                raise EdgeseqError(
                    f"the stream {shown(name)} was interrupted within a step: `restore` a snapshot, or `remove` it"
                )

    def _take_whole(self, rows: Rows, block: Float32) -> Float32:
        forecasts = self._engine.advance(rows, block)
        all_moved = isinstance(rows, slice)
        if all_moved:
            self._steps += 1
        else:
            self._begun[rows] -= 1
        if self._any_status:
            self._imputed[rows], self._code[rows] = 0, _CODES[OK]
            self._any_status = not all_moved
        return forecasts

    def _take_rest(self, rows: Rows, block: Float32, finite: npt.NDArray[np.bool_]) -> Float32:
        """Take samples in which only the values that are `finite` are there."""
        places = np.arange(len(self._names))[rows]
        whole = finite.all(axis=1)
        status = np.full(len(block), _CODES[OK], np.int8)
        for position in np.flatnonzero(~whole):
            absent = tuple(np.flatnonzero(~finite[position]).tolist())
            age, imputed = self._age(places[position]), int(self._imputed[places[position]])
            status[position] = _CODES[self._policy.for_value(Issue(ABSENT, absent), age=age, imputed=imputed)]
        instead = self._engine.x[places]  # a feature that is no target keeps its last value
        instead[:, : len(self.spec.targets)] = self._engine.y[places, : len(self.spec.targets)]
        moving = (status == _CODES[OK]) | (status == _CODES[IMPUTED])
        if moving.any():
            self._engine.advance(places[moving], np.where(finite, block, instead)[moving])
        self._forget(places[status == _CODES[MISSING]])
        self._begun[places[moving]] -= 1
        self._imputed[places] += status == _CODES[IMPUTED]
        self._imputed[places[whole]] = 0
        self._code[places] = status
        self._any_status = True
        return self._engine.y[places]

    def _drop_infinite(self, rows: Rows, forecasts: Float32) -> None:
        """Where a forecast of those at `rows` is not finite there is none, and its stream starts afresh."""
        infinite = ~np.isfinite(forecasts).all(axis=1)
        places = np.arange(len(self._names))[rows][infinite]
        forecasts[infinite] = np.nan
        self._forget(places)
        self._imputed[places], self._code[places] = 0, _CODES[MISSING]
        self._any_status = self._any_status or len(places) > 0

    def _age(self, row: int) -> int:
        """Return how many samples a stream has seen since its start."""
        return self._steps - int(self._begun[row])

    def _arrays(self, *, settings: bool = True) -> Iterable[npt.NDArray[np.generic]]:
        """Return views of all that belongs to streams, with or without their sensors' settings, with the rows first."""
        states = [self._engine.by_row(name) for name in self._engine.names if settings or name not in SETTINGS]
        return [self._engine.x, self._engine.y, self._begun, self._imputed, self._code, *states]

    def _forget(self, rows: Rows) -> None:
        """Make the streams at `rows` fresh."""
        for array in self._arrays(settings=False):
            array[rows] = 0
        self._engine.y[rows] = np.nan
        self._begun[rows] = self._steps

    def _erase(self, rows: Rows) -> None:
        """Make the rows as if there had never been a stream."""
        self._forget(rows)
        for name in set(self._engine.names) & set(SETTINGS):
            self._engine.by_row(name)[rows] = 0

    def _set(self, row: int, scale: Scale) -> None:
        for name, value in scale.states().items():
            self._engine.by_row(name)[row] = value[0]

    def _leave(self, known: int) -> None:
        """Forget the streams that joined after the first `known`, or were about to."""
        self._erase(slice(known, None))
        del self._names[known:]
        self._row = {name: row for row, name in enumerate(self._names)}
        self._interrupted.intersection_update(self._row)
        self._engine.forget_bindings()

    def _join(self, names: Sequence[Hashable]) -> None:
        """Give each new stream a row."""
        known = len(self._names)
        try:
            self._make_rows(names)
        except BaseException:
            self._leave(known)
            raise

    def _make_rows(self, names: Sequence[Hashable]) -> None:
        for name in names:
            self._row[name] = len(self._names)
            self._names.append(name)
        count = len(self._names)
        self._begun, self._imputed = roomy(self._begun, count), roomy(self._imputed, count)
        self._code = roomy(self._code, count)
        self._begun[count - len(names) : count] = self._steps
        self._engine.make_room(count)
        if self._default_scale:
            for name in names:
                scale = Scale.by_name(self.spec, str(name)) if name in self._known else self._default_scale
                self._set(self._row[name], scale)

    # One stream among many: what a service asks after each sample, without a look at all the others.

    def status_of(self, name: Hashable) -> str:
        """What happened to this stream's last sample. Raises `UsageError` where there is no stream of that name."""
        return STATUSES[self._code[self._existing(name)]]

    def is_warm(self, name: Hashable) -> bool:
        """Whether this stream's forecasts count already. Raises `UsageError` as `status_of` does."""
        return self._age(self._existing(name)) >= self.spec.warmup

    def snapshot(self, name: Hashable) -> bytes:
        """Return one stream's state as bytes that `restore` takes up, with this model file only.

        Raises `UsageError` where there is no stream of that name.
        """
        return pack(self.session.digest, self.state(name))

    def state(self, name: Hashable) -> Snapshot:
        """Return a copy of one stream's state: what `snapshot` packs. Raises `UsageError` as `snapshot` does."""
        row = self._existing(name)
        self._require_whole([name])
        return self._snapshot(row).copied()

    def states(self, names: Sequence[Hashable]) -> list[Snapshot]:
        """Return copies of several streams' states, as `state` does."""
        rows = [self._existing(name) for name in names]
        self._require_whole(names)
        states = {state: self._engine.by_row(state) for state in self._engine.names}
        arrays = {"x": self._engine.x, "y": self._engine.y, **states}
        return [
            Snapshot(self._counters(row), {name: array[row].copy() for name, array in arrays.items()}) for row in rows
        ]

    def restore(self, name: Hashable, blob: bytes) -> None:
        """Go on with a stream from its snapshot; it may be a new one. Raises `SnapshotError`, and nothing has changed.

        Any pool over the same model file may have made the snapshot, under any name.
        """
        self.restore_all({name: blob})

    def restore_all(self, blobs: Mapping[Name, bytes]) -> None:
        """Go on with streams from their snapshots, as `restore` does; with all of them, or with none."""
        like = self._snapshot(0)
        snapshots = {name: unpack(blob, self.session.digest, like) for name, blob in blobs.items()}
        if not all(snapshot.counters["status"] in _CODES for snapshot in snapshots.values()):
            raise SnapshotError("the snapshot has a status that this version of edgeseq does not know")
        self._join([name for name in snapshots if name not in self._row])
        for name, snapshot in snapshots.items():
            self._load(self._row[name], snapshot)
            self._interrupted.discard(name)

    def _load(self, row: int, snapshot: Snapshot) -> None:
        counters = snapshot.counters
        self._begun[row], self._imputed[row] = self._steps - counters["age"], counters["imputed"]
        self._code[row] = _CODES[counters["status"]]
        self._any_status = True
        self._engine.x[row], self._engine.y[row] = snapshot.arrays["x"], snapshot.arrays["y"]
        for state in self._engine.names:
            self._engine.by_row(state)[row] = snapshot.arrays[state]

    def __copy__(self) -> Self:
        """Return streams of its own, where these are, over the same session."""
        self._require_whole(self._names)
        twin = object.__new__(type(self))
        Pool.__init__(twin, self.session, missing=self._missing)
        twin.add(*self._names)
        for row in range(len(self._names)):
            twin._load(row, self._snapshot(row))
        return twin

    def __deepcopy__(self, _memo: object) -> Self:
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the model file and the streams' snapshots; the copy opens the model again on the same provider."""
        blobs = {name: self.snapshot(name) for name in self._names}
        return _unpickled, (type(self), self.session.recipe(), {"missing": self._missing}, blobs)

    def _counters(self, row: int) -> dict[str, Any]:
        return {"age": self._age(row), "imputed": int(self._imputed[row]), "status": STATUSES[self._code[row]]}

    def _snapshot(self, row: int) -> Snapshot:
        states = {state: self._engine.by_row(state)[row] for state in self._engine.names}
        return Snapshot(self._counters(row), {"x": self._engine.x[row], "y": self._engine.y[row], **states})

    def _existing(self, name: Hashable) -> int:
        if name not in self._row:
            raise UsageError(f"the pool has no stream {name!r}")
        return self._row[name]


def _unpickled(
    kind: type[Pool], recipe: Mapping[str, Any], options: Mapping[str, Any], blobs: Mapping[Hashable, bytes]
) -> Pool:
    pool = object.__new__(kind)
    Pool.__init__(pool, open_session(**recipe), **options)
    pool.restore_all(blobs)
    return pool


def _as_float32(block: npt.NDArray[Any]) -> Float32:
    if block.dtype == np.float32:
        return block
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and so missing
        return block.astype(np.float32)
