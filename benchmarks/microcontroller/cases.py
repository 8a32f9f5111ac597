"""The cases compared: C from edgeseq's own exporters, and from those of others that can be installed."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import onnx

import edgeseq_export
from benchmarks.microcontroller.image import FIRMWARE, Subject
from edgeseq.model.checkpoint import Checkpoint
from edgeseq_export.c import export
from edgeseq_runtime.spec import STEP, Residuals, Spec


class CannotError(Exception):
    """An exporter that cannot express this network in C, or is not installed; the message says why."""


@dataclass(frozen=True)
class Case:
    """One exporter from a network to C."""

    name: str
    make: Callable[[Checkpoint], Subject]
    """Raises `CannotError`."""
    adapts: bool = False
    """Whether it goes on learning."""
    exact: bool = False
    """Whether its network's forecasts must be those of the reference in fixed point, to the last bit."""


def in_float(checkpoint: Checkpoint) -> Subject:
    """Return edgeseq's C in float."""
    return _by_edgeseq(checkpoint, "none")


def in_fixed_point(checkpoint: Checkpoint) -> Subject:
    """Return edgeseq's C in fixed point."""
    return _by_edgeseq(checkpoint, "int8")


def in_float_detecting(checkpoint: Checkpoint) -> Subject:
    """Return edgeseq's C in float, which looks for anomalies."""
    return _by_edgeseq(checkpoint, "none", detects=True)


def in_fixed_point_detecting(checkpoint: Checkpoint) -> Subject:
    """Return edgeseq's C in fixed point, which looks for anomalies."""
    return _by_edgeseq(checkpoint, "int8", detects=True)


def with_residuals(checkpoint: Checkpoint) -> Checkpoint:
    """Return a checkpoint as if its errors over validation had been of some size: anomalies ask for that."""
    of_step = ((-0.2, -0.1, 0.0, 0.1, 0.2),) * len(checkpoint.spec.targets)
    residuals = Residuals((0.05, 0.25, 0.5, 0.75, 0.95), (of_step,) * checkpoint.spec.horizon)
    return replace(checkpoint, spec=replace(checkpoint.spec, residuals=residuals))


def _by_edgeseq(checkpoint: Checkpoint, quantize: str, *, detects: bool = False) -> Subject:
    kind = export.kind_of(with_residuals(checkpoint) if detects else checkpoint, quantize)
    files = kind.render(kind.spec, "model").files()
    subject = ("#define DETECTS\n" if detects else "") + (FIRMWARE / "edgeseq_subject.c").read_text()
    return Subject(files | {"edgeseq_subject.c": subject}, checkpoint.spec.outputs)


def emx_onnx_cgen(checkpoint: Checkpoint) -> Subject:
    """Return what emx-onnx-cgen makes of the model file in the form for one sample at a time."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    command = shutil.which("emx-onnx-cgen", path=places)
    if not command:
        raise CannotError("not installed")
    model = onnx.load_from_string(edgeseq_export.build(checkpoint, form=STEP))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        onnx.save(model, folder / "model.onnx")
        choices = ["--input-dim", "batch=1", "--large-temp-threshold", "0", "--large-weight-threshold", "0"]
        done = subprocess.run(
            [command, "compile", *choices, str(folder / "model.onnx"), str(folder / "model.c")],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CannotError((done.stderr.strip() or done.stdout.strip()).splitlines()[-1])
        spec = Spec.from_json(next(entry.value for entry in model.metadata_props if entry.key == "edgeseq"))
        return Subject({"model.c": (folder / "model.c").read_text(), "glue.c": _glue(spec)}, spec.outputs)


def emlearn(_: Checkpoint) -> Subject:
    """Say that emlearn has no recurrent networks."""
    if not importlib.util.find_spec("emlearn"):
        raise CannotError("not installed")
    raise CannotError("it has no LSTM: trees, dense networks, neighbours and mixtures only")


def _glue(spec: Spec) -> str:
    """Return C around a function that takes the sample and all states, and leaves the forecast and the next ones."""
    names = [state.name for state in spec.states]
    shapes = {
        name: "".join(f"[{size}]" for size in state.sized(1)) for name, state in zip(names, spec.states, strict=True)
    }
    pairs = "\n".join(f"static float {name}{shape}, {name}_next{shape};" for name, shape in shapes.items())
    x, y = len(spec.features), spec.outputs
    declared = [
        f"const float x[1][1][{x}]",
        *(f"const float {name}{shape}" for name, shape in shapes.items()),
        f"float y[1][1][{y}]",
        *(f"float {name}_next{shape}" for name, shape in shapes.items()),
    ]
    given = ["(const void *)sample", *names, "(void *)forecast", *(f"{name}_next" for name in names)]
    fresh = "\n".join(f"    memset({name}, 0, sizeof {name});" for name in names)
    moved = "\n".join(f"    memcpy({name}, {name}_next, sizeof {name});" for name in names)
    return (
        f'#include "subject.h"\n#include <string.h>\nvoid model({", ".join(declared)});\n{pairs}\n'
        f"void subject_reset(void)\n{{\n{fresh}\n}}\n"
        f"void subject_step(const float *sample, float *forecast)\n{{\n    model({', '.join(given)});\n{moved}\n}}\n"
    )


CASES = (
    Case("edgeseq, int8", in_fixed_point, exact=True),
    Case("edgeseq, int8, adapting", in_fixed_point, adapts=True, exact=True),
    Case("edgeseq, int8, with anomalies", in_fixed_point_detecting, exact=True),
    Case("edgeseq, float", in_float),
    Case("edgeseq, float, adapting", in_float, adapts=True),
    Case("edgeseq, float, with anomalies", in_float_detecting),
    Case("emx-onnx-cgen, float", emx_onnx_cgen),
    Case("emlearn", emlearn),
)
