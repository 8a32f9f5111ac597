"""What several commands share: options, notes on stderr, and opening what MODEL names."""

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgeseq.text import colour
from edgeseq_runtime import files
from edgeseq_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgeseq.model.checkpoint import Checkpoint

Function = TypeVar("Function", bound=Callable[..., Any])


def _register(_context: click.Context, _option: click.Parameter, libraries: tuple[str, ...]) -> None:
    for library in libraries:
        name, equals, path = library.partition("=")
        if not (name and equals and path):
            raise UsageError(f"--provider-library is {library!r}; what is wanted is NAME=PATH")
        from edgeseq_runtime.backends.ort.providers import register

        register(name, path)


model_argument = click.argument("model", type=click.Path(exists=True, dir_okay=False))
json_option = click.option("as_json", "--json", is_flag=True, help="Print one JSON object.")
library_option = click.option(
    "--provider-library",
    metavar="NAME=PATH",
    multiple=True,
    expose_value=False,
    callback=_register,
    help="A plug-in library that brings a provider; --provider NAME then asks for it (repeatable).",
)
threads_option = click.option(
    "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Threads within one operator."
)
sidecar_option = click.option(
    "--sidecar",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE.json",
    help="Names input, output and states of a model that edgeseq did not write.",
)
every_option = click.option(
    "--every", metavar="DURATION", help="Average the samples in each 30s, 15min, 1h or 1d, to make steps even."
)
sort_option = click.option("--sort", is_flag=True, help="Put rows in the order of their times first.")


def provider_option(function: Function) -> Function:
    """Add the options that say what runs the model. The command gets a name; a library is registered before it runs."""
    chosen = click.option(
        "--provider",
        default="auto",
        show_default=True,
        help="auto (the fastest of onnxruntime's), cpu, cuda, arm, its name for another, or native: C, compiled here.",
    )
    return chosen(library_option(function))


def series_options(function: Function) -> Function:
    """Add the options that say which columns of a series to use, and how its samples become evenly spaced."""
    for option in (
        sort_option,
        every_option,
        click.option("--split", metavar="TRAIN:VAL:TEST", help="Rows or fractions, in time order.  [0.7:0.1:0.2]"),
        click.option("--time", metavar="COL", help="The time column; found by itself if obvious; none: go by order."),
        click.option("--feature", metavar="COL", multiple=True, help="A further input column (repeatable)."),
        click.option("--target", metavar="COL", multiple=True, help="A column to forecast (repeatable)."),
    ):
        function = option(function)
    return function


def note(text: str) -> None:
    """Say something on stderr; stdout is for results. Where nobody can hear it, the work goes on."""
    kind = "warning: "
    painted = click.style(kind, fg="yellow") + text[len(kind) :] if text.startswith(kind) else text
    with contextlib.suppress(OSError):
        click.echo(painted, err=True, color=colour())


def result_printer(output: str) -> Callable[[str], None]:
    """Return what prints results beside the file `output`: to stdout, unless that is where the file itself goes."""
    try:
        is_stdout = Path(output).samefile(f"/dev/fd/{sys.stdout.fileno()}")
    except (OSError, ValueError):  # no such file yet, or a stdout that has no number
        is_stdout = False
    return note if is_stdout else click.echo


def load_checkpoint(path: str) -> "Checkpoint":
    """Read a checkpoint; where it is a model file instead, say so."""
    from edgeseq.model.checkpoint import Checkpoint

    if path.endswith(".onnx") and not files.is_checkpoint(files.read(path)):
        raise UsageError(f"{path} is a model file already; give the checkpoint that training wrote")
    return Checkpoint.load(path)


def model_file(path: str) -> str | bytes:
    """Return `path` where a model file is, or the model file that the checkpoint at `path` becomes."""
    if not files.is_checkpoint(files.read(path)):
        return path
    import edgeseq_export

    return edgeseq_export.build(load_checkpoint(path))


def resume_path(checkpoint: str) -> Path:
    """Return where an interrupted run is kept."""
    return Path(f"{checkpoint}.resume")


def search_path(checkpoint: str) -> Path:
    """Return where the trials of a search are kept."""
    return Path(f"{checkpoint}.search")
