"""A checkpoint in, C files out: compiled where there is a compiler, and compared with their reference."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgeseq.evaluation.evaluate import score_part
from edgeseq.model import architecture
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.reference import Oracle
from edgeseq_export import parity
from edgeseq_export.c import fixed_quantize, render
from edgeseq_export.c.adaptation import adapted, counted_from
from edgeseq_export.c.fixed_reference import FixedReference
from edgeseq_export.c.float_program import program
from edgeseq_export.c.names import check_name
from edgeseq_export.c.render import Sources
from edgeseq_export.c.toolchain import Compiled, compiler
from edgeseq_export.graph import weights
from edgeseq_export.synthetic import random_walk
from edgeseq_runtime import __version__
from edgeseq_runtime.adaptation.adaptation import typical_changes
from edgeseq_runtime.errors import CheckError, UsageError
from edgeseq_runtime.spec import CHUNK, RUNNING, STEP, Figures, Spec

KINDS = ("none", "int8")
"""What `quantize` may be: float, or fixed point."""

_SAMPLES = 500
"""On which what was compiled is compared."""

_ADAPTED = 1e-4
"""Of a typical change: how far adapted forecasts may be from NumPy's, which rounds float32 in other places."""


@dataclass(frozen=True)
class CFiles:
    """A model as C."""

    spec: Spec
    sources: Sources
    compiler: str | None
    """What it was compiled with to be compared; None where there is no compiler: it was then not compared."""
    deviation: float | None
    """The worst from its reference, as a share of a target's standard deviation; in fixed point it must be 0."""


def export(checkpoint: Checkpoint, name: str, quantize: str = "none", *, libm: bool = False) -> CFiles:
    """Return the C of a checkpoint; `name` begins all names in it.

    In fixed point (`quantize` "int8") its reference is the one in NumPy, which it must equal to the last bit; in float
    it is the oracle. `libm` takes the C library's exponential instead of its own. What adapts is
    compiled twice: first the network alone, whose forecasts must be the reference's and whose error over the test part
    is written down, then the whole, which must make of these forecasts what adaptation in NumPy does. Raises
    `UsageError` as `check_name` does, for another quantisation, and for a model that cannot adapt; `CheckError` where
    the C does not do what it should.
    """
    check_name(name)
    if checkpoint.spec.adapt:
        typical_changes(checkpoint.spec)
    kind = kind_of(checkpoint, quantize, libm=libm)
    command = compiler()
    if command is None:
        return CFiles(kind.spec, kind.render(kind.spec, name), None, None)
    spec, alone = kind.spec, replace(kind.spec, adapt=False)
    with Compiled(kind.render(alone, name), alone, command) as compiled:
        forecasts, deviation = _compare(compiled, kind)
        if checkpoint.test:
            samples, score = score_part(compiled, checkpoint.test)
            baselines = checkpoint.spec.figures.baselines if checkpoint.spec.figures else {}
            spec = replace(spec, figures=Figures(samples, score, baselines))
    if spec.adapt:
        with Compiled(kind.render(spec, name), spec, command) as compiled:
            _compare_adapted(compiled, forecasts)
    return CFiles(spec, kind.render(spec, name), " ".join(command), deviation)


def kind_of(checkpoint: Checkpoint, quantize: str, *, libm: bool = False) -> "Kind":
    """Return what writes a checkpoint's C, not yet compared with anything. Raises `UsageError` as `export` does."""
    if quantize not in KINDS:
        raise UsageError(f"C is float or int8, not {quantize}")
    return _Float(checkpoint, libm=libm) if quantize == "none" else _Fixed(checkpoint)


class Kind(ABC):
    """What float and fixed point have in common."""

    spec: Spec

    @abstractmethod
    def render(self, spec: Spec, name: str) -> Sources:
        """Return the C, with what a (more telling) spec says."""

    @abstractmethod
    def expected(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.floating]:
        """Return the reference's forecasts (time, output) of samples (time, feature)."""

    @abstractmethod
    def passes(self, y: npt.NDArray[np.float32], expected: npt.NDArray[np.floating]) -> bool:
        """Whether the C's forecasts are the reference's, as near as they must be."""


