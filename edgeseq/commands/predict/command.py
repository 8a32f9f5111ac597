"""`edgeseq predict`: its options, what goes with what, and which way samples come. Runs on the device."""

import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeseq.commands import notes
from edgeseq.commands.notes import note
from edgeseq.commands.options.anomalies import AnomalyRate, anomalies_options
from edgeseq.commands.options.common import adapt_option, key_option, model_argument, sidecar_option, threads_option
from edgeseq.commands.options.outputs import check_outputs, named_inputs
from edgeseq.commands.options.provider import Libraries, provider_option, register
from edgeseq.commands.options.rules import rules_options
from edgeseq.commands.options.series import AS_IN_TRAINING, reading_options
from edgeseq.commands.predict.options import JOIN_WAIT, MQTT, STDIN, UNREADABLE, PredictOptions
from edgeseq.commands.predict.state_file import StateFile, owned
from edgeseq.commands.predict.whose import note_unknown, of_many, of_one
from edgeseq.commands.shutdown import GracefulShutdown
from edgeseq_runtime import files
from edgeseq_runtime.errors import EdgeseqError
from edgeseq_runtime.reading.fields import parse as parse_fields
from edgeseq_runtime.reading.overrides import Overrides
from edgeseq_runtime.rules import Rules

if TYPE_CHECKING:
    from edgeseq.commands.predict.mqtt.service import MqttService
    from edgeseq.commands.predict.stdin_stream import Reader, StdinStream
    from edgeseq_runtime.io.sample import Sample, Tell
    from edgeseq_runtime.mqtt.credentials import Credentials
    from edgeseq_runtime.mqtt.topics import Route
    from edgeseq_runtime.reading.overrides import OverrideKeywords
    from edgeseq_runtime.reading.reading import Reading
    from edgeseq_runtime.service.streams import Streams
    from edgeseq_runtime.spec import Spec


