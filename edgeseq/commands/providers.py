"""`edgeseq providers`: what can run a model here."""

import click

from edgeseq.commands.common import library_option
from edgeseq_runtime.session import NATIVE


@click.command()
@library_option
def providers() -> None:
    r"""List the providers that --provider takes on this machine, and what they run on where onnxruntime tells.

    \b
    edgeseq providers
    """
    from edgeseq_runtime import native
    from edgeseq_runtime.providers import available

    for provider in available():
        click.echo("  ".join([provider.short, f"({provider.name})", *provider.devices]))
    if native.is_here():
        click.echo(f"{NATIVE}  (the model's own C, compiled here)")
