"""`edgeseq providers`: what can run a model here."""

import click

from edgeseq.commands.options.provider import Libraries, library_option, register


@click.command()
@library_option
def providers(*, libraries: Libraries) -> None:
    r"""List the providers that --provider takes on this machine, and what they run on where onnxruntime tells.

    \b
    edgeseq providers
    """
    from edgeseq_runtime.backends.open import offers

    register(libraries)
    for offer in offers():
        click.echo(f"{offer.name}  {offer.description}")
