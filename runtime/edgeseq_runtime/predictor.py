"""One stream, sample by sample: the guard, the step, and what happens when a sample is missing."""

import os
from collections.abc import Iterator
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq_runtime import snapshot
from edgeseq_runtime.binding import Binding
from edgeseq_runtime.errors import DataError, EdgeseqError, UsageError
from edgeseq_runtime.guard import MISSING, OK, SKIPPED, STATUSES, Guard, Policy, Reading, fill
from edgeseq_runtime.session import Array, Session
from edgeseq_runtime.spec import Spec

Samples: TypeAlias = npt.ArrayLike

CHUNK = 4096
"""Samples that `run` gives to onnxruntime in one call; longer calls are no faster, only larger."""


class Predictor:
    """Streams samples of one sensor through a model file.

        p = Predictor("model.onnx")
        p.step(21.4)        # the forecast after this sample, float32 (horizon, target), in the target's unit

    `model` is a path or the file's bytes. `provider` is auto, cpu, cuda, arm or a name that onnxruntime knows.
    `missing` says what a missing or non-finite sample leads to: "impute" lets the model's own last forecast stand in,
    at most `spec.gap_limit` times in a row, after which the stream starts afresh with the next sample;
    "skip" leaves the state alone and repeats the last forecast; "error" raises `MissingSampleError`.

    Raises `ModelFileError` for a file that is no model of edgeseq's, `UsageError` for an unknown provider or
    policy.
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
        self.status = OK
        """What happened to the last sample, one of `guard.STATUSES`."""
        self.samples = 0
        """Samples seen since the stream began, missing ones included."""
        self._binding = Binding(model)
        self._guard = Guard(self.spec, self._binding.x)
        self._policy = Policy(self.spec, missing)
        self._shape = (self.spec.horizon, len(self.spec.targets))
        self._y = self._binding.y.reshape(self._shape)
        self._age = 0  # samples since the fresh start
        self._imputed = 0  # in a row

    @property
    def spec(self) -> Spec:
        """What the model file says of itself."""
        return self.session.spec

    @property
    def providers(self) -> list[str]:
        """The onnxruntime providers in use."""
        return self.session.providers

    @property
    def warm(self) -> bool:
        """Whether enough samples have passed since the fresh start for a forecast to count."""
        return self._age >= self.spec.warmup

    def step(self, sample: Reading) -> Array:
        """Take one sample; return the forecast after it, float32 (horizon, target).

        NaN where there is no forecast: `status` is then "missing". Raises `DataError` for a sample of the
        wrong length or with text in it, and, with missing="error", `MissingSampleError`; the state is then as before.
        """
        absent = self._guard.admit(sample)
        if absent:
            return self._step_without(absent)
        self._binding.advance()
        self.samples += 1
        self._age += 1
        self._imputed = 0
        self.status = OK
        return self._y.copy()

    def run(self, samples: Samples) -> Array:
        """Take a block of samples (time,) or (time, feature); return (time, horizon, target).

        The same forecasts as `step` gives one by one, in few calls. NaN marks a missing value. `status` is
        that of the last sample.
        """
        block = self._as_block(samples)
        forecasts = np.full((len(block), *self._shape), np.nan, np.float32)
        whole = np.asarray(np.isfinite(block).all(axis=1))
        for start, stop in _stretches(whole):
            if whole[start]:
                forecasts[start:stop] = self._run_whole(block[start:stop])
            else:
                for row in range(start, stop):
                    forecasts[row] = self.step(block[row])
        return forecasts

    def forecast(self, steps: int) -> Array:
        """Return the next `steps` samples of each target, float32 (steps, target).

        Further than the horizon, the forecast itself is fed to a fork of the live state, a horizon at a time;
        features that are no targets keep their last value. Raises `EdgeseqError` before the first sample.
        """
        if steps < 1:
            raise UsageError(f"steps is {steps}, must be at least 1")
        if not self._age:
            raise EdgeseqError("no forecast yet: the stream has seen no sample since its start")
        parts = [self._y.copy()]
        states = self._binding.states()
        while len(parts) * len(self._y) < steps:
            x = np.repeat(self._binding.x, self.spec.horizon, axis=0)
            x[:, 0, : self._shape[1]] = parts[-1]
            y, states = self.session.advance(x, states)
            parts.append(y[-1].reshape(self._shape))
        return np.concatenate(parts)[:steps]

    def reset(self) -> None:
        """Start afresh: the next sample is the first of a new stream."""
        self._forget()
        self.samples = 0
        self.status = OK

    def snapshot(self) -> bytes:
        """Return the stream's state as bytes that `restore` takes up, with this model file only."""
        return snapshot.pack(
            self.session.digest,
            snapshot.Snapshot(self.samples, self._age, self._imputed, STATUSES.index(self.status), self._buffers()),
        )

    def restore(self, blob: bytes) -> None:
        """Go on from a snapshot. Raises `SnapshotError` where it is damaged or another model's."""
        buffers = self._buffers()
        found = snapshot.unpack(blob, self.session.digest, tuple(buffer.size for buffer in buffers))
        for buffer, content in zip(buffers, found.buffers, strict=True):
            buffer[:] = content
        self.samples, self._age, self._imputed = found.samples, found.age, found.imputed
        self.status = STATUSES[found.status]

    def _buffers(self) -> tuple[Array, ...]:
        binding = self._binding
        return binding.x.reshape(-1), binding.y.reshape(-1), binding.memory

    def _step_without(self, absent: tuple[int, ...]) -> Array:
        """Deal with a sample in which the features at `absent` are missing."""
        status = self._policy.judge(absent, age=self._age, imputed=self._imputed)
        self.samples += 1
        self.status = status
        if status == SKIPPED:
            return self._y.copy()
        if status == MISSING:
            self._forget()
            return np.full(self._shape, np.nan, np.float32)
        fill(self._binding.x[0, 0], self._y[0], absent)
        self._binding.advance()
        self._age += 1
        self._imputed += 1
        return self._y.copy()

    def _forget(self) -> None:
        self._binding.memory.fill(0)
        self._age = self._imputed = 0

    def _run_whole(self, block: Array) -> Array:
        """Run a block (time, feature) without missing values; return (time, horizon, target)."""
        states = self._binding.states()
        parts = []
        for start in range(0, len(block), CHUNK):
            y, states = self.session.advance(block[start : start + CHUNK, None], states)
            parts.append(y)
        self._binding.load(states)
        self._binding.x[0, 0] = block[-1]
        self._binding.y[0, 0] = parts[-1][-1, 0]
        self.samples += len(block)
        self._age += len(block)
        self._imputed = 0
        self.status = OK
        return np.concatenate(parts).reshape(-1, *self._shape)

    def _as_block(self, samples: Samples) -> Array:
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and so missing
            block = np.asarray(samples, np.float32)
        if block.ndim == 1 and len(self.spec.features) == 1:
            block = block[:, None]
        if block.ndim != 2 or block.shape[1] != len(self.spec.features):
            wanted = f"(time, {len(self.spec.features)})"
            raise DataError(f"samples have shape {np.shape(samples)}; the model takes {wanted}")
        return block


def _stretches(flags: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield start and end of each run of equal flags."""
    edges = np.flatnonzero(flags[1:] != flags[:-1]) + 1
    return pairwise([0, *edges.tolist(), len(flags)] if len(flags) else [])
