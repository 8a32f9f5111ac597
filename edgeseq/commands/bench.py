"""`edgeseq bench`: how fast a model is on the machine where it stands. Runs on the device."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeseq.commands.notes import note
from edgeseq.commands.options.common import json_option, key_option, model_argument, sidecar_option, threads_option
from edgeseq.commands.options.outputs import check_outputs
from edgeseq.commands.options.provider import Libraries, provider_option, register
from edgeseq.text import table
from edgeseq_runtime.errors import EdgeseqError

if TYPE_CHECKING:
    from edgeseq_runtime.benchmark.latency import Timing


@click.command()
@model_argument
@sidecar_option
@provider_option
@threads_option
@key_option
@click.option("--plot", type=click.Path(dir_okay=False), metavar="FILE.png", help="Draw the results.")
@json_option
def bench(
    model: str,
    *,
    sidecar: str | None,
    provider: str,
    libraries: Libraries,
    threads: int,
    key: str | None,
    plot: str | None,
    as_json: bool,
) -> None:
    r"""Measure how fast MODEL runs here: sample by sample, in blocks, many streams at once, from a cold start.

    The naive loop is plain onnxruntime code without edgeseq, for comparison.

    \b
    edgeseq bench sine.onnx
    edgeseq bench sine.onnx --plot bench.png
    """
    check_outputs({"--plot": plot})
    register(libraries)
    if plot:
        from edgeseq.evaluation.speed_plot import draw_speed
    from edgeseq_runtime.backends.open import open_session
    from edgeseq_runtime.benchmark import cold_start
    from edgeseq_runtime.benchmark.latency import NAIVE, STEP, measure
    from edgeseq_runtime.model_file.source import vouched

    source = vouched(model, key=key, provider=provider, has_sidecar=sidecar is not None)
    session = open_session(source, provider=provider, threads=threads, sidecar=sidecar, key=key)
    timings = measure(session)
    try:
        starts = cold_start.measure(source, provider, threads, sidecar, key=key)
    except EdgeseqError as error:  # a provider that was registered in this process is not there in a fresh one
        note(f"cannot measure the cold start: {error}")
        starts = {}
    if plot:
        draw_speed(timings, starts, Path(plot), f"{Path(model).name} on {session.providers[0]}, threads: {threads}")
    if as_json:
        times = {way: vars(timing) for way, timing in timings.items()}
        click.echo(json.dumps({"microseconds": times, "start": {what: vars(one) for what, one in starts.items()}}))
        return
    header = ("microseconds per sample", "minimum", "p50", "p90", "p99", "p99.9", "samples per second")
    click.echo(table(header, [_row(way, timing) for way, timing in timings.items()]))
    ratio = timings[STEP].minimum / timings[NAIVE].minimum
    click.echo(f"Predictor.step takes {ratio:.2f} times as long as the naive loop")
    for what, start in starts.items():
        click.echo(f"cold start {what}: {start.seconds:.2f} s, {start.megabytes:.0f} MB of memory")


def _row(way: str, timing: "Timing") -> list[str]:
    times = (timing.minimum, timing.p50, timing.p90, timing.p99, timing.p999)
    return [way, *(f"{value:.2f}" for value in times), f"{1e6 / timing.p50:,.0f}"]
