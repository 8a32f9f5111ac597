"""`edgeseq predict`: its options, what goes with what, and which way samples come. Runs on the device."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from edgeseq.commands.options.common import model_argument, note, provider_option, sidecar_option, threads_option
from edgeseq.commands.options.rules import rules_options
from edgeseq.commands.predict.options import Choices
from edgeseq.commands.predict.state_file import StateFile
from edgeseq.commands.shutdown import GracefulShutdown
from edgeseq_runtime.errors import EdgeseqError

if TYPE_CHECKING:
    from edgeseq.commands.predict.mqtt_service import MqttService
    from edgeseq.commands.predict.stdin_stream import StdinStream
    from edgeseq_runtime.mqtt.topics import Route


@click.command()
@model_argument
@click.option(
    "--input",
    "source",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    default="-",
    help="A file; - is stdin.",
)
@click.option(
    "--input-format",
    type=click.Choice(["auto", "influx"]),
    default="auto",
    show_default=True,
    help="auto: one stream, as CSV, JSON or bare numbers; influx: line protocol, a stream for each set of tags.",
)
@click.option(
    "form",
    "--format",
    type=click.Choice(["jsonl", "csv", "influx"]),
    default="jsonl",
    show_default=True,
    help="Of the output.",
)
@click.option(
    "--keep", is_flag=True, help="With --format influx: write each line of the input too, before its forecast."
)
@sidecar_option
@provider_option
@threads_option
@click.option(
    "--state",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Go on from this snapshot, and save to it at the end.",
)
@click.option(
    "--state-every",
    type=click.IntRange(min=0),
    metavar="N",
    help="Save after each N samples too, which a power cut cannot undo; 0: at the end only.  [100; with --mqtt 1]",
)
@click.option("--fresh", is_flag=True, help="Start anew, whatever the snapshot holds.")
@click.option("--sensor", metavar="NAME", help="Which this is of the sensors that MODEL was trained on.")
@click.option(
    "--history",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="What another such sensor has measured so far, to learn its level and size from.",
)
@click.option("--intervals", is_flag=True, help="Add the ends of the 90 % interval, adapted to what comes, and drift.")
@click.option("--live", is_flag=True, help="Show the last samples and the forecast as a line of bars, on the terminal.")
@rules_options
@click.option(
    "--unreadable",
    type=click.Choice(["error", "missing"]),
    help="What a line that is no sample leads to: the end, or it counts as missing.  [error; with --mqtt missing]",
)
@click.option("--mqtt", metavar="URL", help="Samples from mqtt://HOST[:PORT]/TOPICS (mqtts:// for TLS), e.g. plant/+.")
@click.option("--publish", metavar="TOPIC", help="Where forecasts go; {id} is what the wildcards of --mqtt stand for.")
@click.option(
    "--credentials",
    type=click.Path(exists=True, dir_okay=False),
    help="A file with username = ..., password = ... (and ca, cert, key); else EDGESEQ_MQTT_USERNAME and so on.",
)
@click.option("--client-id", metavar="ID", help="What the broker knows this client by.  [made from host and topics]")
def predict(**options: Any) -> int:
    r"""Stream samples through MODEL: one forecast line for each line of input, written at once.

    Input is CSV with a header, JSON lines, or bare numbers; an empty value or nan is a missing sample.

    \b
    sensor | edgeseq predict model.onnx
    edgeseq predict model.onnx --input history.csv --format csv > forecasts.csv
    edgeseq predict model.onnx --input-format influx --format influx
    edgeseq predict somebodys.onnx --sidecar names.json
    edgeseq predict model.onnx --mqtt mqtt://localhost/plant/+ --publish forecasts/{id}
    """
    choices = Choices(**options)
    return _bridge(choices) if choices.mqtt is not None else _pipe(choices)


def _pipe(choices: Choices) -> int:
    from edgeseq.commands.predict.stdin_stream import StdinStream
    from edgeseq_runtime.io import influx, text_lines

    streams = choices.many(influx.sensors) if choices.is_influx else choices.single()
    keeper = StateFile(choices.state, streams, 100 if choices.state_every is None else choices.state_every)
    keeper.resume(fresh=choices.fresh)
    read = influx.read if choices.is_influx else partial(text_lines.read, tell=note)
    form, live = choices.output(streams.spec), choices.picture(streams.spec)
    pipe = StdinStream(streams, read, form, keeper, unreadable=choices.unreadable or "error", live=live)
    with GracefulShutdown() as politeness, _summed_up(pipe):
        try:
            return pipe.run(choices.source, politeness)
        finally:
            keeper.save()
            if live:
                live.close()


def _bridge(choices: Choices) -> int:
    from edgeseq.commands.predict.mqtt_service import MqttService
    from edgeseq_runtime.mqtt import credentials, topics

    address = topics.parse_address(choices.mqtt or "")
    route = topics.Route(address.topics, choices.publish or "")
    file = choices.credentials
    who = credentials.from_file(file) if file else credentials.from_environment(os.environ)
    streams = choices.many(lambda topic: (topic, route.name(topic) or topic))
    keeper = StateFile(choices.state, streams, 1 if choices.state_every is None else choices.state_every)
    keeper.resume(fresh=choices.fresh)
    bridge = MqttService(streams, route, keeper, unreadable=choices.unreadable or "missing")
    with GracefulShutdown() as politeness, _summed_up(bridge):
        return bridge.run(address, who, choices.client_id or _client_id(route), politeness)


@contextmanager
def _summed_up(work: "StdinStream | MqttService") -> Iterator[None]:
    """Say at the end what became of the samples. An error before the first of them says enough by itself."""
    said_enough = False
    try:
        yield
    except EdgeseqError:
        said_enough = not work.tally
        raise
    finally:
        if not said_enough:
            note(work.summary())


def _client_id(route: "Route") -> str:
    """Return an id that stays the same on this machine for the same topics, and differs elsewhere."""
    import hashlib  # brings OpenSSL, which other streams start without

    about = "\n".join([socket.gethostname(), route.topics, route.publish])
    return f"edgeseq-{hashlib.sha256(about.encode()).hexdigest()[:12]}"
