"""`edgeseq export`: a checkpoint in, a model file out, compared with the oracle before it is written."""

from typing import TYPE_CHECKING

import click

from edgeseq.commands.common import load_checkpoint, note
from edgeseq_runtime import files

if TYPE_CHECKING:
    from edgeseq.checkpoint import Checkpoint


@click.command()
@click.argument("checkpoint", type=click.Path(exists=True, dir_okay=False))
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False), help="The model file to write.")
@click.option(
    "--quantize",
    type=click.Choice(["none", "int8", "int8-dynamic"]),
    default="none",
    show_default=True,
    help="int8: weights as int8, float arithmetic, any provider; int8-dynamic: onnxruntime's own, CPU only.",
)
@click.option("--opset", type=int, default=17, show_default=True, help="Version of ONNX's operators.")
def export(checkpoint: str, output: str, *, quantize: str, opset: int) -> None:
    r"""Write CHECKPOINT as one self-describing ONNX file, which needs no torch.

    The file is run in steps, in chunks and in batches and compared with the oracle; it is written only if it agrees.

    \b
    edgeseq export sine.safetensors -o sine.onnx
    edgeseq export sine.safetensors -o sine.int8.onnx --quantize int8
    """
    import edgeseq_export

    files.check_writable(output)
    loaded = load_checkpoint(checkpoint)
    made = edgeseq_export.export(loaded, quantize, opset)
    click.echo(
        f"agrees with the oracle: worst deviation {made.deviation.forecast:.1e} of the series' scale "
        f"(allowed {made.deviation.allowed:.0e})"
    )
    _compare(loaded, made.content, quantize)
    files.write_atomically(output, made.content)
    click.echo(f"wrote {output}: {len(made.content):,} bytes, {quantize if quantize != 'none' else 'float32'}")


def _compare(checkpoint: "Checkpoint", content: bytes, quantize: str) -> None:
    """Print the test error of the float file and, beside it, the quantised one's."""
    if checkpoint.test is None:
        note("the checkpoint carries no test samples, so no test error is given")
        return
    plain = _test_rmse(checkpoint, None)
    if quantize == "none":
        click.echo(f"test RMSE: float {plain:.4g}")
        return
    quantized = _test_rmse(checkpoint, content)
    click.echo(f"test RMSE: float {plain:.4g}, {quantize} {quantized:.4g} ({quantized / plain:.3f} times)")
    if quantized > 1.05 * plain:
        note(f"warning: {quantize} loses accuracy here; export without --quantize where that matters")


def _test_rmse(checkpoint: "Checkpoint", content: bytes | None) -> float:
    """Return the RMSE over the test samples of a model file, or of the checkpoint's float one."""
    import numpy as np

    import edgeseq_export
    from edgeseq.evaluation.baselines import truths
    from edgeseq.evaluation.figures import score, stream
    from edgeseq.series import Part
    from edgeseq_runtime.predictor import Predictor

    assert checkpoint.test is not None
    part = Part(checkpoint.test.samples, checkpoint.test.start)
    predictor = Predictor(content or edgeseq_export.build(checkpoint), provider="cpu")
    made = stream(predictor, part)
    truth = np.where(np.isfinite(made), truths(predictor.spec, part), np.nan)
    return score(predictor.spec, made, truth).total.rmse
