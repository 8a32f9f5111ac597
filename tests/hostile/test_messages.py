"""One message, from whomever: the service lives, the message does not come again, and the one behind it is answered."""

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.mqtt.topics import LEVELS, LONGEST, Route, parse_address
from edgeseq_runtime.service.named_streams import NamedStreams
from tests.conftest import CommandLine
from tests.helpers.broker import (
    PUBACK,
    PUBLISH,
    Broker,
    FakeBroker,
    Peer,
    Service,
    accept,
    end_all,
    publication,
    read_packet,
    wait_until,
)
from tests.helpers.states import resume

pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")

GOOD = "plant/good"


@pytest.fixture(autouse=True)
def no_process_stays() -> Iterator[None]:
    yield
    end_all()


@pytest.fixture
def broker(tmp_path: Path) -> Broker:
    return Broker(tmp_path / "broker")


def answered(peer: Peer, topic: str = "forecasts/good") -> list[Any]:
    """The forecasts that came while the peer listened."""
    return [message for at, message, is_retained in peer.messages if at == topic and not is_retained]


def expect_good_after(
    broker: Broker, service: Service, topics: str, publish: str, messages: dict[str, tuple[str, Any]], good: str
) -> Peer:
    """Publish each message and a good one behind it, and demand that each good one is answered."""
    peer = Peer(broker, publish.replace("{id}", "#"))
    answers = publish.replace("{id}", Route(topics, publish).name(good) or "")

    def is_over(count: int) -> bool:
        return service.process.poll() is not None or len(answered(peer, answers)) >= count

    for count, (name, (topic, payload)) in enumerate(messages.items(), start=1):
        peer.publish(topic, payload)
        peer.publish(good, count / 100)
        wait_until(partial(is_over, count), f"the message behind {name!r} is not answered")
        assert service.process.poll() is None, f"{name}: {service.said()}"
    return peer


def expect_nothing_comes_again(broker: Broker, service: Service, model: Path, **options: Any) -> None:
    """Restart the service, and demand that the broker has nothing left for it."""
    assert service.seconds_to_stop() < 2
    before = broker.log().count("Sending SUBACK to edgeseq-")
    again = Service(broker, model, **options).wait_for_subscription(broker, before + 1)
    sent = broker.log().rsplit("Sending CONNACK to edgeseq-", 1)[1]
    assert again.stop() == 0
    assert "Sending PUBLISH to edgeseq-" not in sent


DEEP = {f"{depth} lists": (f"plant/x{depth}", '{"f0":' + "[" * depth + "1" + "]" * depth + "}")
        for depth in (900, 950, 960, 970, 975, 979, 980, 990, 1000, 100_000)}  # fmt: skip
PAYLOADS: dict[str, tuple[str, Any]] = {
    **DEEP,
    "half a character as the time": ("plant/x", r'{"t":"\ud800","f0":0.1}'),
    "half a character as a name": ("plant/x", r'{"\udfff":1}'),
    "half a character as a value": ("plant/x", r'{"f0":"\ud800"}'),
    "keys that forge lines": ("plant/x", '{"\\nedgeseq: everything is fine \\u001b]0;PWNED\\u0007":0.1}'),
    "nothing": ("plant/x", b""),
    "null": ("plant/x", "null"),
    "bytes": ("plant/x", bytes(range(256))),
    "two megabytes": ("plant/x", b"1" * 2_000_000),  # longer than any sample may be
    "a number of 5,000 digits": ("plant/x", b"1" * 5000),
    "a number too large": ("plant/x", "1e400"),
    "a number nearly too large": ("plant/x", "1e308"),
    "no number": ("plant/x", "NaN"),
    "infinity": ("plant/x", '{"f0":-Infinity}'),
    "a time that is a list": ("plant/x", '{"t":[[1]],"f0":0.1}'),
    "a time that is an object": ("plant/x", '{"t":{"a":1},"f0":0.1}'),
    "a time that is a flag": ("plant/x", '{"t":true,"f0":0.1}'),
    "a time of 4,000 digits": ("plant/x", '{"t":' + "9" * 4000 + ',"f0":0.1}'),
    "a time of 5,000 digits": ("plant/x", '{"t":"' + "9" * 5000 + '","f0":0.1}'),
    "a time nearly too large": ("plant/x", '{"t":1e308,"f0":0.1}'),
    "a time of a megabyte": ("plant/x", '{"t":"' + "x" * 1_000_000 + '","f0":0.1}'),
    "a line feed in the time": ("plant/x", r'{"t":"\n\u0000\u009b","f0":0.1}'),
    "a list too long": ("plant/x", "[1,2]"),
    "an object without the feature": ("plant/x", '{"g":1}'),
    "a value that is a text": ("plant/x", '{"f0":"much"}'),
    "a topic as long as can be": ("plant/" + "x" * (LONGEST - 6), "0.1"),
    "a topic that the longer prefix makes too long": ("plant/" + "x" * (LONGEST - 9), "0.1"),
    "many levels": ("plant" + "/x" * (LEVELS - 1), "0.1"),
    "empty levels": ("plant///", "0.1"),
    "an empty name": ("plant/", "0.1"),
    "no name": ("plant", "0.1"),
    "names that mean something": ("plant/$SYS/../{id}/é", "0.1"),
}