@click.command()
@model_argument
@click.option(
    "--input",
    "source",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    default="-",
    help="Input file; -: stdin.  [default: -]",
)
@click.option(
    "--input-format",
    type=click.Choice(["auto", "influx"]),
    default="auto",
    show_default=True,
    help="auto: one stream, as CSV, JSON lines or bare numbers; influx: InfluxDB line protocol, one stream for each "
    "set of tags.",
)
@click.option(
    "output_format",
    "--format",
    type=click.Choice(["jsonl", "csv", "influx"]),
    default="jsonl",
    show_default=True,
    help="Output format.",
)
@click.option("--keep", is_flag=True, help="With --format influx: also write each input line, before its forecast.")
@click.option(
    "--no-times", is_flag=True, help="Leave out when the steps of a forecast are: times, in CSV the column t+1."
)
@click.option(
    "--future-points",
    is_flag=True,
    help="With --format influx: a point for each step of the forecast, at the time that it is for.",
)
@sidecar_option
@provider_option
@threads_option
@key_option
@click.option(
    "--state",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="State file: resume from it, and save to it on exit.",
)
@click.option(
    "--state-every",
    type=click.IntRange(min=0),
    metavar="N",
    help="Save the state every N samples, so a power cut loses at most N; 0: only on exit."
    f"  [default: {STDIN.state_every}; with --mqtt {MQTT.state_every}]",
)
@click.option("--fresh", is_flag=True, help="Start over, whatever the state file holds.")
@reading_options(AS_IN_TRAINING)
@click.option("--sensor", metavar="NAME", help="Treat the input as this sensor, one seen in training.")
@click.option(
    "--history",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Earlier samples of a sensor not seen in training, to learn its level and scale from.",
)
@click.option(
    "--intervals", is_flag=True, help="Add the bounds of the 90 % interval, adapted as samples come, and drift."
)
@anomalies_options(
    "Add how surprising each sample is, as p_value, and the kind of anomaly where it is one, at 1e-4 false alarms a "
    "sample."
)
@adapt_option("Let forecasts go on learning from the samples that come.")
@click.option("--live", is_flag=True, help="Show the last samples and the forecast as bars on the terminal (stderr).")
@click.option(
    "--plot",
    type=click.Path(dir_okay=False),
    metavar="FILE.png",
    help="When the input ends, draw the last samples and the forecast after them.",
)
@rules_options
@click.option(
    "--unreadable",
    type=click.Choice(UNREADABLE),
    help="On a line that cannot be read: stop (error), treat it as a missing sample (missing), or leave it out (skip). "
    "Unless it is error, what has none of the model's features is left out."
    f"  [default: {STDIN.unreadable}; with --mqtt {MQTT.unreadable}]",
)
@click.option(
    "--field",
    "fields",
    metavar="NAME=PATH",
    multiple=True,
    help="Where a feature, or the time, stands: temp=DS18B20.Temperature, time=Time; in CSV, its column (repeatable).",
)
@click.option(
    "--join-wait",
    metavar="DURATION|none",
    default=JOIN_WAIT,
    show_default=True,
    help="How long a sample that lacks features waits for another line or message of its time that has them.",
)
@click.option(
    "--mqtt", metavar="URL", help="Take samples from mqtt://HOST[:PORT]/TOPICS (mqtts: TLS), such as plant/+."
)
@click.option("--publish", metavar="TOPIC", help="Topic for forecasts; {id} is what the wildcards of --mqtt match.")
@click.option(
    "--credentials",
    type=click.Path(exists=True, dir_okay=False),
    help="File with lines username = ..., password = ... (also ca, cert, key).  [default: the environment variables "
    "EDGESEQ_MQTT_USERNAME and so on]",
)
@click.option("--client-id", metavar="ID", help="MQTT client id.  [default: made from host name and topics]")
def predict(
    model: str,
    *,
    source: str,
    input_format: str,
    output_format: str,
    keep: bool,
    no_times: bool,
    future_points: bool,
    sidecar: str | None,
    provider: str,
    libraries: Libraries,
    threads: int,
    key: str | None,
    state: str | None,
    state_every: int | None,
    fresh: bool,
    sensor: str | None,
    history: str | None,
    intervals: bool,
    anomaly_rate: AnomalyRate | None,
    adapt: bool | None,
    live: bool,
    plot: str | None,
    missing: str,
    rules: Rules,
    unreadable: str | None,
    fields: tuple[str, ...],
    join_wait: str,
    mqtt: str | None,
    publish: str | None,
    credentials: str | None,
    client_id: str | None,
    overrides: "OverrideKeywords",
) -> int:
    r"""Stream samples through MODEL: each line of input gives one line with a forecast, at once.

    The input is CSV, JSON lines or bare numbers; --input takes every file that train takes. It is read as training read
    its file. An empty value or nan is a missing sample.

    \b
    sensor | edgeseq predict model.onnx
    edgeseq predict model.onnx --input history.csv --format csv > forecasts.csv
    edgeseq predict model.onnx --input-format influx --format influx
    edgeseq predict somebodys.onnx --sidecar names.json
    edgeseq predict model.onnx --mqtt mqtt://host/plant/+ --publish forecasts/{id}
    """
    from edgeseq.commands.predict import (
        input_file,  # brings NumPy, which the start of another command does not wait for
    )

    is_file = source != "-" and mqtt is None
    kind = input_file.kind_of(source) if is_file and input_format == "auto" else input_file.LINES
    options = PredictOptions(
        model=model,
        source=source,
        input_format="influx" if kind == input_file.INFLUX else input_format,
        is_table=kind == input_file.TABLE,
        output_format=output_format,
        keep=keep,
        times=not no_times,
        future_points=future_points,
        sidecar=sidecar,
        provider=provider,
        threads=threads,
        key=key,
        state=state,
        state_every=state_every,
        fresh=fresh,
        sensor=sensor,
        history=history,
        intervals=intervals,
        anomaly_rate=anomaly_rate,
        adapt=adapt,
        live=live,
        plot=plot,
        missing=missing,
        rules=rules,
        unreadable=unreadable,
        fields=parse_fields(fields),
        join_wait=join_wait,
        mqtt=mqtt,
        publish=publish,
        credentials=credentials,
        client_id=client_id,
        overrides=Overrides(**overrides),
    )
    _check_files(options)
    register(libraries)
    with owned(options.state):
        return _run_stdin(options) if options.mqtt is None else _run_mqtt(options, options.mqtt)


def _check_files(options: PredictOptions) -> None:
    """Refuse a state that is no file or cannot be written, and files that are written while they are read."""
    stdout = [] if options.mqtt else [("stdout", "/dev/stdout")]
    files.distinct(stdout, named_inputs())
    if options.state:
        files.check_regular(options.state)
    if options.state or options.plot:
        check_outputs({"--state": options.state, "--plot": options.plot}, stdout)


def _run_stdin(options: PredictOptions) -> int:
    from edgeseq.commands.predict.stdin_stream import StdinStream
    from edgeseq_runtime.io import influx

    session = options.open_session()
    streams: Streams
    if options.is_named(session.spec):
        streams = options.named_streams(session, influx.sensors if options.is_influx else lambda name: (name,))
        state_file = _resumed(options, streams)
    else:
        streams = single = options.single_stream(session)
        state_file = _resumed(options, streams)
        if session.spec.sensors and not (options.sensor or options.history or single.samples):
            note_unknown("", session.spec)
    output_format, view = options.format(streams.spec), options.terminal_view(streams.spec)
    plot = options.forecast_plot(streams.spec)
    stream = StdinStream(
        streams,
        _reader(options, streams.spec),
        output_format,
        state_file,
        unreadable=options.on_unreadable,
        join_wait=options.join_seconds,
        view=view,
        plot=plot,
    )
    with closing(state_file), GracefulShutdown(state_file.save) as shutdown, _summary_at_end(stream):
        try:
            return stream.run(options.source, shutdown)
        finally:
            state_file.save()
            if view:
                view.close()
            if plot:
                note(f"wrote {options.plot}" if plot.write() else f"nothing to draw: no {options.plot}")


