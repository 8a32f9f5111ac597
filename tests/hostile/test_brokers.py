"""Brokers that are none, that break the rules or send without end: said, bounded, and never deaf to a signal."""

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgeseq_runtime.mqtt.connection import LARGEST_PACKET
from tests.helpers.broker import (
    CONNACK,
    PUBACK,
    PUBLISH,
    Broker,
    FakeBroker,
    Peer,
    Service,
    accept,
    end_all,
    packet,
    publication,
    read_packet,
    wait_until,
)

pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")

Answer = Callable[[socket.socket], object]


@pytest.fixture(autouse=True)
def no_process_stays() -> Iterator[None]:
    yield
    end_all()


def after(sent: bytes, *, accepting: bool = False) -> Answer:
    """Read what a client asks first, or accept it; send it something and hang up."""

    def answer(client: socket.socket) -> None:
        if accepting:
            accept(client)
        else:
            client.recv(1024)
        client.sendall(sent)

    return answer


def keep(answer: Answer) -> Answer:
    """Answer, and read on until the client hangs up."""

    def kept(client: socket.socket) -> None:
        answer(client)
        with contextlib.suppress(OSError):
            while client.recv(1 << 16):
                pass

    return kept


def confirm(client: socket.socket, content: bytes) -> str:
    """Confirm a publication; return its topic."""
    size = int.from_bytes(content[:2], "big")
    client.sendall(packet(PUBACK, content[2 + size : 4 + size]))
    return content[2 : 2 + size].decode()


NONE_AT_ALL: dict[str, Answer] = {
    "hangs up": lambda client: client.close(),
    "hangs up when it is asked": after(b""),
    "speaks MQTT 3.1.1 and does not": keep(after(bytes([CONNACK, 2, 0, 0]))),
    "speaks HTTP": after(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    "speaks TLS": after(b"\x15\x03\x03\x00\x02\x02\x32"),
    "sends anything": after(bytes(range(256)) * 16),
    "accepts with properties that are none": after(packet(CONNACK, bytes([0, 0, 9, 255, 255]))),
    "is busy": after(packet(CONNACK, bytes([0, 0x89, 0]))),
    "accepts and hangs up": accept,
    "accepts and sends half a message": after(publication(b"plant/a", b"0.1", 1)[:9], accepting=True),
    "accepts and sends anything": keep(after(bytes([0xF0, 3, 1, 2, 3]), accepting=True)),
    "accepts and sends a message that is none": keep(after(packet(PUBLISH | 2, b"\xff\xffplant"), accepting=True)),
    "accepts and sends an empty message": keep(after(packet(PUBLISH | 2), accepting=True)),
    "accepts and sends a length without end": keep(after(b"\x32" + b"\xff" * 9, accepting=True)),
    "accepts and announces 260 MB": keep(after(b"\x32\xff\xff\xff\x7f" + b"x" * 1000, accepting=True)),
    "accepts and sends QoS 2": keep(after(publication(b"plant/a", b"0.1", 1, flags=4)[:1] + b"\x0f\0\7plant/a\0\1\0xyz",
                                          accepting=True)),
    "accepts and sends QoS 3": keep(after(b"\x36\x0f\0\7plant/a\0\1\0xyz", accepting=True)),
}  # fmt: skip


QUICK = ("hangs up", "speaks MQTT 3.1.1 and does not", "accepts and sends anything")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in NONE_AT_ALL]
)
def test_each_attempt_in_vain_is_said_and_the_pauses_grow(model_path: Path, name: str) -> None:
    """In three seconds at most five attempts; the note says more than that something is unspecified."""
    broker = FakeBroker(NONE_AT_ALL[name])
    service = Service(broker, model_path)
    wait_until(lambda: service.process.poll() is not None or broker.connections >= 2, "it does not try again")
    time.sleep(2)
    said = service.said()
    assert service.seconds_to_stop() < 2
    assert 1 <= said.count("trying again") <= 5
    assert broker.connections <= 5
    assert "Unspecified" not in service.said()
    assert "Traceback" not in service.said()


