"""Many streams through one session: one call of the network for all samples that arrive together.

The streams' memory lies in arrays with a row for each stream, without gaps, so that a sample of every stream at once is
taken without looking for rows, and one of some of them by the rows' numbers.
"""

import math
import os
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.adaptation.adaptation import Learned
from edgeseq_runtime.anomalies.anomalies import Anomalies
from edgeseq_runtime.anomalies.kinds import ANOMALIES_BY_CODE
from edgeseq_runtime.arrays import Float32, Forecasts, Rows
from edgeseq_runtime.backends.base import Session
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import DataError, EdgeseqError, MissingSampleError, SnapshotError, UsageError
from edgeseq_runtime.given import GivenReader, Times
from edgeseq_runtime.judgement.judgement import Judgement
from edgeseq_runtime.judgement.named_rows import NamedRows
from edgeseq_runtime.model_file.source import Model
from edgeseq_runtime.monitoring.monitor import Monitor
from edgeseq_runtime.outcomes import Outcomes
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.reading.times import Time, TimeReader, require_one_each
from edgeseq_runtime.rules import Rules
from edgeseq_runtime.sidecar import Sidecar
from edgeseq_runtime.spec import RUNNING, Spec
from edgeseq_runtime.streaming.known_values import KnownValues
from edgeseq_runtime.streaming.ledger import REASONS_BY_CODE
from edgeseq_runtime.streaming.row_arrays import LEAST_ROOM
from edgeseq_runtime.streaming.sensors import Scale
from edgeseq_runtime.streaming.snapshot import Snapshot, pack, unpack
from edgeseq_runtime.streaming.validation import STATUSES, RawSample

