"""`edgeseq verify`: the file's own test vector, on the device where it stands."""

import json

import click

from edgeseq.commands.common import json_option, model_argument, provider_option
from edgeseq_runtime.errors import CheckError


@click.command()
@model_argument
@provider_option
@json_option
def verify(model: str, *, provider: str, as_json: bool) -> None:
    r"""Run MODEL's embedded samples here and compare with the oracle's forecasts. Exit code 1 if they differ.

    \b
    edgeseq verify sine.onnx
    """
    from edgeseq_runtime.session import Session
    from edgeseq_runtime.verification import deviations

    session = Session(model, provider=provider)
    found = deviations(session)
    worst = max(found.values())
    if as_json:
        click.echo(json.dumps({"providers": session.providers, "deviation": found, "passed": worst <= 1}))
    else:
        for way, deviation in found.items():
            click.echo(f"{way}: {deviation:.3f} of what is allowed")
    if not worst <= 1:
        raise CheckError(f"{model} deviates from the oracle here, by {worst:.3g} times what is allowed")