def test_a_broker_of_another_version_is_not_tried_again(model_path: Path) -> None:
    """MQTT 3.1.1's answer to a version that it does not know."""
    service = Service(FakeBroker(after(bytes([CONNACK, 2, 0, 1]))), model_path)
    assert service.process.wait(30) == 1
    assert "refuses the connection: Unsupported protocol version" in service.said()


def test_a_packet_is_judged_before_there_is_room_made_for_it(model_path: Path) -> None:
    """260 MB are announced and begin to come; the largest packet that is taken holds any honest sample."""

    def flood(client: socket.socket) -> None:
        accept(client)
        client.sendall(b"\x32\xff\xff\xff\x7f")
        for _ in range(260):
            client.sendall(b"x" * 1_000_000)

    broker = FakeBroker(flood)
    service = Service(broker, model_path)
    wait_until(lambda: "too large" in service.said(), "nothing was said")
    assert service.most_memory() < 150
    assert service.seconds_to_stop() < 2
    assert LARGEST_PACKET > 1 << 20


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1])
def test_a_flood_that_nothing_is_confirmed_in_is_bounded_and_hears_signals(model_path: Path, number: int) -> None:
    """As fast as it goes, at QoS 0 and at QoS 1, from a broker that takes no forecast."""

    def flood(client: socket.socket) -> None:
        accept(client)
        threading.Thread(target=keep(lambda _: None), args=(client,), daemon=True).start()
        for count in itertools.count():
            first = (count % 60 * 1000 + 1) * number
            client.sendall(b"".join(
                publication(b"plant/a", b'{"t":%d,"f0":1}' % (1000 * count + at), first and first + at)
                for at in range(1000)
            ))  # fmt: skip

    service = Service(FakeBroker(flood), model_path)
    time.sleep(6)
    assert service.most_memory() < 200
    assert service.seconds_to_stop() < 2
    said = service.said()
    assert "100 samples: 100 ok" in said
    assert ("dropped at QoS 0" in said) == (not number)


@pytest.mark.slow
def test_a_forecast_that_a_broker_hangs_up_over_is_left_out(model_path: Path) -> None:
    """It would be sent first in each new connection; after three the others are answered."""
    answered = threading.Event()

    def hang_up(client: socket.socket) -> None:
        accept(client)
        client.sendall(publication(b"plant/bad", b"0.1", 1) + publication(b"plant/good", b"0.2", 2))
        while True:
            first, content = read_packet(client)
            if first & 0xF0 == PUBLISH:
                if b"forecasts/bad" in content:
                    return
                confirm(client, content)
                answered.set()

    service = Service(FakeBroker(hang_up), model_path)
    wait_until(lambda: answered.is_set() or service.process.poll() is not None, "the other is not answered")
    assert service.seconds_to_stop() < 2
    assert "plant/bad: cannot publish a forecast: the broker ended each connection over it" in service.said()
    assert "1 forecast not published" in service.said()


def test_what_a_broker_says_it_can_take_is_obeyed(model_path: Path) -> None:
    """One forecast under way at a time, none above 150 bytes: such brokers hang up over more."""
    topics: list[str] = []
    answered = threading.Event()

    def take_little(client: socket.socket) -> None:
        accept(client, bytes([0x21, 0, 1, 0x27, 0, 0, 0, 150]))  # receive maximum 1, maximum packet size 150
        client.sendall(publication(b"plant/" + b"x" * 140, b"0.1", 1))
        client.sendall(b"".join(publication(b"plant/a", b"0.1", number) for number in range(2, 12)))
        while True:
            first, content = read_packet(client)
            if first & 0xF0 == PUBLISH:
                assert len(content) <= 150 - 3
                time.sleep(0.02)  # for a second one to come
                client.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    following = client.recv(1 << 16, socket.MSG_PEEK)
                    assert all(kind & 0xF0 != PUBLISH for kind in kinds(following))
                client.setblocking(True)
                topics.append(confirm(client, content))
                if len(topics) == 10:
                    answered.set()

    broker = FakeBroker(take_little)
    service = Service(broker, model_path)
    wait_until(lambda: answered.is_set() or service.process.poll() is not None or broker.errors, "no forecasts")
    assert not broker.errors
    assert service.seconds_to_stop() < 2
    assert topics == ["forecasts/a"] * 10
    assert "the broker takes 150" in service.said()