def test_whatever_a_message_holds_costs_no_more_than_itself(broker: Broker, model_path: Path, tmp_path: Path) -> None:
    """Payloads and topics of all kinds, with states: at the end each of the good stream's samples is in its state."""
    state = tmp_path / "state"
    service = Service(broker, model_path, "--state", state, topics="plant/#").wait_for_subscription(broker)
    peer = expect_good_after(broker, service, "plant/#", "forecasts/{id}", PAYLOADS, GOOD)
    assert [message["status"] for message in answered(peer)] == ["ok"] * len(PAYLOADS)
    expect_nothing_comes_again(broker, service, model_path, topics="plant/#")
    said = service.said()
    assert "taken as missing" in said
    assert ", 2 without a topic for the forecast" in said
    assert not [line for line in said.splitlines() if line.startswith("edgeseq:") or "Traceback" in line]
    assert not [character for character in said if not character.isprintable() and character != "\n"]
    streams = NamedStreams(Pool(model_path))
    resume(streams, state)
    assert streams.state(GOOD)[0] == len(PAYLOADS)


def test_forecasts_that_would_come_back_are_not_published(broker: Broker, model_path: Path) -> None:
    """Only some topic's would, so that nothing could be said at the start."""
    service = Service(broker, model_path, topics="+/temp", publish="f/{id}").wait_for_subscription(broker)
    messages = {"what comes back": ("temp/temp", "0.1")}
    peer = expect_good_after(broker, service, "+/temp", "f/{id}", messages, "good/temp")
    expect_nothing_comes_again(broker, service, model_path, topics="+/temp", publish="f/{id}")
    assert not answered(peer, "f/temp")
    assert "temp/temp: forecasts published to f/temp would come back as samples of +/temp; left out" in service.said()


def test_a_forecasts_topic_deeper_than_the_broker_takes_is_left_out(broker: Broker, model_path: Path) -> None:
    """The sample's own topic has 200 levels, which is all that mosquitto takes."""
    deep, publish = {"200 levels": ("plant" + "/x" * (LEVELS - 1), "0.1")}, "a/b/c/forecasts/{id}"
    service = Service(broker, model_path, topics="plant/#", publish=publish).wait_for_subscription(broker)
    expect_good_after(broker, service, "plant/#", publish, deep, GOOD)
    expect_nothing_comes_again(broker, service, model_path, topics="plant/#", publish=publish)
    assert f"at most {LONGEST} bytes and {LEVELS} levels; left out" in service.said()
    assert "trying again" not in service.said()


def test_a_stream_too_many_is_counted_and_the_others_go_on(broker: Broker, model_path: Path) -> None:
    """With room for five; what has more is said once or so, and in the summary."""
    prelude = "import edgeseq_runtime.service.named_streams as s; s.MAX_STREAMS = 5"
    service = Service(broker, model_path, prelude=prelude).wait_for_subscription(broker)
    peer = Peer(broker, "forecasts/#", name="first")
    peer.publish(GOOD, 0.0)
    wait_until(lambda: answered(peer), "no forecast")
    messages = {f"stream {count}": (f"plant/x{count}", "0.1") for count in range(20)}
    expect_good_after(broker, service, "plant/+", "forecasts/{id}", messages, GOOD)
    expect_nothing_comes_again(broker, service, model_path)
    assert "more than 5 streams" in service.said()
    assert "25 samples: 25 ok" in service.said()
    assert "16 messages left out: 16 that no stream takes" in service.said()


