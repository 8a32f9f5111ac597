"""`edgeseq bench`: how fast a model is on the machine where it stands."""

import json

import click

from edgeseq.commands.common import json_option, model_argument, provider_option, threads_option
from edgeseq.text import table


@click.command()
@model_argument
@provider_option
@threads_option
@json_option
def bench(model: str, *, provider: str, threads: int, as_json: bool) -> None:
    r"""Time MODEL on this machine: step by step, naively, and in blocks.

    \b
    edgeseq bench sine.onnx
    """
    from edgeseq_runtime.session import Session
    from edgeseq_runtime.timing import measure

    timings = measure(Session(model, provider=provider, threads=threads))
    if as_json:
        click.echo(json.dumps({way: vars(timing) for way, timing in timings.items()}))
        return
    rows = [(way, f"{t.minimum:.2f}", f"{t.p50:.2f}", f"{t.p90:.2f}", f"{t.p99:.2f}") for way, t in timings.items()]
    click.echo(table(("microseconds a sample", "minimum", "p50", "p90", "p99"), rows))
    ratio = timings["Predictor.step"].minimum / timings["naive session.run"].minimum
    click.echo(f"Predictor.step takes {ratio:.2f} of the naive loop's time")
