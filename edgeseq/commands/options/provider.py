"""The options that say what runs a model: `--provider`, and `--provider-library` for one that a plug-in brings."""

import click

from edgeseq.commands.options.common import Function
from edgeseq_runtime.errors import UsageError

Libraries = tuple[tuple[str, str], ...]
"""Plug-in libraries: the name that each is registered by, and its path."""


def _parse_libraries(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> Libraries:
    libraries = []
    for value in values:
        name, equals, path = value.partition("=")
        if not (name and equals and path):
            raise UsageError(f"--provider-library: expected NAME=PATH, got {value!r}")
        libraries.append((name, path))
    return tuple(libraries)


library_option = click.option(
    "libraries",
    "--provider-library",
    metavar="NAME=PATH",
    multiple=True,
    callback=_parse_libraries,
    help="Load an ONNX Runtime plug-in library; --provider NAME then selects it (repeatable).",
)


def provider_option(function: Function) -> Function:
    """Add the options that say what runs the model: the command gets `provider` and `libraries`."""
    option = click.option(
        "--provider",
        default="auto",
        show_default=True,
        help="auto (ONNX Runtime's fastest here), cpu, cuda, arm, native (the model compiled as C), or any other ONNX "
        "Runtime provider by name.",
    )
    return option(library_option(function))


def register(libraries: Libraries) -> None:
    """Make the providers of plug-in libraries known to onnxruntime in this process. Raises `UsageError`."""
    if libraries:
        from edgeseq_runtime import providers

        for name, path in libraries:
            providers.register(name, path)