Name = TypeVar("Name", bound=Hashable)
"""What a stream goes by."""


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
        rules: Rules | None = None,
        *,
        monitor: bool = False,
        adapt: bool | None = None,
        anomalies: float | None = None,
        sidecar: Sidecar | str | os.PathLike[str] | None = None,
        key: str | os.PathLike[str] | None = None,
        reading: Reading | None = None,
    ) -> None:
        if not isinstance(model, Session):
            model = open_session(model, provider=provider, threads=threads, sidecar=sidecar, key=key)
        self.session = model
        self._spec = replace(model.spec, reading=reading) if reading else model.spec
        self._given = GivenReader(self._spec, TimeReader(self._spec.reading))
        self._options: dict[str, Any] = {
            "missing": missing,
            "rules": rules,
            "monitor": monitor,
            "adapt": adapt,
            "anomalies": anomalies,
            "reading": reading,
        }
        self._forecast = (self.spec.horizon, len(self.spec.targets))  # a stream's, in step_array's result
        self._kind = np.float64 if model.spec.scaling == RUNNING else np.float32  # of what is said of it
        self._engine = model.batch_engine(LEAST_ROOM)
        self._judgement = Judgement(
            model,
            self._engine,
            LEAST_ROOM,
            missing=missing,
            rules=rules,
            monitor=monitor,
            adapt=adapt,
            anomalies=anomalies,
        )
        self._ledger = self._judgement.ledger
        self._rows = NamedRows(self._judgement)

    @property
    def spec(self) -> Spec:
        """What the model file says of itself."""
        return self._spec

    @property
    def names(self) -> tuple[Hashable, ...]:
        """The streams, in the order of `step_array`'s rows: as they joined. One that is removed leaves no gap."""
        return tuple(self._rows.names)

    @property
    def status(self) -> dict[Hashable, str]:
        """What happened to each stream's last sample."""
        return dict(zip(self._rows.names, self.statuses.tolist(), strict=True))

    @property
    def statuses(self) -> npt.NDArray[np.str_]:
        """The same in the order of `names`, (stream,)."""
        return np.array(STATUSES)[self._ledger.status[self._rows.all]]

    @property
    def reason(self) -> dict[Hashable, str]:
        """What was odd about each stream's last sample, one of `rules.REASONS`; empty where nothing was."""
        return dict(zip(self._rows.names, self.reasons.tolist(), strict=True))

    @property
    def reasons(self) -> npt.NDArray[np.str_]:
        """The same in the order of `names`, (stream,)."""
        return np.array(REASONS_BY_CODE)[self._ledger.reason[self._rows.all]]

    @property
    def counts(self) -> dict[Hashable, dict[str, int]]:
        """How many of each stream's samples had each status and reason, as `Predictor.counts` has them."""
        return {name: self._ledger.counts_of(row) for row, name in enumerate(self._rows.names)}

    @property
    def samples(self) -> dict[Hashable, int]:
        """How many samples each stream has seen, missing ones included."""
        return dict(zip(self._rows.names, self._ledger.samples(self._rows.all).tolist(), strict=True))

    @property
    def warm(self) -> dict[Hashable, bool]:
        """Whether each stream's forecasts count already."""
        return dict(zip(self._rows.names, self.are_warm.tolist(), strict=True))

    @property
    def are_warm(self) -> npt.NDArray[np.bool_]:
        """The same in the order of `names`, (stream,)."""
        return self._judgement.are_warm(self._rows.all)

    @property
    def monitors(self) -> bool:
        """Whether `interval` and `drift` are there."""
        return self._judgement.monitor is not None

    @property
    def adapts(self) -> bool:
        """Whether forecasts learn from what comes."""
        return self._judgement.adaptation is not None

    def learned(self, name: Hashable) -> Learned:
        """Return what a stream has learned. Raises `UsageError` where none adapts, and for an unknown one."""
        if self._judgement.adaptation is None:
            raise UsageError("this Pool does not adapt: make it with adapt=True")
        return self._judgement.adaptation.learned(self._rows.existing(name))

    @property
    def drift(self) -> dict[Hashable, bool]:
        """Whether each stream's running error has left what validation showed. Raises `UsageError` as `interval`."""
        return dict(zip(self._rows.names, self.drifts.tolist(), strict=True))

    @property
    def drifts(self) -> npt.NDArray[np.bool_]:
        """The same in the order of `names`, (stream,)."""
        return np.asarray(self._required_monitor().drift.raised[self._rows.all] > 0)

    def interval(self, level: float = 0.9, name: Hashable | None = None) -> tuple[Forecasts, Forecasts]:
        """Return the ends between which the truth lies with the probability `level`; see `Predictor.interval`.

        Each (stream, horizon, target) in the order of `names`, or (horizon, target) of the stream `name`.
        Raises `UsageError` without `monitor=True`, for a level that is not between 0 and 1, and for an unknown stream.
        """
        row = None if name is None else self._rows.existing(name)
        rows = self._rows.all if row is None else slice(row, row + 1)
        said = self._judgement.in_own_numbers(rows, self._engine.y[rows].reshape(-1, *self._forecast))
        low, high = self._required_monitor().around(rows, said, level)
        return (low, high) if row is None else (low[0], high[0])

    @property
    def finds_anomalies(self) -> bool:
        """Whether `p_value`, `p_values` and `anomaly` are there."""
        return self._judgement.anomalies is not None

    @property
    def p_value(self) -> Float32:
        """How surprising each stream's last sample was, (stream,) in the order of `names`; see `Predictor.p_value`.

        NaN where there is none. Raises `UsageError` without `anomalies`.
        """
        return self._required_anomalies().found(self._rows.all)[0][:, -1]

    @property
    def p_values(self) -> Float32:
        """The same of each target alone, (stream, target)."""
        return self._required_anomalies().found(self._rows.all)[0][:, :-1]

    @property
    def anomaly(self) -> npt.NDArray[np.str_]:
        """What kind of anomaly each stream's last sample is, (stream,) in the order of `names`; empty where none.

        Raises `UsageError` without `anomalies`.
        """
        return np.array(ANOMALIES_BY_CODE)[self._required_anomalies().found(self._rows.all)[1]]

    def __contains__(self, name: Hashable) -> bool:
        return name in self._rows.row

    def __len__(self) -> int:
        return len(self._rows.names)

    def step(
        self,
        samples: Mapping[Name, RawSample],
        times: Mapping[Name, Time] | Time = None,
        known: Mapping[Name, KnownValues] | None = None,
    ) -> dict[Name, Forecasts]:
        """Take one sample of each stream named; return their forecasts, (horizon, target).

        Streams not named stay as they are. `times`, by name or one for all, and `known` by name, count as in
        `Predictor.step`. NaN where there is no forecast. Raises `DataError` for a sample of the wrong length, with text
        in it, or that a rule refuses and, with missing="error", `MissingSampleError`; no stream has then moved. After
        any other exception, of a signal's handler too, the streams named take no further sample until `restore`.
        """
        return dict(zip(samples, self._step(samples, times, known)[1], strict=True))

    def process(
        self,
        samples: Mapping[Name, RawSample],
        times: Mapping[Name, Time] | Time = None,
        known: Mapping[Name, KnownValues] | None = None,
    ) -> Outcomes:
        """Take one sample of each stream named, as `step` does; return all that became of each, in that order."""
        rows, forecasts = self._step(samples, times, known)
        return self._judgement.outcomes(rows, forecasts)

    def _step(
        self, samples: Mapping[Name, RawSample], times: Any, known: Mapping[Name, KnownValues] | None
    ) -> tuple[Rows, Forecasts]:
        """Take one sample of each stream named; return their rows, and forecasts (stream, horizon, target)."""
        block = self._given.samples_by_name(samples, known)
        given = None
        if times is not None:
            given = self._given.times_by_name(samples, times, self._last_of)
        count = len(self._rows.names)
        rows = self._rows.find(list(samples))
        try:
            return rows, self._take(rows, block, given)
        except BaseException:
            self._rows.leave(count)  # those that would have begun with this step
            raise

    def _last_of(self, name: Hashable) -> float:
        """Return when a stream's last sample was taken; NaN where it is not known, or where there is no such stream."""
        row = self._rows.row.get(name)
        return math.nan if row is None else float(self._judgement.clocks.last[row])

    def step_array(self, samples: npt.ArrayLike, times: Any = None, known: npt.ArrayLike | None = None) -> Forecasts:
        """Take one sample of every stream, (stream, feature), in the order of `names`; NaN marks a missing value.

        Returns forecasts (stream, horizon, target). A model of one feature takes (stream,) too, and features
        of the time may lack. `times` (stream,), or one for all, and `known` (stream, horizon, column) count as in
        `Predictor.step`. Raises `DataError` for another shape or type; else as `step`.
        """
        block = self._given.samples_of_all(np.asarray(samples), (len(self._rows.names),), known)
        given = None if times is None else self._times_of_all(times)
        return self._take(self._rows.all, block, given)

    def run(self, block: npt.ArrayLike, times: Any = None, known: npt.ArrayLike | None = None) -> Forecasts:
        """Take a block of every stream, (time, stream, feature); return (time, stream, horizon, target).

        As `step_array` gives them one after the other. `times` are (time,), the same for all, or (time, stream);
        `known` is (time, stream, horizon, column). Raises what `step_array` does, with the sample's number; all is then
        as before the block.
        """
        samples = np.asarray(block)
        parts = self._given.samples_of_all(samples, (*samples.shape[:1], len(self._rows.names)), known)
        if times is not None:
            require_one_each(times, len(parts))
        forecasts = np.empty((*parts.shape[:2], *self._forecast), self._kind)
        try:
            with self._judgement.all_or_nothing(self._rows.all):
                for number, part in enumerate(parts):
                    given = None if times is None else self._times_of_all(times[number])
                    forecasts[number] = self._take(self._rows.all, part, given)
        except (DataError, MissingSampleError) as error:
            raise type(error)(f"sample {number} of the block: {error}") from error
        except BaseException:
            if not self._judgement.is_torn:
                self._rows.interrupted.difference_update(self._rows.names)
            raise
        return forecasts

    def _times_of_all(self, times: Any) -> Times:
        return self._given.times_of_all(times, self._judgement.clocks.last[self._rows.all])

    def add(self, *names: Hashable) -> None:
        """Begin streams before their first samples. Raises `UsageError` where there is one of that name."""
        new = set[Hashable]()
        for name in names:
            if name in self._rows.row or name in new:
                raise UsageError(f"the pool has a stream {name!r} already")
            new.add(name)
        self._rows.join(names)

    def remove(self, name: Hashable) -> None:
        """Forget a stream. Raises `UsageError` where there is none of that name."""
        self._rows.remove(name)

    def set_sensor(self, name: Hashable, sensor: str | Scale | npt.ArrayLike | None) -> None:
        """Tell which sensor a stream's samples come from, as `Predictor.set_sensor` does; the stream starts afresh.

        Raises `UsageError` where there is no stream of that name, and what that method does.
        """
        row = self._rows.existing(name)
        scale = Scale.resolve(self.spec, sensor)
        self._rows.interrupted.discard(name)
        self._judgement.erase(row)
        self._judgement.set_sensor(row, scale)

    def _take(self, rows: Rows, block: npt.NDArray[Any], given: Times | None) -> Forecasts:
        """Move the streams at `rows` by a sample each, (stream, feature); return (stream, horizon, target)."""
        if not len(block):
            return np.empty((0, *self._forecast), self._kind)
        if self._rows.interrupted:
            self._rows.require_whole(self._rows.at(rows))
        judgement, anchors = self._judgement, self._judgement.anchors
        if anchors:
            before, block = anchors.kept(rows), anchors.counted(rows, block)
        try:
            forecasts = judgement.take(rows, block, *(given or (None, None)))
        except EdgeseqError:  # before anything has moved
            if anchors:
                anchors.put_back(rows, before)
            raise
        except BaseException:
            self._rows.interrupted.update(self._rows.at(rows))
            self._judgement.find_usual()
            raise
        return judgement.in_own_numbers(rows, forecasts.reshape(len(block), *self._forecast))

    # One stream among many: what a service asks after each sample, without a look at all the others.

    def status_of(self, name: Hashable) -> str:
        """What happened to this stream's last sample. Raises `UsageError` where there is no stream of that name."""
        return STATUSES[self._ledger.status[self._rows.existing(name)]]

    def is_warm(self, name: Hashable) -> bool:
        """Whether this stream's forecasts count already. Raises `UsageError` as `status_of` does."""
        return bool(self._judgement.are_warm(self._rows.existing(name)))

    def seconds_of(self, name: Hashable) -> float:
        """The time that this stream's last sample was taken at, in seconds since 1970 UTC; NaN where it is not known.

        Raises `UsageError` as `status_of` does.
        """
        return float(self._judgement.clocks.last[self._rows.existing(name)])

    def period_of(self, name: Hashable) -> float:
        """Seconds from one of this stream's samples to the next; see `Predictor.period`.

        Raises `UsageError` as `status_of` does.
        """
        return float(self._judgement.clocks.period_of(self._rows.existing(name)))

    def pace_of(self, name: Hashable) -> float:
        """Seconds from one of this stream's samples to the next where that is not the period; see `Predictor.pace`.

        Raises `UsageError` as `status_of` does.
        """
        return float(self._judgement.clocks.pace[self._rows.existing(name)])

    def snapshot(self, name: Hashable) -> bytes:
        """Return one stream's state as bytes that `restore` takes up, with this model file only.

        `Predictor.restore` takes it too. Raises `UsageError` where there is no stream of that name.
        """
        return pack(self.session.digest, self.state(name))

    def state(self, name: Hashable) -> Snapshot:
        """Return a copy of one stream's state, which `snapshot` makes bytes of."""
        row = self._rows.existing(name)
        self._rows.require_whole([name])
        return self._judgement.snapshot(row)

    def states(self, names: Sequence[Hashable]) -> list[Snapshot]:
        """Return copies of several streams' states, as `state` does."""
        self._rows.require_whole(names)
        return self._judgement.snapshots(np.array([self._rows.existing(name) for name in names], np.intp))

    def restore(self, name: Hashable, blob: bytes) -> None:
        """Go on with a stream from its snapshot; it may be a new one. Raises `SnapshotError`, and nothing has changed.

        Any pool or predictor over the same model file may have made the snapshot, under any name.
        """
        self.restore_all({name: blob})

    def restore_all(self, blobs: Mapping[Name, bytes]) -> None:
        """Go on with streams from their snapshots, as `restore` does; with all of them, or with none."""
        like = self._judgement.like()
        snapshots = {name: unpack(blob, self.session.digest, like) for name, blob in blobs.items()}
        for snapshot in snapshots.values():
            self._judgement.check(snapshot)
        known = len(self._rows.names)
        rows = np.array([self._rows.row[name] for name in snapshots if name in self._rows.row], np.intp)
        try:
            self._rows.join([name for name in snapshots if name not in self._rows.row])
            with self._judgement.all_or_nothing(rows):
                for name, snapshot in snapshots.items():
                    self._judgement.load(self._rows.row[name], snapshot)
                    self._rows.interrupted.discard(name)
        except (EdgeseqError, ArithmeticError, ValueError) as error:  # a sensor whose numbers are out of all bounds
            self._rows.leave(known)
            raise SnapshotError("the snapshot has states that no stream has") from error
        except BaseException:
            self._rows.leave(known)
            raise

    def __copy__(self) -> Self:
        """Return streams of its own, where these are, over the same session."""
        self._rows.require_whole(self._rows.names)
        twin = object.__new__(type(self))
        Pool.__init__(twin, self.session, **self._options)
        twin.add(*self._rows.names)
        for row in range(len(self._rows.names)):
            twin._judgement.load(row, self._judgement.snapshot(row))
        return twin

    def __deepcopy__(self, _memo: object) -> Self:
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the model file and the streams' snapshots; the copy opens the model again on the same provider."""
        blobs = {name: self.snapshot(name) for name in self._rows.names}
        return _unpickled, (type(self), self.session.recipe(), self._options, blobs)

    def _required_monitor(self) -> Monitor:
        if self._judgement.monitor is None:
            raise UsageError("intervals and drift need a Pool made with monitor=True")
        return self._judgement.monitor

    def _required_anomalies(self) -> Anomalies:
        if self._judgement.anomalies is None:
            raise UsageError("p-values and anomalies need a Pool made with a rate of false alarms: anomalies=1e-4")
        return self._judgement.anomalies


def _unpickled(
    kind: type[Pool], recipe: Mapping[str, Any], options: Mapping[str, Any], blobs: Mapping[Hashable, bytes]
) -> Pool:
    pool = object.__new__(kind)
    Pool.__init__(pool, open_session(**recipe), **options)
    pool.restore_all(blobs)
    return pool
