"""A model, opened: the spec, and the step function over arrays, whatever computes it."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgeseq_runtime import files
from edgeseq_runtime.errors import ModelFileError, UsageError
from edgeseq_runtime.foreign import Sidecar
from edgeseq_runtime.spec import Spec, State

if TYPE_CHECKING:
    from collections import Counter

    from edgeseq_runtime.bank import Bank
    from edgeseq_runtime.engine import Engine

Array = npt.NDArray[np.float32]
States = dict[str, Array]
"""Name of a state -> its value, in the spec's shape."""

NATIVE = "native"
"""The provider that is the model's own C, compiled."""


class Session(ABC):
    """The step function `(samples, states) -> (forecasts, next states)` of one model; `Session.open` makes one."""

    spec: Spec
    measured: Mapping[str, float] = {}
    """Seconds a step on each provider that was to choose from, where there was a choice."""
    left_out: Mapping[str, str] = {}
    """And why the others among them cannot run this model."""

    @staticmethod
    def open(
        model: str | os.PathLike[str] | bytes,
        *,
        provider: str = "auto",
        threads: int = 1,
        sidecar: Sidecar | str | os.PathLike[str] | None = None,
    ) -> "Session":
        """Return a session for a model: the path of a model file or of a native library, or a model file's bytes.

        `provider` is "native" or as in `providers.candidates`: where it allows several, each takes a few steps of one
        stream, and the fastest is kept. `threads` within one operator of onnxruntime's. `sidecar` describes a model
        that edgeseq did not write. Raises `ModelFileError`, and `UsageError` for a provider that is not here or cannot
        run the model, and for a sidecar that does not fit.
        """
        if threads < 1:
            raise UsageError(f"threads is {threads}, must be at least 1")
        content = model if isinstance(model, bytes) else files.read(model)
        name = "the model" if isinstance(model, bytes) else os.fspath(model)
        from edgeseq_runtime import native

        if native.is_library(content):
            return native.open_library(model, provider)
        if files.is_checkpoint(content):
            raise ModelFileError(f"{name} is a checkpoint; `edgeseq export` makes a model file of it")
        if provider == NATIVE:
            return native.open_model(content, name, sidecar)
        from edgeseq_runtime.ort_session import OrtSession

        return OrtSession(content, name, provider=provider, threads=threads, sidecar=sidecar)

    def __init__(self, content: bytes) -> None:
        self.content = content
        """The model file."""

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the model file: what a snapshot belongs to."""
        import hashlib  # brings OpenSSL, a tenth of a start's time and memory, and not every stream saves its state

        return hashlib.sha256(self.content).digest()

    @property
    @abstractmethod
    def providers(self) -> list[str]:
        """The providers in use, as onnxruntime names them, or "native"."""

    @property
    def takes_chunks(self) -> bool:
        """Whether many samples of a stream take one call, and not one each."""
        return True

    @property
    def placement(self) -> "dict[str, Counter[str]]":
        """Which operators run on which provider; nothing where that is not known."""
        return {}

    def fresh(self, batch: int = 1) -> States:
        """Return the states of `batch` fresh streams."""
        return {state.name: np.zeros(state.sized(batch), np.float32) for state in self.spec.states}

    @abstractmethod
    def advance(self, x: Array, states: Mapping[str, Array]) -> tuple[Array, States]:
        """Run samples x (time, batch, feature); return forecasts (time, batch, outputs) and the next states.

        Raises `ModelFileError` where that fails.
        """

    @abstractmethod
    def engine(self) -> "Engine":
        """Return what steps one fresh stream."""

    def bank(self, room: int) -> "Bank":
        """Return what steps many streams, with room for so many and more. Raises `UsageError` as `batch_axis` does."""
        from edgeseq_runtime.bank import StatesBank

        return StatesBank(self, room)


def batch_axis(state: State) -> int:
    """Return which axis of a state's tensor the streams lie along. Raises `UsageError` where there can be one only."""
    if -1 not in state.shape:
        raise UsageError("the model takes one stream at a time")
    return state.shape.index(-1)
