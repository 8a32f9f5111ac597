"""Many streams through one session: one call of the network for all samples that arrive together."""

import os
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np

from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.guard import MISSING, OK, SKIPPED, Guard, Policy, Reading, fill
from edgeseq_runtime.session import Array, Session
from edgeseq_runtime.spec import Spec


@dataclass
class _Stream:
    """One stream's place in the pool's arrays, and its counters."""

    slot: int
    age: int = 0
    imputed: int = 0
    status: str = OK


class Pool:
    """Streams of many sensors of one kind through one model file.

        pool = Pool("model.onnx")
        pool.step({"boiler-1": 21.4, "boiler-2": 19.0})     # -> {id: float32 (horizon, target)}

    A stream begins with its first sample. Arguments and errors are those of `Predictor`.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | bytes | Session,
        provider: str = "auto",
        threads: int = 1,
        missing: str = "impute",
    ) -> None:
        if not isinstance(model, Session):
            model = Session(model, provider=provider, threads=threads)
        self.session = model
        features = len(self.spec.features)
        self._sample: Array = np.zeros((1, 1, features), np.float32)
        self._guard = Guard(self.spec, self._sample)
        self._policy = Policy(self.spec, missing)
        self._streams: dict[Hashable, _Stream] = {}
        self._free: list[int] = []
        self._x: Array = np.zeros((0, features), np.float32)  # (slot, feature): each stream's last sample
        self._y: Array = np.zeros((0, self.spec.outputs), np.float32)  # (slot, outputs): and its last forecast
        self._states = self.session.fresh(0)  # (1, slot, size)

    @property
    def spec(self) -> Spec:
        """What the model file says of itself."""
        return self.session.spec

    @property
    def status(self) -> dict[Hashable, str]:
        """What happened to each stream's last sample."""
        return {name: stream.status for name, stream in self._streams.items()}

    @property
    def warm(self) -> dict[Hashable, bool]:
        """Whether each stream's forecasts count already."""
        return {name: stream.age >= self.spec.warmup for name, stream in self._streams.items()}

    def __len__(self) -> int:
        return len(self._streams)

    def step(self, samples: Mapping[Hashable, Reading]) -> dict[Hashable, Array]:
        """Take one sample of each stream named; return their forecasts, float32 (horizon, target).

        Streams not named stay as they are. NaN where there is no forecast. Raises `DataError` for a sample of
        the wrong length or with text in it and, with missing="error", `MissingSampleError`; no stream has then moved.
        """
        readings = [self._read(self._streams.get(name), sample) for name, sample in samples.items()]
        self._reserve([name for name in samples if name not in self._streams])
        moving = []
        for name, (x, status) in zip(samples, readings, strict=True):
            stream = self._streams[name]
            stream.status = status
            if status == MISSING:
                self._forget(stream)
            elif status != SKIPPED:
                self._x[stream.slot] = x
                stream.age += 1
                stream.imputed = 0 if status == OK else stream.imputed + 1
                moving.append(stream.slot)
        if moving:
            self._advance(np.array(moving))
        shape = (self.spec.horizon, len(self.spec.targets))
        return {name: self._y[self._streams[name].slot].reshape(shape).copy() for name in samples}

    def remove(self, name: Hashable) -> None:
        """Forget a stream. Raises `UsageError` where there is none of that name."""
        if name not in self._streams:
            raise UsageError(f"the pool has no stream {name!r}")
        stream = self._streams.pop(name)
        self._forget(stream)
        self._free.append(stream.slot)

    def _read(self, stream: _Stream | None, sample: Reading) -> tuple[Array, str]:
        """Return the stream's next sample (feature,), filled in where that is allowed, and its status.

        Changes nothing, so that a sample refused leaves every stream as it was.
        """
        x = self._sample[0, 0]
        if stream is not None:
            x[:] = self._x[stream.slot]
        absent = self._guard.admit(sample)
        if not absent:
            return x.copy(), OK
        if stream is None:
            return x.copy(), self._policy.judge(absent, age=0, imputed=0)
        status = self._policy.judge(absent, age=stream.age, imputed=stream.imputed)
        fill(x, self._y[stream.slot, : len(self.spec.targets)], absent)
        return x.copy(), status

    def _advance(self, slots: np.ndarray) -> None:
        """Move the streams at `slots` by one step, all in one call."""
        states = {name: state[:, slots] for name, state in self._states.items()}
        y, following = self.session.advance(self._x[None, slots], states)
        self._y[slots] = y[0]
        for name, state in following.items():
            self._states[name][:, slots] = state

    def _forget(self, stream: _Stream) -> None:
        stream.age = stream.imputed = 0
        self._y[stream.slot] = np.nan
        for state in self._states.values():
            state[:, stream.slot] = 0

    def _reserve(self, names: list[Hashable]) -> None:
        """Give each new stream a slot; the arrays double when they are full."""
        lacking = len(names) - len(self._free)
        if lacking > 0:
            old = len(self._x)
            grow = max(lacking, old)
            self._x = np.concatenate([self._x, np.zeros((grow, self._x.shape[1]), np.float32)])
            self._y = np.concatenate([self._y, np.full((grow, self._y.shape[1]), np.nan, np.float32)])
            for state, fresh in self.session.fresh(grow).items():
                self._states[state] = np.concatenate([self._states[state], fresh], axis=1)
            self._free += range(old + grow - 1, old - 1, -1)
        for name in names:
            self._streams[name] = _Stream(self._free.pop())
