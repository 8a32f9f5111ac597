"""What several commands share: options, notes on stderr, and opening what MODEL names."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgeseq_runtime import files
from edgeseq_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgeseq.checkpoint import Checkpoint

Function = TypeVar("Function", bound=Callable[..., Any])

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

model_argument = click.argument("model", type=click.Path(exists=True, dir_okay=False))
json_option = click.option("as_json", "--json", is_flag=True, help="Print one JSON object.")
provider_option = click.option(
    "--provider",
    default="auto",
    show_default=True,
    help="auto, cpu, cuda, arm, or onnxruntime's name for one.",
)
threads_option = click.option(
    "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Threads within one operator."
)


def series_options(function: Function) -> Function:
    """Add the options that say which columns of a series to use."""
    for option in (
        click.option("--split", metavar="TRAIN:VAL:TEST", help="Rows or fractions, in time order.  [0.7:0.1:0.2]"),
        click.option("--time", metavar="COL", help="The time column; found by itself if obvious; none: go by order."),
        click.option("--feature", metavar="COL", multiple=True, help="A further input column (repeatable)."),
        click.option("--target", metavar="COL", multiple=True, help="A column to forecast (repeatable)."),
    ):
        function = option(function)
    return function


def note(text: str) -> None:
    """Say something on stderr; stdout is for results."""
    click.echo(text, err=True)


def is_checkpoint(content: bytes) -> bool:
    """Whether these bytes are a safetensors file: the length of a JSON header, then the header."""
    return content[8:9] == b"{" and int.from_bytes(content[:8], "little") < len(content)


def load_checkpoint(path: str) -> "Checkpoint":
    """Read a checkpoint; where it is a model file instead, say so."""
    from edgeseq.checkpoint import Checkpoint

    if path.endswith(".onnx") and not is_checkpoint(files.read(path)):
        raise UsageError(f"{path} is a model file already; give the checkpoint that training wrote")
    return Checkpoint.load(path)


def model_file(path: str) -> str | bytes:
    """Return `path` where a model file is, or the model file that the checkpoint at `path` becomes."""
    if not is_checkpoint(files.read(path)):
        return path
    import edgeseq_export

    return edgeseq_export.build(load_checkpoint(path))


def resume_path(checkpoint: str) -> Path:
    """Return where an interrupted run is kept."""
    return Path(f"{checkpoint}.resume")
