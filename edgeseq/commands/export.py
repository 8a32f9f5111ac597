"""`edgeseq export`: a checkpoint in, a model file out, compared with the oracle before it is written."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from edgeseq.commands.export_c import export_c, export_native
from edgeseq.commands.notes import note
from edgeseq.commands.options.common import ModelPath, adapt_option, load_checkpoint, result_printer
from edgeseq.commands.options.outputs import check_outputs
from edgeseq.model import opset as onnx_opset
from edgeseq.text import wrapped
from edgeseq_runtime import files
from edgeseq_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgeseq.model.checkpoint import Checkpoint
    from edgeseq_export import ModelFile

_C = ("c", "arduino")
_ONNX = ("onnx",)
_FORMAT_OF = {".c": "c", ".so": "native", ".dylib": "native"}
_FORMATS = {"key": ("onnx", "native"), "report": _ONNX, "form": _ONNX, "opset": _ONNX, "libm": _C}
"""Parameter -> the formats that it has a meaning for; the others are for all."""


@click.command()
@click.argument("checkpoint", type=ModelPath())
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False), help="Model file to write.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["onnx", "c", "arduino", "native"]),
    help="c: a .c and a .h file in C99; arduino: the same as a library folder for Arduino and Zephyr; native: a "
    "compiled library for --provider native.  [default: c where -o ends in .c, native in .so or .dylib, else onnx]",
)
@click.option(
    "--quantize",
    type=click.Choice(["none", "int8", "int4", "int8-dynamic"]),
    default="none",
    show_default=True,
    help="int8, int4: weights of 8 or 4 bits, float arithmetic; int8-dynamic: ONNX Runtime's dynamic quantization, CPU "
    "only. In C, int8 is fixed-point arithmetic; only input and output are float.",
)
@click.option(
    "--form",
    type=click.Choice(["chunk", "step"]),
    help="chunk: any number of samples in one call; step: one sample in each call, which is about a quarter faster.  "
    "[default: chunk; step for a model for any sensor, which has no other]",
)
@click.option(
    "--horizon",
    type=click.IntRange(min=1),
    metavar="N",
    help="Forecast so many samples ahead, where CHECKPOINT is a model for any sensor.  [default: as far as it does]",
)
@click.option(
    "--sign",
    "key",
    type=click.Path(exists=True, dir_okay=False),
    metavar="KEY.pem",
    help="Sign the file with this Ed25519 private key.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False),
    metavar="FILE.html",
    help="Write an HTML report about the file: forecasts, errors, times, graph and spec.",
)
@click.option("--opset", type=int, default=onnx_opset.DEFAULT, show_default=True, help="Version of the ONNX operators.")
@adapt_option("Let forecasts go on learning on the device.")
@click.option("--libm/--no-libm", default=False, help="In C, use exp() of the C library instead of a built-in one.")
@click.pass_context
def export(
    context: click.Context,
    /,
    checkpoint: str,
    output: str,
    *,
    file_format: str | None,
    quantize: str,
    form: str | None,
    horizon: int | None,
    key: str | None,
    report: str | None,
    opset: int,
    adapt: bool | None,
    libm: bool,
) -> None:
    r"""Write CHECKPOINT, or `starter`, as one self-contained ONNX file, which runs without torch, or as C.

    The file is run sample by sample, in chunks and in batches, and compared with the oracle, an independent float64
    implementation; it is written only if both agree. C is compiled and compared if there is a C compiler.

    \b
    edgeseq export sine.safetensors -o sine.onnx
    edgeseq export sine.safetensors -o sine.int8.onnx --quantize int8
    edgeseq export sine.safetensors -o sine.onnx --report sine.html
    edgeseq export sine.safetensors -o sine.c --format c --quantize int8
    edgeseq export starter -o new.c --horizon 12 --quantize int8
    """
    file_format = file_format or _FORMAT_OF.get(Path(output).suffix, "onnx")
    for name, formats in _FORMATS.items():
        if file_format not in formats and context.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            option = next(parameter.opts[0] for parameter in context.command.params if parameter.name == name)
            raise UsageError(f"{option} is for --format {' or '.join(formats)}")
    if file_format == "onnx":
        check_outputs({"-o": output, "--report": report})
        source = load_checkpoint(checkpoint, adapt=adapt, horizon=horizon)
        _export_onnx(source, output, quantize=quantize, form=form, key=key, report=report, opset=opset)
    elif file_format == "native":
        export_native(checkpoint, output, quantize, key, adapt=adapt, horizon=horizon)
    else:
        export_c(
            checkpoint, output, quantize, libm=libm, as_library=file_format == "arduino", adapt=adapt, horizon=horizon
        )


def _export_onnx(
    checkpoint: "Checkpoint",
    output: str,
    *,
    quantize: str,
    form: str | None,
    key: str | None,
    report: str | None,
    opset: int,
) -> None:
    import edgeseq_export
    from edgeseq_export.comparison import by_step, judge, name_of
    from edgeseq_export.model_stats import ModelStats

    if report:
        from edgeseq_export.report import page
    show = result_printer(output)
    model = edgeseq_export.export(checkpoint, quantize, opset, form, key)
    unquantized = model if quantize == "none" else edgeseq_export.export(checkpoint, form=form)
    models = {name_of(model): model, name_of(unquantized): unquantized}
    stats = ModelStats.of(model.content)
    show(f"size: {stats.sizes}")
    show(wrapped(f"graph: {len(stats.operators)} nodes: {stats.nodes}"))
    show(
        f"agrees with the oracle: worst deviation {model.deviation.forecast:.1e} of the scale "
        f"(allowed {model.deviation.allowed:.0e})"
    )
    show(f"test RMSE: {_rmse(model)}" if unquantized is model else _compared(unquantized, model))
    if checkpoint.test and checkpoint.spec.horizon > 1:
        show(by_step(judge(checkpoint, models)))
    if report:
        files.write_atomically(report, page(checkpoint, models, Path(output).name).encode())
        note(f"wrote {report}")
    files.write_atomically(output, model.content)
    show(f"wrote {output}: {len(model.content):,} bytes, {quantize if quantize != 'none' else 'float32'}")


def _compared(unquantized: "ModelFile", quantized: "ModelFile") -> str:
    """Return the test errors side by side, and warn where rounding the weights costs accuracy."""
    kind = quantized.spec.quantize
    if unquantized.spec.figures and quantized.spec.figures:
        # Standardised, so that of several targets none counts for its unit.
        error = quantized.spec.figures.model.mse_standardized**0.5
        float_error = unquantized.spec.figures.model.mse_standardized**0.5
        if error > 1.05 * float_error:
            ratio = (
                f"{error / float_error:.2f} times the float file's"
                if float_error
                else f"{error:.4g}, the float file's 0"
            )
            note(f"warning: {kind} costs accuracy here: its error is {ratio}")
    return f"test RMSE: float {_rmse(unquantized)}, {kind} {_rmse(quantized)}"


def _rmse(model: "ModelFile") -> str:
    figures = model.spec.figures
    if figures:
        return f"{figures.model.rmse:.4g}"
    knows_none = "it was trained on no series" if model.spec.takes_any else "the checkpoint carries no test samples"
    return f"unknown ({knows_none})"
