"""`edgeseq demo`: the whole way, with the commands that a user would type."""

import shlex
from itertools import islice
from pathlib import Path

import click

from edgeseq_runtime import files


@click.command()
@click.option("-o", "--output", default="demo", show_default=True, type=click.Path(file_okay=False), help="A folder.")
@click.pass_context
def demo(context: click.Context, output: str) -> None:
    r"""Train, export and stream: first the sine, then the real CO2 series with its gaps. A few minutes.

    \b
    edgeseq demo -o demo
    """
    import torch  # noqa: F401 - said before anything is done, where it is not installed

    folder = Path(output)
    files.make_folder(output)
    _heading("The sine: sin(x) in steps of 0.01, a 2-layer LSTM")
    _whole_way(context, folder / "sine", [], horizon=1)
    _heading("A real series: weekly CO2 at Mauna Loa in ppm, with gaps, four weeks ahead")
    _whole_way(context, folder / "co2", ["co2"], horizon=4)
    click.echo(f"\nAll files are in {output}: checkpoints, model files, plots.")


def _whole_way(context: click.Context, stem: Path, series: list[str], horizon: int) -> None:
    checkpoint, model, int8 = f"{stem}.safetensors", f"{stem}.onnx", f"{stem}.int8.onnx"
    ahead = ["--horizon", str(horizon)] if horizon > 1 else []
    _type(context, "train", *series, *ahead, "-o", checkpoint)
    _type(context, "export", checkpoint, "-o", model)
    _type(context, "export", checkpoint, "-o", int8, "--quantize", "int8")
    _type(context, "evaluate", model, *series, "--plot", f"{stem}.png")
    _type(context, "evaluate", int8, *series)
    _stream(context, stem, model)


def _stream(context: click.Context, stem: Path, model: str) -> None:
    """Stream some samples from a file, one forecast line for each."""
    from edgeseq.series.examples import co2_path, sine_continued

    source = Path(f"{stem}.csv")
    if stem.name == "sine":
        samples = [f"{value:.6f}" for value in sine_continued(15)[:, 0]]
    else:
        with co2_path().open() as file:
            samples = [line.strip() for line in islice(file, 15)]
    files.write_atomically(source, ("\n".join(samples) + "\n").encode())
    _type(context, "predict", model, "--input", str(source))


def _type(context: click.Context, *words: str) -> None:
    """Show a command as it would be typed, and run it."""
    click.secho(f"\n$ {shlex.join(['edgeseq', *words])}", bold=True)
    assert isinstance(context.parent, click.Context)
    assert isinstance(context.parent.command, click.Group)
    code = context.parent.command.main(list(words), prog_name="edgeseq", standalone_mode=False)
    if code:
        context.exit(code)


def _heading(text: str) -> None:
    click.secho(f"\n{text}\n{'=' * len(text)}", bold=True)
