"""`edgeseq demo`: the whole way, with the commands that a user would type."""

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import click

from edgeseq_runtime import files

_NEW = 5
"""Samples that are streamed before the user's eyes; those before them warm the model up."""

_PAST = 300
"""Samples of the sine that do."""

_WHAT_NEXT = """
Look at
  {folder}/co2.png         forecasts of the test part, beside what was measured
  {folder}/co2.future.png  the last weeks, and the four to come with their interval
  {folder}/co2.onnx        the model file: all that a device needs
  {folder}/co2.int8.onnx   the same with weights of 8 bits

Next, a series of your own: a CSV file with a time column and one to forecast
  edgeseq train plant.csv --target temp --horizon 24 -o plant.safetensors
  edgeseq export plant.safetensors -o plant.onnx --report plant.html
  sensor | edgeseq predict plant.onnx"""


@click.command()
@click.option(
    "-o", "--output", default="demo", show_default=True, type=click.Path(file_okay=False), help="Folder to write to."
)
@click.pass_context
def demo(context: click.Context, output: str) -> None:
    r"""Train, export and stream two examples: a sine wave, then a real CO2 series with gaps. Takes a few minutes.

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
    click.echo(_WHAT_NEXT.format(folder=folder))


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
    """Stream what was measured so far, and then some more samples: one forecast line for each, and a picture."""
    from edgeseq.series.examples import co2_path, sine_continued

    past, new = Path(f"{stem}.past.csv"), Path(f"{stem}.new.csv")
    if stem.name == "sine":
        lines = ["sine", *(f"{value:.6f}" for value in sine_continued(_PAST + _NEW)[:, 0])]
    else:
        lines = co2_path().read_text().split()
    _write_lines(past, lines[:-_NEW])
    _write_lines(new, [lines[0], *lines[-_NEW:]])
    state, output = f"{stem}.state", f"{stem}.past.jsonl"
    predict = ("predict", model, "--state", state, "--intervals")
    _type(context, *predict, "--fresh", "--input", str(past), output=output)
    _type(context, *predict, "--input", str(new), "--plot", f"{stem}.future.png")


def _write_lines(path: Path, lines: list[str]) -> None:
    files.write_atomically(path, "".join(f"{line}\n" for line in lines).encode())


@contextmanager
def _to_file(path: str) -> Iterator[None]:
    """Send what is written to stdout to a file, as a shell does with >."""
    sys.stdout.flush()
    number = sys.stdout.fileno()
    before = os.dup(number)
    try:
        with Path(path).open("wb") as file:
            os.dup2(file.fileno(), number)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(before, number)
        os.close(before)


def _type(context: click.Context, *words: str, output: str | None = None) -> None:
    """Show a command as it would be typed, and run it; `output` is the file that takes what it prints."""
    redirection = f" > {shlex.quote(output)}" if output else ""
    click.secho(f"\n$ {shlex.join(['edgeseq', *words])}{redirection}", bold=True)
    assert isinstance(context.parent, click.Context)
    assert isinstance(context.parent.command, click.Group)
    with _to_file(output) if output else nullcontext():
        code = context.parent.command.main(list(words), prog_name="edgeseq", standalone_mode=False)
    if code:
        context.exit(code)


def _heading(text: str) -> None:
    click.secho(f"\n{text}\n{'=' * len(text)}", bold=True)
