"""Usual steps by the library of a model: network and judgement in one call of C."""

import ctypes
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeseq_runtime.arrays import Float32, Float64, Rows
from edgeseq_runtime.backends.usual import RunArrays, StepArrays, UsualStep
from edgeseq_runtime.model_file.library_file import JUDGEMENT

if TYPE_CHECKING:
    import numpy.typing as npt

_POINTERS, _COUNTS, _NUMBERS = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double


class _Streams(ctypes.Structure):
    """`edgeseq_streams` of the library's judgement.c."""

    _fields_ = [
        ("count", _COUNTS),
        ("rows", _POINTERS),
        ("samples", _POINTERS),
        ("given", _POINTERS),
        ("steps", _COUNTS),
        ("turns", _COUNTS),
        *[(name, _POINTERS) for name in ("memory", "x", "y", "low", "high")],
        ("bounds_apart", _COUNTS),
        ("runs", _POINTERS),
        ("stuck_after", _COUNTS),
        ("last", _POINTERS),
        *[(name, _NUMBERS) for name in ("period", "early", "late")],
        ("paced", _POINTERS),
        ("told", _COUNTS),
        ("begun", _POINTERS),
        *[(name, _POINTERS) for name in ("said", "turn", "gains", "middle", "below", "above", "moving", "width")],
        *[(name, _POINTERS) for name in ("hurried", "held", "more")],
        *[(name, _NUMBERS) for name in ("widest", "haste", "furthest")],
        *[(name, _POINTERS) for name in ("lowest", "highest", "shares", "shown_errors", "raised")],
        *[(name, _NUMBERS) for name in ("memory_of_shares", "alarm", "clear")],
        *[(name, _POINTERS) for name in ("adaptation", "anomalies", "offsets")],
        ("limit", _NUMBERS),
        ("shown", _POINTERS),
        ("fewest", _COUNTS),
        *[(name, _NUMBERS) for name in ("widths", "largest")],
        *[(name, _POINTERS) for name in ("periods", "anchor", "own")],
    ]


def offers(library: ctypes.CDLL) -> bool:
    """Whether a library takes usual steps, in the way that this version of edgeseq asks for."""
    try:
        return ctypes.c_int32.in_dll(library, "edgeseq_judgement").value == JUDGEMENT
    except ValueError:
        return False


