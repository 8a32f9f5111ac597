"""What several commands share: options, where results go, and opening what MODEL names."""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgeseq.commands.notes import note
from edgeseq_runtime import files
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.printable import counted

if TYPE_CHECKING:
    from edgeseq.model.checkpoint import Checkpoint

Function = TypeVar("Function", bound=Callable[..., Any])


class ModelPath(click.Path):
    """A file, or the name of the model that comes with the device package; a file of that name needs `./`."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False)

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """Return the path, or the name."""
        from edgeseq_runtime.model_file.source import STARTER

        if value != STARTER:
            return super().convert(value, parameter, context)
        if Path(STARTER).exists():
            note(f"{STARTER} is the model of the package; ./{STARTER} is the file here")
        return value


model_argument = click.argument("model", type=ModelPath())
json_option = click.option("as_json", "--json", is_flag=True, help="Print the result as one JSON object.")


def _at_most_cores(_context: click.Context, _option: click.Parameter, threads: int) -> int:
    """Return how many threads there will be; more than cores would only wait for each other."""
    cores = os.cpu_count() or threads
    if threads > cores:
        note(f"--threads: this machine has {counted(cores, 'core')}, and more threads are not used")
    return min(threads, cores)


threads_option = click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    callback=_at_most_cores,
    show_default=True,
    help="Threads per operator, at most the number of cores.",
)
key_option = click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False),
    metavar="PUBLIC.pem",
    help="Ed25519 public key; MODEL is refused unless it is signed with the private key that belongs to it.",
)
sidecar_option = click.option(
    "--sidecar",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE.json",
    help="JSON file that names the input, output and states of a MODEL that edgeseq did not write.",
)


def adapt_option(text: str) -> Callable[[Function], Function]:
    """Return the option that says whether forecasts go on learning; `text` says what that does to the command.

    Its value is None where the user says nothing.
    """
    return click.option("--adapt/--no-adapt", default=None, help=f"{text}  [default: as the model says]")


class LazyDefault(click.Option):
    """An option whose default is a function, called for the help too: what that imports is not needed at the start."""

    def get_default(self, ctx: click.Context, call: bool = True) -> Any:  # noqa: ARG002 - click's own
        """Return what the function says."""
        return super().get_default(ctx, call=True)


def result_printer(output: str) -> Callable[[str], None]:
    """Return what prints results beside the file `output`: to stdout, unless that is where the file itself goes."""
    try:
        is_stdout = Path(output).samefile(f"/dev/fd/{sys.stdout.fileno()}")
    except (OSError, ValueError):  # no such file yet, or a stdout that has no number
        is_stdout = False
    return _note_lines if is_stdout else click.echo


def _note_lines(text: str) -> None:
    for line in text.splitlines():
        note(line)


def load_checkpoint(path: str, *, adapt: bool | None = None, horizon: int | None = None) -> "Checkpoint":
    """Read a checkpoint, or the package's own model, to adapt where the user says so; None: as it says.

    With a `horizon` it forecasts so many samples ahead. Where it is a model file, say that.
    """
    from edgeseq_runtime.model_file.source import STARTER

    if path == STARTER:
        from edgeseq_export import starter_file

        return _adapting(starter_file.checkpoint(horizon), adapt)
    from edgeseq.model.checkpoint import Checkpoint

    content = files.read(path)
    if path.endswith(".onnx") and not files.is_checkpoint(content):
        raise UsageError(f"{path} is a model file already; give the checkpoint that training wrote")
    checkpoint = Checkpoint.from_bytes(content, path)
    if horizon is not None:
        from edgeseq.model.shorter import shorter

        checkpoint = shorter(checkpoint, horizon)
    return _adapting(checkpoint, adapt)


def _adapting(checkpoint: "Checkpoint", adapt: bool | None) -> "Checkpoint":
    """Return the checkpoint of a model that adapts, or does not; None: as it says."""
    if adapt is None:
        return checkpoint
    spec = checkpoint.spec
    return replace(checkpoint, spec=replace(spec, adapt=True) if adapt else spec.without_adaptation())


def resume_path(checkpoint: str) -> Path:
    """Return where an interrupted run is kept."""
    return Path(f"{checkpoint}.resume")


def search_path(checkpoint: str) -> Path:
    """Return where the trials of a search are kept."""
    return Path(f"{checkpoint}.search")
