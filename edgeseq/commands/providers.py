"""`edgeseq providers`: what can run a model here."""

import click


@click.command()
def providers() -> None:
    r"""List the providers that --provider takes on this machine.

    \b
    edgeseq providers
    """
    from edgeseq_runtime.providers import available, short_names

    for short, name in zip(short_names(), available(), strict=True):
        click.echo(f"{short}  ({name})")
