"""The library that the provider "native" loads, built from a model file by the system's C compiler."""

import os
import tempfile
from pathlib import Path

import onnx

from edgeseq.model import architecture
from edgeseq_export.c import from_onnx, render
from edgeseq_export.c.float_program import Program, program
from edgeseq_export.c.toolchain import compile_to, compiler, words
from edgeseq_export.signing import signer
from edgeseq_runtime.backends.native.session import NativeSession
from edgeseq_runtime.backends.verification import deviations, passed
from edgeseq_runtime.errors import CheckError, EdgeseqError, ModelFileError, UsageError
from edgeseq_runtime.model_file import library_file
from edgeseq_runtime.model_file.source import vouched
from edgeseq_runtime.spec import OWN, STREAM, Spec

_TUNED = (("-O3", "-march=native"), ("-O3", "-mcpu=native"), ("-O3",))
"""Flags, the best first: not every compiler takes those for the very processor that it runs on."""

_AS_NUMPY = ("-fno-fast-math", "-fno-trapping-math", "-ffp-contract=off")
"""Flags that come last, for what must round as NumPy does."""

_MOST_ON_STACK = 1 << 18
"""Numbers that a step may keep on the stack: a MiB of the eight that a thread has on Linux."""

_TOGETHER = 8
"""Streams of a pool that the network takes at once: so many sums fit in 16 registers, beside the weights they share."""

_FEWEST_ROWS = 32
"""Of a layer whose streams are taken together: GCC writes smaller products of one stream out, and rounds otherwise."""


def build(model: bytes, key: str | None = None) -> bytes:
    """Return the library of a model file; `key` is a file with the private key that signs it.

    The environment's CC says which compiler, CFLAGS which flags in place of -O3 and those for this processor. Raises
    `UsageError` where there is no compiler and for a model that has no C, `CheckError` where it does not compile, and
    `ModelFileError` for a damaged model file.
    """
    command = compiler()
    if command is None:
        raise UsageError("no provider 'native' here: there is no C compiler (cc, gcc, clang, or what CC names)")
    sign = signer(key) if key else None
    spec = vouched(model).spec
    assert spec is not None, "a file without a spec is not vouched for"
    if spec.cell == OWN or spec.quantize == "int8-dynamic":
        kind = "a network of one's own" if spec.cell == OWN else spec.quantize
        raise UsageError(f"{kind} has no C, and cannot run on the provider 'native'")
    made = _program(model, spec)
    if made.on_stack > _MOST_ON_STACK:
        raise UsageError(
            f"a step of this network keeps {made.on_stack:,} numbers at once; the provider 'native' has room for "
            f"{_MOST_ON_STACK:,}"
        )
    sources = render.native_sources(made, model, _together(made))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name, text in sources.items():
            (place / name).write_text(text, "utf-8")
        return library_file.seal(_compiled(command, place), model, sign)


def worst_deviation(library: bytes) -> float | None:
    """Return how far a library is from the vector of the model file within, as a share of what is allowed.

    None where it cannot be loaded: it was built for another machine. Raises `CheckError` where it is too far.
    """
    file = library_file.LibraryFile.read(library, "the library")
    try:
        session = NativeSession(vouched(file.model), file)
    except ModelFileError:
        return None
    worst = deviations(session)
    if not passed(worst):
        raise CheckError(f"the compiled C is off by {max(worst.values()):.3g} times what is allowed")
    return max(worst.values())


def _program(model: bytes, spec: Spec) -> Program:
    """Return the program of a model file. Raises `ModelFileError` where its graph is not what its spec says.

    The states in particular: their memory is as large as the spec has it, and C looks at no sizes.
    """
    try:
        graph = onnx.load_from_string(model)
        onnx.checker.check_model(graph)
        weights = from_onnx.step_weights(graph, spec)
        states = architecture.states(spec)
        made = program(spec, weights)
    except EdgeseqError:
        raise
    except Exception as error:  # of onnx, protobuf and numpy, which share no other base
        reason = " ".join(str(error).split())[:200]
        raise ModelFileError(f"the model file's graph is not what its spec says: {reason}") from error
    if spec.states != states:
        raise ModelFileError("the model file's states are not those of the network that its spec describes")
    return made


def _together(made: Program) -> int:
    """Return how many streams of a pool the network takes at once."""
    rows = min(product.rows for layer in made.layers for product in layer.products)
    has_room = made.on_stack * _TOGETHER <= _MOST_ON_STACK
    return _TOGETHER if has_room and rows >= _FEWEST_ROWS and made.spec.layout == STREAM else 1


def _compiled(command: list[str], place: Path) -> bytes:
    given = os.environ.get("CFLAGS")
    choices = [tuple(words("CFLAGS", given))] if given is not None else _TUNED
    target = place / "model.so"
    judgement = place / "judgement.o"
    for flags in choices:
        # gnu99, for in c99 proper GCC may not fuse a product with a sum, which costs a third of the speed.
        whole = [*command, *flags, "-std=gnu99", "-fPIC"]
        try:
            compile_to(judgement, [*whole, *_AS_NUMPY, "-c", str(place / "judgement.c"), "-o", str(judgement)])
            compile_to(target, [*whole, "-shared", str(place / "native.c"), str(judgement), "-o", str(target)])
        except CheckError:
            if flags is choices[-1]:
                raise
        else:
            break
    return target.read_bytes()