def test_streams_whose_names_would_fill_the_memory_are_left_out(broker: Broker, model_path: Path) -> None:
    """With room for a hundred characters; streams that are known go on."""
    prelude = "import edgeseq.commands.predict.mqtt.intake as s; s._MOST_NAMES = 100"
    service = Service(broker, model_path, prelude=prelude).wait_for_subscription(broker)
    names = {f"a name of {count}": ("plant/" + "x" * count, "0.1") for count in (30, 60, 5, 40)}
    messages = {"the good one": (GOOD, "0.1")} | names
    expect_good_after(broker, service, "plant/+", "forecasts/{id}", messages, GOOD)
    expect_nothing_comes_again(broker, service, model_path)
    assert "2 messages left out: 2 that no stream takes" in service.said()


def test_a_forecast_that_may_not_be_published_is_said_once_a_topic(model_path: Path, tmp_path: Path) -> None:
    """An access list forbids one topic's; the sample counts all the same."""
    rights = tmp_path / "acl"
    rights.write_text("topic readwrite plant/#\ntopic readwrite forecasts/good\n")
    rights.chmod(0o644)
    broker = Broker(tmp_path / "broker", "allow_anonymous true", f"acl_file {rights}")
    service = Service(broker, model_path).wait_for_subscription(broker)
    messages = {f"a sample of {number}": ("plant/secret", str(number)) for number in range(5)}
    expect_good_after(broker, service, "plant/+", "forecasts/{id}", messages, GOOD)
    expect_nothing_comes_again(broker, service, model_path)
    assert service.said().count("plant/secret: cannot publish a forecast: Not authorized") == 1
    assert "10 samples: 10 ok" in service.said()
    assert "5 forecasts not published" in service.said()


def test_a_model_that_sees_the_time_takes_samples_without_one(broker: Broker, tmp_path: Path) -> None:
    """No time, junk for one, or no sample at all: missing or a period after the one before, never an end."""
    model = tmp_path / "clock.onnx"
    model.write_bytes(edgeseq_export.build(make_checkpoint(clocks=("hour_sin", "hour_cos"), period=60.0)))
    service = Service(broker, model).wait_for_subscription(broker)
    payloads = ["0.1", "null", "junk", '{"t":"noon","f0":0.1}', '{"f0":0.1}', '{"t":"2025-05-01T00:00:10","f0":0.1}',
                '{"t":1e308,"f0":0.1}', '{"t":true,"f0":0.1}']  # fmt: skip
    messages = {payload: ("plant/x", payload) for payload in payloads}
    peer = expect_good_after(broker, service, "plant/+", "forecasts/{id}", messages, GOOD)
    expect_nothing_comes_again(broker, service, model)
    assert len(answered(peer, "forecasts/x")) == len(payloads) - 1  # junk is no sample of the model


def test_a_time_that_is_no_time_makes_no_sample_a_repetition(broker: Broker, tmp_path: Path) -> None:
    """A sensor whose clock is broken sends the same payload twice, and means two samples; with a time it means one."""
    model = tmp_path / "timed.onnx"
    model.write_bytes(edgeseq_export.build(make_checkpoint(period=60.0)))
    service = Service(broker, model).wait_for_subscription(broker)
    peer = Peer(broker, "forecasts/#")
    for _ in range(3):
        peer.publish("plant/right", '{"t":"2025-05-01T00:00:10","f0":0.1}')
        peer.publish("plant/broken", '{"t":"n/a","f0":0.1}')
    wait_until(lambda: len(answered(peer, "forecasts/broken")) == 3, "no forecasts")
    assert service.stop() == 0
    assert len(answered(peer, "forecasts/right")) == 1
    assert "2 repeated, counted once" in service.said()