class NativeUsualStep(UsualStep):
    """A `UsualStep` of streams whose arrays stay where they are; it keeps them."""

    def __init__(
        self,
        library: ctypes.CDLL,
        quick: ctypes.PyDLL,
        engine: tuple["npt.NDArray[Any]", Float32, Float32],
        arrays: StepArrays,
        counted: tuple[Float64, Float64] | None = None,
    ) -> None:
        """`engine` are streams' memory, last samples and last forecasts; `counted` is `Engine.anchor` and `own`."""
        self._kept: Any = engine, arrays, counted
        self._block = np.zeros(ctypes.sizeof(_Streams), np.uint8)  # an array, of which there are views of numbers
        self._streams = _Streams.from_buffer(self._block.data)
        self._fill(engine, arrays)
        if counted:
            self._streams.anchor, self._streams.own = map(_start, counted)
        self._take = _bound(library.edgeseq_take, self._streams)
        sample, given = np.zeros(engine[1].shape[-1], np.float32), np.full(1, np.nan)
        self._one = sample, given
        self.sample, self.given = memoryview(sample.data), memoryview(given.data)
        first = _Streams.steps.offset
        self.counted = memoryview(self._block[first : first + 16].view(np.int64).data)
        self._point_at_one()
        self._run = library.edgeseq_run
        self._run.restype = ctypes.c_int64
        self._exponentials = quick.edgeseq_exponentials
        self._exponentials.argtypes = (ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)
        self.take_one = _bound(quick.edgeseq_take, self._streams)  # over before another thread would have its turn

    def take(self, rows: Rows, samples: Float32, given: Float64 | None, steps: int, turns: int) -> int:
        """Move streams by a sample each; see `UsualStep`."""
        chosen = None if isinstance(rows, slice) else np.ascontiguousarray(rows, np.int64)
        try:
            kept = self._point_at(samples, given, steps, turns)
            self._streams.rows = None if chosen is None else chosen.ctypes.data
            made = int(self._take())
            del kept
            return made
        finally:
            self._point_at_one()

    def run(self, samples: Float32, given: Float64 | None, steps: int, turns: int, made: RunArrays) -> tuple[int, int]:
        """Take usual samples in a row; see `UsualStep`."""
        what = ctypes.c_int32()
        arrays = made.forecasts, made.width, made.raised, made.gains, made.bits, made.alarms
        left = (ctypes.c_void_p(_start(array)) for array in arrays)
        try:
            kept = self._point_at(samples, given, steps, turns)
            count = self._run(ctypes.byref(self._streams), *left, ctypes.byref(what))
            del kept
            return count, what.value
        finally:
            self._point_at_one()

    def exponentials(self, numbers: Float32, out: Float32) -> Float32:
        """Write the exponentials of numbers to `out`; see `UsualStep`."""
        self._exponentials(numbers.size, _start(numbers), _start(out))
        return out

    def _point_at(self, samples: Float32, given: Float64 | None, steps: int, turns: int) -> tuple[Any, Any]:
        """Have these samples be what is taken next; return the arrays that must stay until that is done."""
        streams = self._streams
        samples = np.ascontiguousarray(samples, np.float32)
        given = None if given is None else np.ascontiguousarray(given, np.float64)
        streams.count, streams.samples = len(samples), samples.ctypes.data
        streams.given = None if given is None else given.ctypes.data
        streams.steps, streams.turns = steps, turns
        return samples, given

    def _point_at_one(self) -> None:
        """Have the one stream's sample and time be what is taken next."""
        sample, given = self._one
        streams = self._streams
        streams.count, streams.rows = 1, None
        streams.samples, streams.given = sample.ctypes.data, given.ctypes.data

    def _fill(self, engine: tuple["npt.NDArray[Any]", Float32, Float32], arrays: StepArrays) -> None:
        streams, watch = self._streams, arrays.watch
        streams.memory, streams.x, streams.y = (array.ctypes.data for array in engine)
        for name in ("low", "high"):
            setattr(streams, name, getattr(arrays, name).ctypes.data)
        for name in ("runs", "last", "paced", "begun"):
            setattr(streams, name, _start(getattr(arrays, name)))
        streams.bounds_apart = arrays.low.strides[0] // 4 if len(arrays.low) > 1 else 0
        streams.told = arrays.told
        streams.stuck_after = arrays.stuck_after
        streams.period, streams.early, streams.late = arrays.times
        streams.adaptation = None if arrays.adapted is None else _start(arrays.adapted)
        if arrays.follows:
            follows, periods = arrays.follows, arrays.follows.periods
            streams.shown, streams.fewest = _start(follows.shown), follows.fewest
            streams.widths, streams.largest = follows.widths, follows.limit
            streams.periods = None if periods is None else _start(periods)
        if watch is None:
            return
        for name in ("said", "turn", "middle", "below", "above", "moving", "width"):
            setattr(streams, name, _start(getattr(watch, name)))
        for name in ("hurried", "held", "more", "raised"):
            setattr(streams, name, _start(getattr(watch, name)))
        for name in ("gains", "lowest", "highest", "shares", "shown_errors"):
            array = getattr(watch, name)
            setattr(streams, name, None if array is None else _start(array))
        for name, number in zip(("widest", "haste", "furthest"), watch.hasty, strict=True):
            setattr(streams, name, number)
        streams.memory_of_shares, streams.alarm, streams.clear = watch.shares_like
        if arrays.anomalies:
            streams.anomalies, streams.limit = _start(arrays.anomalies.memory), arrays.anomalies.limit
            offsets = arrays.anomalies.offsets
            streams.offsets = None if offsets is None else _start(offsets)


def _start(array: "npt.NDArray[Any]") -> int:
    assert array.flags.c_contiguous, "C takes arrays without gaps"
    return int(array.ctypes.data)


def _bound(function: Any, streams: _Streams) -> Any:
    function.restype = ctypes.c_int
    return partial(function, ctypes.c_void_p(ctypes.addressof(streams)))
