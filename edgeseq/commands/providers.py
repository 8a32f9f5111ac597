"""`edgeseq providers`: what can run a model here."""

import click

from edgeseq.commands.options.common import library_option


@click.command()
@library_option
def providers() -> None:
    r"""List the providers that --provider takes on this machine, and what they run on where onnxruntime tells.

    \b
    edgeseq providers
    """
    from edgeseq_runtime.backends.open import offers

    for offer in offers():
        click.echo(f"{offer.name}  {offer.description}")
