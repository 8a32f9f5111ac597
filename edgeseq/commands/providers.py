"""`edgeseq providers`: what can run a model here."""

import click

from edgeseq.commands.options.provider import Libraries, library_option, register


@click.command()
@library_option
def providers(*, libraries: Libraries) -> None:
    r"""List the providers that --provider accepts on this machine, and their devices as far as ONNX Runtime tells.

    \b
    edgeseq providers
    """
    from edgeseq_runtime.backends.open import offers

    register(libraries)
    for offer in offers():
        click.echo(f"{offer.name}  {offer.description}")