@pytest.mark.parametrize(
    ("words", "payload", "word"),
    [
        (("--unreadable", "error"), "[1, 2]", "plant/x: the model expects 1 value (f0), got 2"),
        (("--unreadable", "error"), '{"f0":' + "[" * 979 + "]" * 979 + "}", "plant/x: "),
        (("--missing", "error"), "null", "plant/x: "),
        (("--missing", "error", "--unreadable", "missing"), '{"f0":"junk"}', "plant/x: "),
    ],
)
def test_where_a_message_is_to_end_it_it_does_so_once(
    broker: Broker, model_path: Path, tmp_path: Path, words: tuple[str, ...], payload: str, word: str
) -> None:
    """The message is acknowledged on the way out, so that the next start gets beyond it."""
    state = tmp_path / "state"
    service = Service(broker, model_path, *words, "--state", state).wait_for_subscription(broker)
    peer = Peer(broker, "forecasts/#")
    for content in (0.1, 0.2):
        peer.publish(GOOD, content)
    peer.publish("plant/x", payload)
    peer.publish(GOOD, 0.3)
    assert service.process.wait(30) == 1
    assert f"edgeseq: {word}" in service.said()
    service = Service(broker, model_path, *words, "--state", state).wait_for_subscription(broker, 2)
    wait_until(lambda: service.process.poll() is not None or len(answered(peer)) >= 3, "no forecast")
    assert service.stop() == 0
    streams = NamedStreams(Pool(model_path))
    resume(streams, state)
    assert streams.state(GOOD)[0] == 3


def test_topics_that_no_honest_broker_sends_are_left_out(model_path: Path) -> None:
    """No UTF-8, wildcards, NUL, escapes: each is acknowledged, and no forecast goes to a topic that is none."""
    topics = [b"plant/\xff\xfe", b"plant/+", b"plant/#", b"plant/a\0b", b"plant/\xed\xa0\x80", b"", b"$SYS/x",
              b"other/x", b"plant/\x1b]0;PWNED\x07\nedgeseq: all is well", b"plant/good"]  # fmt: skip
    numbers, published = set(range(1, len(topics) + 1)), []
    done = threading.Event()

    def send(client: Any) -> None:
        accept(client)
        for number, topic in enumerate(topics, start=1):
            client.sendall(publication(topic, b"0.1", number))
        while True:
            first, content = read_packet(client)
            if first & 0xF0 == PUBACK:
                numbers.discard(int.from_bytes(content[:2], "big"))
            elif first & 0xF0 == PUBLISH:
                size = int.from_bytes(content[:2], "big")
                published.append(content[2 : 2 + size].decode())
                client.sendall(bytes([PUBACK, 2]) + content[2 + size : 4 + size])
            if not numbers:
                done.set()

    service = Service(FakeBroker(send), model_path)
    wait_until(lambda: done.is_set() or service.process.poll() is not None, "not all is acknowledged")
    assert service.seconds_to_stop() < 2
    assert published[-1] == "forecasts/good"
    assert not [topic for topic in published if not topic.startswith("forecasts/") or set(topic) & set("+#\0")]
    lines = service.said().splitlines()
    assert not [line for line in lines if line.startswith("edgeseq:") or not line.isprintable()]


@pytest.mark.parametrize("publish", ["{id}", "/{id}", "{id}/f", "//{id}", "x{id}", "$SYS/{id}", "", "f/\0{id}"])
@pytest.mark.parametrize("topics", ["plant/#", "plant/+", "plant/a"])
def test_whoever_may_send_samples_does_not_choose_where_forecasts_go(topics: str, publish: str) -> None:
    """`plant/cmd/valve` would have the service publish to `cmd/valve`, with its own rights."""
    with pytest.raises(UsageError):
        Route(topics, publish)


@pytest.mark.parametrize("publish", ["f/{id}", "/f/{id}", "f/x{id}/y", "a/b/{id}"])
def test_a_level_of_its_own_is_enough(publish: str) -> None:
    Route("plant/#", publish)


def test_the_command_line_says_what_to_write_instead(edgeseq: CommandLine, model_path: Path) -> None:
    answer = edgeseq("predict", model_path, "--mqtt", "mqtt://localhost/plant/#", "--publish", "{id}")
    assert answer.code == 2
    assert "as in forecasts/{id}" in answer.err


@pytest.mark.parametrize("topics", ["a" * (LONGEST + 1), "a/" * LEVELS + "+", "a\0b", "\udcff/+"])
def test_a_filter_that_no_broker_takes_is_refused(topics: str) -> None:
    with pytest.raises(UsageError):
        parse_address(f"mqtt://localhost/{topics}")