def _reader(options: PredictOptions, spec: "Spec") -> "Reader":
    """Return what reads samples from lines, and sees to whose they are."""
    from edgeseq.commands.predict import input_file
    from edgeseq_runtime.io import influx, text_lines

    reading = options.reading(spec)
    if spec.takes_any:
        return _reader_of_any(options, reading, is_named=options.is_named(spec))
    if options.is_influx:
        return _reading_ahead(options, reading, partial(influx.read, reading=reading, columns=options.fields))
    read: Reader = partial(text_lines.read, reading=reading, columns=options.fields)
    if options.is_table:
        read = partial(input_file.read_table, options.source, reading, options.fields)
    read = _reading_ahead(options, reading, read)
    if not reading.id:
        return read
    if options.is_named(spec):
        return lambda *about: of_many(read(*about), reading.id, is_said=options.names_streams)
    return lambda *about: of_one(read(*about))


def _reader_of_any(options: PredictOptions, reading: "Reading", *, is_named: bool) -> "Reader":
    """Return the same for a model that takes any series: each column is one."""
    from edgeseq.commands.predict import input_file
    from edgeseq_runtime.io import any_lines

    def read(lines: "Iterable[bytes]", _spec: "Spec", tell: "Tell") -> "Iterator[Sample]":
        if options.is_influx:
            return any_lines.read_influx(lines, reading, options.fields, tell)
        if options.is_table:
            return input_file.read_any_table(
                options.source, reading, options.fields, tell, timed=options.looks_for_times
            )
        return any_lines.read(lines, reading, options.fields, tell, timed=options.looks_for_times)

    if is_named:
        return read
    return lambda *about: of_one(read(*about), "; --field NAME=COLUMN takes one of them")


def _reading_ahead(options: PredictOptions, reading: "Reading", read: "Reader") -> "Reader":
    """Return the same, and of a file what it holds of the columns known ahead at later rows."""
    from edgeseq_runtime.io.read_ahead import read_ahead

    if options.source == "-" or not Path(options.source).is_file():
        return read
    return lambda lines, spec, tell: read_ahead(read(lines, spec, tell), spec, reading)


def _run_mqtt(options: PredictOptions, url: str) -> int:
    from edgeseq.commands.predict.mqtt.service import MqttService
    from edgeseq_runtime.mqtt import credentials, topics

    address = topics.parse_address(url)
    route = topics.Route(address.topics, options.publish or "")
    file = options.credentials
    login = credentials.from_file(file) if file else credentials.from_environment(os.environ)
    _check_login(options, login)
    streams = options.named_streams(options.open_session(), lambda topic: (topic, route.name(topic) or topic))
    state_file = _resumed(options, streams)
    service = MqttService(
        streams,
        route,
        state_file,
        options.format(streams.spec),
        unreadable=options.on_unreadable,
        paths=options.fields,
        join_wait=options.join_seconds,
        reads_times=options.looks_for_times,
    )
    with closing(state_file), GracefulShutdown(state_file.save) as shutdown, _summary_at_end(service):
        return service.run(address, login, options.client_id or _client_id(route), shutdown)


def _check_login(options: PredictOptions, login: "Credentials") -> None:
    """Refuse a state that is one of the files of the login."""
    named = {"ca": login.ca, "cert": login.cert, "key": login.key}
    files.distinct(
        [("--state", options.state)], [(f"the {name} of --credentials", path) for name, path in named.items()]
    )


def _resumed(options: PredictOptions, streams: "Streams") -> StateFile:
    """Return the file of the streams' state, once they go on from it."""
    state_file = StateFile(options.state, streams, options.save_every)
    state_file.resume(fresh=options.fresh)
    return state_file


@contextmanager
def _summary_at_end(service: "StdinStream | MqttService") -> Iterator[None]:
    """Say at the end what became of the samples. An error before the first of them says enough by itself."""
    error_is_enough = False
    try:
        yield
    except EdgeseqError:
        error_is_enough = not service.stats
        raise
    finally:
        if not error_is_enough:
            notes.close()
            note(service.summary())


def _client_id(route: "Route") -> str:
    """Return an id that stays the same on this machine for the same topics, and differs elsewhere."""
    import hashlib  # brings OpenSSL, which other streams start without

    about = "\n".join([socket.gethostname(), route.topics, route.publish])
    return f"edgeseq-{hashlib.sha256(about.encode()).hexdigest()[:12]}"