class _Float(Kind):
    def __init__(self, checkpoint: Checkpoint, *, libm: bool) -> None:
        self._oracle = Oracle(checkpoint.spec, checkpoint.weights)
        self.spec = _spec(checkpoint, "none", self._oracle)
        self._program = program(self.spec, weights.prepare(self.spec, weights.unquantized(checkpoint.weights)))
        self._libm = libm

    def render(self, spec: Spec, name: str) -> Sources:
        return render.float_sources(replace(self._program, spec=spec), name, libm=self._libm)

    def expected(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.floating]:
        return self._oracle.run(samples[:, None])[0][:, 0]

    def passes(self, y: npt.NDArray[np.float32], expected: npt.NDArray[np.floating]) -> bool:
        return parity.agrees(self.spec, y, expected.astype(np.float64))


class _Fixed(Kind):
    def __init__(self, checkpoint: Checkpoint) -> None:
        spec = _spec(checkpoint, "int8", Oracle(checkpoint.spec, checkpoint.weights))
        self._program = fixed_quantize.program(replace(checkpoint, spec=spec))
        self._reference = FixedReference(self._program)
        assert spec.verification is not None
        y = self._said(np.array(spec.verification.x, np.float32))  # of the network alone
        vector = replace(spec.verification, y=tuple(map(tuple, y.tolist())), states={})
        self.spec = replace(spec, verification=vector)

    def render(self, spec: Spec, name: str) -> Sources:
        return render.fixed_sources(replace(self._program, spec=spec), name)

    def expected(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.floating]:
        first = counted_from(self.spec, samples)
        return first + self._said(samples - first)

    def _said(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return self._reference.run(samples[:, None])[:, 0]

    def passes(self, y: npt.NDArray[np.float32], expected: npt.NDArray[np.floating]) -> bool:
        return np.array_equal(y, expected)


def _spec(checkpoint: Checkpoint, quantize: str, oracle: Oracle) -> Spec:
    """Return what the C says of itself before it has been measured."""
    form = STEP if checkpoint.spec.scaling == RUNNING else CHUNK
    spec = replace(checkpoint.spec, quantize=quantize, form=form)
    spec = replace(spec, states=architecture.states(spec), producer={**spec.producer, "edgeseq": __version__})
    return replace(spec, verification=parity.verification(spec, oracle), figures=None)


def _compare(compiled: Compiled, kind: Kind) -> tuple[npt.NDArray[np.float32], float]:
    """Return the network's forecasts, and how far they are from the reference's.

    Raises `CheckError` where that is too far.
    """
    samples = _samples(kind.spec)
    y, expected = compiled.stream(samples)[1], kind.expected(samples)
    deviation = parity.forecast_deviation(kind.spec, y, expected.astype(np.float64))
    if not kind.passes(y, expected):
        raise CheckError(f"the C deviates from its reference by {deviation:.1e} of the series' scale")
    return y, deviation


def _compare_adapted(compiled: Compiled, forecasts: npt.NDArray[np.float32]) -> None:
    """Raise `CheckError` where the C makes something else of the network's forecasts than NumPy does."""
    samples = _samples(compiled.spec)
    y, expected = compiled.stream(samples)[1], adapted(compiled.spec, samples, forecasts)
    units = typical_changes(compiled.spec).T.reshape(-1)
    off = (np.abs(y - expected) - 2 * np.spacing(np.abs(expected))) / units
    if not (off <= _ADAPTED).all():
        raise CheckError(f"adaptation in C deviates from NumPy's by {off.max():.1e} of the series' typical changes")


def _samples(spec: Spec) -> npt.NDArray[np.float32]:
    return random_walk(spec, _SAMPLES, 1)[:, 0]
