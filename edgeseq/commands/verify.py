"""`edgeseq verify`: the file's own test vector, on the device where it stands."""

import json
import math

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
    from edgeseq_runtime.verification import deviations, passed

    session = Session(model, provider=provider)
    found = deviations(session)
    if as_json:
        shown = {way: deviation if math.isfinite(deviation) else None for way, deviation in found.items()}
        result = {"providers": session.providers, "deviation": shown, "passed": passed(found)}
        click.echo(json.dumps(result, allow_nan=False))
    else:
        for way, deviation in found.items():
            click.echo(f"{way}: {deviation:.3f} of what is allowed")
    if not passed(found):
        worst = next(deviation for deviation in found.values() if not deviation <= 1)
        raise CheckError(f"{model} deviates from the oracle here, by {worst:.3g} times what is allowed")