def kinds(data: bytes) -> Iterator[int]:
    """The first bytes of packets shorter than 128 bytes."""
    while len(data) > 1:
        yield data[0]
        data = data[2 + data[1] :]


DUPLICATE = 8
"""A flag of a PUBLISH: the broker may have sent it before."""


@pytest.mark.slow
def test_what_does_not_fit_at_qos_1_is_left_to_the_broker_and_comes_in_order(model_path: Path) -> None:
    """Room for five messages: each connection brings the next ones, and none overtakes another."""
    total, settled, sent, order = 23, set[int](), set[int](), list[int]()

    def send_all(client: socket.socket) -> None:
        accept(client)
        numbers = [number for number in range(1, total + 1) if number not in settled]
        for number in numbers:
            flags = DUPLICATE if number in sent else 0
            sent.add(number)
            payload = b'{"t":%d,"f0":1}' % (1_700_000_000 + number)
            client.sendall(publication(b"plant/a", payload, number, flags=flags))
        while True:
            first, content = read_packet(client)
            if first & 0xF0 == PUBACK:
                settled.add(int.from_bytes(content[:2], "big"))
            elif first & 0xF0 == PUBLISH:
                order.append(int(content.split(b'"t": 17000000')[1].split(b",")[0]))
                confirm(client, content)

    prelude = "import edgeseq_runtime.mqtt.inbox as i; i.MOST = 1400"
    service = Service(FakeBroker(send_all), model_path, prelude=prelude)
    wait_until(lambda: len(settled) == total or service.process.poll() is not None, "not all is acknowledged")
    assert service.seconds_to_stop() < 2
    assert order == sorted(order)
    assert set(order) == set(range(1, total + 1))
    assert "reconnecting, so that the broker sends the rest again" in service.said()
    assert f"{total} samples: {total} ok" in service.said()


@pytest.mark.slow
def test_two_services_of_one_id_are_told_what_is_the_matter(model_path: Path, tmp_path: Path) -> None:
    """Mosquitto 2.0 hangs up on the one without saying that it is the other's."""
    broker = Broker(tmp_path / "broker")
    other = tmp_path / "other" / "model.onnx"
    other.parent.mkdir()
    other.write_bytes(model_path.read_bytes())
    services = [Service(broker, path, "--client-id", "edgeseq-me") for path in (model_path, other)]
    said = "perhaps another client uses the id edgeseq-me"
    wait_until(lambda: any(said in service.said() for service in services), "nothing was said")
    assert all(service.process.poll() is None for service in services)
    assert all(service.seconds_to_stop() < 2 for service in services)


@pytest.mark.slow
def test_restarts_of_the_broker_do_not_make_the_pauses_long(model_path: Path, tmp_path: Path) -> None:
    """Each connection does something useful, so the next is made at once."""
    broker = Broker(tmp_path / "broker")
    service = Service(broker, model_path).wait_for_subscription(broker)
    peer = Peer(broker, "forecasts/#")
    waits = []
    for count in range(6):
        peer.publish("plant/a", count)
        wait_until(lambda: len(peer.messages) > count, "no forecast")  # noqa: B023 - called at once
        broker.stop()
        broker.start()
        begin = time.monotonic()
        service.wait_for_subscription(broker, count + 2)
        waits.append(time.monotonic() - begin)
    assert service.stop() == 0
    assert max(waits) < 5, waits
