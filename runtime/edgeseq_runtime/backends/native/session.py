"""A session by a library of a model's own C. It holds the model file and its spec too, and needs no onnxruntime."""

import ctypes
import math
from collections.abc import Mapping
from functools import lru_cache, partial
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from edgeseq_runtime.arrays import Float32, Float64, Rows, States, roomy
from edgeseq_runtime.backends.base import BatchEngine, Engine, Session
from edgeseq_runtime.backends.native import usual
from edgeseq_runtime.backends.native.loading import load
from edgeseq_runtime.backends.usual import StepArrays, UsualStep
from edgeseq_runtime.errors import ModelFileError
from edgeseq_runtime.model_file.library_file import NATIVE, LibraryFile
from edgeseq_runtime.model_file.source import Source
from edgeseq_runtime.spec import RUNNING, Spec


class NativeSession(Session):
    """A `Session` of a model file by its library. Raises `ModelFileError` where that cannot be loaded here."""

    def __init__(self, source: Source, library: LibraryFile) -> None:
        assert source.spec is not None, "a file without a spec has no library"
        super().__init__(source.content)
        self.spec = source.spec
        self.library, self.quick = load(library.code, source.name)
        try:
            self._advance, self.move = self.library.edgeseq_advance, self.library.edgeseq_move
        except AttributeError as error:
            raise ModelFileError(f"{source.name} is a library, but none of edgeseq's") from error
        self._advance.restype = None
        self._advance.argtypes = (ctypes.c_int64, ctypes.c_int64, *(ctypes.c_void_p,) * 4)
        self.move.restype = None
        self.move.argtypes = (ctypes.c_int64, *(ctypes.c_void_p,) * 4)
        self._pointers = ctypes.c_void_p * len(self.spec.states)
        self.judges = usual.offers(self.library)
        """Whether the library takes usual steps whole; where not, as in version 0.1, judgement is NumPy's."""
        self._shapes = lru_cache(maxsize=4)(self._shapes_for)

    @property
    def providers(self) -> list[str]:
        """The providers in use."""
        return [NATIVE]

    def advance(self, x: Float32, states: Mapping[str, Float32]) -> tuple[Float32, States]:
        """Run samples x (time, batch, input); return forecasts (time, batch, outputs) and the next states."""
        time, batch, _ = x.shape
        shapes = self._shapes(batch)
        given = _plain(x, (time, batch, self.spec.inputs))
        before = [_plain(states[name], shape) for name, shape in shapes.items()]
        y = np.empty((time, batch, self.spec.outputs), np.float32)
        next_states = {name: np.empty(shape, np.float32) for name, shape in shapes.items()}
        memories = (self._pointers(*map(_address, arrays)) for arrays in (before, next_states.values()))
        self._advance(time, batch, _address(given), _address(y), *memories)
        return y, next_states

    def engine(self) -> "NativeEngine":
        """Return what steps one fresh stream."""
        return NativeEngine(self)

    def batch_engine(self, room: int) -> "NativeBatchEngine":
        """Return what steps many streams."""
        return NativeBatchEngine(self, room)

    def usual_step(
        self,
        engine: tuple[Float32, Float32, Float32],
        arrays: StepArrays,
        counted: tuple[Float64, Float64] | None = None,
    ) -> UsualStep | None:
        """Return what takes usual steps, where there is such; see `NativeUsualStep`."""
        return usual.NativeUsualStep(self.library, self.quick, engine, arrays, counted) if self.judges else None

    def _shapes_for(self, batch: int) -> dict[str, tuple[int, ...]]:
        return {state.name: state.sized(batch) for state in self.spec.states}


class _Stream(ctypes.Structure):
    """What the library's step takes: where a stream's memory, sample, forecast and anchor lie, and where the sum goes.

    Libraries of earlier versions look at the first three only.
    """

    _fields_ = [(name, ctypes.c_void_p) for name in ("memory", "sample", "forecast", "anchor", "own")]


