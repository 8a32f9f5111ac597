"""What a command is to write, checked before it works: hours of it must not end at a folder that does not exist."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import click

from edgeseq.commands.options.common import ModelPath
from edgeseq_runtime import files

AnyPath: TypeAlias = str | os.PathLike[str]


def check_outputs(outputs: Mapping[str, AnyPath | None], inputs: Iterable[tuple[str, AnyPath | None]] = ()) -> None:
    """Refuse to write onto what is read, or twice into one file, or where nothing can be written.

    `outputs` are paths by what the user knows them by, such as -o; None where there is none. What the present command
    reads by its arguments and options is known; `inputs` are further files. Raises `UsageError` and `FileError`.
    """
    files.distinct(outputs.items(), [*named_inputs(), *inputs])
    for path in outputs.values():
        if path:
            files.check_writable(path)


def series_inputs(*series: str | None) -> list[tuple[str, str]]:
    """Return the files among the series that a user names; others are examples."""
    return [("SERIES", name) for name in series if name and Path(name).exists()]


def named_inputs() -> Iterator[tuple[str, str]]:
    """Yield the files that the present command was told to read."""
    context = click.get_current_context(silent=True)
    if context is None:
        return
    for parameter in context.command.params:
        path = context.params.get(parameter.name or "")
        if isinstance(parameter.type, ModelPath) and path and not Path(path).exists():
            continue  # a model of the package
        if isinstance(parameter.type, click.Path) and parameter.type.exists and path:
            name = parameter.opts[0] if isinstance(parameter, click.Option) else parameter.human_readable_name
            yield name, "/dev/stdin" if path == "-" else path
    for _, path in context.params.get("libraries", ()):
        yield "--provider-library", path