class NativeEngine(Engine):
    """An `Engine` whose state lies in one piece, and moves on where it is."""

    _session: NativeSession

    def __init__(self, session: NativeSession) -> None:
        super().__init__(session)
        places = _places(session.spec)
        self._memory = np.zeros(_floats(session.spec), np.float32)
        self._views = {s.name: self._memory[places[s.name]].reshape(s.sized(1)) for s in session.spec.states}
        self._stream = _Stream(*map(_address, (self._memory, self.x, self.y)))
        self._counted: tuple[Float64, Float64] | None = None
        if session.judges and session.spec.scaling == RUNNING:
            self.own = np.zeros(self.y.shape)
            self._counted = self.anchor, self.own
            self._stream.anchor, self._stream.own = (array.ctypes.data for array in self._counted)
        step = session.quick.edgeseq_step  # it is over before another thread would have got its turn
        step.restype = None
        self.advance = partial(step, ctypes.c_void_p(ctypes.addressof(self._stream)))

    def states(self) -> States:
        """Return the states that the next step reads, by name; views, not copies."""
        return self._views

    def load(self, states: States) -> None:
        """Make `states` what the next step reads."""
        for name, view in self._views.items():
            view[...] = states[name]

    def usual_step(self, arrays: StepArrays) -> UsualStep | None:
        """Return what takes usual steps whole; see `Engine`."""
        return self._session.usual_step((self._memory, self.x, self.y), arrays, self._counted)


class NativeBatchEngine(BatchEngine):
    """A `BatchEngine` whose streams' memory lies in one array, a row for each, and moves on where it is."""

    _session: NativeSession

    def __init__(self, session: NativeSession, room: int) -> None:
        super().__init__(session, room)
        self._places = _places(session.spec)
        self._shapes = {s.name: tuple(size for size in s.shape if size != -1) for s in session.spec.states}
        self._memory = np.zeros((room, _floats(session.spec)), np.float32)
        self._locate()

    def advance(self, rows: Rows, x: Float32) -> Float32:
        """Move the streams at `rows` by a sample each; see `BatchEngine`. It cannot fail."""
        if isinstance(rows, slice):
            self.x[: len(x)] = x
            self._session.move(len(x), None, *self._pointers)
            return self.y[: len(x)].copy()
        chosen = np.ascontiguousarray(rows, np.int64)
        self.x[chosen] = x
        self._session.move(len(x), chosen.ctypes.data, *self._pointers)
        return self.y[chosen]

    def by_row(self, name: str) -> Float32:
        """Return a view of the state `name` of all streams, with the rows first."""
        return self._memory[:, self._places[name]].reshape(len(self._memory), *self._shapes[name])

    def make_room(self, count: int) -> None:
        """Have so many rows, or more; see `BatchEngine`."""
        super().make_room(count)
        self._memory = roomy(self._memory, count)
        self._locate()

    def usual_step(self, arrays: StepArrays) -> UsualStep | None:
        """Return what takes usual steps whole; see `BatchEngine`."""
        return self._session.usual_step((self._memory, self.x, self.y), arrays)

    def forget_bindings(self) -> None:
        """Look up anew where everything lies; see `BatchEngine`."""
        self._locate()

    def _locate(self) -> None:
        self._pointers = [_address(array) for array in (self._memory, self.x, self.y)]


def _places(spec: Spec) -> dict[str, slice]:
    """Return where each state lies in a stream's memory, which is the library's struct."""
    ends = accumulate((math.prod(state.sized(1)) for state in spec.states), initial=0)
    return {state.name: slice(*place) for state, place in zip(spec.states, pairwise(ends), strict=True)}


def _floats(spec: Spec) -> int:
    return sum(math.prod(state.sized(1)) for state in spec.states)


def _address(array: Any) -> int:
    try:
        return ctypes.addressof(ctypes.c_float.from_buffer(array))  # a third of the time of the other way
    except (TypeError, ValueError):  # read-only, or empty
        return int(array.ctypes.data)


def _plain(array: Float32, shape: tuple[int, ...]) -> Float32:
    """Return an array as C wants it. Raises `ModelFileError` for another shape than that."""
    if array.shape != shape:
        raise ModelFileError(f"the model fails when it is run: an array is {array.shape}, must be {shape}")
    return np.ascontiguousarray(array, np.float32)
